package node

import (
	"errors"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"testing"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
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
