package node

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
)

func keepAll(n int) int { return n }

// upgrade is a node that starts on fsys and looks once.
func (s *shop) upgrade(fsys vfs.FS) error {
	m := &machine{fs: fsys}
	n, err := Open(context.Background(), s.config(m))
	if err != nil {
		return err
	}
	return errors.Join(n.Check(context.Background()), n.Close())
}

// holding1 is a disk with version 1, while the origin offers version 2.
func holding1(t *testing.T) (*shop, *vfs.Mem) {
	t.Helper()
	s, disk := newShop(t), vfs.NewMem()
	s.publish(1)
	s.must(s.upgrade(disk))
	s.publish(2)
	return s, disk
}

func (s *shop) countOps(base *vfs.Mem) int {
	s.t.Helper()
	total := 0
	s.must(s.upgrade(vfs.Faulty(base.Crash(keepAll), func(op vfs.Op) error { total = op.N; return nil })))
	if total < 50 {
		s.t.Fatalf("only %d operations", total)
	}
	return total
}

// TestCrash loses power at every operation of an upgrade, and of a first install: the node opens the old version or
// the new, whole, with the origin away, and upgrades when it is back.
func TestCrash(t *testing.T) {
	s, disk := holding1(t)
	t.Run("upgrade", func(t *testing.T) { crashEverywhere(t, s, disk, 1) })
	t.Run("first", func(t *testing.T) { crashEverywhere(t, s, vfs.NewMem(), 0) })
}

func crashEverywhere(t *testing.T, s *shop, base *vfs.Mem, old uint64) {
	seen := map[uint64]int{}
	for n := range s.countOps(base) {
		for _, keep := range []func(int) int{func(int) int { return 0 }, func(n int) int { return n / 2 }, keepAll} {
			disk := base.Crash(keepAll)
			_ = s.upgrade(vfs.Faulty(disk, func(op vfs.Op) error {
				if op.N > n {
					return errors.New("power lost")
				}
				return nil
			}))
			node := s.open(&machine{fs: disk.Crash(keep)})
			var version uint64
			if r := node.Current(); r != nil {
				version = r.Release().Version
			}
			if version != old && version != 2 {
				t.Fatalf("operation %d: version %d", n+1, version)
			}
			serves(t, node, version)
			sound(t, node)
			seen[version]++
			s.check(node)
			serves(t, node, 2)
			s.must(node.Close())
		}
	}
	if seen[old] == 0 || seen[2] == 0 {
		t.Errorf("crashes left versions %v: want some of both", seen)
	}
}

// sound reads every byte the node's state names.
func sound(t *testing.T, n *Node) {
	t.Helper()
	state := n.state()
	for _, h := range []release.Hash{state.Current, state.Previous} {
		if h.IsZero() {
			continue
		}
		if _, err := n.proved(context.Background(), h); err != nil {
			t.Fatalf("release %s: %v", h.Short(), err)
		}
	}
}

// TestFaults fails one operation at a time. The node goes on with the old version or the new, takes the new one at a
// later look, and so does a node started afterwards.
func TestFaults(t *testing.T) {
	s, base := holding1(t)
	for op := range s.countOps(base) {
		disk := base.Crash(keepAll)
		m := &machine{fs: vfs.Faulty(disk, func(o vfs.Op) error {
			if o.N == op+1 {
				return errors.New("disk error")
			}
			return nil
		})}
		n, err := Open(t.Context(), s.config(m))
		if err == nil {
			_ = n.Check(t.Context())
			if v := n.Current().Release().Version; v != 1 && v != 2 {
				t.Fatalf("operation %d: version %d", op+1, v)
			}
			_ = n.Check(t.Context())
			serves(t, n, 2)
			_ = n.Close()
		}
		after := s.open(&machine{fs: disk.Kill()})
		sound(t, after)
		s.check(after)
		serves(t, after, 2)
	}
}

