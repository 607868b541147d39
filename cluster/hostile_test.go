package cluster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"
)

// attacker speaks to a node by bare sockets. ring is what an insider seals with.
type attacker struct {
	*testing.T
	victim *node
	ring   *keyring
}

func attack(t *testing.T) *attacker {
	t.Helper()
	victim := startNode(t, "victim", nil)
	ring, err := newKeyring("edged", [][]byte{testKey}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return &attacker{t, victim, ring}
}

func (a *attacker) sendPacket(b []byte) {
	a.Helper()
	conn, err := net.Dial("udp", a.victim.Addr())
	if err != nil {
		a.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(b); err != nil {
		a.Fatal(err)
	}
}

func (a *attacker) dial() net.Conn {
	a.Helper()
	conn, err := net.Dial("tcp", a.victim.Addr())
	if err != nil {
		a.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// sendStream writes until the victim has had enough, and closes.
func (a *attacker) sendStream(r io.Reader) {
	a.Helper()
	conn := a.dial()
	_, _ = io.Copy(conn, r)
	_ = conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
}

// refused waits until one more was refused for a reason.
func (a *attacker) refused(reason Reason, do func()) {
	a.Helper()
	before := a.victim.Stats().Refused[reason]
	do()
	a.victim.awaitThat(a.T, "refused for "+reason.String(), func() bool { return a.victim.Stats().Refused[reason] > before })
}

// unharmed shows that the victim still does its work.
func (a *attacker) unharmed() {
	a.Helper()
	friend := startNode(a.T, "friend", seeds(a.victim))
	if err := a.victim.Set(1, "k", []byte("v"), time.Minute); err != nil {
		a.Fatal(err)
	}
	friend.await(a.T, "k", "v")
}

func (a *attacker) sealedLongAgo() *keyring {
	old := &keyring{cluster: a.ring.cluster, clock: func() time.Time { return time.Now().Add(-sealWindow - time.Minute) }}
	old.keys.Store(a.ring.keys.Load())
	return old
}

func TestHostilePackets(t *testing.T) {
	a := attack(t)
	good := a.ring.sealPacket(nil, []byte{msgNack, 0x81, 0xa5, 'S', 'e', 'q', 'N', 'o', 1})
	changed := bytes.Clone(good)
	changed[len(changed)-1] ^= 1
	unknown := bytes.Clone(good)
	unknown[1] ^= 1
	for _, c := range []struct {
		name   string
		packet []byte
		reason Reason
	}{
		{"garbage", bytes.Repeat([]byte{0x55}, 200), RefusedForm},
		{"short", []byte{packetMagic}, RefusedForm},
		{"long", append([]byte{packetMagic}, make([]byte, 20_000)...), RefusedLength},
		{"unknown key", unknown, RefusedKey},
		{"changed", changed, RefusedSeal},
		{"replayed late", a.sealedLongAgo().sealPacket(nil, []byte{msgNack}), RefusedWindow},
		{"compressed", a.ring.sealPacket(nil, []byte{9, 0x80}), RefusedForm},
		{"encrypted", a.ring.sealPacket(nil, []byte{10, 0x80}), RefusedForm},
		{"labelled", a.ring.sealPacket(nil, []byte{244, 1, 'x', msgNack}), RefusedForm},
		{"compound in compound", a.ring.sealPacket(nil, []byte{msgCompound, 1, 0, 3, msgCompound, 1, 0}), RefusedForm},
		{"deep nesting", a.ring.sealPacket(nil, append([]byte{msgNack}, bytes.Repeat([]byte{0x81}, 1000)...)), RefusedForm},
		{"no fact", a.ring.sealPacket(nil, []byte{msgUser, factFormat, 1, 2, 3}), RefusedFact},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &attacker{t, a.victim, a.ring}
			a.refused(c.reason, func() { a.sendPacket(c.packet) })
		})
	}
	a.unharmed()
}

// endless is a stream without end, of a beginning and zeros.
func endless(start []byte) io.Reader { return io.MultiReader(bytes.NewReader(start), zeros{}) }

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestHostileStreams(t *testing.T) {
	a := attack(t)
	good, _, err := a.ring.sealStream([]byte{msgPing, 0x80}, askPurpose, salt{})
	if err != nil {
		t.Fatal(err)
	}
	late, _, _ := a.sealedLongAgo().sealStream([]byte{msgPing, 0x80}, askPurpose, salt{})
	answer, _, _ := a.ring.sealStream([]byte{msgPing, 0x80}, answerPurpose, salt{})
	unknown := bytes.Clone(good)
	unknown[1] ^= 1
	huge := binary.LittleEndian.AppendUint32(bytes.Clone(good[:streamHeader]), 1<<31-1)
	for _, c := range []struct {
		name   string
		stream io.Reader
		reason Reason
	}{
		{"garbage", endless([]byte("GET / HTTP/1.1\r\n\r\n")), RefusedForm},
		{"nothing", bytes.NewReader(nil), RefusedIO},
		{"half a header", bytes.NewReader(good[:10]), RefusedIO},
		{"cut off", bytes.NewReader(good[:len(good)-1]), RefusedIO},
		{"unknown key", endless(unknown), RefusedKey},
		{"huge length", endless(huge), RefusedLength},
		{"endless chunk", endless(good[:streamHeader+chunkHeader]), RefusedSeal},
		{"replayed late", bytes.NewReader(late), RefusedWindow},
		{"an answer for a request", bytes.NewReader(answer), RefusedSeal},
		{"malformed inside", bytes.NewReader(good), RefusedForm},
		{"an insider without end", a.insider(), RefusedLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &attacker{t, a.victim, a.ring}
			a.refused(c.reason, func() { a.sendStream(c.stream) })
		})
	}
	a.unharmed()
}

// insider yields properly sealed chunks for ever.
func (a *attacker) insider() io.Reader {
	key := a.ring.sealer()
	head := append([]byte{streamMagic}, key.id[:]...)
	head = binary.LittleEndian.AppendUint64(head, a.ring.now())
	head = append(head, make([]byte, saltLen)...)
	s := &streamSeal{aead: key.aead, ad: a.ring.context(askPurpose, head, make([]byte, saltLen))}
	return &chunks{rest: head, seal: s}
}

type chunks struct {
	rest []byte
	seal *streamSeal
}

func (c *chunks) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		c.rest = c.seal.sealChunk(nil, make([]byte, maxChunk), false)
	}
	return take(&c.rest, b)
}

