package node

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"testing"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/release"
	"github.com/edged/edged/snapshot"
)

// bits is how many random bits are changed: EDGED_BITS, or few. With it every bit of documents and headers is, too, or else every so many-th.
func bits(t *testing.T) (random, step int) {
	n, err := strconv.Atoi(os.Getenv("EDGED_BITS"))
	if err != nil {
		return 3000, 101
	}
	return n, 1
}

// flipped runs f with a bit changed, and puts it back.
func flipped(b []byte, bit int, f func()) {
	b[bit/8] ^= 1 << (bit % 8)
	f()
	b[bit/8] ^= 1 << (bit % 8)
}

// TestEveryBitOfDocuments changes every bit of rollout, manifest and root at the origin, and cuts each at every length: a node refuses it, and
// serves on what it did.
func TestEveryBitOfDocuments(t *testing.T) {
	_, step := bits(t)
	for _, what := range []string{"rollout", "manifest", "root"} {
		s, n, name := offered(t, what)
		good, tried := s.get(name), 0
		refuses := func(b []byte) {
			t.Helper()
			s.put(name, b)
			n.roots = day.AddDate(-1, 0, 0) // looks for a root each time
			var r *Refusal
			if err := n.Check(t.Context()); !errors.As(err, &r) {
				t.Fatalf("%s: %v", what, err)
			}
			tried++
		}
		for bit := 0; bit < 8*len(good); bit += step {
			flipped(good, bit, func() { refuses(good) })
		}
		for cut := 0; cut < len(good); cut += step {
			refuses(good[:cut])
		}
		serves(t, n, 1)
		s.put(name, good)
		n.roots = day.AddDate(-1, 0, 0)
		s.check(n)
		if v := content(t, n); v != 2 {
			t.Errorf("%s: serves version %d when it is whole again", what, v)
		}
		t.Logf("%s of %d bytes: %d bits and cuts refused", what, len(good), tried)
	}
}

// offered is a node that serves version 1, while the origin offers 2, and the document that is to be damaged.
func offered(t *testing.T, what string) (s *shop, n *Node, name string) {
	t.Helper()
	s = newShop(t)
	s.publish(1)
	n = s.open(newMachine())
	s.check(n)
	if what == "root" {
		s.rotate("keys", release.RoleFreshness)
		s.refresh()
		s.publish(2)
		return s, n, origin.RootName(2)
	}
	second := s.publish(2)
	if what == "rollout" {
		return s, n, origin.RolloutName
	}
	return s, n, origin.ManifestName(second.Manifest.Hex())
}

// TestEveryBitOfPieces changes bits of what travels: every one of the headers, random ones of the rest, and cuts every piece at every length. None is
// decoded.
func TestEveryBitOfPieces(t *testing.T) {
	random, step := bits(t)
	s := newShop(t)
	s.publish(1)
	var chunks []release.Chunk
	for _, c := range s.manifest().Components {
		chunks = append(chunks, c.Chunks...)
	}
	tried := 0
	for _, c := range chunks {
		b := s.get(origin.ChunkName(c.Hash.Hex()))
		refuses := func(b []byte) {
			t.Helper()
			if _, err := c.Decode(nil, b); !errors.Is(err, release.ErrHash) && !errors.Is(err, release.ErrSize) {
				t.Fatalf("chunk %s: %v", c.Hash.Short(), err)
			}
			tried++
		}
		const heads = 8 * 26 // of the block, and of its first stream
		rng := rand.New(rand.NewPCG(1, uint64(len(b))))
		for bit := 0; bit < heads; bit += min(step, 7) {
			flipped(b, bit, func() { refuses(b) })
		}
		for range random / len(chunks) {
			flipped(b, heads+rng.IntN(8*len(b)-heads), func() { refuses(b) })
		}
		for cut := 0; cut < len(b); cut += step {
			refuses(b[:cut])
		}
	}
	t.Logf("%d chunks: %d bits and cuts refused", len(chunks), tried)
}

