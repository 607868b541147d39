package release

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/internal/vfs"
)

// testKey is the same key in every run.
func testKey(seed byte) PrivateKey {
	return PrivateKey{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))}
}

func testManifest() *Manifest {
	return &Manifest{
		Version: 7, Created: time.Date(2026, 11, 20, 8, 30, 0, 0, time.UTC),
		Components: []Component{{Name: "model", Size: 3, Hash: Sum([]byte("abc")), Chunks: []Chunk{{ID: Sum([]byte("abc")), Raw: 3, Piece: Piece{Hash: Sum([]byte("x")), Size: 12}}}}},
		Card:       json.RawMessage(`{"items":3}`),
	}
}

func testRollout() *Rollout {
	issued := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	return &Rollout{
		Version: 9, Issued: issued, Expires: issued.AddDate(0, 0, 30), Highest: 7,
		Release: Ref{Version: 7, Manifest: Sum([]byte("manifest")), Size: 900},
	}
}

func mustSeal(t testing.TB, typ string, doc interface{ Encode() ([]byte, error) }, keys ...PrivateKey) []byte {
	t.Helper()
	b, err := doc.Encode()
	if err != nil {
		t.Fatal(err)
	}
	env, err := Seal(typ, b, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// TestPAE is the example of DSSE's protocol.md.
func TestPAE(t *testing.T) {
	got := string(pae("http://example.com/HelloWorld", []byte("hello world")))
	if want := "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; got != want {
		t.Errorf("pae = %q, want %q", got, want)
	}
}

func TestSealOpen(t *testing.T) {
	a, b, c := testKey(1), testKey(2), testKey(3)
	trust := trustOf(2, a, b)
	payload := []byte(`{"a":1}`)
	unsigned := []byte(`{"payload":"e30=","payloadType":"` + RolloutType + `","signatures":[]}`)
	seal := func(keys ...PrivateKey) []byte {
		env, err := Seal(RolloutType, payload, keys...)
		if err != nil {
			t.Fatal(err)
		}
		return env
	}
	for _, tc := range []struct {
		name string
		env  []byte
		want error
	}{
		{"both", seal(a, b), nil},
		{"both and a stranger", seal(a, c, b), nil},
		{"one", seal(a), ErrThreshold},
		{"one and a stranger", seal(a, c), ErrThreshold},
		{"stranger", seal(c), ErrUnknownKey},
		{"unsigned", unsigned, ErrThreshold},
		{"truncated", seal(a, b)[:90], ErrFormat},
		{"empty", nil, ErrFormat},
	} {
		got, err := trust.Open(tc.env, RolloutType)
		if !errors.Is(err, tc.want) || (err == nil) != bytes.Equal(got, payload) {
			t.Errorf("%s: %q, %v; want %v", tc.name, got, err, tc.want)
		}
	}
	if _, err := trust.Open(seal(a, b), ManifestType); !errors.Is(err, ErrFormat) {
		t.Errorf("a rollout opened as a manifest: %v", err)
	}
}

// TestFlippedBytes changes every byte of an envelope: no such envelope opens.
func TestFlippedBytes(t *testing.T) {
	key := testKey(1)
	trust := trustOf(1, key)
	env := mustSeal(t, RolloutType, testRollout(), key)
	for i := range env {
		for _, delta := range []byte{1, 2, 4, 8, 16, 32, 64, 128, 255, env[i] ^ ' ', env[i] ^ '\\', env[i] ^ '\n'} {
			bad := bytes.Clone(env)
			bad[i] ^= delta
			if _, err := trust.Open(bad, RolloutType); err == nil && delta != 0 {
				t.Fatalf("byte %d: %q for %q was not noticed", i, bad[i], env[i])
			}
		}
		if _, err := trust.Open(env[:i], RolloutType); err == nil {
			t.Fatalf("cut to %d bytes was not noticed", i)
		}
	}
}

func TestDocumentsRoundTrip(t *testing.T) {
	m, r := testManifest(), testRollout()
	mb, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	rb, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	m2, err := ParseManifest(mb)
	if err != nil {
		t.Fatal(err)
	}
	r2, err := ParseRollout(rb)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%+v", m2) != fmt.Sprintf("%+v", m) || r2.Release != r.Release || !r2.Expires.Equal(r.Expires) {
		t.Errorf("round trip:\n%+v\n%+v\n%+v\n%+v", m, m2, r, r2)
	}
}

