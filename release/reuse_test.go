package release

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/edged/edged/internal/vfs"
)

var testFS = vfs.OS

func readTest(fsys vfs.FS, name string) ([]byte, error) { return vfs.ReadFile(fsys, name, 1<<20) }

// wide is a release whose model has a header, a section that stays, and rows that drift a little from version to version;
// differences are taken to the release before.
func wide(t testing.TB, version uint64, before *parcel) *parcel {
	t.Helper()
	fixed, rows := make([]byte, 100<<10), make([]byte, 600<<10)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range fixed {
		fixed[i] = byte(rng.Uint32())
	}
	for i := range rows {
		rows[i] = byte(rng.Uint32())
	}
	for v := uint64(2); v <= version; v++ {
		for i := 0; i < len(rows); i += 50 {
			rows[i] += byte(v)
		}
	}
	model := binary.LittleEndian.AppendUint64(nil, version)
	model = append(append(model, fixed...), rows...)
	p := &parcel{chunks: map[Hash][]byte{}, m: testManifest(), model: model}
	p.m.Version, p.m.Components = version, nil
	plan := Plan{Spans: []Span{{Size: 8}, {Size: int64(len(fixed))}, {
		Size: int64(len(rows)), Unit: 64, Base: 8 + int64(len(fixed)),
		Moves: func(dst []Move, lo, hi int64) []Move { return append(dst, Move{hi - lo, lo}) },
	}}}
	if before != nil {
		c, _ := before.m.Component("model")
		plan.Base = &Base{Hash: c.Hash, Size: c.Size, Data: bytes.NewReader(before.model), IDs: map[Hash]bool{}}
		for _, chunk := range c.Chunks {
			plan.Base.IDs[chunk.ID] = true
		}
	}
	c, err := Split("model", bytes.NewReader(model), plan, func(piece Piece, b []byte) error { p.chunks[piece.Hash] = bytes.Clone(b); return nil })
	if err != nil {
		t.Fatal(err)
	}
	p.m.Components = append(p.m.Components, c)
	p.env = mustSeal(t, ManifestType, p.m, testKey(1))
	p.hash = Sum(p.env)
	return p
}

// counted is a parcel's get that remembers what it gave.
func (p *parcel) counted(bytes *int64, pieces *int) func(context.Context, Piece) ([]byte, error) {
	return func(ctx context.Context, piece Piece) ([]byte, error) {
		*bytes, *pieces = *bytes+piece.Size, *pieces+1
		return p.get(ctx, piece)
	}
}

// arrive installs p and returns what was fetched for it.
func arrive(t *testing.T, s *Store, p *parcel) (size int64, pieces int) {
	t.Helper()
	if err := s.Install(t.Context(), p.env, p.m, []string{"model"}, OneByOne(p.counted(&size, &pieces))); err != nil {
		t.Fatal(err)
	}
	if err := whole(s, p.hash); err != nil {
		t.Fatal(err)
	}
	state := s.State()
	state.Current, state.Previous = p.hash, state.Current
	if err := s.Commit(state); err != nil {
		t.Fatal(err)
	}
	if err := s.Prune(); err != nil {
		t.Fatal(err)
	}
	return size, pieces
}

// TestReuse: of the next release a node fetches the header and differences, of the same release nothing, and of an older one
// that went what is not in those held.
func TestReuse(t *testing.T) {
	a := wide(t, 1, nil)
	b := wide(t, 2, a)
	c := wide(t, 3, b)
	s := openStore(t, vfs.NewMem())
	full, n := arrive(t, s, a)
	if n != 5 {
		t.Errorf("%d pieces of the first", n)
	}
	delta, n := arrive(t, s, b)
	if n != 4 || delta > full/3 {
		t.Errorf("the second took %d pieces and %d bytes, the first %d", n, delta, full)
	}
	if _, n = arrive(t, s, c); n != 4 {
		t.Errorf("the third took %d pieces", n)
	}
	if back, n := arrive(t, s, a); n != 4 || back < full/2 { // neither its rows nor what they differ from are held
		t.Errorf("the first again took %d pieces and %d bytes", n, back)
	}
}

// TestReuseDamage: whatever a disk did to the release held, what is installed is right; the pieces that are missing then are
// fetched.
func TestReuseDamage(t *testing.T) {
	a := wide(t, 1, nil)
	b := wide(t, 2, a)
	for name, offset := range map[string]int{"the block that stays": 5000, "the base of differences": 300 << 10} {
		s := openStore(t, vfs.NewMem())
		arrive(t, s, a)
		file := s.Path(a.hash, "model")
		held, err := vfs.ReadFile(s.fs, file, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		held[offset] ^= 1
		if err := vfs.WriteFile(s.fs, file, held); err != nil {
			t.Fatal(err)
		}
		for _, piece := range a.m.Pieces() {
			if err := s.fs.Remove(s.pieceFile(piece.Hash)); err != nil {
				t.Fatal(err)
			}
		}
		if _, n := arrive(t, s, b); n != 5 {
			t.Errorf("%s: %d pieces fetched, want one more than 4", name, n)
		}
	}
}

// TestPiecesStay: what travelled is there for others as long as a release held names it, and no longer.
func TestPiecesStay(t *testing.T) {
	a := wide(t, 1, nil)
	b := wide(t, 2, a)
	c := wide(t, 3, b)
	s := openStore(t, vfs.NewMem())
	arrive(t, s, a)
	arrive(t, s, b)
	for _, p := range a.m.Pieces() {
		if got, err := s.Piece(p.Hash); err != nil || !bytes.Equal(got, a.chunks[p.Hash]) {
			t.Fatalf("%v", err)
		}
	}
	if got, err := s.Piece(b.hash); err != nil || !bytes.Equal(got, b.env) {
		t.Errorf("the manifest: %v", err)
	}
	if there := s.There(b.m.Pieces()); there[0] != true || there[1] != true || there[2] != false || there[3] != true {
		t.Errorf("of the second: %v", there)
	}
	arrive(t, s, c)
	if got, err := s.Piece(a.m.Components[0].Chunks[4].Hash); err == nil {
		t.Errorf("a piece of a release that went: %d bytes", len(got))
	}
	if _, err := s.Piece(a.m.Components[0].Chunks[1].Hash); err != nil {
		t.Errorf("a piece that the later ones name too: %v", err)
	}
}

// TestDeltaMissing: differences that the source has lost or damaged cost bytes, not the update.
func TestDeltaMissing(t *testing.T) {
	a := wide(t, 1, nil)
	b := wide(t, 2, a)
	for name, lose := range map[string]func(Piece){
		"missing": func(p Piece) { delete(b.chunks, p.Hash) },
		"damaged": func(p Piece) { b.chunks[p.Hash] = bytes.Repeat([]byte{1}, int(p.Size)) },
	} {
		b := b
		s := openStore(t, vfs.NewMem())
		arrive(t, s, a)
		lose(*b.m.Components[0].Chunks[3].Delta)
		if _, n := arrive(t, s, b); n < 4 {
			t.Errorf("%s: %d pieces", name, n)
		}
	}
}
