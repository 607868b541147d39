package index

import (
	"math"
	"math/bits"

	"github.com/edged/edged/internal/kernel"
)

// score offers rows of the places from … to, all of them.
func (r *run) score(from, to int) {
	x, s := r.x, r.s
	stride := len(s.query.Codes)
	dots := s.dots[:to-from]
	kernel.DotRowsI8I16(dots, x.rows.Codes[from*stride:to*stride], s.query.Codes)
	r.weigh(dots, from)
}

// weigh offers the rows from a place on whose dot products are known; there are at most chunk of them.
func (r *run) weigh(dots []int32, from int) {
	x, s := r.x, r.s
	s.Stats.Scanned += len(dots)
	s.Stats.Scored += len(dots)
	scales, order := x.rows.Scales[from:][:len(dots)], x.order[from:][:len(dots)]
	masks := s.masks[:blocksOf(len(dots))]
	add, limit := r.roughly()
	kernel.Above(masks, dots, scales, add, limit)
	open := r.q.Allowed == nil && len(r.q.Exclude) == 0
	n := 0
	near, high := s.near[:cap(s.near)], s.high[:cap(s.high)]
	for b, m := range masks {
		for ; m != 0; m &= m - 1 {
			i := b*kernel.BlockRows + bits.TrailingZeros32(m)
			if !open && !r.q.mayReturn(order[i]) {
				continue
			}
			near[n], high[n] = uint32(from+i), dots[i]
			n++
		}
	}
	s.near, s.high = near[:n], high[:n]
	r.offerNear()
}

// surely returns what the remainder of a row adds to its score at most, over the row's scale: ‖l‖/256 ≤ √D·127/256.
func (r *run) surely() float32 {
	return above(r.s.query.Norm * math.Sqrt(float64(len(r.s.query.Codes))) * 127 / 256)
}

// roughly returns what kernel.Above needs to let no row pass by whose score, slack added, is at least the limit.
func (r *run) roughly() (add, limit float32) {
	scale := r.s.query.Scale
	if scale == 0 {
		return 0, float32(math.Inf(-1))
	}
	if r.x.rows.Low != nil {
		add = above(float64(r.slack)/scale) + 1
	}
	l := float64(r.s.best.limit) / scale
	return add, float32(l - float64(math.Abs(l)*1e-5))
}

// offerCandidates offers the candidates, whose dot products are known. Those that cannot enter, with the slack where rows
// have remainders, are left out.
func (r *run) offerCandidates(dots []int32) {
	x, s := r.x, r.s
	cand, scales := s.cand[:len(dots)], s.scales[:len(dots)]
	all := x.rows.Scales
	for i, p := range cand {
		scales[i] = all[p]
	}
	masks := s.masks[:blocksOf(len(dots))]
	add, limit := r.roughly()
	kernel.Above(masks, dots, scales, add, limit)
	n := 0
	near, high := s.near[:cap(s.near)], s.high[:cap(s.high)]
	for b, m := range masks {
		for ; m != 0; m &= m - 1 {
			i := b*kernel.BlockRows + bits.TrailingZeros32(m)
			near[n], high[n] = cand[i], dots[i]
			n++
		}
	}
	s.near, s.high, s.cand = near[:n], high[:n], s.cand[:0]
	r.offerNear()
}

// offerNear offers the near rows by their scores.
func (r *run) offerNear() {
	x, s := r.x, r.s
	if x.rows.Low == nil {
		for i, p := range s.near {
			if score := s.query.Score(s.high[i], x.rows.Scales[p]); score >= s.best.limit {
				s.best.offer(score, x.order[p])
			}
		}
		return
	}
	low := s.low[:len(s.near)]
	kernel.DotGatherI8I16(low, x.rows.Low, s.near, s.query.Codes)
	for i, p := range s.near {
		if score := s.query.Fine(s.high[i], low[i], x.rows.Scales[p]); score >= s.best.limit {
			s.best.offer(score, x.order[p])
		}
	}
}

// rerank scores the candidates.
func (r *run) rerank() {
	x, s := r.x, r.s
	dots := s.dots[:len(s.cand)]
	kernel.DotGatherI8I16(dots, x.rows.Codes, s.cand, s.query.Codes)
	s.Stats.Scored += len(dots)
	r.offerCandidates(dots)
}
