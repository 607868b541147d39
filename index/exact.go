package index

import (
	"math"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
)

// exact scores the rows of the places from … to, in order of falling length from a block on, until no later one can
// enter, by the share of its length that counts. It reports whether the deadline let it.
func (r *run) exact(from, to, firstBlock int) bool {
	s := r.s
	for at := from; at < to; {
		b := firstBlock + (at-from)/kernel.BlockRows
		if s.best.full() && s.query.Bound(float64(r.x.norms[b]))*r.share < float64(s.best.limit) {
			return true
		}
		if r.late() {
			return false
		}
		n := min(block, to-at)
		r.score(at, at+n)
		at += n
	}
	return true
}

// exactCells scores every row that a bound does not exclude.
func (r *run) exactCells() {
	l, s := r.x.layout, r.s
	r.centres()
	s.list = s.list[:0]
	for c, most := range s.upper[:l.Cells()] {
		s.list = append(s.list, cellKey(most, c))
	}
	s.list, s.sorted = bestFirst(s.list, s.sorted)
	for _, key := range s.list {
		c := cellOf(key)
		if s.best.full() && s.upper[c] < s.best.limit {
			return
		}
		s.Stats.Cells++
		if !r.exact(int(l.Starts[c]), int(l.Starts[c+1]), int(r.x.first[c])) {
			return
		}
	}
}

// centres computes what no score of a row of each cell exceeds.
func (r *run) centres() {
	l, s := r.x.layout, r.s
	r.x.centres.Dots(s.centre[:r.x.centres.Room()], s.query.Codes)
	for c := range l.Cells() {
		s.upper[c] = above(r.most(c))
	}
}

// most returns a number no score of a row of cell c exceeds: ⟨q,h·C+r⟩ ≤ h·⟨q,C⟩ + ‖q‖·‖r‖, with room for rounding.
func (r *run) most(c int) float64 {
	x := r.x
	base := float64(r.base(c))
	top := max(float64(x.promises.most[c])*base, float64(x.promises.least[c])*base)
	return top + float64(r.s.query.Norm*float64(x.layout.Radius[c])*(1+1e-6)) + float64(math.Abs(top)*1e-5)
}

// base returns the score of a centroid.
func (r *run) base(c int) float32 {
	return r.s.query.Score(r.s.centre[c], r.x.layout.Centroids.Scales[c])
}

// cellKey orders cells by what they promise.
func cellKey(promise float32, c int) uint64 { return keyOf(promise, edged.Row(^uint32(c))) }

func cellOf(key uint64) int { return int(uint32(key)) }
