package profile

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
	"pgregory.net/rapid"
)

func keyOf(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// counting is a source of bytes 0, 1, 2 …, the same each time.
type counting struct{ next byte }

func (c *counting) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = c.next
		c.next++
	}
	return len(b), nil
}

func sealerAt(t testing.TB, at int64, o TokenOptions, keys ...[]byte) *Sealer {
	t.Helper()
	o.Clock = func() time.Time { return time.UnixMilli(at) }
	if o.Rand == nil {
		o.Rand = &counting{}
	}
	s, err := NewSealer(keys, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// full holds as many items as a token can.
func full() *Held {
	h := &Held{Depth: MaxHeld, Days: 90}
	for i := range MaxHeld {
		h.Items = append(h.Items, HeldItem{HashItem(fmt.Sprint("item ", i)), HashType(edged.View), now - int64(i)*1000})
	}
	return h
}

func seal(t testing.TB, s *Sealer, h *Held) []byte {
	t.Helper()
	text, err := s.Seal(nil, h, &TokenScratch{})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTokenRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &Held{Refused: rapid.IntRange(0, 5).Draw(t, "refused") == 0, Depth: uint8(rapid.IntRange(0, MaxHeld).Draw(t, "depth")), Days: uint16(rapid.IntRange(0, 400).Draw(t, "days"))}
		for range rapid.IntRange(0, 80).Draw(t, "events") {
			e := &edged.Event{
				Item: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "item") + strconv.Itoa(rapid.IntRange(0, 60).Draw(t, "number")),
				Type: rapid.SampledFrom([]edged.EventType{edged.View, edged.Purchase, edged.Dismiss, "own", edged.Impression}).Draw(t, "type"),
				Time: now - rapid.Int64Range(-5000, 1e9).Draw(t, "age"),
			}
			h.Add(e, now)
		}
		s := sealerForRapid(t)
		text, err := s.Seal(nil, h, &TokenScratch{})
		if err != nil || len(text) >= 1024 {
			t.Fatalf("%d characters, %v", len(text), err)
		}
		var got Held
		if err := s.Open(&got, &TokenScratch{}, text); err != nil {
			t.Fatalf("%v for %+v", err, h)
		}
		if !slices.Equal(got.Items, h.Items) || got.Refused != h.Refused || got.Depth != h.Depth || got.Days != h.Days || got.Issued != h.Issued || got.Expires != h.Expires {
			t.Fatalf("opened %+v, sealed %+v", got, h)
		}
	})
}