// TestManifestRefusals edits one value of a good manifest at a time.
func TestManifestRefusals(t *testing.T) {
	good, err := testManifest().Encode()
	if err != nil {
		t.Fatal(err)
	}
	h := Sum([]byte("abc")).String()
	for _, tc := range []struct {
		old, new string
		want     error
		words    string
	}{
		{`"version":7`, `"version":0`, ErrFormat, "version"},
		{`"version":7`, `"version":-7`, ErrFormat, "version"},
		{`"version":7`, `"version":7.5`, ErrFormat, "version"},
		{`"version":7`, `"version":null`, ErrFormat, "version"},
		{`"version":7`, `"version":99999999999999999999`, ErrFormat, "version"},
		{`"version":7`, `"Version":7`, ErrFormat, "version: missing"},
		{`"version":7`, `"version":7,"version":8`, ErrFormat, "twice"},
		{`edged.release/2`, `edged.release/3`, ErrFormat, "type"},
		{`"name":"model"`, `"name":"../model"`, ErrFormat, "name"},
		{`"name":"model"`, `"name":""`, ErrFormat, "name"},
		{`"size":3,`, `"size":4,`, ErrFormat, "chunks hold 3"},
		{`"size":12`, `"size":1000000000000`, ErrTooLarge, "size"},
		{`"size":12`, `"size":-1`, ErrTooLarge, "size"},
		{`"raw":3`, `"raw":9223372036854775807`, ErrTooLarge, "raw"},
		{h, strings.ToUpper(h), ErrFormat, "hash"},
		{h, h[:40], ErrFormat, "hash"},
		{`{"items":3}`, `[]`, ErrFormat, "card"},
		{`{"items":3}`, strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40), ErrTooLarge, "deeper"},
		{`{"items":3}`, `[` + strings.Repeat(`[],`, maxValues) + `[]]`, ErrTooLarge, "values"},
		{`{"items":3}`, `{"a":"` + strings.Repeat("x", MaxCard) + `"}`, ErrTooLarge, "card"},
		{`{"items":3}`, `{"a":"` + strings.Repeat("x", MaxManifest) + `"}`, ErrTooLarge, "bytes"},
		{`{"items":3}`, "{\"a\":\"\xff\"}", ErrFormat, "UTF-8"},
		{`"components":[`, `"components":[],"x":[`, ErrFormat, "no components"},
		{`"components":[`, `"components":{},"x":[`, ErrFormat, "not an array"},
	} {
		text := strings.Replace(string(good), tc.old, tc.new, 1)
		if text == string(good) {
			t.Fatalf("%s: not found", tc.old)
		}
		_, err := ParseManifest([]byte(text))
		if !errors.Is(err, tc.want) || !strings.Contains(fmt.Sprint(err), tc.words) {
			t.Errorf("%s → %.60s: %v; want %v, naming %q", tc.old, tc.new, err, tc.want, tc.words)
		}
	}
}

func TestManifestCounts(t *testing.T) {
	m := testManifest()
	c := m.Components[0]
	for i := range MaxComponents {
		c.Name = fmt.Sprintf("c%d", i)
		m.Components = append(m.Components, c)
	}
	if _, err := m.Encode(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%d components: %v", len(m.Components), err)
	}
	m = testManifest()
	m.Components = append(m.Components, m.Components[0])
	if _, err := m.Encode(); !errors.Is(err, ErrFormat) {
		t.Errorf("one component twice: %v", err)
	}
	m = testManifest()
	for range MaxChunks {
		m.Components[0].Chunks = append(m.Components[0].Chunks, c.Chunks[0])
	}
	if _, err := m.Encode(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%d chunks: %v", len(m.Components[0].Chunks), err)
	}
}