// TestDamagedDisk flips a byte, in turn, in every file of a node that holds two versions. It comes back serving a
// version that is right in every byte, and repairs itself from the origin.
func TestDamagedDisk(t *testing.T) {
	s, base := holding1(t)
	s.must(s.upgrade(base))
	for _, name := range files(t, base, "node") {
		good, err := vfs.ReadFile(base, name, 1<<30)
		s.must(err)
		for i := range 16 {
			if len(good) == 0 {
				continue
			}
			disk := base.Crash(keepAll)
			bad := append([]byte(nil), good...)
			bad[i*len(bad)/16] ^= 0x20
			s.must(vfs.WriteFile(disk, name, bad))
			n := s.open(&machine{fs: disk})
			n.readAll(t.Context())
			if r := n.Current(); r == nil {
				t.Fatalf("%s, part %d: nothing is served", name, i)
			}
			sound(t, n)
			s.check(n)
			serves(t, n, 2)
			if !n.Status().Verified {
				t.Errorf("%s: not verified", name)
			}
			s.must(n.Close())
		}
	}
}

func files(t *testing.T, fsys vfs.FS, dir string) (names []string) {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, files(t, fsys, dir+"/"+e.Name())...)
			continue
		}
		names = append(names, dir+"/"+e.Name())
	}
	return names
}

// TestWithdraw: a release found damaged while it is served gives way to the one before, and is fetched again; with
// none before it, nothing is served.
func TestWithdraw(t *testing.T) {
	s, base := holding1(t)
	s.must(s.upgrade(base))
	disk := base.Crash(keepAll)
	m := &machine{fs: disk}
	n := s.open(m)
	serves(t, n, 2)
	s.damage(disk, n.store.Path(n.state().Current, CatalogueComponent))
	n.readAll(t.Context())
	serves(t, n, 1)
	if st := n.Status(); !strings.Contains(st.LastFailure, "damaged on disk") || !strings.Contains(m.log.String(), "damaged on disk") {
		t.Errorf("%+v", st)
	}
	s.check(n)
	serves(t, n, 2)

	disk = base.Crash(keepAll)
	n = s.open(&machine{fs: disk})
	state := n.state()
	s.damage(disk, n.store.Path(state.Current, CatalogueComponent))
	s.damage(disk, n.store.Path(state.Previous, CatalogueComponent))
	n.readAll(t.Context())
	serves(t, n, 0)
	s.check(n)
	serves(t, n, 2)
}

// TestStateLost: without its record a node serves the newest sound release it holds, after all the checks of a fresh
// one, and takes no older one from the origin.
func TestStateLost(t *testing.T) {
	s := newShop(t)
	s.publish(1)
	first := s.get(origin.RolloutName)
	base := vfs.NewMem()
	s.must(s.upgrade(base))
	s.publish(2)
	s.must(s.upgrade(base))
	second := s.get(origin.RolloutName)

	disk := base.Crash(keepAll)
	s.must(disk.Remove("node/state.json"))
	m := &machine{fs: disk}
	n := s.open(m)
	serves(t, n, 2)
	s.put(origin.RolloutName, first)
	expectRefusal(t, n, m, "version", "release 1, held is 2")
	serves(t, n, 2)
	s.put(origin.RolloutName, second)
	s.check(n)

	disk = base.Crash(keepAll)
	s.must(disk.Remove("node/state.json"))
	s.damage(disk, n.store.Path(n.state().Current, CatalogueComponent))
	serves(t, s.open(&machine{fs: disk}), 1)
}

// damage changes the last byte of a file: of a snapshot that is padding, which only the hash of the whole covers.
func (s *shop) damage(fsys vfs.FS, name string) {
	s.t.Helper()
	b, err := vfs.ReadFile(fsys, name, 1<<30)
	s.must(err)
	b[len(b)-1] ^= 1
	s.must(vfs.WriteFile(fsys, name, b))
}

// TestUnreadable: bytes that cannot be read this time are no proof of damage; they are read again later.
func TestUnreadable(t *testing.T) {
	s, base := holding1(t)
	sick := false
	n := s.open(&machine{fs: vfs.Faulty(base, func(op vfs.Op) error {
		if sick && op.Name == vfs.OpRead {
			return errors.New("disk error")
		}
		return nil
	})})
	sick = true
	n.readAll(t.Context())
	serves(t, n, 1)
	if st := n.Status(); st.Verified || !strings.Contains(st.LastFailure, "disk error") {
		t.Errorf("%+v", st)
	}
	sick = false
	n.readAll(t.Context())
	serves(t, n, 1)
	if !n.Status().Verified {
		t.Error("not verified after the disk came back")
	}
}
