package rank

import (
	"time"

	"github.com/edged/edged"
)

// allowed says which rows may be recommended in a span of time.
type allowed struct {
	bits        []uint64    // nil: all
	rows        []edged.Row // where listed: the same rows, ascending
	listed      bool
	narrow      bool  // a request selects among what may come
	from, until int64 // Unix milliseconds; until is the next expiry
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
