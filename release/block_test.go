package release

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/edged/edged/internal/testkit"
)

const sampleUnit = 8

// sampleRows are six rows of two numbers: those of turn 2 are those of turn 1 with small differences, one moved, one new.
func sampleRows(turn uint32) []byte {
	rows := [][2]uint32{{10, 1000}, {20, 2000}, {30, 3000}, {40, 4000}, {50, 5000}, {60, 6000}}
	if turn == 2 {
		rows = [][2]uint32{{10, 1001}, {20, 1999}, {50, 5000}, {7, 7}, {30, 3000}, {40, 4300}}
	}
	var b []byte
	for _, r := range rows {
		b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, r[0]), r[1])
	}
	return b
}

func sampleDelta(word byte) *block {
	return &block{unit: sampleUnit, word: word, moves: []Move{{2, 0}, {1, 4}, {1, -1}, {2, 2}}}
}

// TestBlockGolden: the bytes of a block of differences, named.
func TestBlockGolden(t *testing.T) {
	b, err := sampleDelta(word32).encode(nil, sampleRows(2), bytes.NewReader(sampleRows(1)))
	if err != nil {
		t.Fatal(err)
	}
	moves := int(binary.LittleEndian.Uint32(b[blockHeader+6:]))
	fields := []testkit.Field{{Len: 1, What: "format"}, {Len: 1, What: "word"}, {Len: 2, What: "reserved"}, {Len: 4, What: "unit"}, {Len: 8, What: "base"}}
	stream := func(name string, n int) {
		fields = append(fields, testkit.Field{Len: 1, What: name + ": coding"}, testkit.Field{Len: 1, What: "segment"},
			testkit.Field{Len: 4, What: "raw length"}, testkit.Field{Len: 4, What: "length"}, testkit.Field{Len: n, What: "data"})
	}
	stream("moves", moves)
	stream("residue", len(b)-blockHeader-2*streamHeader-moves)
	testkit.Golden(t, "block.hex", testkit.Annotate(b, fields))
}

// TestBlockRoundTrip: rows of every shape, whatever they resemble, come back.
func TestBlockRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		unit := []int{1, 3, 4, 8, 64}[rng.IntN(5)]
		raw, base := noise(rng, 1+rng.IntN(3000)), noise(rng, rng.IntN(3000))
		b := &block{unit: unit, word: []byte{wordNone, wordBytes, word32}[rng.IntN(3)]}
		if b.word == word32 && unit%4 != 0 {
			b.word = wordBytes
		}
		if b.word != wordNone {
			b.base = int64(rng.IntN(len(base)/2 + 1))
			b.moves = someMoves(rng, int64(len(raw)/unit), (int64(len(base))-b.base)/int64(unit))
		}
		packed, err := b.encode(nil, raw, bytes.NewReader(base))
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeBlock([]byte("kept"), packed, len(raw), bytes.NewReader(base), int64(len(base)))
		if err != nil || string(got[:4]) != "kept" || !bytes.Equal(got[4:], raw) {
			t.Fatalf("unit %d, word %d: %v", unit, b.word, err)
		}
	}
}

// noise is random bytes, of few values half of the time, so that each coding gets its turn.
func noise(rng *rand.Rand, n int) []byte {
	b, values := make([]byte, n), []int{1, 5, 256}[rng.IntN(3)]
	for i := range b {
		b[i] = byte(rng.IntN(values))
	}
	return b
}

func someMoves(rng *rand.Rand, units, room int64) (moves []Move) {
	for units > 0 {
		m := Move{Units: 1 + rng.Int64N(units), From: -1}
		if most := min(m.Units, room); most > 0 && rng.IntN(3) > 0 {
			m.Units = 1 + rng.Int64N(most)
			m.From = rng.Int64N(room - m.Units + 1)
		}
		moves, units = append(moves, m), units-m.Units
	}
	return moves
}

// TestWindow: every run of a base comes as it is, near or far, long or short.
func TestWindow(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	base := make([]byte, 5*windowSize)
	for i := range base {
		base[i] = byte(rng.Uint32())
	}
	w := window{r: bytes.NewReader(base)}
	for range 2000 {
		n := 1 + rng.IntN([]int{10, 1000, 2 * windowSize}[rng.IntN(3)])
		off := rng.IntN(len(base) - n + 1)
		got := make([]byte, n)
		if err := w.read(got, int64(off)); err != nil || !bytes.Equal(got, base[off:off+n]) {
			t.Fatalf("%d bytes at %d: %v", n, off, err)
		}
	}
	if err := w.read(make([]byte, 10), int64(len(base)-5)); err == nil {
		t.Error("beyond the end: no error")
	}
}

