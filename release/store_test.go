package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/edged/edged/internal/vfs"
)

// parcel is a release ready to install.
type parcel struct {
	env    []byte
	m      *Manifest
	hash   Hash
	chunks map[Hash][]byte
	model  []byte // of wide
}

func newParcel(t testing.TB, version uint64) *parcel { return newParcelOf(t, version, 500) }

func newParcelOf(t testing.TB, version uint64, size int) *parcel {
	t.Helper()
	rng := rand.New(rand.NewPCG(version, 0))
	p := &parcel{chunks: map[Hash][]byte{}, m: testManifest()}
	p.m.Version, p.m.Components = version, nil
	for _, name := range []string{"catalogue", "model"} {
		data := make([]byte, size)
		for i := range data[:300] {
			data[i] = byte(rng.Uint32())
		}
		c, err := Split(name, bytes.NewReader(data), Plan{}, func(piece Piece, b []byte) error { p.chunks[piece.Hash] = bytes.Clone(b); return nil })
		if err != nil {
			t.Fatal(err)
		}
		p.m.Components = append(p.m.Components, c)
	}
	p.env = mustSeal(t, ManifestType, p.m, testKey(1))
	p.hash = Sum(p.env)
	return p
}

func (p *parcel) get(_ context.Context, piece Piece) ([]byte, error) {
	b, ok := p.chunks[piece.Hash]
	if !ok {
		return nil, fmt.Errorf("no such chunk")
	}
	return b, nil
}

// bring installs and commits p, as a node does.
func (p *parcel) bring(ctx context.Context, s *Store) error {
	if _, err := s.Manifest(testTrust, p.hash); err != nil {
		if err := s.Install(ctx, p.env, p.m, []string{"model", "catalogue"}, OneByOne(p.get)); err != nil {
			return err
		}
	}
	state := s.State()
	if state.Current != p.hash {
		state.Current, state.Previous = p.hash, state.Current
	}
	if err := s.Commit(state); err != nil {
		return err
	}
	return s.Prune()
}

var testTrust = trustOf(1, testKey(1))

func openStore(t testing.TB, fsys vfs.FS) *Store {
	t.Helper()
	s, damage, err := OpenStore(fsys, "node")
	if err != nil || damage != nil {
		t.Fatal(damage, err)
	}
	return s
}

// whole reports whether a release is held, with every byte right.
func whole(s *Store, h Hash) error {
	m, err := s.Manifest(testTrust, h)
	if err != nil {
		return err
	}
	return s.Check(context.Background(), h, m)
}

