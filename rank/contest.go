package rank

import (
	"math"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/quant"
)

// contest is the working memory of candidates that contend for places among the best.
type contest struct {
	contenders
	part   [batch]int32
	rows   [batch]uint32 // of vectors
	stays  [batch]uint32
	likely [batch]float32 // what they may be expected to score
	sample sample

	all       kernel.Candidates
	params    kernel.MostParams
	vectors   *quant.Rows
	blocks    *quant.Blocks
	query     *quant.Query
	left      []float32 // of the query, by blocks multiplied
	byFactors float32
}

// contenders are candidates whose scores are being worked out, side by side.
type contenders struct {
	place [batch]uint32  // among the candidates
	line  [batch]uint32  // of their vectors
	dots  [batch]int32   // products so far
	most  [batch]float32 // their scores at most, by these
}

func (c *contenders) move(to, from int) {
	c.place[to], c.line[to], c.dots[to], c.most[to] = c.place[from], c.line[from], c.dots[from], c.most[from]
}

func (c *contenders) swap(i, k int) {
	c.place[i], c.place[k] = c.place[k], c.place[i]
	c.line[i], c.line[k] = c.line[k], c.line[i]
	c.dots[i], c.dots[k] = c.dots[k], c.dots[i]
	c.most[i], c.most[k] = c.most[k], c.most[i]
}

func (t *contest) begin(r *Ranker, b *blend) {
	t.vectors, t.blocks, t.query, t.byFactors = r.m.Vectors(), r.m.Blocks(), &b.query, b.byFactors
	if t.byFactors > 0 {
		t.left = t.blocks.Left(t.left, t.query)
	}
}

// contend scores candidates that may be good enough.
func (r *Ranker) contend(f *fill, places []uint32) {
	b := &f.s.blend
	t := &b.chooser.contest
	n := len(places)
	f.enter(places)
	if t.byFactors == 0 {
		f.offer(0, n)
		return
	}
	f.a.Scanned += n
	t.blocks.Multiply(t.dots[:n], t.vectors, t.query, 0, t.line[:n])
	t.bound(0, n, 1)
	n = t.keep(0, n, b.best.least())
	from := t.likeliest(n, b.best.k+8+min(b.best.k, len(f.s.exclude)))
	f.finish(0, from)
	f.finish(from, n)
}

// enter puts some candidates into the contest.
func (f *fill) enter(places []uint32) {
	b := &f.s.blend
	c := &b.chooser
	t := &c.contest
	line := t.line[:len(places)]
	for k, i := range places {
		line[k] = t.blocks.Line(b.at[i])
		c.bounds[i] = scored
	}
	copy(t.place[:], places)
}

// sift leaves of some those that may come, and returns where they end.
func (f *fill) sift(from, to int) int {
	t := &f.s.blend.chooser.contest
	n := from
	for i := from; i < to; i++ {
		t.move(n, i) // stays if it may come
		if f.eligible(int(t.place[i])) {
			n++
		}
	}
	return n
}

// least is what a score must reach: no score of 0 or less counts.
func (t *top) least() float32 { return max(t.worst(), math.SmallestNonzeroFloat32) }

// multiply adds a block's products.
func (t *contest) multiply(block, from, to int) {
	part := t.part[from:to]
	t.blocks.Multiply(part, t.vectors, t.query, block, t.line[from:to])
	for i, x := range part {
		t.dots[from+i] += x
	}
}

// bound writes to most what scores at most are after so many blocks: what these give, what is left of both vectors, the remainder, and what is lost
// by rounding.
func (t *contest) bound(from, to, blocks int) {
	norm := float32(t.query.Bound(1))
	t.params = kernel.MostParams{
		Scale: float32(t.query.Scale), Coarse: float32(norm * t.blocks.Coarse()), Lost: float32(norm * 2e-6), By: t.byFactors, Shift: 16,
	}
	if blocks < t.blocks.Len() {
		t.params.Left, t.params.Shift = t.left[blocks]/math.MaxUint8, uint32(8+8*blocks)
	}
	t.all.Most(t.most[from:to], t.place[from:to], t.dots[from:to], &t.params)
}

// likeliest brings those to the front whose products so far say most, about as many as wanted, and returns how many these are.
func (t *contest) likeliest(n, wanted int) int {
	if wanted >= n {
		return n
	}
	t.params = kernel.MostParams{Scale: float32(t.query.Scale), By: t.byFactors, Shift: 16}
	t.all.Most(t.likely[:n], t.place[:n], t.dots[:n], &t.params)
	stays := t.stays[:kernel.AtLeast(t.stays[:n], t.likely[:n], t.sample.about(t.likely[:n], wanted))]
	for k, i := range stays {
		t.swap(k, int(i))
	}
	return len(stays)
}

// keep leaves those from a place on, up to another, whose bound is high enough, and returns where they end.
func (t *contest) keep(from, to int, worst float32) int {
	stays := t.stays[:kernel.AtLeast(t.stays[:to-from], t.most[from:to], worst)]
	for k, i := range stays {
		t.move(from+k, from+int(i))
	}
	return from + len(stays)
}

// finish multiplies what is left of the vectors of some, whose first block is.
func (f *fill) finish(from, to int) {
	b := &f.s.blend
	t := &b.chooser.contest
	worst, all := b.best.least(), t.blocks.Len()
	to = t.keep(from, to, worst)
	for n := 1; n < all; n++ {
		t.multiply(n, from, to)
		if n == 1 || n == all-1 && t.vectors.Low != nil {
			t.bound(from, to, n+1)
			to = t.keep(from, to, worst)
		}
		if n == 1 {
			t.fetch(from, to)
		}
	}
	f.offer(from, to)
}

// fetch has the CPU fetch all of some vectors at once.
func (t *contest) fetch(from, to int) {
	for _, line := range t.line[from:to] {
		t.vectors.Fetch(int(t.blocks.RowOf(line)))
	}
}

// low multiplies the remainders of some vectors.
func (t *contest) low(from, to int) []int32 {
	rows := t.rows[from:to]
	for i := range rows {
		rows[i] = t.blocks.RowOf(t.line[from+i])
	}
	kernel.DotGatherI8I16(t.part[from:to], t.vectors.Low, rows, t.query.Codes)
	return t.part[from:to]
}

// offer puts those that may come and are good enough among the best: of their vectors only the remainders, where there are any, are not multiplied yet.
func (f *fill) offer(from, to int) {
	b := &f.s.blend
	t := &b.chooser.contest
	to = f.sift(from, to)
	var low []int32
	if t.vectors.Low != nil && t.byFactors > 0 {
		low = t.low(from, to)
	}
	c, worst := &b.chooser, b.best.least()
	for i := from; i < to; i++ {
		place, near := t.place[i], float32(0)
		brief := &t.all.Briefs[b.at[place]]
		switch {
		case t.byFactors == 0:
		case t.vectors.Low != nil:
			near = t.query.Fine(t.dots[i], low[i-from], brief.Scale)
		default:
			near = t.query.Score(t.dots[i], brief.Scale)
		}
		score := c.score(int(place), t.byFactors, near) * c.factor[place]
		if score >= worst {
			b.best.offer(candidate{score: score, row: edged.Row(brief.Row), place: int(place), near: near})
			worst = b.best.least()
			f.a.Reranked++
		}
	}
}
