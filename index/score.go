package index

import (
	"math"
	"math/bits"

	"github.com/edged/edged"
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
	open := r.q.Allowed == nil
	if s.best.n == 0 && open {
		r.drop(dots, from)
		s.best.expect(&s.query, dots, scales, r.uncertain())
	}
	masks := s.masks[:blocksOf(len(dots))]
	add, limit := r.roughly()
	kernel.Above(masks, dots, scales, add, limit)
	near, high := appendSet(s.near[:0], masks), s.high[:cap(s.high)]
	n := 0
	for _, i := range near {
		if !open && !r.q.allows(order[i]) {
			continue
		}
		near[n], high[n] = uint32(from)+i, dots[i]
		n++
	}
	s.near, s.high = near[:n], high[:n]
	r.offerNear()
}

// drop marks the dot products of excluded rows, so that nothing is expected of them.
func (r *run) drop(dots []int32, from int) {
	if place := r.x.place; place != nil && len(r.q.Exclude) < len(dots) {
		for _, row := range r.q.Exclude {
			if int(row) < len(place) && uint(int(place[row])-from) < uint(len(dots)) {
				dots[int(place[row])-from] = kernel.Dropped
			}
		}
		return
	}
	for i := range dots {
		if r.excluded(uint32(from + i)) {
			dots[i] = kernel.Dropped
		}
	}
}

// uncertain returns what the scores that are offered may be less than those without remainders, over the row's scale.
func (r *run) uncertain() float32 {
	if r.rough || r.x.rows.Low == nil {
		return 0
	}
	return r.slack
}

// appendSet appends the numbers of the bits set, of which dst must have room for four more than there are. Most words have few:
// four are written whether or not they are set, which no branch has to guess.
func appendSet(dst, masks []uint32) []uint32 {
	n := len(dst)
	dst = dst[:cap(dst)]
	for b, m := range masks {
		from, count := uint32(b*kernel.BlockRows), bits.OnesCount32(m)
		for at := n; ; at += 4 {
			d := (*[4]uint32)(dst[at:])
			d[0] = from + uint32(bits.TrailingZeros32(m))
			m &= m - 1
			d[1] = from + uint32(bits.TrailingZeros32(m))
			m &= m - 1
			d[2] = from + uint32(bits.TrailingZeros32(m))
			m &= m - 1
			d[3] = from + uint32(bits.TrailingZeros32(m))
			if m &= m - 1; m == 0 {
				break
			}
		}
		n += count
	}
	return dst[:n]
}

// surely returns what the remainder of a row adds to its score at most, over the row's scale: ‖l‖/256 ≤ √D·127/256.
func (r *run) surely() float32 {
	return above(r.s.query.Norm * math.Sqrt(float64(len(r.s.query.Codes))) * 127 / 256)
}

// likely returns what it hardly ever adds more than: so many standard deviations of an even one.
func (r *run) likely(deviations float32) float32 {
	return float32(float64(deviations) * r.s.query.Norm / math.Sqrt(12))
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

// rerank scores the candidates and offers them.
func (r *run) rerank() {
	x, s := r.x, r.s
	dots, scales := s.dots[:len(s.cand)], s.scales[:len(s.cand)]
	kernel.DotGatherI8I16(dots, x.rows.Codes, s.cand, s.query.Codes)
	s.Stats.Scored += len(dots)
	all := x.rows.Scales
	for i, p := range s.cand {
		scales[i] = all[p]
	}
	if s.best.n == 0 && len(r.q.Exclude) == 0 {
		s.best.expect(&s.query, dots, scales, r.uncertain())
	}
	masks := s.masks[:blocksOf(len(dots))]
	add, limit := r.roughly()
	kernel.Above(masks, dots, scales, add, limit)
	near := appendSet(s.near[:0], masks)
	high := s.high[:len(near)]
	for n, i := range near {
		near[n], high[n] = s.cand[i], dots[i]
	}
	s.near, s.high, s.cand = near, high, s.cand[:0]
	r.offerNear()
}

// offerNear offers the near rows, whose dot products are known.
func (r *run) offerNear() {
	x, s := r.x, r.s
	if r.rough || x.rows.Low == nil {
		r.offerRough()
		return
	}
	low := s.low[:len(s.near)]
	kernel.DotGatherI8I16(low, x.rows.Low, s.near, s.query.Codes)
	for i, p := range s.near {
		if score := s.query.Fine(s.high[i], low[i], x.rows.Scales[p]); score >= s.best.limit && !r.excluded(p) {
			s.best.offer(score, x.order[p])
			s.Stats.Reranked++
		}
	}
	s.best.settle()
}

// offerRough offers the near rows by their scores without remainders, with the slack for these. Where remainders are to come, places
// are offered instead of rows: refine wants them.
func (r *run) offerRough() {
	s, scales, order := r.s, r.x.rows.Scales, r.x.order
	slack := float32(0)
	if r.rough {
		slack = r.slack
	}
	for i, p := range s.near {
		score, more := s.query.Score(s.high[i], scales[p]), float32(slack*scales[p])
		if float32(score+more) >= s.best.limit && !r.excluded(p) {
			row := edged.Row(p)
			if !r.rough {
				row = order[p]
			}
			s.best.offer(score, row)
			s.Stats.Reranked++
			r.more = max(r.more, more)
		}
	}
	s.best.settle()
}

// refine replaces the scores of the best rows, and of those that their remainders may lift among them, by those with
// remainders.
func (r *run) refine() {
	x, s := r.x, r.s
	near := s.near[:0]
	limit := s.best.limit
	least := keyOf(limit-r.more, math.MaxUint32)
	for _, key := range s.best.keys[:s.best.n] {
		if key < least {
			continue
		}
		hit := hitOf(key)
		p := uint32(hit.Row)
		if float32(hit.Score+float32(r.slack*x.rows.Scales[p])) >= limit {
			near = append(near, p)
		}
	}
	s.near = near
	s.best.reset(s.best.k)
	for ; len(near) > 0; near = near[min(chunk, len(near)):] {
		part := near[:min(chunk, len(near))]
		high, low := s.dots[:len(part)], s.low[:len(part)]
		kernel.DotGatherI8I16(high, x.rows.Codes, part, s.query.Codes)
		kernel.DotGatherI8I16(low, x.rows.Low, part, s.query.Codes)
		for i, p := range part {
			s.best.keys[s.best.n] = keyOf(s.query.Fine(high[i], low[i], x.rows.Scales[p]), x.order[p])
			s.best.n++
		}
	}
}