// TestEveryBitOfFiles changes bits of the files of a release that lies on a node: every one of headers and tables, which opening notices, random ones of
// the rest, which reading the release whole does, before it is served for the first time and after every start; and cuts them at every length.
func TestEveryBitOfFiles(t *testing.T) {
	random, step := bits(t)
	s := newShop(t)
	s.publish(1)
	disk := vfs.NewMem()
	n := s.open(&machine{fs: disk})
	s.check(n)
	h, m := n.state().Current, s.manifest()
	names := components(m)
	for _, name := range names {
		file := n.store.Path(h, name)
		good, err := vfs.ReadFile(disk, file, 1<<30)
		s.must(err)
		b, tried := slices.Clone(good), 0
		head := 8 * headBytes(b)
		refuses := func(opens bool, b []byte) {
			t.Helper()
			s.must(replaceFile(disk, file, b))
			if err := n.store.Check(t.Context(), h, m); !errors.Is(err, release.ErrHash) && !errors.Is(err, release.ErrSize) && !errors.Is(err, release.ErrNotHeld) {
				t.Fatalf("%s: %v", name, err)
			}
			if _, err := snapshot.Parse(b, "edged."+name, nil); err == nil && !opens {
				t.Fatalf("%s: opens", name)
			}
			tried++
		}
		for bit := 0; bit < head; bit += step {
			flipped(b, bit, func() { refuses(false, b) })
		}
		rng := rand.New(rand.NewPCG(2, uint64(len(b))))
		for range random / len(names) {
			flipped(b, head+rng.IntN(8*len(b)-head), func() { refuses(true, b) })
		}
		for cut := 0; cut < len(b); cut += step {
			refuses(false, b[:cut])
		}
		s.must(replaceFile(disk, file, good))
		s.must(n.store.Check(t.Context(), h, m))
		t.Logf("%s of %d bytes, %d of them header and table: %d bits and cuts noticed", path.Base(file), len(b), head/8, tried)
	}
}

// headBytes is how long header and table of a snapshot are (snapshot/FORMAT.md).
func headBytes(b []byte) int { return 64 + 64*int(b[12]) }

// replaceFile writes a file anew, not durably, which is quicker.
func replaceFile(fsys vfs.FS, name string, b []byte) error {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// large is a build of so many items, a few MB; a shift of the vectors makes another version of it, little different.
func large(s *shop, items int, shift float32) func(*model.Build) {
	return func(b *model.Build) {
		rng := rand.New(rand.NewPCG(11, 1))
		b.Meta.Dim, b.Checks, b.IDs, b.Popularity, b.Vectors = 64, nil, nil, nil, nil
		for i := range items {
			b.IDs, b.Popularity = append(b.IDs, fmt.Sprintf("item-%06d", i)), append(b.Popularity, float32(items-i))
			for range b.Meta.Dim {
				b.Vectors = append(b.Vectors, rng.Float32()-.5+shift*rng.Float32()*float32(i%3))
			}
		}
		s.addChecks(b)
	}
}

// TestBitsOfLargeRelease changes random bits of the pieces, whole ones and differences, of a release of several MB, and of its files, and cuts them at random
// lengths: each is noticed.
func TestBitsOfLargeRelease(t *testing.T) {
	random, _ := bits(t)
	s := newShop(t)
	for version, shift := range []float32{0, .01} {
		_, err := publish.Run(t.Context(), s.publisher(s.train(version+1, large(s, 20000, shift))))
		s.must(err)
	}
	n := s.open(newMachine())
	s.check(n)
	h, m := n.served, s.manifest()
	type piece struct {
		chunk *release.Chunk
		delta bool
		bytes []byte
	}
	var pieces []piece
	deltas := 0
	for i := range m.Components {
		for k := range m.Components[i].Chunks {
			c := &m.Components[i].Chunks[k]
			pieces = append(pieces, piece{c, false, s.get(origin.ChunkName(c.Hash.Hex()))})
			if c.Delta != nil {
				deltas++
				pieces = append(pieces, piece{c, true, s.get(origin.ChunkName(c.Delta.Hash.Hex()))})
			}
		}
	}
	if deltas < 5 || m.Size() < 2<<20 {
		t.Fatalf("%d differences in %d bytes", deltas, m.Size())
	}
	refuses := func(p *piece, b []byte) {
		t.Helper()
		var err error
		if p.delta {
			_, err = p.chunk.DecodeDelta(nil, b, nil, 0)
		} else {
			_, err = p.chunk.Decode(nil, b)
		}
		if !errors.Is(err, release.ErrHash) && !errors.Is(err, release.ErrSize) {
			t.Fatalf("chunk %s: %v", p.chunk.Hash.Short(), err)
		}
	}
	rng := rand.New(rand.NewPCG(3, 1))
	for i := range random {
		p := &pieces[rng.IntN(len(pieces))]
		flipped(p.bytes, rng.IntN(8*len(p.bytes)), func() { refuses(p, p.bytes) })
		if i%10 == 0 {
			refuses(p, p.bytes[:rng.IntN(len(p.bytes))])
		}
	}
	files := min(random/500, 300)
	for range files {
		c := &m.Components[rng.IntN(len(m.Components))]
		name := n.store.Path(h, c.Name)
		b, err := vfs.ReadFile(n.cfg.FS, name, 1<<30)
		s.must(err)
		flipped(b, rng.IntN(8*len(b)), func() { s.must(replaceFile(n.cfg.FS, name, b)) })
		if err := n.store.Check(t.Context(), h, m); !errors.Is(err, release.ErrHash) {
			t.Fatalf("%s: %v", c.Name, err)
		}
		s.must(replaceFile(n.cfg.FS, name, b))
	}
	t.Logf("%d bytes, %d pieces, %d of them differences: %d bits and a tenth as many cuts of pieces, %d bits of files noticed", m.Size(), len(pieces), deltas, random, files)
}
