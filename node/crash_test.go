package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/release"
)

func keepAll(n int) int { return n }

// upgrade is a node that starts on fsys and looks once.
func (s *shop) upgrade(fsys vfs.FS) error { return s.once(fsys, look) }

// look is what a running node does over and over.
func look(n *Node) error { return n.Check(context.Background()) }

// once is a node that starts on fsys, does one thing and ends.
func (s *shop) once(fsys vfs.FS, do func(*Node) error) error {
	n, err := Open(context.Background(), s.config(&machine{fs: fsys}))
	if err != nil {
		return err
	}
	return errors.Join(do(n), n.Close())
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

// holding2 is a disk with versions 1 and 2, which the origin offers.
func holding2(t *testing.T) (*shop, *vfs.Mem) {
	t.Helper()
	s, disk := holding1(t)
	s.must(s.upgrade(disk))
	return s, disk
}

// story is something that changes what lies on a node's disk.
type story struct {
	*shop
	disk     *vfs.Mem
	do       func(*Node) error
	old, new uint64 // what is served before and after, by its items
	stays    uint64 // what is served at last, where a crash before the change undoes it; 0: new
	root     uint64 // the last one; 0: the first
}

// stories is all that a node's disk goes through.
var stories = map[string]func(t *testing.T) story{
	"first": func(t *testing.T) story {
		s, _ := holding1(t)
		return story{shop: s, disk: vfs.NewMem(), do: look, old: 0, new: 2}
	},
	"upgrade": func(t *testing.T) story {
		s, disk := holding1(t)
		return story{shop: s, disk: disk, do: look, old: 1, new: 2}
	},
	"rollback": func(t *testing.T) story {
		s, disk := holding2(t)
		s.must(s.fs.RemoveAll("origin/chunks")) // it is held
		_, err := publish.Serve(t.Context(), s.publisher(""), 0)
		s.must(err)
		return story{shop: s, disk: disk, do: look, old: 2, new: 1}
	},
	"rollback to what is held no more": func(t *testing.T) story {
		s, disk := holding2(t)
		for v := 3; v <= 4; v++ {
			s.publish(v)
			s.must(s.upgrade(disk))
		}
		_, err := publish.Serve(t.Context(), s.publisher(""), 1)
		s.must(err)
		return story{shop: s, disk: disk, do: look, old: 4, new: 1}
	},
	"canary aborted": func(t *testing.T) story {
		s, m, n := canaryOn(t)
		s.must(n.Close())
		_, err := publish.Abort(t.Context(), s.publisher(""))
		s.must(err)
		return story{shop: s, disk: m.fs.(*vfs.Mem), do: look, old: 2, new: 1}
	},
	"keys rotated": func(t *testing.T) story {
		s, disk := holding2(t)
		s.rotate("keys", release.RoleRelease)
		s.rotate("keys", release.RoleRoot)
		s.refresh() // signs the same items again
		return story{shop: s, disk: disk, do: look, old: 2, new: 2, root: 3}
	},
	"back by hand": func(t *testing.T) story {
		s, disk := holding2(t)
		return story{shop: s, disk: disk, do: (*Node).Rollback, old: 2, new: 1, stays: 2}
	},
	"damage": func(t *testing.T) story {
		s, disk := holding2(t)
		n := s.open(&machine{fs: disk})
		s.damage(disk, n.store.Path(n.state().Current, CatalogueComponent))
		s.must(n.Close())
		do := func(n *Node) error { n.readAll(context.Background()); return look(n) }
		return story{shop: s, disk: disk, do: do, old: 1, new: 2}
	},
}

// changes lists the operations of the story that alter what a disk holds.
func (s *story) changes() (list []vfs.Op) {
	s.t.Helper()
	s.must(s.once(vfs.Faulty(s.disk.Crash(keepAll), func(op vfs.Op) error {
		if op.Name.Changes() {
			list = append(list, op)
		}
		return nil
	}), s.do))
	if len(list) < 4 {
		s.t.Fatalf("only %d operations", len(list))
	}
	return list
}

// content is the version whose items are served, all of one; 0: nothing is served.
func content(t testing.TB, n *Node) uint64 {
	t.Helper()
	r := n.Current()
	if r == nil {
		return 0
	}
	var v uint64
	for row := range r.Model().Len() {
		var one, i uint64
		if _, err := fmt.Sscanf(r.Model().ID(edged.Row(row)), "v%d-%d", &one, &i); err != nil || v != 0 && one != v {
			t.Fatalf("item %s beside version %d, %v", r.Model().ID(edged.Row(row)), v, err)
		}
		v = one
	}
	return v
}

// ends starts a node on what a fault left: it serves the old version or the new, whole, and comes to the new.
func (s *story) ends(disk *vfs.Mem, what string, seen map[uint64]int) {
	s.t.Helper()
	n := s.open(&machine{fs: disk})
	n.readAll(s.t.Context())
	v := content(s.t, n)
	if v != s.old && v != s.new {
		s.t.Fatalf("%s: version %d", what, v)
	}
	seen[v]++
	sound(s.t, n)
	root := n.Status().Root
	s.check(n)
	last := s.new
	if s.stays != 0 {
		last = v
	}
	if got := content(s.t, n); got != last {
		s.t.Fatalf("%s: at last version %d, want %d", what, got, last)
	}
	if want := max(s.root, 1); n.Status().Root != want || root > want {
		s.t.Fatalf("%s: root %d, then %d, want %d", what, root, n.Status().Root, want)
	}
	alarmed(s.t, n)
	s.must(n.Close())
	n = s.open(&machine{fs: disk.Crash(nil)})
	if got := content(s.t, n); got != last {
		s.t.Fatalf("%s: version %d when the power goes once more, want %d", what, got, last)
	}
	s.must(n.Close())
}

// TestCrash loses power after every operation of each story, with none, a quarter, half, three quarters and all of what was not synced: the node opens
// the old version or the new, whole, with the origin away, and comes to the new when it is back. Nobody repairs anything.
func TestCrash(t *testing.T) {
	for name, tell := range stories {
		t.Run(name, func(t *testing.T) {
			s := tell(t)
			seen := map[uint64]int{}
			list := s.changes()
			for i, last := range list {
				if i%every() != 0 && i < len(list)-1 && last.Name != vfs.OpRename {
					continue
				}
				for _, quarters := range []int{0, 1, 2, 3, 4} {
					disk := s.disk.Crash(keepAll)
					_ = s.once(vfs.Faulty(disk, func(op vfs.Op) error {
						if op.N > last.N {
							return errors.New("power lost")
						}
						return nil
					}), s.do)
					what := fmt.Sprintf("after operation %d (%s %s), %d quarters", last.N, last.Name, last.Path, quarters)
					s.ends(disk.Crash(func(n int) int { return n * quarters / 4 }), what, seen)
				}
			}
			if seen[s.old] == 0 || seen[s.new] == 0 {
				t.Errorf("crashes left versions %v: want some of both", seen)
			}
		})
	}
}

// sound reads every byte the node's state names.
func sound(t testing.TB, n *Node) {
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

// every is the step of those who go through all operations: 1 with EDGED_LONG, some prime else.
func every() int {
	if os.Getenv("EDGED_LONG") != "" {
		return 1
	}
	return 11
}

// fault is a way for a disk to fail.
type fault struct {
	name  string
	hits  func(vfs.OpName) bool
	err   error
	stays bool // until the node has ended
}

func takesRoom(op vfs.OpName) bool {
	return slices.Contains([]vfs.OpName{vfs.OpCreate, vfs.OpAppend, vfs.OpWrite, vfs.OpMkdirAll, vfs.OpRename}, op)
}

func syncs(op vfs.OpName) bool  { return op == vfs.OpSync || op == vfs.OpSyncDir }
func whatever(vfs.OpName) bool  { return true }
func cuts(op vfs.OpName) bool   { return op == vfs.OpWrite }
func writes(op vfs.OpName) bool { return op.Changes() && op != vfs.OpLock }

var faults = []fault{
	{"no room once", takesRoom, syscall.ENOSPC, false},
	{"no room from then on", takesRoom, syscall.ENOSPC, true},
	{"half of a write, then no room", cuts, fmt.Errorf("%w: %w", syscall.ENOSPC, io.ErrShortWrite), false},
	{"fsync once", syncs, syscall.EIO, false},
	{"fsync from then on", syncs, syscall.EIO, true},
	{"any once", whatever, syscall.EIO, false},
	{"read only from then on", writes, syscall.EROFS, true},
}

// TestFaults fails one operation of each story, or all from that one on: the node that runs goes on with the old version or has the new,
// never says that a release is at fault, and comes to the new when the disk is well; so does a node started on what is there.
func TestFaults(t *testing.T) {
	for name, tell := range stories {
		s := tell(t)
		total := 0
		s.must(s.once(vfs.Faulty(s.disk.Crash(keepAll), func(op vfs.Op) error { total = op.N; return nil }), s.do))
		for _, f := range faults {
			t.Run(name+"/"+f.name, func(t *testing.T) {
				s.t = t
				hit := 0
				for n := 1; n <= total; n += every() {
					if s.fails(f, n) {
						hit++
					}
				}
				if hit == 0 && every() == 1 {
					t.Error("it hit nothing")
				}
			})
		}
	}
}

// fails lets the n-th operation fail, and reports whether it is one that the fault hits.
func (s *story) fails(f fault, at int) (hit bool) {
	s.t.Helper()
	disk, well := s.disk.Crash(keepAll), false
	m := &machine{fs: vfs.Faulty(disk, func(op vfs.Op) error {
		if well || op.N < at || !f.hits(op.Name) || !(f.stays && hit) && op.N != at {
			return nil
		}
		hit = true
		return f.err
	})}
	n, err := Open(s.t.Context(), s.config(m))
	if err == nil {
		_ = s.do(n)
	}
	if !hit {
		if err == nil {
			s.must(n.Close())
		}
		return false
	}
	what := fmt.Sprintf("%s at operation %d", f.name, at)
	if err == nil {
		if v := content(s.t, n); v != s.old && v != s.new {
			s.t.Fatalf("%s: version %d", what, v)
		}
		well = true
		_ = n.Check(s.t.Context())
		s.pass(maxUnfitPause) // one that could not be opened waits
		n.readAll(s.t.Context())
		s.must(n.Check(s.t.Context()))
		if v := content(s.t, n); v != s.new && s.stays == 0 {
			s.t.Fatalf("%s: version %d when the disk is well", what, v)
		}
		_ = n.Close()
	}
	s.ends(disk.Crash(nil), what, map[uint64]int{})
	s.ends(disk.Kill(), what, map[uint64]int{})
	return true
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
			if r := n.Current(); r == nil {
				t.Fatalf("%s, part %d: nothing is served", name, i)
			}
			if _, err := n.proved(t.Context(), n.served); err != nil {
				t.Fatalf("%s, part %d: serves what is damaged: %v", name, i, err)
			}
			n.readAll(t.Context())
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

func files(t testing.TB, fsys vfs.FS, dir string) (names []string) {
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
	n.distrust()
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
	n.distrust()
	n.readAll(t.Context())
	serves(t, n, 0)
	s.check(n)
	serves(t, n, 2)
}

// TestStartSound: what the disk has damaged of a release is not served for a moment after a start: the latest sound one is, and it is fetched again. Of one that is too
// large to be held against hashes before, sections are held against their checksums, and the hashes are looked at meanwhile.
func TestStartSound(t *testing.T) {
	for _, whole := range []int64{0, 1} {
		s, base := holding2(t)
		start := func(damaged ...release.Hash) *Node {
			t.Helper()
			disk := base.Crash(keepAll)
			n, err := Open(t.Context(), s.config(&machine{fs: disk}))
			s.must(errors.Join(err, n.Close()))
			for _, h := range damaged {
				s.damage(disk, n.store.Path(h, CatalogueComponent))
			}
			cfg := s.config(&machine{fs: disk})
			cfg.whole = whole
			n, err = Open(t.Context(), cfg)
			s.must(err)
			t.Cleanup(func() { _ = n.Close() })
			return n
		}
		n := start()
		state := n.state()
		serves(t, n, 2)
		if st := n.Status(); st.Verified {
			t.Errorf("nobody has read release 1: %+v", st)
		}
		if got, want := slices.Contains(n.unread, state.Current), whole == 1; got != want {
			t.Errorf("hashes to be looked at: %v, want %v", got, want)
		}
		n.readAll(t.Context())
		if !n.Status().Verified {
			t.Error("not verified")
		}
		n = start(state.Current)
		serves(t, n, 1)
		if st := n.Status(); !strings.Contains(st.LastFailure, "held but not usable") {
			t.Errorf("%+v", st)
		}
		s.check(n)
		serves(t, n, 2)
		sound(t, n)
		n = start(state.Previous)
		serves(t, n, 2)
		if err := n.Rollback(); err == nil {
			t.Error("rolled back to what is damaged")
		}
		serves(t, n, 2)
		n = start(state.Current, state.Previous)
		serves(t, n, 0)
		s.check(n)
		serves(t, n, 2)
	}
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

// TestReadOnly: a node on a disk that can only be read serves what it holds, damaged releases left out, says so, and asks nobody for anything.
func TestReadOnly(t *testing.T) {
	s, base := holding2(t)
	s.publish(3)
	start := func(disk *vfs.Mem) (*Node, *fetched) {
		t.Helper()
		m := &machine{fs: vfs.Faulty(disk, func(op vfs.Op) error {
			if op.Name.Changes() && op.Name != vfs.OpMkdirAll { // of what is there
				return &fs.PathError{Op: string(op.Name), Path: op.Path, Err: syscall.EROFS}
			}
			return nil
		})}
		cfg := s.config(m)
		asked := &fetched{Origin: cfg.Origin}
		cfg.Origin = asked
		n, err := Open(t.Context(), cfg)
		s.must(err)
		t.Cleanup(func() { s.must(n.Close()) })
		if err := n.Check(t.Context()); !errors.Is(err, syscall.EROFS) {
			t.Errorf("%v", err)
		}
		n.readAll(t.Context())
		alarmed(t, n, AlarmReadOnly)
		if st := n.Status(); !st.ReadOnly || st.Failures > 0 && st.Version == 2 || !strings.Contains(st.Alarms[0].Text, "can't be written") || asked.names != nil {
			t.Errorf("%+v, asked for %q", st, asked.names)
		}
		return n, asked
	}
	n, _ := start(base.Crash(keepAll))
	serves(t, n, 2)
	if err := n.Rollback(); err == nil {
		t.Error("rolled back to what a restart would forget")
	}
	serves(t, n, 2)
	damaged := base.Crash(keepAll)
	s.damage(damaged, n.store.Path(n.state().Current, CatalogueComponent))
	n, _ = start(damaged)
	serves(t, n, 1)

	empty := s.config(&machine{fs: vfs.Faulty(vfs.NewMem(), func(op vfs.Op) error {
		if op.Name.Changes() {
			return syscall.EROFS
		}
		return nil
	})})
	if n, err := Open(t.Context(), empty); err == nil {
		_ = n.Close()
		t.Error("opens a directory that isn't there and can't be made")
	}
}

// TestUnreadable: bytes that cannot be read this time, for a suspicion, are no proof of damage; they are read again later.
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
	n.distrust()
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
