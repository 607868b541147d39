package rank

import (
	"math"

	"github.com/edged/edged/internal/kernel"
)

// chooser finds the best candidates. The vector's part is the dear one: rows lie anywhere in memory. So the other parts come first, and
// with them a bound of the score, s_A being at most the lengths of both vectors multiplied (Cauchy and Schwarz). Candidates of the
// highest bounds are scored, and then of the others those whose bound is not below the worst of the best so far. To score one is to multiply
// its vector block by block (quant.Blocks): each bounds the score more closely, and most candidates are given up after the first or the second.
// What is chosen does not depend on this order.
type chooser struct {
	sums   []float32 // of the candidates: their scores, the vector's part left out
	factor []float32 // what rules multiply their scores by
	bounds []float32 // none of their scores, multiplied, is above it
	likely []float32 // what they may be expected to score
	passed []uint32  // places of those whose bound is high enough
	sample sample

	contest contest
}

const (
	batch  = 512              // candidates that contend at once
	scored = -math.MaxFloat32 // the bound of a candidate that was
)

// choose keeps the best candidates, as many as the answer can use.
func (r *Ranker) choose(f *fill) {
	b := &f.s.blend
	c := &b.chooser
	b.best.reset(f.skip + f.want)
	if r.stop(f) {
		b.byFactors = 0
	}
	f.bend()
	r.bound(f.s)
	c.contest.begin(r, b)
	_ = r.score(f, c.likely, c.high(b.best.k)) && r.score(f, c.bounds, b.best.least())
}

// bend asks what rules multiply scores by. That is 0 for those that come last, or not at all: scores of 0 don't count.
func (f *fill) bend() {
	b := &f.s.blend
	factor := resize(b.chooser.factor, len(b.at))
	b.chooser.factor = factor
	if f.rules != nil {
		f.rules.BendIn(factor, f.r.m.Order(), b.at)
		return
	}
	for i := range factor {
		factor[i] = 1
	}
}

// bound adds the parts but for the vector's up, in the order of the package's formula (blend), and bounds the scores. Floats are rounded
// monotonically: where the vector's part of a bound is not below that of the score, nor is the bound below the score.
func (r *Ranker) bound(s *Scratch) {
	b := &s.blend
	c, n := &b.chooser, len(b.at)
	c.sums, c.bounds, c.likely, c.passed = resize(c.sums, n), resize(c.bounds, n), resize(c.likely, n), resize(c.passed, n)
	clear(c.sums)
	addColumn(c.sums, b.at, b.byTable, b.table.score)
	addColumn(c.sums, b.at, b.bySession, b.session.score)
	c.contest.all = kernel.Candidates{At: b.at, Sums: c.sums, Factor: c.factor, Briefs: r.m.Briefs()}
	byLength := b.byLength()
	c.contest.all.Bound(c.bounds, c.likely, b.byPopular, byLength)
	for i := range b.own {
		p := r.partsOf(s, &candidate{row: r.m.Order()[b.at[i]], place: i})
		c.sums[i] += float32(p.repeat)
		c.sums[i] += float32(p.past)
		c.bounds[i] = float32(c.sums[i]+float32(byLength*c.contest.all.Briefs[b.at[i]].Length())) * c.factor[i]
		c.likely[i] = float32(c.sums[i]*c.factor[i]) + c.bounds[i]
	}
}

// byLength is what a vector's length is multiplied by to bound the vector's part of a score.
func (b *blend) byLength() float32 { return float32(float64(b.byFactors) * b.query.Bound(1+1e-6)) }

// score returns that of the candidate at a place, whose vector scores near, before rules.
func (c *chooser) score(place int, byFactors, near float32) float32 {
	return c.sums[place] + float32(byFactors*near)
}

func addColumn(dst []float32, at []uint32, weight float32, column []float32) {
	if weight > 0 {
		kernel.AddFrom(dst, column, at, weight)
	}
}

// high returns a bound that more than twice as many candidates reach as are wanted, and two hundred, judged by a sample.
func (c *chooser) high(wanted int) float32 {
	n, target := len(c.likely), 2*wanted+200
	if 2*target >= n {
		return 0
	}
	return max(0, c.sample.about(c.likely, target))
}

// score scores the candidates with a bound of at least from that were not scored before, as long as their bounds let them in. When time
// is up, which it looks at before each batch but the last, the rest is left out, and score returns false.
func (r *Ranker) score(f *fill, by []float32, from float32) bool {
	c := &f.s.blend.chooser
	passed := c.passed[:kernel.AtLeast(c.passed, by, from)]
	for len(passed) > batch {
		if r.stop(f) {
			return false
		}
		r.contend(f, passed[:batch])
		passed = passed[batch:]
	}
	r.contend(f, passed)
	return true
}