func diskWith(t testing.TB, parcels ...*parcel) *vfs.Mem {
	t.Helper()
	disk := vfs.NewMem()
	s := openStore(t, disk)
	defer s.Close()
	for _, p := range parcels {
		if err := p.bring(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return disk
}

func TestStoreKeepsTwo(t *testing.T) {
	a, b, c := newParcel(t, 1), newParcel(t, 2), newParcel(t, 3)
	s := openStore(t, diskWith(t, a, b, c))
	held, err := s.Held()
	if err != nil || len(held) != 2 || slices.Contains(held, a.hash) {
		t.Errorf("held %v, %v", held, err)
	}
	if st := s.State(); st.Current != c.hash || st.Previous != b.hash {
		t.Errorf("%+v", st)
	}
	if err := errors.Join(whole(s, b.hash), whole(s, c.hash)); err != nil {
		t.Error(err)
	}
}

func TestStoreLock(t *testing.T) {
	disk := diskWith(t, newParcel(t, 1))
	s := openStore(t, disk)
	if _, _, err := OpenStore(disk, "node"); err == nil || !strings.Contains(err.Error(), "another node uses it") {
		t.Errorf("second store: %v", err)
	}
	if _, _, err := ReadStore(disk, "node"); err != nil {
		t.Errorf("reading beside it: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openStore(t, disk)
}

// TestStoreCrash loses power at every operation of an install that follows another: the store opens with the old
// release or the new one, whole, and the install done again succeeds.
func TestStoreCrash(t *testing.T) {
	a, b := newParcel(t, 1), newParcel(t, 2)
	base := diskWith(t, a)
	all := func(n int) int { return n }
	total := countOps(t, base, b)
	var old, fresh int
	for n := 1; n <= total; n++ {
		for _, keep := range []func(int) int{func(int) int { return 0 }, func(n int) int { return n / 2 }, all} {
			disk := base.Crash(all)
			lost := errors.New("power lost")
			_ = attempt(vfs.Faulty(disk, func(op vfs.Op) error {
				if op.N >= n {
					return lost
				}
				return nil
			}), b)
			s := openStore(t, disk.Crash(keep))
			switch s.State().Current {
			case a.hash:
				old++
			case b.hash:
				fresh++
			default:
				t.Fatalf("operation %d: state %+v", n, s.State())
			}
			if err := whole(s, s.State().Current); err != nil {
				t.Fatalf("operation %d: %v", n, err)
			}
			if err := b.bring(t.Context(), s); err != nil {
				t.Fatalf("operation %d: again: %v", n, err)
			}
			if err := errors.Join(whole(s, b.hash), whole(s, a.hash)); err != nil {
				t.Fatalf("operation %d: after it: %v", n, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if old == 0 || fresh == 0 {
		t.Errorf("%d crashes left the old release, %d the new: want some of both", old, fresh)
	}
}

// attempt opens the store and brings p in.
func attempt(fsys vfs.FS, p *parcel) error {
	s, damage, err := OpenStore(fsys, "node")
	if err != nil || damage != nil {
		return errors.Join(err, damage)
	}
	return errors.Join(p.bring(context.Background(), s), s.Close())
}

func countOps(t *testing.T, base *vfs.Mem, p *parcel) int {
	t.Helper()
	total := 0
	err := attempt(vfs.Faulty(base.Crash(func(n int) int { return n }), func(op vfs.Op) error { total = op.N; return nil }), p)
	if err != nil || total < 20 {
		t.Fatalf("%d operations, %v", total, err)
	}
	return total
}

// TestStoreFaults fails one operation at a time, the disk being well otherwise: the store in use keeps the old state
// or has the new, and a second try succeeds.
func TestStoreFaults(t *testing.T) {
	a, b := newParcel(t, 1), newParcel(t, 2)
	base := diskWith(t, a)
	for n := range countOps(t, base, b) {
		disk := base.Crash(func(n int) int { return n })
		fsys := vfs.Faulty(disk, func(op vfs.Op) error {
			if op.N == n+1 {
				return errors.New("disk error")
			}
			return nil
		})
		if err := attempt(fsys, b); err == nil {
			continue // the operation's fault did not matter
		}
		s, _, err := OpenStore(disk.Kill(), "node")
		if err != nil {
			t.Fatalf("operation %d: %v", n+1, err)
		}
		if c := s.State().Current; c != a.hash && c != b.hash {
			t.Fatalf("operation %d: state %+v", n+1, s.State())
		}
		if err := errors.Join(whole(s, s.State().Current), b.bring(t.Context(), s), whole(s, b.hash)); err != nil {
			t.Fatalf("operation %d: %v", n+1, err)
		}
	}
}

// TestInstallResumes: chunks that arrived before a failure are not fetched again, unless they were damaged.
func TestInstallResumes(t *testing.T) {
	p := newParcelOf(t, 1, blockSize+100)
	disk := vfs.NewMem()
	s := openStore(t, disk)
	fetched := 0
	get := func(ctx context.Context, c Piece) ([]byte, error) {
		if fetched++; fetched == 3 {
			return nil, errors.New("origin away")
		}
		return p.get(ctx, c)
	}
	if err := s.Install(t.Context(), p.env, p.m, []string{"model", "catalogue"}, OneByOne(get)); err == nil {
		t.Fatal("installed without its third chunk")
	}
	first := p.m.Components[1].Chunks[0]
	if err := vfs.WriteFile(disk, "node/chunks/"+first.Hash.Hex(), []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	fetched = 10
	if err := s.Install(t.Context(), p.env, p.m, []string{"model", "catalogue"}, OneByOne(get)); err != nil {
		t.Fatal(err)
	}
	if n := fetched - 10; n != 2 || whole(s, p.hash) != nil { // the damaged one and the missing one; the fourth equals the second
		t.Errorf("fetched %d chunks the second time, %v", n, whole(s, p.hash))
	}
}

// TestHeldDamage flips one byte of each file of a held release.
func TestHeldDamage(t *testing.T) {
	p := newParcel(t, 1)
	for _, name := range []string{"manifest.json", "installed.json", "model", "catalogue"} {
		for _, damage := range []func([]byte) []byte{
			func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
			func(b []byte) []byte { return b[:len(b)-1] },
			func(b []byte) []byte { return append(b, 0) },
			func([]byte) []byte { return nil },
		} {
			disk := diskWith(t, p)
			s := openStore(t, disk)
			b, err := vfs.ReadFile(disk, s.Path(p.hash, name), 1<<30)
			if err != nil {
				t.Fatal(err)
			}
			if err := vfs.WriteFile(disk, s.Path(p.hash, name), damage(b)); err != nil {
				t.Fatal(err)
			}
			if err := whole(s, p.hash); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestStateDamage: any state.json opens, and damage is told.
func TestStateDamage(t *testing.T) {
	disk := diskWith(t, newParcel(t, 1))
	good, err := vfs.ReadFile(disk, "node/state.json", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		if err := vfs.WriteFile(disk, "node/state.json", good[:i]); err != nil {
			t.Fatal(err)
		}
		s, damage, err := OpenStore(disk, "node")
		if err != nil || damage == nil || !s.State().Current.IsZero() {
			t.Fatalf("cut to %d: %v, %v", i, damage, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadStoreAbsent(t *testing.T) {
	if _, _, err := ReadStore(vfs.NewMem(), "nowhere"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func FuzzState(f *testing.F) {
	good, err := State{Rollout: []byte(`{"a":1}`), Current: Sum(nil), Skip: Sum([]byte("x"))}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseState(b)
		if err != nil {
			return
		}
		text, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseState(text); err != nil || again.Current != s.Current || again.Skip != s.Skip || again.Previous != s.Previous {
			t.Fatal(again, err)
		}
	})
}
