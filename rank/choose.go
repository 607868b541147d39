package rank

import (
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/model"
)

// chooser finds the best candidates. The vector's part is the dear one: rows lie anywhere in memory. So the other parts come first, and
// with them a bound of the score, s_A being at most the lengths of both vectors multiplied (Cauchy and Schwarz). Candidates of the
// highest bounds are scored, about as many as are wanted, and then of the others, in two goes, those whose bound is not below the worst
// of the best so far. What is chosen does not depend on this order.
type chooser struct {
	sums   []float32 // of the candidates: their scores, the vector's part left out
	factor []float32 // what rules multiply their scores by; none without rules
	bounds []float32 // none of their scores, multiplied, is above it
	passed []uint32  // places of those whose bound is high enough
	sample []float32

	places [batch]uint32
	rows   [batch]edged.Row
	near   [batch]float32
	scores model.ScoreScratch
}

const (
	batch  = 64               // rows of one call of the kernel
	scored = -math.MaxFloat32 // the bound of a candidate that was
)

// choose keeps the best candidates, as many as the answer can use.
func (r *Ranker) choose(f *fill) {
	b := &f.s.blend
	b.best.reset(f.skip + f.want)
	if r.stop(f) {
		b.byFactors = 0
	}
	r.bound(f.s)
	if f.rules != nil {
		f.bend()
	}
	high := b.chooser.high(b.best.k)
	if !r.score(f, high) {
		return
	}
	low := max(b.best.worst(), 0)
	_ = r.score(f, low/2+high/2) && r.score(f, max(b.best.worst(), 0))
}

// bound adds the parts but for the vector's up, in the order of the package's formula (blend), and bounds the scores. Floats are rounded
// monotonically: where the vector's part of a bound is not below that of the score, nor is the bound below the score.
func (r *Ranker) bound(s *Scratch) {
	b := &s.blend
	c, n := &b.chooser, len(b.rows)
	c.sums, c.bounds, c.passed = resize(c.sums, n), resize(c.bounds, n), resize(c.passed, n)
	clear(c.sums)
	addColumn(c.sums, b.rows, b.byTable, b.table.score)
	addColumn(c.sums, b.rows, b.bySession, b.session.score)
	addColumn(c.sums, b.rows, b.byPopular, r.m.PopularZ())
	for i := range b.own {
		p := r.partsOf(s, i, 0)
		c.sums[i] += float32(p.repeat)
		c.sums[i] += float32(p.past)
	}
	copy(c.bounds, c.sums)
	addColumn(c.bounds, b.rows, float32(float64(b.byFactors)*b.query.Bound(1+1e-6)), r.m.MaxLengths())
}

// bend multiplies the bounds by what rules say. That is 0 for those that come last, or not at all: scores of 0 don't count.
func (f *fill) bend() {
	b := &f.s.blend
	c := &b.chooser
	c.factor = resize(c.factor, len(b.rows))
	f.rules.Bend(c.factor, b.rows)
	for i, factor := range c.factor {
		c.bounds[i] *= factor
	}
}

// score returns that of the candidate at a place, whose vector scores near, before rules.
func (c *chooser) score(place int, byFactors, near float32) float32 {
	return c.sums[place] + float32(byFactors*near)
}

func addColumn(dst []float32, rows []edged.Row, weight float32, column []float32) {
	if weight > 0 {
		kernel.AddFrom(dst, column, rows, weight)
	}
}

// high returns a bound that about twice as many candidates reach as are wanted, judged by a sample.
func (c *chooser) high(wanted int) float32 {
	n, target := len(c.bounds), 2*wanted+16
	if 2*target >= n {
		return 0
	}
	step := max(1, n/128)
	c.sample = c.sample[:0]
	for i := step / 2; i < n; i += step {
		c.sample = append(c.sample, c.bounds[i])
	}
	return max(0, largestOf(c.sample, max(1, target*len(c.sample)/n)))
}

// largestOf returns the k-th largest of a list, which it reorders.
func largestOf(list []float32, k int) float32 {
	if k > maxInserted {
		slices.Sort(list)
		return list[len(list)-k]
	}
	var best [maxInserted]float32 // descending
	n := 0
	for _, x := range list {
		if n == k && x <= best[k-1] {
			continue
		}
		n = min(n+1, k)
		i := n - 1
		for ; i > 0 && best[i-1] < x; i-- {
			best[i] = best[i-1]
		}
		best[i] = x
	}
	return best[k-1]
}

const maxInserted = 16

// score scores the candidates with a bound of at least from that were not scored before, as long as their bounds let them in. When time
// is up, which it looks at before each batch but the last, the rest is left out, and score returns false.
func (r *Ranker) score(f *fill, from float32) bool {
	b := &f.s.blend
	c := &b.chooser
	passed := c.passed[:kernel.AtLeast(c.passed, c.bounds, from)]
	for len(passed) > batch {
		if r.stop(f) {
			return false
		}
		r.scoreBatch(f, passed[:batch])
		passed = passed[batch:]
	}
	r.scoreBatch(f, passed)
	return true
}

// take puts those of some places into the batch that may come and whose bounds are high enough, and returns how many these are.
func (f *fill) take(places []uint32) int {
	b := &f.s.blend
	c := &b.chooser
	bits, worst, n := f.allowed.plain, b.best.worst(), 0
	for _, i := range places {
		row, bound := b.rows[i], c.bounds[i]
		c.places[n], c.rows[n] = i, row // stay if they are to
		if bound >= worst {
			n++
		}
		c.bounds[i] = scored
	}
	if bits == nil {
		return n
	}
	all := n
	n = 0
	for k, row := range c.rows[:all] {
		c.places[n], c.rows[n] = c.places[k], row
		n += int(bits[row/64] >> (row % 64) & 1)
	}
	return n
}

// scoreBatch scores candidates. Whether one may come at all is asked of those that are good enough: they are few.
func (r *Ranker) scoreBatch(f *fill, places []uint32) {
	b := &f.s.blend
	c := &b.chooser
	n := f.take(places)
	near := c.near[:n]
	if b.byFactors > 0 {
		r.m.Scores(near, &b.query, c.rows[:n], &c.scores)
		f.a.Scanned += n
	} else {
		clear(near)
	}
	worst := max(b.best.worst(), math.SmallestNonzeroFloat32)
	for k, i := range c.places[:n] {
		score := c.score(int(i), b.byFactors, near[k])
		if f.rules != nil {
			score *= c.factor[i]
		}
		if score >= worst && f.eligible(int(i)) {
			b.best.offer(candidate{score: score, row: c.rows[k], place: int(i), near: near[k]})
			worst = max(b.best.worst(), math.SmallestNonzeroFloat32)
			f.a.Reranked++
		}
	}
}
