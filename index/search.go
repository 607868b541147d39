package index

import (
	"time"
)

const (
	chunk      = 1024       // most rows a kernel call takes
	block      = 64         // rows of an exact scan's first calls; the stop is checked between calls
	clockEvery = 32 * block // rows between two looks at the clock
)

// run is one search under way.
type run struct {
	x     *Index
	q     Query
	s     *Scratch
	clock func() time.Time
	next  int     // rows scanned when the clock is looked at again
	slack float32 // what the remainder of a row may add to its score, over the row's scale
	rough bool    // remainders are looked at in the end
	more  float32 // the most a remainder may add to the score of a row offered
	share float64 // of the lengths of rows, that counts for an exact scan's stop; 1 where it is exact
}

// Search appends the best q.K rows to dst, best first, and returns the extended slice. Fewer come back only where
// fewer are allowed, or the deadline came: the first rows are always scanned, so that there is an answer to give.
// q.Vector must have Dim numbers.
func (x *Index) Search(dst []Hit, q *Query, s *Scratch) []Hit {
	s.Stats = Stats{}
	if len(q.Vector) != x.Dim() {
		panic("BUG: index: query of another dimension than the index")
	}
	x = x.among(q)
	k := min(q.K, x.Len())
	if k < 1 {
		return dst
	}
	r := x.start(q, s, k)
	setting, approximate := x.Setting(q)
	r.slack = r.surely()
	if approximate {
		r.slack, r.rough = r.likely(setting.Slack), x.rows.Low != nil
	}
	switch {
	case x.place != nil && q.Allowed != nil && x.fewAllowed(q, s):
		r.gather()
	case x.layout == nil:
		r.exact(0, x.Len(), 0)
	case approximate && setting.plain() && x.layout.Cells() == 1:
		r.share = float64(setting.Kappa)
		s.Stats.Cells++
		r.exact(0, x.Len(), 0)
	case approximate:
		r.approximate(&setting)
	default:
		r.exactCells()
	}
	if r.rough {
		r.refine()
	}
	return s.best.appendHits(dst)
}

// start readies a search.
func (x *Index) start(q *Query, s *Scratch, k int) run {
	s.prepare(x)
	s.query.Set(q.Vector)
	s.best.reset(k)
	r := run{x: x, q: *q, s: s, clock: q.Clock, next: clockEvery, share: 1}
	if r.clock == nil {
		r.clock = time.Now
	}
	r.exclude()
	return r
}

// late reports, and notes, that the deadline has come. It looks at the clock every clockEvery rows.
func (r *run) late() bool {
	if r.q.Deadline.IsZero() || r.s.Stats.Scanned < r.next {
		return false
	}
	r.next = r.s.Stats.Scanned + clockEvery
	if r.clock().Before(r.q.Deadline) {
		return false
	}
	r.s.Stats.Truncated = true
	return true
}