func sealerForRapid(t *rapid.T) *Sealer {
	s, err := NewSealer([][]byte{keyOf(1)}, TokenOptions{Clock: func() time.Time { return time.UnixMilli(now) }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLargestTokenIsBelow1KiB(t *testing.T) {
	text := seal(t, sealerAt(t, now, TokenOptions{}, keyOf(1)), full())
	if len(text) != MaxTokenText || len(text) >= 1024 {
		t.Errorf("%d characters, want %d and below 1024", len(text), MaxTokenText)
	}
}

// refused checks that a token is refused like any other.
func refused(t *testing.T, s *Sealer, what string, text []byte) {
	t.Helper()
	h := Held{Items: make([]HeldItem, 3)}
	err := s.Open(&h, &TokenScratch{}, text)
	if err != ErrToken {
		t.Errorf("%s: %v, want ErrToken itself", what, err)
	}
	if len(h.Items) != 0 || h.Refused || h.Depth != 0 || h.Days != 0 || h.Issued != 0 || h.Expires != 0 {
		t.Errorf("%s: refused, yet it left %+v", what, h)
	}
}

func TestEveryBitFlipIsRefused(t *testing.T) {
	s := sealerAt(t, now, TokenOptions{}, keyOf(1))
	h := full()
	h.Items = h.Items[:3]
	text := seal(t, s, h)
	raw, err := tokenText.DecodeString(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(raw) {
		flipped := bytes.Clone(raw)
		flipped[bit/8] ^= 1 << (bit % 8)
		refused(t, s, fmt.Sprint("bit ", bit, " of the bytes"), tokenText.AppendEncode(nil, flipped))
	}
	for bit := range 8 * len(text) {
		flipped := bytes.Clone(text)
		flipped[bit/8] ^= 1 << (bit % 8)
		refused(t, s, fmt.Sprint("bit ", bit, " of the text"), flipped)
	}
	for n := range text {
		refused(t, s, fmt.Sprint("the first ", n), text[:n])
		refused(t, s, fmt.Sprint("with something at ", n), slices.Insert(bytes.Clone(text), n, 'A'))
	}
	for _, tail := range []string{"\n", "=", " ", "A", strings.Repeat("A", 2000)} {
		refused(t, s, fmt.Sprintf("with %.4q behind", tail), append(bytes.Clone(text), tail...))
	}
}

func TestForeignTokensAreRefused(t *testing.T) {
	o := TokenOptions{Tenant: "shop", Purpose: "profile", TTL: time.Hour}
	mine := sealerAt(t, now, o, keyOf(1), keyOf(2))
	other := func(change func(*TokenOptions), at int64, keys ...[]byte) []byte {
		o := o
		if change != nil {
			change(&o)
		}
		return seal(t, sealerAt(t, at, o, keys...), full())
	}
	refused(t, mine, "another tenant", other(func(o *TokenOptions) { o.Tenant = "shoq" }, now, keyOf(1)))
	refused(t, mine, "another purpose", other(func(o *TokenOptions) { o.Purpose = "consent" }, now, keyOf(1)))
	refused(t, mine, "the border of tenant and purpose moved", other(func(o *TokenOptions) { o.Tenant, o.Purpose = "shopp", "rofile" }, now, keyOf(1)))
	refused(t, mine, "a key not held", other(nil, now, keyOf(3)))
	refused(t, mine, "the decoy's key", other(nil, now, keyOf(0)))
	refused(t, mine, "expired", other(nil, now-3_600_000, keyOf(1)))
	refused(t, mine, "from the future", other(nil, now+301_000, keyOf(1)))
	refused(t, mine, "nothing", nil)
	for what, text := range map[string][]byte{
		"a second before its end": other(nil, now-3_599_000, keyOf(1)),
		"a clock ahead":           other(nil, now+299_000, keyOf(1)),
		"the old key":             other(nil, now, keyOf(2)),
	} {
		var h Held
		if err := mine.Open(&h, &TokenScratch{}, text); err != nil || len(h.Items) != MaxHeld {
			t.Errorf("%s: %v, %d items", what, err, len(h.Items))
		}
	}
}

// Payloads sealed with the right key that no node would write.
func TestStrictPayload(t *testing.T) {
	s := sealerAt(t, now, TokenOptions{}, keyOf(1))
	h := full()
	h.Items = h.Items[:2]
	text := seal(t, s, h)
	var opened Held
	if err := s.Open(&opened, &TokenScratch{}, text); err != nil {
		t.Fatal(err)
	}
	good := opened.encode(nil)
	if !new(Held).decode(good) {
		t.Fatal("the good one is refused")
	}
	for what, change := range map[string]func(b []byte) []byte{
		"a flag":                 func(b []byte) []byte { b[8] = 2; return b },
		"refused, yet items":     func(b []byte) []byte { b[8] = 1; return b },
		"a depth over 50":        func(b []byte) []byte { b[9] = 51; return b },
		"more than the depth":    func(b []byte) []byte { b[9] = 1; return b },
		"a count too high":       func(b []byte) []byte { b[12] = 3; return b },
		"a count too low":        func(b []byte) []byte { b[12] = 1; return b },
		"a byte more":            func(b []byte) []byte { return append(b, 0) },
		"expired at issue":       func(b []byte) []byte { copy(b[4:8], b[:4]); return b },
		"oldest first":           func(b []byte) []byte { b[23]--; b[23]--; return b },
		"twice the same":         func(b []byte) []byte { copy(b[27:35], b[13:21]); return b },
		"a visit after the seal": func(b []byte) []byte { b[26]++; return b },
	} {
		if new(Held).decode(change(bytes.Clone(good))) {
			t.Errorf("%s is taken", what)
		}
	}
	for n := range good {
		if new(Held).decode(good[:n]) {
			t.Errorf("the first %d bytes are taken", n)
		}
	}
}

// TestGoldenToken: what is once in cookies must open for ever.
func TestGoldenToken(t *testing.T) {
	s := sealerAt(t, now, TokenOptions{Tenant: "shop", TTL: 24 * time.Hour}, keyOf(7))
	h := &Held{Depth: 20, Days: 30, Items: []HeldItem{{HashItem("85123A"), HashType(edged.Purchase), now - 60_000}, {HashItem("84879"), HashType("own"), now - 3_600_000}}}
	text := seal(t, s, h)
	raw, _ := tokenText.DecodeString(string(text))
	payload := h.encode(nil)
	got := fmt.Sprintf("key %x\ntenant shop, purpose profile\ntext %s\n", keyOf(7), text)
	got += fmt.Sprintf("  0 version  %x\n  1 key id   %x\n  5 nonce    %x\n 29 sealed   %x\n", raw[:1], raw[1:5], raw[5:29], raw[29:])
	got += fmt.Sprintf("payload\n  0 issued   %x\n  4 expires  %x\n  8 flags    %x\n  9 depth    %x\n 10 days     %x\n 12 count    %x\n 13 85123A   %x\n 27 84879    %x\n",
		payload[:4], payload[4:8], payload[8:9], payload[9:10], payload[10:12], payload[12:13], payload[13:27], payload[27:])
	testkit.Golden(t, "token-v1.txt", []byte(got))
	golden, err := os.ReadFile("testdata/token-v1.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(golden, []byte("text "))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	var opened Held
	if err := s.Open(&opened, &TokenScratch{}, line); err != nil || !slices.Equal(opened.Items, h.Items) {
		t.Errorf("the golden token opens as %+v, %v", opened, err)
	}
}

func TestTokensAllocateNothing(t *testing.T) {
	s := sealerAt(t, now, TokenOptions{}, keyOf(1))
	text := seal(t, s, full())
	var h Held
	var scratch TokenScratch
	e := &edged.Event{Item: "new", Type: edged.View, Time: now}
	var out []byte
	testkit.Allocs(t, 0, func() {
		if err := s.Open(&h, &scratch, text); err != nil {
			t.Fatal(err)
		}
		h.Add(e, now)
		out, _ = s.Seal(out[:0], &h, &scratch)
	})
	bad := bytes.Clone(text)
	bad[100] ^= 1
	testkit.Allocs(t, 0, func() { _ = s.Open(&h, &scratch, bad) })
}

func TestTokenKeys(t *testing.T) {
	a, b := NewTokenKey(), NewTokenKey()
	keys, err := ParseTokenKeys([]byte("# of the shop\n" + a + "\n\n" + b + "\n"))
	if err != nil || len(keys) != 2 || base64.StdEncoding.EncodeToString(keys[0]) != a {
		t.Errorf("%d keys, %v", len(keys), err)
	}
	for _, file := range []string{"", "# none\n", "abc\n", a[:40] + "\n", a + "\n" + a + "\n", a + a + "\n", strings.Repeat("x", 100_000)} {
		if _, err := ParseTokenKeys([]byte(file)); err == nil {
			t.Errorf("%.60q is taken", file)
		}
	}
	if _, err := NewSealer(nil, TokenOptions{}); err == nil {
		t.Error("no key is taken")
	}
	if _, err := NewSealer([][]byte{{1}}, TokenOptions{}); err == nil {
		t.Error("a short key is taken")
	}
	if _, err := NewSealer([][]byte{keyOf(1)}, TokenOptions{TTL: time.Second}); err == nil {
		t.Error("a lifetime of a second is taken")
	}
	s := sealerAt(t, now, TokenOptions{Rand: bytes.NewReader(nil)}, keyOf(1))
	if _, err := s.Seal(nil, full(), &TokenScratch{}); err == nil || errors.Is(err, ErrToken) {
		t.Errorf("sealed without randomness: %v", err)
	}
}

// A visitor held in a token and one held in memory are the same visitor.
func TestHeldAgainstStore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 10).Draw(t, "limit")
		store := newStore(Options{MaxRecent: limit})
		h := Held{Depth: uint8(limit)}
		times := rapid.SliceOfNDistinct(rapid.Int64Range(1, 10_000), 1, 60, rapid.ID[int64]).Draw(t, "times")
		for _, at := range times {
			e := event("u", fmt.Sprint("i", rapid.IntRange(0, 12).Draw(t, "item")), rapid.SampledFrom(append(knownTypes[:], "own")).Draw(t, "type"), now-at*1000)
			store.Add(e)
			h.Add(e, now)
		}
		var want []HeldItem
		for _, r := range store.Recent(nil, User("u")) {
			want = append(want, HeldItem{HashItem(r.Item), HashType(r.Type), r.Time})
		}
		if !slices.Equal(h.Items, want) {
			t.Fatalf("held %v, stored %v", h.Items, want)
		}
	})
}

// FuzzToken opens anything, and what a forger with the key could seal. EDGED_TOKEN_RUNS asks TestTokenSoak for so many more.
func FuzzToken(f *testing.F) {
	s := sealerAt(f, now, TokenOptions{}, keyOf(1))
	f.Add(seal(f, s, full()))
	f.Add([]byte("AQ"))
	var h Held
	var scratch TokenScratch
	f.Fuzz(func(t *testing.T, b []byte) { tryToken(t, s, &h, &scratch, b) })
}

func tryToken(t testing.TB, s *Sealer, h *Held, scratch *TokenScratch, b []byte) {
	if err := s.Open(h, scratch, b); err == nil {
		again, err := s.Seal(nil, h, scratch)
		if err != nil || len(again) > MaxTokenText {
			t.Fatalf("%x opens, and seals as %q, %v", b, again, err)
		}
	}
	payload := Held{Items: h.Items[:0]}
	if payload.decode(b) {
		if got := payload.encode(nil); !bytes.Equal(got, b) {
			t.Fatalf("payload %x reads as %x", b, got)
		}
	}
}

func BenchmarkTokenOpen(b *testing.B) {
	s := sealerAt(b, now, TokenOptions{}, keyOf(1))
	text := seal(b, s, full())
	for name, text := range map[string][]byte{"good": text, "changed": append(bytes.Clone(text[:500]), append([]byte{text[501], text[500]}, text[502:]...)...), "other key": seal(b, sealerAt(b, now, TokenOptions{}, keyOf(2)), full()), "none": []byte("x")} {
		b.Run(name, func(b *testing.B) {
			var h Held
			var scratch TokenScratch
			b.ReportAllocs()
			for b.Loop() {
				_ = s.Open(&h, &scratch, text)
			}
		})
	}
}

func BenchmarkTokenSeal(b *testing.B) {
	s := sealerAt(b, now, TokenOptions{}, keyOf(1))
	h := full()
	var scratch TokenScratch
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out, _ = s.Seal(out[:0], h, &scratch)
	}
}

