package node

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/edged/edged/release"
)

// minGap keeps rumours from turning into a load on the origin.
const minGap = 100 * time.Millisecond

// Nudge says that somebody has heard of a newer rollout. It is a rumour: it makes the node look, and nothing else.
func (n *Node) Nudge(rolloutVersion uint64) {
	if rolloutVersion > n.rollout.Load() {
		n.nudge()
	}
}

func (n *Node) nudge() {
	select {
	case n.nudged <- struct{}{}:
	default: // it is going to look already
	}
}

// suspicionGap lies between two readings for a suspicion that reading does not confirm: every request that meets a
// fault suspects.
const suspicionGap = time.Minute

// Suspect says that somebody met a fault while reading the current release. Run reads every byte of it again, and
// withdraws it where it is damaged. It does not wait, and many calls in a row cause one reading.
func (n *Node) Suspect() {
	now := time.Now().UnixNano() // on the machine's clock, as in Run
	last := n.suspected.Load()
	if last != 0 && now-last < int64(suspicionGap) || !n.suspected.CompareAndSwap(last, now) {
		return
	}
	select {
	case n.doubted <- struct{}{}:
	default: // it is going to be read already
	}
}

// doubt reads the current release again whenever it is suspected, until ctx ends. It waits for no look at the origin,
// which may take long.
func (n *Node) doubt(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.doubted:
			n.distrust()
			n.readAll(ctx)
		}
	}
}

// distrust counts what is served as unread.
func (n *Node) distrust() {
	n.life.Lock()
	defer n.life.Unlock()
	if n.served.IsZero() || slices.Contains(n.unread, n.served) {
		return
	}
	n.unread = append(n.unread, n.served)
	n.report()
}

// Run looks at the origin at once, every poll interval, and when nudged, until ctx ends, whose error it returns.
// Beside it, it reads every byte of what was held at the start, and of what is suspected.
func (n *Node) Run(ctx context.Context) error {
	var reading sync.WaitGroup
	defer reading.Wait()
	reading.Go(func() { n.doubt(ctx) })
	var last time.Time // of the last look, on the machine's clock
	for {
		reading.Go(func() { n.readAll(ctx) })
		if err := pause(ctx, minGap-time.Since(last)); err != nil {
			return err
		}
		last = time.Now()
		_ = n.Check(ctx) // noted in the status
		n.status.watch()
		if err := n.wait(ctx); err != nil {
			return err
		}
	}
}

// wait returns when it is time to look again.
func (n *Node) wait(ctx context.Context) error {
	timer := time.NewTimer(n.cfg.Poll)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-n.nudged:
	case <-timer.C:
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// readAll reads what was not read since the start, and withdraws what is damaged. What could not be read is tried
// again in the next round. One reads at a time.
func (n *Node) readAll(ctx context.Context) {
	if !n.reading.TryLock() {
		return
	}
	defer n.reading.Unlock()
	n.life.Lock()
	todo := slices.Clone(n.unread)
	n.life.Unlock()
	for _, h := range todo {
		var err error
		n.cfg.beside(func() { err = n.read(ctx, h) })
		if ctx.Err() != nil {
			return
		}
		if err != nil && !damaged(err) {
			n.status.failed(err)
			continue
		}
		if err != nil {
			n.withdraw(ctx, h, err)
			n.suspected.Store(0) // it was true: the next is believed at once
			n.nudge()            // the origin may have what was lost
		}
		n.markRead(h)
	}
}

func (n *Node) markRead(h release.Hash) {
	n.life.Lock()
	defer n.life.Unlock()
	n.unread = slices.DeleteFunc(n.unread, func(x release.Hash) bool { return x == h })
	n.report()
}

func (n *Node) read(ctx context.Context, h release.Hash) error {
	m, err := n.manifestOf(h)
	if err != nil {
		return err
	}
	return n.store.Check(ctx, h, m)
}

// damaged tells wrong bytes from bytes that could not be read this time.
func damaged(err error) bool {
	_, refused := reasonOf(err)
	return refused || errors.Is(err, release.ErrNotHeld) || errors.Is(err, fs.ErrNotExist)
}
