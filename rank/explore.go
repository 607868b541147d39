package rank

import (
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// Exploration shows items that nobody can have chosen yet, in some places of a list, so that there is something to learn of them.

// Fresh items are those published in the 30 days before the newest event the release knew, and those nobody had by then.
const (
	freshDays = 30
	maxFresh  = 10_000 // the newest ones
)

// freshOf returns the fresh rows of a release, ascending.
func freshOf(m *model.Model) []edged.Row {
	var rows []edged.Row
	newest := m.Meta().Created.UnixMilli()
	f := model.Between("published", model.Range{Min: float64(newest - freshDays*dayMs), Max: math.Inf(1)})
	var selected model.Selection
	var work model.FilterScratch
	if m.Select(&selected, &f, &work) == nil { // else the release can't say
		for row := range edged.Row(m.Len()) {
			if selected.Has(row) {
				rows = append(rows, row)
			}
		}
	}
	popular := m.Popular()
	for i := len(popular) - 1; i >= 0 && m.PopularityOf(popular[i]) == 0; i-- {
		rows = append(rows, popular[i])
	}
	slices.Sort(rows)
	rows = slices.Compact(rows)
	return slices.Clip(rows[:min(len(rows), maxFresh)])
}

// Exploration is where a list explores, and with what. The zero Exploration is ready for Explore.
type Exploration struct {
	Places []bool // from the first on, whether a new item is shown there
	Rows   []edged.Row
}

// Explore draws places for new items, each place but the first with the probability of share, and the items, after Recommend with the same q
// and s: ones that may come and have not. The same seed draws the same.
func (r *Ranker) Explore(e *Exploration, s *Scratch, q *Request, n int, share float32, seed uint64) {
	e.Places, e.Rows = e.Places[:0], e.Rows[:0]
	wanted := 0
	for place := range n {
		shown := place > 0 && unit(seed, uint64(place)) < float64(share)
		e.Places = append(e.Places, shown)
		if shown {
			wanted++
		}
	}
	fresh := r.fresh()
	if wanted == 0 || len(fresh) == 0 {
		return
	}
	allowed := r.allowedFor(s, q)
	s.drawn.reset(8 * wanted)
	for draw := range 8 * wanted { // some may not come
		row := fresh[min(int(unit(^seed, uint64(draw))*float64(len(fresh))), len(fresh)-1)]
		if allowed.has(row) && !s.taken.has(row) && s.drawn.add(row) {
			if e.Rows = append(e.Rows, row); len(e.Rows) == 2*wanted {
				return
			}
		}
	}
}

// unit returns a number from 0, 1 left out, that follows from a seed and a number alone (Vigna's splitmix64).
func unit(seed, i uint64) float64 {
	z := seed + (i+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return float64((z^z>>31)>>11) / (1 << 53)
}
