package node

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/release"
)

// act is something a publisher does: its disk holds keys, releases and the origin.
type act struct {
	*shop
	disk     *vfs.Mem
	held     *vfs.Mem // of a node that serves what the origin offered before
	dir      string   // the release directory published
	do       func(context.Context, publish.Config) (publish.Result, error)
	old, new uint64 // what nodes serve before and after, by its items; 0: nothing
	root     uint64 // the last one; 0: the first
	same     bool   // nothing new is offered: what was there is put right
}

// does is publishing by a function.
func (s *shop) does(held *vfs.Mem, old, new uint64, do func(context.Context, publish.Config) (publish.Result, error)) act {
	return act{shop: s, disk: s.fs, held: held, do: do, old: old, new: new}
}

// serving1 offers version 1, held by a node, of 3 there are.
func serving1(t *testing.T) (*shop, *vfs.Mem) {
	t.Helper()
	s, node := newShop(t), vfs.NewMem()
	s.publish(1)
	s.must(s.upgrade(node))
	s.train(2)
	return s, node
}

// acts is all that a publisher does to an origin.
var acts = map[string]func(t *testing.T) act{
	"first": func(t *testing.T) act {
		s := newShop(t)
		s.train(2)
		a := s.does(vfs.NewMem(), 0, 2, publish.Run)
		a.dir = "rel2"
		return a
	},
	"publish": func(t *testing.T) act {
		s, node := serving1(t)
		a := s.does(node, 1, 2, publish.Run)
		a.dir = "rel2"
		return a
	},
	"canary": func(t *testing.T) act {
		s, node := serving1(t)
		a := s.does(node, 1, 2, func(ctx context.Context, cfg publish.Config) (publish.Result, error) {
			cfg.Canary = &publish.Canary{Share: 1}
			return publish.Run(ctx, cfg)
		})
		a.dir = "rel2"
		return a
	},
	"promote": func(t *testing.T) act {
		s, m, _ := canaryOn(t)
		return s.does(m.fs.(*vfs.Mem).Kill(), 2, 2, publish.Promote)
	},
	"abort": func(t *testing.T) act {
		s, m, _ := canaryOn(t)
		return s.does(m.fs.(*vfs.Mem).Kill(), 2, 1, publish.Abort)
	},
	"rollback": func(t *testing.T) act {
		s, disk := holding2(t)
		return s.does(disk, 2, 1, func(ctx context.Context, cfg publish.Config) (publish.Result, error) {
			return publish.Serve(ctx, cfg, 1)
		})
	},
	"refresh": func(t *testing.T) act {
		s, disk := holding2(t)
		return s.does(disk, 2, 2, publish.Refresh)
	},
	"keys rotated": func(t *testing.T) act {
		s, disk := holding2(t)
		s.rotate("keys", release.RoleRelease)
		s.rotate("keys", release.RoleRoot)
		a := s.does(disk, 2, 2, publish.Refresh) // signs the same items again
		a.root = 3
		return a
	},
	"origin lost": func(t *testing.T) act {
		s, disk := holding2(t)
		s.must(errors.Join(s.fs.RemoveAll("origin"), s.fs.SyncDir(".")))
		a := s.does(disk, 2, 2, func(ctx context.Context, cfg publish.Config) (publish.Result, error) {
			cfg.Above, cfg.NoRules, cfg.Force = 41, true, true
			r, err := publish.Run(ctx, cfg)
			if err != nil && strings.Contains(err.Error(), "is sound, at version 42") {
				return r, nil // it was done already
			}
			return r, err
		})
		a.dir = "rel2"
		return a
	},
	"chunks damaged": func(t *testing.T) act {
		s, disk := holding2(t)
		for _, name := range files(t, s.fs, "origin/chunks") {
			s.damage(s.fs, name)
		}
		a := s.does(disk, 2, 2, publish.Run)
		a.dir, a.same = "rel2", true
		return a
	},
}