// TestCodings: each coding is taken where it is the smallest.
func TestCodings(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	random := make([]byte, 20000)
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	bell := make([]byte, 20000) // no repeats, few values: entropy alone
	for i := range bell {
		bell[i] = byte(int8(rng.NormFloat64() * 3))
	}
	for want, b := range map[byte][]byte{codingStored: random, codingZstd: bytes.Repeat(random[:500], 40), codingHuff0: append(bytes.Repeat([]byte{9}, 1<<13), bell...)} {
		packed, err := appendStream(nil, b)
		if err != nil || packed[0] != want {
			t.Errorf("coding %d, want %d, %v", packed[0], want, err)
		}
		got, rest, err := cutStream(nil, packed, len(b))
		if err != nil || len(rest) != 0 || !bytes.Equal(got, b) {
			t.Errorf("coding %d: %v", want, err)
		}
		if _, _, err := cutStream(nil, packed, len(b)-1); !errors.Is(err, ErrSize) {
			t.Errorf("coding %d: above the limit: %v", want, err)
		}
	}
}

// TestBlockDamage: a block cut anywhere, or with any bit flipped, is refused or gives other bytes than its id says; it never
// panics and never gives more than it should.
func TestBlockDamage(t *testing.T) {
	base := sampleRows(1)
	good, err := sampleDelta(word32).encode(nil, sampleRows(2), bytes.NewReader(base))
	if err != nil {
		t.Fatal(err)
	}
	try := func(b []byte) {
		t.Helper()
		c := Chunk{ID: Sum(sampleRows(2)), Raw: int64(len(base)), Delta: &Piece{Hash: Sum(b), Size: int64(len(b))}}
		got, err := c.DecodeDelta(nil, b, bytes.NewReader(base), int64(len(base)))
		if err == nil && !bytes.Equal(got, sampleRows(2)) {
			t.Fatalf("%x gave %x", b, got)
		}
	}
	for i := range good {
		try(good[:i])
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			try(bad)
		}
	}
	c := Chunk{ID: Sum(sampleRows(2)), Raw: int64(len(base)), Delta: &Piece{Hash: Sum(good), Size: int64(len(good))}}
	if _, err := c.DecodeDelta(nil, good, bytes.NewReader(base[:39]), 39); !errors.Is(err, ErrFormat) {
		t.Errorf("a shorter base: %v", err)
	}
	if _, err := c.DecodeDelta(nil, good, bytes.NewReader(make([]byte, 48)), 48); !errors.Is(err, ErrHash) {
		t.Errorf("another base: %v", err)
	}
}

// TestSplitSpans: chunks end where spans end, so that what did not change is the same chunk.
func TestSplitSpans(t *testing.T) {
	head, rows := []byte("a header"), bytes.Repeat([]byte("0123456789ab"), blockSize/4)
	plan := Plan{Spans: []Span{{Size: int64(len(head))}, {Size: int64(len(rows)), Unit: 12}}}
	file := func(head []byte) io.Reader { return io.MultiReader(bytes.NewReader(head), bytes.NewReader(rows)) }
	drop := func(Piece, []byte) error { return nil }
	a, err := Split("model", file(head), plan, drop)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Split("model", file([]byte("A HEADER")), plan, drop)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Chunks) != 5 || a.Chunks[1].Raw != blockSize/12*12 {
		t.Errorf("%d chunks, the second of %d bytes", len(a.Chunks), a.Chunks[1].Raw)
	}
	for i := range a.Chunks {
		if same := a.Chunks[i].ID == b.Chunks[i].ID && a.Chunks[i].Hash == b.Chunks[i].Hash; same != (i > 0) {
			t.Errorf("chunk %d: same %v", i, same)
		}
	}
	for _, size := range []int64{int64(len(rows)) - 1, int64(len(rows)) + 1} {
		plan.Spans[1].Size = size
		if _, err := Split("model", file(head), plan, drop); err == nil {
			t.Errorf("spans of %d bytes for %d: accepted", size, len(rows))
		}
	}
}

// TestFirstFormat: a manifest of the first format and its chunks are read for ever.
func TestFirstFormat(t *testing.T) {
	fsys, dir := testFS, "testdata/compat/v1/"
	text, err := readTest(fsys, dir+"manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range m.Components {
		var out bytes.Buffer
		err := Join(&out, &m.Components[i], func(p Piece) ([]byte, error) { return readTest(fsys, dir+p.Hash.Hex()) })
		if err != nil || int64(out.Len()) != m.Components[i].Size || out.Len() == 0 {
			t.Errorf("%s: %d bytes, %v", m.Components[i].Name, out.Len(), err)
		}
	}
	if len(m.Components) != 2 {
		t.Errorf("%d components", len(m.Components))
	}
	if again, err := m.Encode(); err != nil || len(again) != len(text) || !bytes.Contains(again, []byte(manifestDoc1)) {
		t.Errorf("written again as %s, %v", again, err)
	}
}
