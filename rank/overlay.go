package rank

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rules"
)

// Changes are what is to be different from a release. Rows are those of its model, and, of new items, those that follow.
type Changes struct {
	Tag     string      // tells changes of one release apart
	Off, On []edged.Row // that are not available, or are, whatever the catalogue says
	Boosts  []Boost     // each row once
	Prices  map[edged.Row]float64
	Items   []edged.Item // new ones, whose ids the release doesn't have
}

// Boost says what the scores of a row are multiplied by, wherever items are ordered by scores: above 1 lifts, and so it divides scores below 0.
type Boost struct {
	Row edged.Row
	By  float32
}

// changed is what a Ranker does differently from its release.
//
// Boosted rows and new ones are special: what finds the others knows nothing of them. So searches and tables leave them out, each of them
// is scored by itself, by the same formula, and takes its place. Of a new item the tables say nothing, its popularity of late is that of the
// least popular item, and its vector is the one that what it says of itself maps to.
type changed struct {
	Changes
	of      *Ranker
	special []edged.Row // ascending
	boosts  []float32   // of special; 1: none
	bits    []uint64    // special, over all rows
	popular []index.Hit // special, by boosted popularity
	leastZ  float32     // popularity of late of new items
}

// With returns a Ranker of the same release with some changes. The receiver is as it was; it must have none.
func (r *Ranker) With(c Changes) (*Ranker, error) {
	if r.changed != nil {
		panic("BUG: rank: changes on top of changes")
	}
	out := &Ranker{m: r.m, release: r.release, clock: r.clock, plans: r.plans, head: r.head, fresh: r.fresh, groups: r.groups, selections: r.selections, categories: r.categories, rules: r.rules}
	out.obeyed = new(obeyed) // rules look at prices, and know rows
	if len(c.Prices)+len(c.Items) > 0 {
		var err error
		if out.m, err = r.m.With(model.Patch{Prices: c.Prices, Items: c.Items}); err != nil {
			return nil, fmt.Errorf("rank: %w", err)
		}
		out.selections, out.categories = new(selections), new(selections)
	}
	if len(c.Items) > 0 {
		out.fresh = sync.OnceValue(func() []edged.Row { return append(slices.Clone(r.fresh()), newRows(out.m)...) })
		out.groups = sync.OnceValues(func() (*rules.Groups, error) { return regrouped(r, out.m) })
	}
	out.changed = r.newChanged(c, out.m)
	return out, nil
}

func newRows(m *model.Model) (rows []edged.Row) {
	for row := m.Base(); row < m.Len(); row++ {
		rows = append(rows, edged.Row(row))
	}
	return rows
}

func regrouped(of *Ranker, m *model.Model) (*rules.Groups, error) {
	g, err := of.groups()
	if err != nil {
		return nil, err
	}
	return g.With(m)
}

func (r *Ranker) newChanged(c Changes, m *model.Model) *changed {
	out := &changed{Changes: c, of: r}
	boosts := map[edged.Row]float32{}
	for _, row := range newRows(m) {
		boosts[row] = 1
	}
	for _, b := range c.Boosts {
		boosts[b.Row] = b.By
	}
	for row := range boosts {
		out.special = append(out.special, row)
	}
	slices.Sort(out.special)
	if len(out.special) == 0 {
		return out
	}
	out.bits = make([]uint64, (m.Len()+63)/64)
	setRows(out.bits, out.special, true)
	for _, row := range out.special {
		out.boosts = append(out.boosts, boosts[row])
		out.popular = append(out.popular, index.Hit{Row: row, Score: boosted(m.PopularityOf(row), boosts[row])})
	}
	slices.SortFunc(out.popular, func(a, b index.Hit) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row)) })
	if z := m.PopularZ(); len(z) > 0 {
		out.leastZ = slices.Min(z)
	}
	return out
}

// boosted applies a factor so that one above 1 always lifts.
func boosted(score, by float32) float32 {
	if score < 0 {
		return score / by
	}
	return float32(score * by)
}

// boostOf returns the factor of a row's scores.
func (r *Ranker) boostOf(row edged.Row) float32 {
	if r.changed == nil || !r.changed.isSpecial(row) {
		return 1
	}
	i, _ := slices.BinarySearch(r.changed.special, row)
	return r.changed.boosts[i]
}

func (c *changed) isSpecial(row edged.Row) bool {
	return c.bits != nil && c.bits[row/64]>>(row%64)&1 != 0
}

// hasSpecial reports whether some rows are scored by themselves.
func (r *Ranker) hasSpecial() bool { return r.changed != nil && len(r.changed.special) > 0 }

// Base returns the Ranker without changes.
func (r *Ranker) Base() *Ranker {
	if r.changed == nil {
		return r
	}
	return r.changed.of
}

// Repriced returns the rows of the release whose prices are changed.
func (r *Ranker) Repriced() []edged.Row {
	if r.changed == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(r.changed.Prices))
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
	if r.m.Withheld() > 0 || c != nil && len(c.Off)+len(c.Items) > 0 {
		a.bits = r.availableBits()
	}
	for _, e := range r.m.Expiries() {
		if e.Time > now {
			a.until = e.Time
			break
		}
		if a.bits == nil {
			a.bits = r.availableBits()
		}
		setRow(a.bits, e.Row, false)
		a.from = e.Time
	}
	if c != nil {
		r.expireNew(a, now)
		a.special = c.bits
	}
	a.setPlain()
	return a
}

// availableBits is a bitmap of what is available, expired or not.
func (r *Ranker) availableBits() []uint64 {
	bits := slices.Clone(r.m.AvailableBits())
	c := r.changed
	if c == nil {
		return bits
	}
	for len(bits) < (r.m.Len()+63)/64 {
		bits = append(bits, 0)
	}
	for _, row := range newRows(r.m) {
		setRow(bits, row, r.m.Available(row))
	}
	setRows(bits, c.On, true)
	setRows(bits, c.Off, false)
	return bits
}

// expireNew takes the new items out that have expired, and looks when the next one will.
func (r *Ranker) expireNew(a *allowed, now int64) {
	for _, row := range newRows(r.m) {
		switch at := r.m.New(row).Expires; {
		case at == 0:
		case at > now:
			a.until = min(a.until, at)
		default:
			setRow(a.bits, row, false)
			a.from = max(a.from, at)
		}
	}
}

func setRows(bits []uint64, rows []edged.Row, on bool) {
	for _, row := range rows {
		setRow(bits, row, on)
	}
}

func setRow(bits []uint64, row edged.Row, on bool) {
	bits[row/64] &^= 1 << (row % 64)
	if on {
		bits[row/64] |= 1 << (row % 64)
	}
}
