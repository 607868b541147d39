package rank

import (
	"math"
	"slices"

	"github.com/edged/edged"
)

// Changes are what is to be different from a release. Rows are those of its model.
type Changes struct {
	Tag     string      // tells changes of one release apart
	Off, On []edged.Row // that are not available, or are, whatever the catalogue says
}

// changed is what a Ranker does differently from its release.
type changed struct {
	Changes
	of *Ranker
}

// With returns a Ranker of the same release with some changes. The receiver is as it was; it must have none.
func (r *Ranker) With(c Changes) *Ranker {
	if r.changed != nil {
		panic("BUG: rank: changes on top of changes")
	}
	return &Ranker{
		m: r.m, release: r.release, clock: r.clock, plans: r.plans, head: r.head, fresh: r.fresh, groups: r.groups, selections: r.selections,
		changed: &changed{Changes: c, of: r},
	}
}

// Base returns the Ranker without changes.
func (r *Ranker) Base() *Ranker {
	if r.changed == nil {
		return r
	}
	return r.changed.of
}

// Tag tells what the Ranker does differently from its release; empty: nothing.
func (r *Ranker) Tag() string {
	if r.changed == nil {
		return ""
	}
	return r.changed.Tag
}

// workOutAllowed goes through the catalogue: what is available, as changed, and not expired.
func (r *Ranker) workOutAllowed(now int64) *allowed {
	a := &allowed{from: math.MinInt64, until: math.MaxInt64}
	c := r.changed
	if r.m.Withheld() > 0 || c != nil && len(c.Off) > 0 {
		a.bits = slices.Clone(r.m.AvailableBits())
	}
	if c != nil && a.bits != nil {
		setRows(a.bits, c.On, true)
		setRows(a.bits, c.Off, false)
	}
	for _, e := range r.m.Expiries() {
		if e.Time > now {
			a.until = e.Time
			break
		}
		if a.bits == nil {
			a.bits = slices.Clone(r.m.AvailableBits())
		}
		a.bits[e.Row/64] &^= 1 << (e.Row % 64)
		a.from = e.Time
	}
	return a
}

func setRows(bits []uint64, rows []edged.Row, on bool) {
	for _, row := range rows {
		if on {
			bits[row/64] |= 1 << (row % 64)
		} else {
			bits[row/64] &^= 1 << (row % 64)
		}
	}
}