// sparsely is the step of those who go through a publisher's operations: each case has four nodes.
func sparsely() int {
	if every() == 1 {
		return 1
	}
	return 53
}

// run does it on a disk, by way of fsys.
func (a *act) run(disk *vfs.Mem, fsys vfs.FS) error {
	a.fs = disk
	cfg := a.publisher(a.dir)
	cfg.FS, cfg.Origin = fsys, origin.NewDir(fsys, "origin")
	_, err := a.do(a.t.Context(), cfg)
	return err
}

// operations lists those of the act that fit.
func (a *act) operations(fit func(vfs.OpName) bool) (list []vfs.Op) {
	a.t.Helper()
	disk := a.disk.Crash(keepAll)
	a.must(a.run(disk, vfs.Faulty(disk, func(op vfs.Op) error {
		if fit(op.Name) {
			list = append(list, op)
		}
		return nil
	})))
	if len(list) < 8 {
		a.t.Fatalf("only %d operations", len(list))
	}
	return list
}

// nodes lets a node that holds what was offered before look at the origin on a disk, and one that holds nothing: they serve the old
// release or the new, both the same, and every release named is whole at the origin.
func (a *act) nodes(disk *vfs.Mem, what string) (v uint64) {
	a.t.Helper()
	a.fs = disk
	v = a.serves(a.held.Kill(), what)
	if v != a.old && v != a.new {
		a.t.Fatalf("%s: version %d", what, v)
	}
	if a.same {
		return v // until it is put right a new node can fetch nothing
	}
	if fresh := a.serves(vfs.NewMem(), what); fresh != v && fresh != 0 {
		a.t.Fatalf("%s: a new node serves version %d, the other %d", what, fresh, v)
	}
	return v
}

// serves is what a node serves when it has looked at the origin and refused nothing.
func (a *act) serves(node *vfs.Mem, what string) uint64 {
	a.t.Helper()
	n, err := Open(a.t.Context(), a.config(&machine{fs: node}))
	a.must(err)
	defer n.Close()
	_ = n.Check(a.t.Context()) // an error where nothing is offered yet
	for reason, times := range n.Status().Refusals {
		// The root that revokes a key goes out at once: until the rollout follows, a new node takes nothing that key signed.
		if a.root == 0 || reason != "key" || n.Current() != nil {
			a.t.Fatalf("%s: the node refused: %s, %d times", what, reason, times)
		}
	}
	return content(a.t, n)
}

// ends lets the publisher begin again on what a fault left, and takes the power away when it has ended: nothing needs to be repaired,
// and what it said is done is done.
func (a *act) ends(disk *vfs.Mem, what string, seen map[uint64]int) {
	a.t.Helper()
	v := a.nodes(disk, what)
	seen[v]++
	if err := a.run(disk, disk); err != nil && v != a.new {
		a.t.Fatalf("%s: again: %v", what, err) // one that was done already may be refused
	}
	a.whole(disk, what)
	disk = disk.Crash(nil)
	a.whole(disk, what+", then again, then no power")
	for _, name := range files(a.t, disk, "origin") {
		if vfs.IsTemp(name) {
			a.t.Fatalf("%s: %s was left", what, name)
		}
	}
}

// whole wants the new release on all nodes, old and new, and all others that may be served.
func (a *act) whole(disk *vfs.Mem, what string) {
	a.t.Helper()
	a.fs = disk
	for _, node := range []*vfs.Mem{a.held.Kill(), vfs.NewMem()} {
		if v := a.serves(node, what); v != a.new {
			a.t.Fatalf("%s: at last version %d, want %d", what, v, a.new)
		}
	}
	r, err := publish.Look(a.t.Context(), a.origin(), a.trust)
	a.must(err)
	for _, ref := range r.Refs() {
		b, err := a.origin().Get(a.t.Context(), origin.ManifestName(ref.Manifest.Hex()), ref.Size)
		if err != nil || release.Sum(b) != ref.Manifest {
			a.t.Fatalf("%s: manifest of release %d: %v", what, ref.Version, err)
		}
	}
	if a.root > 0 {
		if _, err := a.fs.Stat(path.Join("origin", origin.RootName(a.root))); err != nil {
			a.t.Fatalf("%s: %v", what, err)
		}
	}
}

