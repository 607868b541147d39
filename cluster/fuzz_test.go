package cluster

import (
	"bytes"
	"testing"
	"time"

	"github.com/edged/edged/internal/testkit"
)

func sampleFact() *Fact {
	return &Fact{Kind: 1, Node: "edge-1", Boot: 9, Key: "release", Seq: 3, Expires: testNow + 1000, Value: []byte("7")}
}

// Whatever decodes encodes to the same bytes, and keeps the limits.
func FuzzFact(f *testing.F) {
	f.Add(encodeMessage(sampleFact()))
	f.Add([]byte{factFormat})
	f.Fuzz(func(t *testing.T, b []byte) {
		var fact Fact
		var err error
		testkit.Bounded(t, 2*len(b)+4<<10, func() { fact, err = decodeMessage(b) })
		if err != nil {
			return
		}
		if err := fact.check(); err != nil {
			t.Fatalf("decoded: %v", err)
		}
		if again := encodeMessage(&fact); !bytes.Equal(again, b) {
			t.Fatalf("encodes to %x, was %x", again, b)
		}
	})
}

// A core takes what is well-formed of any state, and its own state is always well-formed.
func FuzzState(f *testing.F) {
	c := NewCore(CoreConfig{Node: "x"})
	if _, err := c.Step(testNow, encodeMessage(sampleFact())); err != nil {
		f.Fatal(err)
	}
	f.Add(c.State())
	f.Add(appendStateHeader(nil, 1<<31))
	crowd := appendStateHeader(nil, 100)
	for i := range 100 {
		crowd = appendFact(crowd, &Fact{Kind: uint8(2 * i), Node: "n", Key: string(rune('a' + i)), Seq: uint64(testNow)<<stampShift + 1, Expires: testNow + MaxTTL.Milliseconds()})
	}
	f.Add(crowd)
	f.Fuzz(func(t *testing.T, b []byte) {
		var c *Core
		testkit.Bounded(t, 64*len(b)+64<<10, func() {
			c = NewCore(CoreConfig{Node: "x", MaxUrgent: 4, MaxShared: 4, MaxBulk: 4, MaxNodes: 2})
			_, _ = c.Merge(testNow, b)
		})
		other := NewCore(CoreConfig{Node: "y", MaxUrgent: 4, MaxBulk: 4, MaxNodes: 4})
		if _, err := other.Merge(testNow, c.State()); err != nil {
			t.Fatal(err)
		}
		if facts, nodes := c.Len(); nodes > 3 || facts > 3*8+4 {
			t.Fatalf("%d facts of %d nodes", facts, nodes)
		}
	})
}

func fuzzRing(f *testing.F) *keyring {
	ring, err := newKeyring("edged", [][]byte{testKey}, func() time.Time { return time.UnixMilli(testNow) })
	if err != nil {
		f.Fatal(err)
	}
	return ring
}

// Without the key nothing opens: neither what is made up, nor what was changed. With it, what is inside is judged.
func FuzzPacket(f *testing.F) {
	ring := fuzzRing(f)
	f.Add(ring.sealPacket(nil, []byte("x")), false)
	f.Add(encodeMessage(sampleFact()), true)
	f.Add([]byte{msgUser, factFormat}, true)
	f.Add([]byte{msgNack, 0x81, 0xa5, 'S', 'e', 'q', 'N', 'o', 1}, true)
	f.Add([]byte{msgCompound, 2, 0, 1, 0, 1, 3, 4}, true)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if sealed && len(b) > 0 && len(b) <= maxPacketPlain {
			b = ring.sealPacket(nil, b)
		}
		testkit.Bounded(t, 2*len(b)+4<<10, func() {
			plain, err := ring.openPacket(b)
			if err == nil {
				_ = checkPacket(plain)
			}
		})
	})
}

func FuzzStream(f *testing.F) {
	ring := fuzzRing(f)
	exchange, _, err := ring.sealStream([]byte{msgPushPull, 0x83}, askPurpose, salt{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(exchange)
	f.Add(exchange[:streamHeader])
	f.Fuzz(func(t *testing.T, b []byte) {
		var plain []byte
		var err error
		testkit.Bounded(t, 8*len(b)+8<<10, func() { plain, _, err = ring.openStream(bytes.NewReader(b), askPurpose, salt{}) })
		if len(plain) > maxStream || err == nil && len(b) < streamHeader {
			t.Fatalf("%d bytes opened of %d", len(plain), len(b))
		}
		_ = checkStream(b)
	})
}

// What the check lets through, the library decodes to the same fields; here: the check itself neither panics nor reads on.
func FuzzCheck(f *testing.F) {
	f.Add([]byte{msgAlive, 0x81, 0xa4, 'N', 'o', 'd', 'e', 0xa1, 'x'})
	f.Add([]byte{msgPushPull, 0x83, 0xa5, 'N', 'o', 'd', 'e', 's', 0, 0xac, 'U', 's', 'e', 'r', 'S', 't', 'a', 't', 'e', 'L', 'e', 'n', 0, 0xa4, 'J', 'o', 'i', 'n', 0xc2})
	f.Add([]byte{msgCRC, 0, 0, 0, 0, msgPing})
	part := append([]byte{partFormat}, appendStateHeader(nil, 0)...)
	f.Add(append([]byte{msgUser, 0x81, 0xaa, 'U', 's', 'e', 'r', 'M', 's', 'g', 'L', 'e', 'n', byte(len(part))}, part...))
	f.Add([]byte{msgUser, 0x81, 0xaa, 'U', 's', 'e', 'r', 'M', 's', 'g', 'L', 'e', 'n', 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		testkit.Bounded(t, 2*len(b)+4<<10, func() {
			_ = checkPacket(b)
			_ = checkStream(b)
		})
	})
}
