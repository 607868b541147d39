package node

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
)

// counting counts the looks at an origin.
type counting struct {
	origin.Origin
	looks atomic.Int64
}

func (c *counting) Get(ctx context.Context, name string, max int64) ([]byte, error) {
	if name == origin.RolloutName {
		c.looks.Add(1)
	}
	return c.Origin.Get(ctx, name, max)
}

// TestRun: in virtual time, a published release is served at the next poll; a rumour makes it sooner; a flood of
// false rumours costs the origin little.
func TestRun(t *testing.T) {
	s := newShop(t)
	s.publish(1)
	dir2, dir3 := s.train(2), s.train(3)
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		cfg := s.config(m)
		counted := &counting{Origin: cfg.Origin}
		cfg.Origin = counted
		n, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- n.Run(ctx) }()
		step := func(d time.Duration) {
			time.Sleep(d) // virtual: the bubble's clock jumps
			synctest.Wait()
		}
		step(time.Millisecond)
		serves(t, n, 1)

		s.publishDir(dir2)
		step(DefaultPoll)
		serves(t, n, 2)

		s.publishDir(dir3)
		n.Nudge(3)
		step(minGap)
		serves(t, n, 3)

		before := counted.looks.Load()
		for range 1000 {
			n.Nudge(1 << 60)
			n.Nudge(3) // known already
			step(time.Millisecond)
		}
		if looks := counted.looks.Load() - before; looks > int64(time.Second/minGap)+1 {
			t.Errorf("%d looks in a second of false rumours", looks)
		}
		step(2 * minGap) // the last of them
		before = counted.looks.Load()
		n.Nudge(3)
		step(DefaultPoll / 2)
		if looks := counted.looks.Load() - before; looks > 0 {
			t.Errorf("%d looks for what is known", looks)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("run ended with %v", err)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (s *shop) publishDir(dir string) {
	s.t.Helper()
	_, err := publish.Run(context.Background(), s.publisher(dir))
	s.must(err)
}

// TestSwapRace asks without pause while versions change: every answer belongs wholly to one version, and versions
// never go back.
func TestSwapRace(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	stop := make(chan struct{})
	var asking sync.WaitGroup
	var asked atomic.Int64
	for range 4 {
		asking.Go(func() {
			var last uint64
			for {
				select {
				case <-stop:
					return
				default:
				}
				r := n.Current()
				if err := wholly(r); err != nil {
					t.Error(err)
					return
				}
				if v := r.Release().Version; v < last {
					t.Errorf("version %d after %d", v, last)
					return
				} else {
					last = v
				}
				asked.Add(1)
			}
		})
	}
	for v := 2; v <= 12; v++ {
		s.publish(v)
		s.check(n)
	}
	close(stop)
	asking.Wait()
	if asked.Load() < 100 {
		t.Errorf("only %d answers", asked.Load())
	}
	serves(t, n, 12)
}

// TestConcurrentControl: looks, rollbacks, rumours and questions at once; the node ends on a sound release.
func TestConcurrentControl(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	s.publish(2)
	s.check(n)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { _ = n.Run(ctx) })
	for i := range 4 {
		all.Go(func() {
			for range 20 {
				switch i {
				case 0:
					_ = n.Rollback()
				case 1:
					_ = n.Check(ctx)
				case 2:
					n.Nudge(9)
					_ = n.Status()
				case 3:
					if err := wholly(n.Current()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	s.publish(3)
	cancel()
	all.Wait()
	s.check(n)
	sound(t, n)
	if v := n.Current().Release().Version; v < 2 {
		t.Error(fmt.Errorf("version %d", v))
	}
}

// TestSuspect truncates the catalogue under a running node, as nothing else would notice: a suspicion heals it from
// the origin. A suspicion that proves wrong costs one reading a minute, however many have it.
func TestSuspect(t *testing.T) {
	s := newShop(t)
	s.publish(1)
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		var read atomic.Int64 // catalogues opened to be read
		m := &machine{fs: vfs.Faulty(disk, func(op vfs.Op) error {
			if op.Name == vfs.OpOpen && path.Base(op.Path) == CatalogueComponent {
				read.Add(1)
			}
			return nil
		})}
		n, err := Open(t.Context(), s.config(m))
		s.must(err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- n.Run(ctx) }()
		step := func(d time.Duration) int64 {
			before := read.Load()
			time.Sleep(d) // virtual: the bubble's clock jumps
			synctest.Wait()
			return read.Load() - before
		}
		step(time.Second)
		serves(t, n, 1)
		if n := step(10 * time.Minute); n != 0 {
			t.Errorf("read %d times without suspicion", n)
		}

		suspect := func() {
			for range 1000 {
				n.Suspect()
			}
		}
		suspect()
		if n := step(suspicionGap / 2); n != 1 {
			t.Errorf("read %d times for one suspicion", n)
		}
		suspect()
		if n := step(suspicionGap / 4); n != 0 {
			t.Errorf("read %d times within the gap", n)
		}
		step(suspicionGap)
		suspect()
		if n := step(time.Second); n != 1 {
			t.Errorf("read %d times after the gap", n)
		}
		serves(t, n, 1)
		step(suspicionGap)

		for range 2 { // the second right after the first: it proved true
			file, err := disk.Append(n.store.Path(n.state().Current, CatalogueComponent))
			s.must(err)
			s.must(errors.Join(file.Truncate(100), file.Close()))
			swaps := n.Status().Swaps
			suspect()
			step(time.Second)
			serves(t, n, 1)
			if st := n.Status(); st.Swaps != swaps+2 || !st.Verified || !strings.Contains(st.LastFailure, "damaged on disk") {
				t.Errorf("withdrawn and fetched again: %+v", st)
			}
			sound(t, n)
		}
		cancel()
		<-done
		s.must(n.Close())
	})
}
