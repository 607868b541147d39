package rank

import (
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
)

// allowed says which rows may be recommended in a span of time.
type allowed struct {
	bits        []uint64    // nil: all
	plain       []uint64    // those of them that searches and tables find: bits, but for special rows (changed)
	special     []uint64    // nil: none
	rows        []edged.Row // where listed: the same rows, ascending
	listed      bool
	narrow      bool          // a request selects among what may come
	from, until int64         // Unix milliseconds; until is the next expiry
	filter      *index.Filter // where narrow and prepared: all rows the request selects
	open        bool          // all of these may come
}

// restrict makes a search return only what may come, and is not special.
func (a *allowed) restrict(q *index.Query) {
	q.Filter = a.filter
	if !a.open {
		q.Allowed = a.plain
	}
}

// setPlain makes plain what bits and special say, in new memory.
func (a *allowed) setPlain() {
	if a.plain = a.bits; a.special == nil {
		return
	}
	a.plain = make([]uint64, len(a.special))
	for i, w := range a.special {
		a.plain[i] = ^w
	}
	for i, w := range a.bits {
		a.plain[i] &= w
	}
}

// plainly reports whether a row may come and is found as most are.
func (a *allowed) plainly(row edged.Row) bool {
	return a.plain == nil || a.plain[row/64]>>(row%64)&1 != 0
}

func (a *allowed) has(row edged.Row) bool {
	return a.bits == nil || a.bits[row/64]>>(row%64)&1 != 0
}

// allowedAt returns which rows may be recommended now. It works it out anew only when an expiry lies between two calls.
func (r *Ranker) allowedAt(now time.Time) *allowed {
	if now.IsZero() {
		now = r.clock()
	}
	ms := now.UnixMilli()
	if a := r.allowed.Load(); a != nil && a.from <= ms && ms < a.until {
		return a
	}
	a := r.workOutAllowed(ms)
	r.allowed.Store(a)
	return a
}
