package rank

import (
	"math"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// chooser finds the best candidates. The vector's part is the dear one: rows lie anywhere in memory. So the other parts come first,
// and with them a bound of the score, s_A being at most the lengths of both vectors multiplied (Cauchy and Schwarz). Candidates are
// scored in about the order of their bounds, and no more those whose bound is below the worst of the best so far.
type chooser struct {
	sums   []float64 // of the candidates, the vector's part left out
	bounds []float64 // none of their scores is above it
	order  []int32   // places, by buckets of bounds, the highest first
	counts [buckets + 1]int32

	places [batch]int32
	rows   [batch]edged.Row
	near   [batch]float32
	scores model.ScoreScratch
}

const (
	buckets = 256
	batch   = 64 // rows of one call of the kernel
)

// choose keeps the best candidates, as many as the answer can use.
func (r *Ranker) choose(f *fill) {
	b := &f.s.blend
	b.best.reset(f.skip + f.want)
	r.addUp(f.s)
	if b.byFactors > 0 && !r.stop(f) {
		r.bound(b)
		b.chooser.sort()
		r.chooseByBounds(f)
	} else {
		b.byFactors = 0
		b.chooseBySums()
	}
	f.a.Reranked += b.best.offered
}

// addUp adds the parts but for the vector's up, in the order of parts.sum.
func (r *Ranker) addUp(s *Scratch) {
	b := &s.blend
	c, z := &b.chooser, r.m.PopularZ()
	c.sums = resize(c.sums, len(b.rows))
	for i, row := range b.rows {
		sum := float64(b.byTable * float64(b.table.score[row]))
		if b.bySession > 0 {
			sum += float64(b.bySession * float64(b.session.score[row]))
		}
		if b.byPopular > 0 {
			sum += float64(b.byPopular * float64(z[row]))
		}
		c.sums[i] = sum
	}
	for i := range b.own {
		p := r.partsOf(s, i, 0)
		c.sums[i] = p.sum()
	}
}

// bound bounds the scores, with room for rounding.
func (r *Ranker) bound(b *blend) {
	c := &b.chooser
	c.bounds, c.order = resize(c.bounds, len(b.rows)), resize(c.order, len(b.rows))
	reach := float64(b.byFactors * b.query.Bound(1))
	for i, row := range b.rows {
		bound := c.sums[i] + float64(reach*r.m.MaxLength(row))
		c.bounds[i] = bound + float64(1e-6*math.Abs(bound))
	}
}

// chooseBySums is choose without the vector's part.
func (b *blend) chooseBySums() {
	for i, sum := range b.chooser.sums {
		if score := float32(sum); score > 0 && score >= b.best.worst() {
			b.best.offer(candidate{score: score, row: b.rows[i], place: i})
		}
	}
}

// chooseByBounds scores candidates as long as their bounds let them in. When time is up, which it looks at every few batches, the
// rest is left out.
func (r *Ranker) chooseByBounds(f *fill) {
	b := &f.s.blend
	c := &b.chooser
	n, batches := 0, 0
	for _, i := range c.order {
		if bound := c.bounds[i]; bound <= 0 || bound < float64(b.best.worst()) {
			continue
		}
		c.places[n], c.rows[n] = i, b.rows[i]
		if n++; n < batch {
			continue
		}
		r.scoreBatch(f, n)
		n = 0
		if batches++; batches%16 == 0 && r.stop(f) {
			return
		}
	}
	r.scoreBatch(f, n)
}

func (r *Ranker) scoreBatch(f *fill, n int) {
	b := &f.s.blend
	c := &b.chooser
	r.m.Scores(c.near[:n], &b.query, c.rows[:n], &c.scores)
	f.a.Scanned += n
	for k, i := range c.places[:n] {
		if score := float32(c.sums[i] + float64(b.byFactors*float64(c.near[k]))); score > 0 {
			b.best.offer(candidate{score: score, row: c.rows[k], place: int(i), near: c.near[k]})
		}
	}
}

// sort puts the places in buckets of equally wide ranges of bounds.
func (c *chooser) sort() {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, x := range c.bounds {
		lo, hi = min(lo, x), max(hi, x)
	}
	width := (hi - lo) / buckets
	if !(width > 0) {
		width = 1
	}
	scale := 1 / width
	clear(c.counts[:])
	for _, x := range c.bounds {
		c.counts[bucketOf(hi, x, scale)+1]++
	}
	for k := 1; k <= buckets; k++ {
		c.counts[k] += c.counts[k-1]
	}
	for i, x := range c.bounds {
		k := bucketOf(hi, x, scale)
		c.order[c.counts[k]] = int32(i)
		c.counts[k]++
	}
}

func bucketOf(hi, x, scale float64) int { return min(int((hi-x)*scale), buckets-1) }
