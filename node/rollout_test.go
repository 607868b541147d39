package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/release"
)

// fleet is some nodes that run, in two zones by turns, in the time of synctest.
type fleet struct {
	*shop
	nodes []*Node
	zones []string
	run   func(*Node) // until the fleet ends
	stop  context.CancelFunc
	done  sync.WaitGroup
}

func (s *shop) fleet(size int) *fleet {
	ctx, stop := context.WithCancel(context.Background())
	f := &fleet{shop: s, stop: stop}
	f.run = func(n *Node) { f.done.Go(func() { _ = n.Run(ctx) }) }
	for range size {
		f.join()
	}
	return f
}

func (f *fleet) join() *Node {
	f.t.Helper()
	cfg := f.config(newMachine())
	cfg.Logger = nil
	cfg.Name, cfg.Zone = fmt.Sprintf("edge-%d", len(f.nodes)), []string{"north", "south"}[len(f.nodes)%2]
	n, err := Open(context.Background(), cfg)
	f.must(err)
	f.nodes, f.zones = append(f.nodes, n), append(f.zones, cfg.Zone)
	f.run(n)
	return n
}

func (f *fleet) end() {
	f.stop()
	f.done.Wait()
	for _, n := range f.nodes {
		f.must(n.Close())
	}
}

// serving lets two polls pass and lists the version each node serves; 0: none.
func (f *fleet) serving() (versions []uint64) {
	f.t.Helper()
	settle()
	for _, n := range f.nodes {
		var v uint64
		if r := n.Current(); r != nil {
			f.must(wholly(r))
			v = r.Release().Version
		}
		versions = append(versions, v)
	}
	return versions
}

func (f *fleet) all(version uint64) {
	f.t.Helper()
	for i, v := range f.serving() {
		if v != version {
			f.t.Fatalf("node %d serves %d, want %d; %+v", i, v, version, f.nodes[i].Status())
		}
	}
}

// canary fails unless the nodes picked, and no others, serve the version; it returns which.
func (f *fleet) canary(picked func(i int) bool, is, others uint64) (list []int) {
	f.t.Helper()
	for i, v := range f.serving() {
		want := others
		if picked(i) {
			want, list = is, append(list, i)
		}
		if st := f.nodes[i].Status(); v != want || st.Canary != picked(i) {
			f.t.Fatalf("node %d serves %d, want %d; %+v", i, v, want, st)
		}
	}
	return list
}

func (f *fleet) steer(do func(context.Context, publish.Config) (publish.Result, error)) *release.Rollout {
	f.t.Helper()
	r, err := do(context.Background(), f.publisher(""))
	f.must(err)
	return r.Steered
}

func settle() {
	waitVirtual(2 * DefaultPoll)
	synctest.Wait()
}

func TestRolloutOfFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.publish(1)
		f := s.fleet(20)
		defer f.end()
		f.all(1)

		cfg := s.publisher(s.train(2))
		cfg.Canary = &publish.Canary{Share: 0.3}
		r, err := publish.Run(t.Context(), cfg)
		s.must(err)
		picks := func(c *release.Canary) func(int) bool {
			return func(i int) bool { return c.Picks(fmt.Sprintf("edge-%d", i), f.zones[i]) }
		}
		few := f.canary(picks(r.Canary), 2, 1)
		if len(few) == 0 || len(few) > 14 {
			t.Errorf("%d of 20 nodes try it, at 30 %%", len(few))
		}
		if _, err := publish.Run(t.Context(), s.publisher(s.train(3))); err == nil || !strings.Contains(err.Error(), "promote it or abort") {
			t.Errorf("published past a canary: %v", err)
		}

		wide := f.steer(func(ctx context.Context, cfg publish.Config) (publish.Result, error) {
			return publish.Try(ctx, cfg, 0, publish.Canary{Share: 0.7})
		})
		more := f.canary(picks(wide.Canary), 2, 1)
		for _, i := range few {
			if !slices.Contains(more, i) {
				t.Errorf("a wider share lost node %d", i)
			}
		}
		zone := f.steer(func(ctx context.Context, cfg publish.Config) (publish.Result, error) {
			return publish.Try(ctx, cfg, 0, publish.Canary{Share: 1, Zones: []string{"south"}})
		})
		if south := f.canary(picks(zone.Canary), 2, 1); len(south) != 10 {
			t.Errorf("%d nodes in the south", len(south))
		}

		// back, at once, with an origin that has no chunks any more
		s.must(s.fs.RemoveAll("origin/chunks"))
		f.steer(publish.Abort)
		f.all(1)
		if _, err := publish.Promote(t.Context(), s.publisher("")); err == nil {
			t.Error("promoted nothing")
		}
		_, err = publish.Run(t.Context(), s.publisher("rel2")) // puts the chunks right; the same content is a new release
		s.must(err)
		f.steer(func(ctx context.Context, cfg publish.Config) (publish.Result, error) {
			return publish.Serve(ctx, cfg, 2)
		})
		f.all(2)

		f.hold(t)
		f.pin(t)
	})
}

