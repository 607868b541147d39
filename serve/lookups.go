package serve

import (
	"runtime"
	"time"
)

// turns are for requests with filters or boosts that nobody asked for lately, and for lists of a category that nobody did: these are asked of the
// whole catalogue, which takes many times what the rest of an answer does. However many come at once, all but one processor at most is busy with them, and others
// come first.
type turns chan struct{}

func newTurns() turns { return make(turns, max(1, runtime.GOMAXPROCS(0)-1)) }

// patience is how long a request waits that does not say by timeoutMs how long it may take.
const patience = 250 * time.Millisecond

// take lets go before whatever can go on now, waits for a turn, which end gives back, and reports whether it came in time.
func (t turns) take(wait time.Duration) bool {
	runtime.Gosched()
	select {
	case t <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case t <- struct{}{}:
		return true
	case <-timer.C:
		return false
	}
}

func (t turns) end() { <-t }

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