// Strangers who open streams and say nothing hold a few, not all, and let go when time is up or they do.
func TestStreamsAreRationed(t *testing.T) {
	a := attack(t)
	var held []net.Conn
	for range maxPerHost {
		held = append(held, a.dial())
	}
	a.refused(RefusedBusy, func() { held = append(held, a.dial()) })
	for _, conn := range held {
		_ = conn.Close()
	}
	a.unharmed()
}

// A megabyte of refusals costs no megabyte: nothing is kept, and little is allocated.
func TestRefusalsCostLittle(t *testing.T) {
	a := attack(t)
	good, _, err := a.ring.sealStream([]byte{msgPing, 0x80}, askPurpose, salt{})
	if err != nil {
		t.Fatal(err)
	}
	huge := binary.LittleEndian.AppendUint32(bytes.Clone(good[:streamHeader]), maxChunk)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		a.sendStream(bytes.NewReader(huge)) // announces 64 KiB and sends nothing
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / 100; each > 100<<10 {
		t.Errorf("%d bytes allocated for each announced chunk", each)
	}
}

func TestSealedStreamOfEveryLength(t *testing.T) {
	ring, err := newKeyring("c", [][]byte{testKey}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 2, maxChunk - 1, maxChunk, maxChunk + 1, 2 * maxChunk, 3*maxChunk + 7} {
		plain := bytes.Repeat([]byte{byte(n)}, n)
		sealed, own, err := ring.sealStream(plain, askPurpose, salt{})
		if err != nil {
			t.Fatal(err)
		}
		rest := bytes.NewReader(append(bytes.Clone(sealed), "more"...))
		got, from, err := ring.openStream(rest, askPurpose, salt{})
		if err != nil || !bytes.Equal(got, plain) || from != own || rest.Len() != 4 {
			t.Errorf("%d bytes: opened %d, %v, %d bytes left", n, len(got), err, rest.Len())
		}
	}
	for _, n := range []int{0, maxStream + 1} {
		if _, _, err := ring.sealStream(make([]byte, n), askPurpose, salt{}); !errors.Is(err, errTooLong) {
			t.Errorf("%d bytes sealed: %v", n, err)
		}
	}
}

// No bit of what is sealed can be turned, and no byte be missing, without being noticed.
func TestEveryFlipIsNoticed(t *testing.T) {
	ring, err := newKeyring("c", [][]byte{testKey}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	packet := ring.sealPacket(nil, []byte("a packet"))
	stream, _, err := ring.sealStream([]byte("a stream"), askPurpose, salt{})
	if err != nil {
		t.Fatal(err)
	}
	openStream := func(b []byte) error {
		_, _, err := ring.openStream(bytes.NewReader(b), askPurpose, salt{})
		return err
	}
	openPacket := func(b []byte) error {
		_, err := ring.openPacket(b)
		return err
	}
	for name, c := range map[string]struct {
		sealed []byte
		open   func([]byte) error
	}{"packet": {packet, openPacket}, "stream": {stream, openStream}} {
		if err := c.open(c.sealed); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range c.sealed {
			flipped := bytes.Clone(c.sealed)
			flipped[i] ^= 0x10
			if c.open(flipped) == nil {
				t.Errorf("%s: byte %d flipped, unnoticed", name, i)
			}
			if c.open(c.sealed[:i]) == nil {
				t.Errorf("%s: cut to %d bytes, unnoticed", name, i)
			}
		}
	}
}

func TestAnswerIsBoundToItsRequest(t *testing.T) {
	ring, err := newKeyring("c", [][]byte{testKey}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	sealed, _, err := ring.sealStream([]byte("answer"), answerPurpose, salt{1})
	if err != nil {
		t.Fatal(err)
	}
	for about, want := range map[salt]error{{1}: nil, {2}: errSeal} {
		if _, _, err := ring.openStream(bytes.NewReader(sealed), answerPurpose, about); !errors.Is(err, want) {
			t.Errorf("to request %d: %v, want %v", about[0], err, want)
		}
	}
}

func ExampleReason() {
	fmt.Println(RefusedKey, RefusedWindow)
	// Output: key window
}