// ways are what may be left after a fault: some quarters of what was not synced, and no name that was not; or all, when only the
// process ended.
var ways = map[string]func(*vfs.Mem) *vfs.Mem{
	"nothing unsynced":        quarters(0),
	"a quarter unsynced":      quarters(1),
	"half unsynced":           quarters(2),
	"three quarters unsynced": quarters(3),
	"all unsynced":            quarters(4),
	"killed":                  (*vfs.Mem).Kill,
}

func quarters(q int) func(*vfs.Mem) *vfs.Mem {
	return func(m *vfs.Mem) *vfs.Mem { return m.Crash(func(n int) int { return n * q / 4 }) }
}

// TestPublisherCrash takes the power away after every operation of a publisher: nodes see the old release or the new, whole; the same command
// once more ends what was begun, for good.
func TestPublisherCrash(t *testing.T) {
	for name, tell := range acts {
		t.Run(name, func(t *testing.T) {
			a := tell(t)
			seen, cases := map[uint64]int{}, 0
			list := a.operations(vfs.OpName.Changes)
			for i, last := range list {
				if i%sparsely() != 0 && i < len(list)-2 {
					continue
				}
				for way, left := range ways {
					disk := a.disk.Crash(keepAll)
					_ = a.run(disk, vfs.Faulty(disk, func(op vfs.Op) error {
						if op.N > last.N {
							return errors.New("power lost")
						}
						return nil
					}))
					a.ends(left(disk), fmt.Sprintf("after operation %d (%s %s), %s", last.N, last.Name, last.Path, way), seen)
					cases++
				}
			}
			if a.old != 0 && seen[a.old] == 0 || seen[a.new] == 0 {
				t.Errorf("crashes left versions %v: want some of both", seen)
			}
			t.Logf("%d operations, %d crashes", len(list), cases)
		})
	}
}

// TestPublisherFaults fails one operation of a publisher, or all from that one on: it says so or has done it, nodes see the old release or
// the new, and the same command once more, on a disk that is well, ends what was begun.
func TestPublisherFaults(t *testing.T) {
	for name, tell := range acts {
		a := tell(t)
		list := a.operations(whatever)
		for _, f := range faults {
			t.Run(name+"/"+f.name, func(t *testing.T) {
				a.t = t
				hits := slices.DeleteFunc(slices.Clone(list), func(op vfs.Op) bool { return !f.hits(op.Name) })
				if len(hits) == 0 {
					t.Fatal("it hits nothing")
				}
				for i := 0; i < len(hits); i += sparsely() {
					a.fails(f, hits[i].N)
				}
				t.Logf("%d of %d operations", (len(hits)+sparsely()-1)/sparsely(), len(hits))
			})
		}
	}
}

// fails lets an operation fail that the fault hits.
func (a *act) fails(f fault, at int) {
	a.t.Helper()
	disk, hit := a.disk.Crash(keepAll), false
	err := a.run(disk, vfs.Faulty(disk, func(op vfs.Op) error {
		if op.N < at || !f.hits(op.Name) || !f.stays && op.N != at {
			return nil
		}
		hit = true
		return f.err
	}))
	what := fmt.Sprintf("%s at operation %d", f.name, at)
	if !hit {
		a.t.Fatalf("%s: it never came", what)
	}
	if err == nil {
		a.whole(disk.Crash(nil), what)
	}
	for _, way := range []string{"killed", "nothing unsynced"} {
		a.ends(ways[way](disk), what+", "+way, map[uint64]int{})
	}
}
