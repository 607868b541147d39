package profile

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/edged/edged"
)

// forge makes tokens that are sound but for one thing, all from one stream of chance.
type forge struct {
	r       *rand.Rand
	at      int64 // when the next one is sealed
	raw     []byte
	text    []byte
	held    Held
	scratch TokenScratch

	mine, rotated, lost, tenant, purpose, border, decoy *Sealer
}

const soakTTL = 24 * time.Hour

func newForge(t *testing.T, seed uint64) *forge {
	f := &forge{r: rand.New(rand.NewPCG(seed, 1))}
	of := func(tenant, purpose string, keys ...[]byte) *Sealer {
		s, err := NewSealer(keys, TokenOptions{Tenant: tenant, Purpose: purpose, TTL: soakTTL, Rand: f, Clock: func() time.Time { return time.UnixMilli(f.at) }})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	f.mine, f.rotated, f.lost = of("shop", "profile", keyOf(1), keyOf(2)), of("shop", "profile", keyOf(2)), of("shop", "profile", keyOf(3))
	f.tenant, f.purpose, f.border = of("shoq", "profile", keyOf(1)), of("shop", "consent", keyOf(1)), of("shopp", "rofile", keyOf(1))
	f.decoy = of("shop", "profile", keyOf(0))
	return f
}

// Read makes nonces.
func (f *forge) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(f.r.Uint32())
	}
	return len(b), nil
}

// draw makes up what a token holds.
func (f *forge) draw() {
	f.held = Held{Items: f.held.Items[:0], Depth: MaxHeld, Refused: f.r.IntN(20) == 0}
	for range f.r.IntN(MaxHeld + 1) {
		f.held.Items = append(f.held.Items, HeldItem{f.r.Uint64(), HashType(edged.View), now - f.r.Int64N(1e9)*1000})
	}
	slices.SortFunc(f.held.Items, func(a, b HeldItem) int { return int(b.Time - a.Time) })
}

// seal seals what was drawn, so many milliseconds ago.
func (f *forge) seal(s *Sealer, ago int64) {
	f.at = now - ago
	f.text, _ = s.Seal(f.text[:0], &f.held, &f.scratch)
	f.at = now
}

// sealAs seals it as another version would.
func (f *forge) sealAs(version byte) {
	f.seal(f.mine, 0)
	key := &f.mine.keys[0]
	f.raw, _ = tokenText.AppendDecode(f.raw[:0], f.text)
	f.raw[0] = version
	aad := f.mine.authenticated(nil, f.raw[:tokenHead])
	f.raw = key.aead.Seal(f.raw[:sealedAt], f.raw[nonceAt:sealedAt], f.held.encode(nil), aad)
	f.text = tokenText.AppendEncode(f.text[:0], f.raw)
}

// recently is an age, in milliseconds, at which a token is good.
func (f *forge) recently() int64 { return f.r.Int64N((soakTTL - time.Second).Milliseconds()) }

// forgeries are what is wrong with tokens, each with whether there is anything wrong at all.
var forgeries = []struct {
	name  string
	sound bool
	make  func(f *forge)
}{
	{"sound", true, func(f *forge) { f.seal(f.mine, f.recently()) }},
	{"of the key before", true, func(f *forge) { f.seal(f.rotated, f.recently()) }},
	{"a bit of the bytes", false, func(f *forge) {
		f.seal(f.mine, 0)
		f.raw, _ = tokenText.AppendDecode(f.raw[:0], f.text)
		f.raw[f.r.IntN(len(f.raw))] ^= 1 << f.r.IntN(8)
		f.text = tokenText.AppendEncode(f.text[:0], f.raw)
	}},
	{"a bit of the text", false, func(f *forge) {
		f.seal(f.mine, 0)
		f.text[f.r.IntN(len(f.text))] ^= 1 << f.r.IntN(8)
	}},
	{"changed text", false, func(f *forge) {
		f.seal(f.mine, 0)
		before := bytes.Clone(f.text)
		if f.text = mutate(f.r, f.text); bytes.Equal(before, f.text) {
			f.text = f.text[1:]
		}
	}},
	{"another tenant", false, func(f *forge) { f.seal(f.tenant, 0) }},
	{"another purpose", false, func(f *forge) { f.seal(f.purpose, 0) }},
	{"the border of both moved", false, func(f *forge) { f.seal(f.border, 0) }},
	{"another version", false, func(f *forge) { f.sealAs(tokenVersion + byte(1+f.r.IntN(255))) }},
	{"expired", false, func(f *forge) { f.seal(f.mine, soakTTL.Milliseconds()+f.r.Int64N(1e10)) }},
	{"from the future", false, func(f *forge) { f.seal(f.mine, -maxTokenAhead.Milliseconds()-1000-f.r.Int64N(1e10)) }},
	{"of a key taken out", false, func(f *forge) { f.seal(f.lost, 0) }},
	{"of the decoy's key", false, func(f *forge) { f.seal(f.decoy, 0) }},
}

// TestTokenSoak makes tokens of any content that are wrong in any one way, and sound ones between them: the sound ones open to what was sealed, all
// others are refused alike and leave nothing. Payloads are changed as well: none reads as another. EDGED_TOKEN_RUNS asks for so many.
func TestTokenSoak(t *testing.T) {
	runs := 20_000
	if n, err := strconv.Atoi(os.Getenv("EDGED_TOKEN_RUNS")); err == nil {
		runs = n
	}
	f := newForge(t, uint64(runs))
	counts := make([]int, len(forgeries))
	var got Held
	var payload []byte
	for i := range runs {
		f.draw()
		if i%8 == 7 {
			payload = mutate(f.r, f.held.encode(payload[:0]))
			tryToken(t, f.mine, &got, &f.scratch, payload)
			continue
		}
		which := f.r.IntN(len(forgeries))
		w := &forgeries[which]
		w.make(f)
		counts[which]++
		err := f.mine.Open(&got, &f.scratch, f.text)
		switch {
		case w.sound && (err != nil || !slices.Equal(got.Items, f.held.Items) || got.Refused != f.held.Refused):
			t.Fatalf("run %d, %s: %v; opened %+v, sealed %+v", i, w.name, err, got, f.held)
		case !w.sound && (err != ErrToken || len(got.Items) > 0 || got.Refused || got.Depth != 0 || got.Expires != 0):
			t.Fatalf("run %d, %s: %v, want ErrToken itself; it left %+v of %q", i, w.name, err, got, f.text)
		}
	}
	for i, n := range counts {
		if n == 0 {
			t.Errorf("none was %s", forgeries[i].name)
		}
	}
	t.Logf("%d tokens and payloads, by kind %v", runs, counts)
}

// mutate changes, drops or adds a few bytes.
func mutate(r *rand.Rand, b []byte) []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for range 1 + r.IntN(3) {
		at := r.IntN(len(b))
		switch r.IntN(8) {
		case 0:
			b = b[:at+1]
		case 1:
			b = slices.Insert(b, at, alphabet[r.IntN(len(alphabet))])
		case 2:
			b[at] = byte(r.Uint32())
		case 3:
			b[at] ^= 1 << r.IntN(8)
		default:
			b[at] = alphabet[r.IntN(len(alphabet))]
		}
	}
	return b
}