// hold begins with all nodes on 2, and ends so.
func (f *fleet) hold(t *testing.T) {
	t.Helper()
	f.steer(publish.Hold)
	r, err := publish.Run(t.Context(), f.publisher(f.train(4)))
	f.must(err)
	if r.Waits != "hold" || r.Version != 4 {
		t.Errorf("%+v", r)
	}
	f.all(2)
	again, err := publish.Run(t.Context(), f.publisher("rel4"))
	f.must(err)
	if !again.Unchanged || again.Version != 4 {
		t.Errorf("again: %+v", again)
	}
	late := f.join() // comes new, and takes what the rollout names
	f.all(2)
	if st := late.Status(); !st.Held {
		t.Errorf("%+v", st)
	}
	f.steer(func(ctx context.Context, cfg publish.Config) (publish.Result, error) {
		return publish.Serve(ctx, cfg, 4) // ends the hold
	})
	f.all(4)
	if st := late.Status(); st.Held {
		t.Errorf("%+v", st)
	}
	f.must(f.fs.RemoveAll("origin/chunks"))
	back := f.steer(func(ctx context.Context, cfg publish.Config) (publish.Result, error) {
		return publish.Serve(ctx, cfg, 2)
	})
	if !back.Rollback {
		t.Errorf("%+v", back)
	}
	f.all(2)
	f.refreshed(t, back)
}

// refreshed renews a rollback: it is still one, for nodes that missed it.
func (f *fleet) refreshed(t *testing.T, back *release.Rollout) {
	t.Helper()
	if next := f.steer(publish.Refresh); !next.Rollback || next.Version != back.Version+1 || next.Release != back.Release {
		t.Errorf("%+v", next)
	}
	f.all(2)
}

// pin begins with all nodes on 2.
func (f *fleet) pin(t *testing.T) {
	t.Helper()
	f.steer(func(ctx context.Context, cfg publish.Config) (publish.Result, error) { return publish.Pin(ctx, cfg, 0) })
	r, err := publish.Run(t.Context(), f.publisher(f.train(5)))
	f.must(err)
	if r.Waits != "pin" {
		t.Errorf("%+v", r)
	}
	f.all(2)
	f.steer(publish.Resume)
	f.all(2)
	f.steer(func(ctx context.Context, cfg publish.Config) (publish.Result, error) {
		return publish.Serve(ctx, cfg, 5)
	})
	f.all(5)
	f.steer(func(ctx context.Context, cfg publish.Config) (publish.Result, error) {
		return publish.Serve(ctx, cfg, 0)
	})
	f.all(2) // 4 was gone back from
	if _, err := publish.Serve(t.Context(), f.publisher(""), 77); err == nil || !strings.Contains(err.Error(), "not kept") {
		t.Errorf("went to nowhere: %v", err)
	}
}

// waitVirtual lets time pass that only synctest's clock knows.
func waitVirtual(d time.Duration) { <-time.After(d) }

// canaryOn lets a node of its own try version 2 beside version 1.
func canaryOn(t *testing.T) (*shop, *machine, *Node) {
	t.Helper()
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	cfg := s.publisher(s.train(2))
	cfg.Canary = &publish.Canary{Share: 1}
	_, err := publish.Run(t.Context(), cfg)
	s.must(err)
	s.check(n)
	serves(t, n, 2)
	return s, m, n
}

// TestCanaryOverStateLost: a node that lost its record serves the newest it holds, and goes back where the rollout knows of that and
// says another; a rollout from before the canary is refused still.
func TestCanaryOverStateLost(t *testing.T) {
	s, m, n := canaryOn(t)
	s.must(n.Close())
	s.must(m.fs.Remove("node/state.json"))
	n = s.open(m)
	serves(t, n, 2)
	s.roll(func(r *release.Rollout) { r.Canary = nil })
	expectRefusal(t, n, m, "version", "release 1, held is 2")
	serves(t, n, 2)
	s.roll(func(r *release.Rollout) { r.Canary = &release.Canary{Release: heldRef(s, n), Share: release.Whole} })
	_, err := publish.Abort(t.Context(), s.publisher(""))
	s.must(err)
	s.check(n)
	serves(t, n, 1)
	alarmed(t, n)
}

// heldRef is the release a node serves, as a rollout names it.
func heldRef(s *shop, n *Node) release.Ref {
	h := n.state().Current
	return release.Ref{Version: 2, Manifest: h, Size: int64(len(s.get(origin.ManifestName(h.Hex()))))}
}

// TestCanaryKeysRotated: with the keys that signed them revoked, release and canary are signed again by the next rollout, and nodes that come
// new take the one or the other.
func TestCanaryKeysRotated(t *testing.T) {
	s, _, n := canaryOn(t)
	s.rotate("keys", release.RoleRelease)
	s.refresh()
	s.check(n)
	if err := s.wholly(n, 2); err != nil {
		t.Error(err)
	}
	alarmed(t, n)
	late := s.open(newMachine())
	s.check(late)
	if err := s.wholly(late, 2); err != nil {
		t.Error(err)
	}
	s.refresh() // nothing is left to sign
	r, err := release.OpenRollout(s.newest("keys"), s.get(origin.RolloutName))
	s.must(err)
	if r.Release.Version != 3 || r.Canary == nil || r.Canary.Release.Version != 4 || r.Highest != 4 || r.Canary.Share != release.Whole {
		t.Errorf("%+v", r)
	}
	_, err = publish.Abort(t.Context(), s.publisher(""))
	s.must(err)
	for _, one := range []*Node{n, late} {
		s.check(one)
		if err := s.wholly(one, 1); err != nil {
			t.Error(err)
		}
	}
}
