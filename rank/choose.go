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
	keys   []uint16  // the bucket of each
	counts [buckets]int32

	places [batch]int32
	rows   [batch]edged.Row
	near   [batch]float32
	scores model.ScoreScratch
}

const batch = 32 // rows of one call of the kernel

// choose keeps the best candidates, as many as the answer can use.
func (r *Ranker) choose(f *fill) {
	b := &f.s.blend
	b.best.reset(f.skip + f.want)
	if r.stop(f) {
		b.byFactors = 0
	}
	r.addUp(f.s)
	if b.byFactors > 0 {
		b.chooser.sort()
		r.chooseByBounds(f)
	} else {
		b.chooseBySums()
	}
	f.a.Reranked += b.best.offered
}

// addUp adds the parts but for the vector's up, in the order of parts.sum, and bounds the scores, with room for rounding.
func (r *Ranker) addUp(s *Scratch) {
	b := &s.blend
	c, z, n := &b.chooser, r.m.PopularZ(), len(b.rows)
	c.sums, c.bounds, c.order = resize(c.sums, n), resize(c.bounds, n), resize(c.order, n)
	c.keys = resize(c.keys, n)
	clear(c.counts[:])
	reach := float64(b.byFactors * b.query.Bound(1))
	for i, row := range b.rows {
		sum := float64(b.byTable * float64(b.table.score[row]))
		if b.bySession > 0 {
			sum += float64(b.bySession * float64(b.session.score[row]))
		}
		if b.byPopular > 0 {
			sum += float64(b.byPopular * float64(z[row]))
		}
		if i < len(b.own) {
			p := r.partsOf(s, i, 0)
			sum = p.sum()
		}
		c.sums[i] = sum
		if b.byFactors > 0 {
			bound := sum + float64(reach*r.m.MaxLength(row))
			c.bounds[i] = bound + float64(1e-6*math.Abs(bound))
			c.put(i, bound)
		}
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
		if batches++; batches%32 == 0 && r.stop(f) {
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

// Buckets are thirty-seconds of a power of two, from 2^-4 to 2^12: bits of a float32 are in the order of the floats.
const (
	bucketShift = 23 - 5
	lowest      = (127 - 4) << 5
	buckets     = 16 << 5
)

// put counts a candidate's bound, rounded to a bucket, the highest first.
func (c *chooser) put(i int, bound float64) {
	k := int(math.Float32bits(float32(max(bound, 0)))>>bucketShift) - lowest
	k = buckets - 1 - max(0, min(k, buckets-1))
	c.keys[i] = uint16(k)
	c.counts[k]++
}

// sort puts the places in the order of their buckets.
func (c *chooser) sort() {
	at := int32(0)
	for k, n := range c.counts {
		c.counts[k] = at
		at += n
	}
	for i, k := range c.keys {
		c.order[c.counts[k]] = int32(i)
		c.counts[k]++
	}
}
