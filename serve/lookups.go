package serve

import (
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/edged/edged/rank"
)

// turns are for requests with filters or boosts that nobody asked for lately, and for lists of a category that nobody did: these are asked of the
// whole catalogue, which takes many times what the rest of an answer does. However many come at once, all but one processor at most is busy with them, and others
// come first. Whoever waits stands in the line of his address, and the lines take turns: many requests of one caller wait for each other.
type turns struct {
	mu    sync.Mutex
	free  int
	lines []*line // those somebody stands in, the next one first
}

type line struct {
	peer    netip.Addr
	waiting []chan struct{} // closed when the turn has come
}

func newTurns(n int) *turns { return &turns{free: n} }

func turnsHere() int { return max(1, runtime.GOMAXPROCS(0)-1) }

// patience is how long a request waits that does not say by timeoutMs how long it may take.
const patience = 250 * time.Millisecond

// try takes a turn that is free.
func (t *turns) try() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free == 0 {
		return false
	}
	t.free--
	return true
}

// wait waits for a turn, which end gives back, and reports whether it came in time.
func (t *turns) wait(peer netip.Addr, atMost time.Duration) bool {
	came := t.enter(peer)
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-came:
		return true
	case <-timer.C:
		return !t.leave(peer, came)
	}
}

// enter stands in the line of an address.
func (t *turns) enter(peer netip.Addr) chan struct{} {
	came := make(chan struct{})
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free > 0 { // given back meanwhile
		t.free--
		close(came)
		return came
	}
	i := t.lineOf(peer)
	if i < 0 {
		i, t.lines = len(t.lines), append(t.lines, &line{peer: peer})
	}
	t.lines[i].waiting = append(t.lines[i].waiting, came)
	return came
}

// leave gives a place in a line up, and reports whether there was one still: else the turn has come.
func (t *turns) leave(peer netip.Addr, came chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.lineOf(peer)
	if i < 0 {
		return false
	}
	l := t.lines[i]
	at := slices.Index(l.waiting, came)
	if at < 0 {
		return false
	}
	if l.waiting = slices.Delete(l.waiting, at, at+1); len(l.waiting) == 0 {
		t.lines = slices.Delete(t.lines, i, i+1)
	}
	return true
}

func (t *turns) lineOf(peer netip.Addr) int {
	return slices.IndexFunc(t.lines, func(l *line) bool { return l.peer == peer })
}

// end gives a turn to the first of the next line, which goes behind the others.
func (t *turns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == 0 {
		t.free++
		return
	}
	l := t.lines[0]
	close(l.waiting[0])
	l.waiting = slices.Delete(l.waiting, 0, 1)
	t.lines = slices.Delete(t.lines, 0, 1)
	if len(l.waiting) > 0 {
		t.lines = append(t.lines, l)
	}
}

// turn lets go before whatever can go on now and takes a turn, which end of turns gives back. Whoever lets go or waits does so without what only
// ranking needs: that is as large as the catalogue.
func (s *Server) turn(c *call, atMost time.Duration) bool {
	s.scratches.Put(c.scratch)
	c.scratch = nil
	runtime.Gosched()
	came := s.turns.try() || s.turns.wait(peerOf(c.ctx.RemoteAddr()), atMost)
	c.scratch = s.scratches.Get().(*rank.Scratch)
	return came
}

// waits is how long a request may wait for its turn.
func (c *call) waits() time.Duration {
	if c.ask.Deadline.IsZero() {
		return patience
	}
	return min(patience, c.ask.Deadline.Sub(c.clock()))
}

// tooMany is the answer where a turn did not come.
func tooMany(field string) *problem {
	p := unavailable("more new ones at once than are looked up in time")
	p.field = field
	return p
}