func TestCritical(t *testing.T) {
	m := testManifest()
	m.Critical = []string{"model", "rules"}
	if err := m.Understood("model", "rules"); err != nil {
		t.Error(err)
	}
	if err := m.Understood("model"); !errors.Is(err, ErrCritical) || !strings.Contains(err.Error(), `"rules"`) {
		t.Errorf("unknown critical component: %v", err)
	}
	r := testRollout()
	r.Critical = []string{"canary"}
	if _, err := r.Encode(); !errors.Is(err, ErrCritical) {
		t.Errorf("unknown critical key: %v", err)
	}
}

// TestUnknownKeys: keys from a later version are skipped.
func TestUnknownKeys(t *testing.T) {
	b, err := testRollout().Encode()
	if err != nil {
		t.Fatal(err)
	}
	b = append([]byte(`{"later":[1,{"x":null}],`), b[1:]...)
	if r, err := ParseRollout(b); err != nil || r.Version != 9 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRolloutRefusals(t *testing.T) {
	for name, edit := range map[string]func(*Rollout){
		"version":     func(r *Rollout) { r.Version = 0 },
		"release":     func(r *Rollout) { r.Release.Version = 0 },
		"highest":     func(r *Rollout) { r.Highest = 6 },
		"size 0":      func(r *Rollout) { r.Release.Size = 0 },
		"endless":     func(r *Rollout) { r.Release.Size = 1 << 40 },
		"no lifetime": func(r *Rollout) { r.Expires = r.Issued },
	} {
		r := testRollout()
		edit(r)
		if _, err := r.Encode(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestKept: what is withdrawn stays so, and says so as no more than a key that readers may skip.
func TestKept(t *testing.T) {
	r := testRollout()
	older := Ref{Version: 6, Manifest: Sum([]byte("older")), Size: 800}
	r.Kept = []Kept{{Ref: older, Withdrawn: true}, {Ref: Ref{Version: 5, Manifest: Sum([]byte("oldest")), Size: 800}}}
	b, err := r.Encode()
	if err != nil || bytes.Count(b, []byte(`"withdrawn":true`)) != 1 || bytes.Count(b, []byte("withdrawn")) != 1 || bytes.Contains(b, []byte("critical")) {
		t.Fatalf("%s, %v", b, err)
	}
	got, err := ParseRollout(b)
	if err != nil || !slices.Equal(got.Kept, r.Kept) || got.Refs()[1] != older {
		t.Errorf("%+v, %v", got, err)
	}
	for _, value := range []string{"null", `"yes"`, "1"} {
		if _, err := ParseRollout(bytes.Replace(b, []byte(`"withdrawn":true`), []byte(`"withdrawn":`+value), 1)); !errors.Is(err, ErrFormat) {
			t.Errorf("withdrawn %s: %v", value, err)
		}
	}
}

func TestExpired(t *testing.T) {
	r := testRollout()
	if r.Expired(r.Expires.Add(-time.Second)) || !r.Expired(r.Expires) {
		t.Error("a rollout lives until, not including, its expiry")
	}
}

// split returns a component with its chunks in a map.
func split(t testing.TB, data []byte) (Component, map[Hash][]byte) {
	t.Helper()
	store := map[Hash][]byte{}
	c, err := Split("model", bytes.NewReader(data), Plan{}, func(p Piece, b []byte) error {
		store[p.Hash] = bytes.Clone(b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, store
}

func TestSplitJoin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 2*blockSize+17)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	for _, n := range []int{0, 1, 1000, blockSize - 1, blockSize, blockSize + 1, len(noise)} {
		for name, data := range map[string][]byte{"noise": noise[:n], "zeros": make([]byte, n)} {
			c, store := split(t, data)
			var out bytes.Buffer
			err := Join(&out, &c, func(p Piece) ([]byte, error) { return store[p.Hash], nil })
			if err != nil || !bytes.Equal(out.Bytes(), data) || c.Size != int64(n) {
				t.Errorf("%s %d: %v, %d bytes", name, n, err, out.Len())
			}
			if err := c.Check(bytes.NewReader(data)); err != nil {
				t.Errorf("%s %d: check: %v", name, n, err)
			}
		}
	}
}

// TestJoinRefuses: every way a source can lie about a chunk is named, with component and chunk.
func TestJoinRefuses(t *testing.T) {
	c, store := split(t, bytes.Repeat([]byte("edged "), blockSize/3))
	good := store[c.Chunks[1].Hash]
	bomb := func(raw int) []byte { // a block that decodes to raw bytes
		b, err := packFull(1, make([]byte, raw))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	relabel := func(packed []byte) Component { // a manifest that vouches for what the source sends
		c := c
		c.Chunks = append([]Chunk(nil), c.Chunks...)
		c.Chunks[1].Hash, c.Chunks[1].Size = Sum(packed), int64(len(packed))
		return c
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for name, tc := range map[string]struct {
		c    Component
		sent []byte
		want error
	}{
		"flipped":          {c, flipped, ErrHash},
		"cut":              {c, good[:len(good)-1], ErrSize},
		"longer":           {c, append(bytes.Clone(good), 0), ErrSize},
		"empty":            {c, nil, ErrSize},
		"decodes to more":  {relabel(bomb(blockSize + 1)), bomb(blockSize + 1), ErrSize},
		"decodes to less":  {relabel(bomb(10)), bomb(10), ErrSize},
		"decodes to 4 MiB": {relabel(bomb(4 << 20)), bomb(4 << 20), ErrSize},
		"no block":         {relabel([]byte("plain")), []byte("plain"), ErrFormat},
		"another block":    {relabel(bomb(blockSize - 2)), bomb(blockSize - 2), ErrHash},
	} {
		err := Join(io.Discard, &tc.c, func(p Piece) ([]byte, error) {
			if p.Hash == tc.c.Chunks[1].Hash {
				return tc.sent, nil
			}
			return store[p.Hash], nil
		})
		if !errors.Is(err, tc.want) || !strings.Contains(fmt.Sprint(err), `"model"`) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	data := []byte("some bytes of a file")
	c, _ := split(t, data)
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 0x80
		if err := c.Check(bytes.NewReader(bad)); !errors.Is(err, ErrHash) {
			t.Fatalf("byte %d: %v", i, err)
		}
		if err := c.Check(bytes.NewReader(data[:i])); !errors.Is(err, ErrSize) {
			t.Fatalf("cut to %d: %v", i, err)
		}
	}
	if err := c.Check(io.MultiReader(bytes.NewReader(data), zeros{})); !errors.Is(err, ErrSize) {
		t.Errorf("endless: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestLoadKeysRefuses(t *testing.T) {
	fsys := vfs.NewMem()
	for name, text := range map[string]string{
		"empty": "", "noise": "hello", "other": "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
	} {
		if err := fsys.MkdirAll(name); err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(fsys, name+"/release.key", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKeys(fsys, name, testTrust, RoleRelease); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := LoadKeys(fsys, "nowhere", testTrust, RoleRelease); err == nil || !strings.Contains(err.Error(), "edged keys init") {
		t.Errorf("no directory: %v", err)
	}
}

func TestHashText(t *testing.T) {
	h := Sum([]byte("x"))
	if got, err := ParseHash(h.String()); err != nil || got != h {
		t.Error(got, err)
	}
	for _, s := range []string{"", h.Hex(), "sha256:", "sha256:zz" + h.Hex()[2:], "sha512:" + h.Hex(), h.String() + "0", "sha256:" + strings.ToUpper(h.Hex())} {
		if _, err := ParseHash(s); err == nil {
			t.Errorf("%q: accepted", s)
		}
	}
}