// BenchmarkRefusals shows that a refusal takes as long whatever its cause.
func BenchmarkRefusals(b *testing.B) {
	for _, items := range []int{0, 50} {
		now := int64(1_800_000_000_000)
		sealer := func(at int64, tenant string, key byte) *Sealer {
			s, err := NewSealer([][]byte{bytes.Repeat([]byte{key}, 32)}, TokenOptions{Tenant: tenant, TTL: time.Hour, Clock: func() time.Time { return time.UnixMilli(at) }})
			if err != nil {
				b.Fatal(err)
			}
			return s
		}
		seal := func(s *Sealer) []byte {
			h := Held{Depth: MaxHeld}
			for i := range items {
				h.Items = append(h.Items, HeldItem{Hash: uint64(i), Time: now - 8_000_000})
			}
			text, err := s.Seal(nil, &h, new(TokenScratch))
			if err != nil {
				b.Fatal(err)
			}
			return text
		}
		mine := sealer(now, "", 1)
		good := seal(mine)
		flipped, unread, version := bytes.Clone(good), bytes.Clone(good), bytes.Clone(good)
		flipped[60] ^= 3
		unread[10] = '!'
		version[0] ^= 1
		for _, c := range []struct {
			name string
			text []byte
		}{
			{"flipped", flipped}, {"unreadable", unread}, {"version", version}, {"expired", seal(sealer(now-7_000_000, "", 1))}, {"future", seal(sealer(now+700_000, "", 1))},
			{"tenant", seal(sealer(now, "other", 1))}, {"key", seal(sealer(now, "", 2))},
		} {
			b.Run(fmt.Sprintf("%d/%s", items, c.name), func(b *testing.B) {
				var h Held
				var t TokenScratch
				for b.Loop() {
					if mine.Open(&h, &t, c.text) == nil {
						b.Fatal("accepted")
					}
				}
			})
		}
	}
}
