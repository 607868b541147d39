package index

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"sync/atomic"

	"github.com/edged/edged"
)

// Calibration says what to calibrate for. Zero values mean the defaults.
type Calibration struct {
	Queries []float32     // held out: not those the layout was made for, nor those recall is reported on; rows of Dim floats
	Truth   [][]edged.Row // true best rows of each query, as many as the largest K; nil: what scores as the exact search's hits
	Recalls []float32     // default 0.9, 0.95, 0.99 and 0.999
	Ks      []int         // default 10 and 100
	Threads int

	scores [][]Hit // of the exact search, where there is no other truth
}

// EnsureDefaults replaces zero values.
func (c *Calibration) EnsureDefaults() {
	if c.Recalls == nil {
		c.Recalls = []float32{.9, .95, .99, .999}
	}
	if c.Ks == nil {
		c.Ks = []int{10, 100}
	}
	c.Threads = max(1, c.Threads)
}

// Calibrate finds, for each recall and K, the setting of the least cost that reaches it on the queries. A recall none
// reaches has no setting: such a query is searched exactly. The index takes over what was found. Equal arguments give
// equal settings.
func (x *Index) Calibrate(c Calibration) error {
	c.EnsureDefaults()
	if x.layout == nil {
		return errors.New("index: no layout to calibrate")
	}
	if len(c.Queries) == 0 || len(c.Queries)%x.Dim() != 0 {
		return errors.New("index: calibration needs whole queries")
	}
	k := min(slices.Max(c.Ks), x.Len())
	if c.Truth == nil && c.scores == nil {
		c.scores = x.exactAnswers(c.Queries, k, c.Threads)
	}
	x.settings = nil
	var found []Setting
	for _, k := range c.Ks {
		k = min(k, x.Len())
		t := &trial{x: x, c: &c, k: k, seen: map[trialKey]Setting{}}
		for _, recall := range c.Recalls {
			s, ok := t.cheapest(recall)
			if !ok {
				break
			}
			found = append(found, s)
		}
	}
	x.settings = found
	return nil
}

// exactAnswers returns the best k hits of each query.
func (x *Index) exactAnswers(queries []float32, k, threads int) [][]Hit {
	n := len(queries) / x.Dim()
	out := make([][]Hit, n)
	parallel(threads, n, func(from, to int) {
		var s Scratch
		var hits []Hit
		for i := from; i < to; i++ {
			hits = x.Search(hits[:0], &Query{Vector: queries[i*x.Dim():][:x.Dim()], K: k, Recall: 1.5}, &s)
			out[i] = slices.Clone(hits)
		}
	})
	return out
}

// What things cost, in nanoseconds on a machine with AVX-512: only their proportions matter.
const (
	costQuery   = 900
	costCell    = .9 // its centroid
	costVisit   = 45
	costRow     = .25
	costByte    = .012 // of a row's code
	costScore   = 5
	costScoreBy = .03 // of a row's byte
	costEnter   = 6
)

func (x *Index) cost(s *Stats) float64 {
	l := x.layout
	return costQuery + costCell*float64(l.Cells()) + costVisit*float64(s.Cells) +
		(costRow+costByte*float64(x.Dim()*l.Bits/8))*float64(s.Scanned-s.Scored) +
		(costScore+costScoreBy*float64(x.Dim()))*float64(s.Scored) + costEnter*float64(s.Reranked)
}

// trial measures settings for one K.
type trial struct {
	x    *Index
	c    *Calibration
	k    int
	seen map[trialKey]Setting // with what was measured
}

type trialKey struct {
	Setting
	queries int
}

// What is tried. Kappas and epss grow, and with them recall and cost.
var (
	kappas = []float32{0, .04, .07, .1, .13, .16, .19, .22, .25, .29, .33, .38, .44, .52, .63, .8, 1.1}
	epss   = []float32{-.5, 0, .5, 1, 1.5, 2.2, 3.2}
)

const (
	// margin is how much more than asked is wanted, as a share of what may be missed: other queries than these will come.
	margin = .12
	// few queries are enough to find the settings that are worth measuring with all.
	few     = 250
	fewOfK  = 10000 // hits looked for are
	confirm = 5     // settings measured with all queries at most, for one recall
)

// cheapest returns the setting of the least cost that reaches recall.
func (t *trial) cheapest(recall float32) (best Setting, ok bool) {
	want := recall + margin*(1-recall)
	queries := len(t.c.Queries) / t.x.Dim()
	subset := min(queries, few, max(100, fewOfK/t.k))
	for range 3 {
		good := t.candidates(want, subset)
		for _, s := range good[:min(len(good), confirm)] {
			m := t.measure(s, queries)
			m.Recall = recall
			if m.Got >= want && (!ok || m.Cost < best.Cost) {
				best, ok = m, true
			}
		}
		if ok || len(good) == 0 {
			return best, ok
		}
		want += .25 * (1 - want) // the few were easier than all
	}
	return best, ok
}

// candidates returns the settings that reach the recall on the first queries, cheapest first.
func (t *trial) candidates(want float32, queries int) (good []Setting) {
	cheapest := float32(math.Inf(1))
	try := func(s Setting) (reached, dear bool) {
		m := t.measure(s, queries)
		if m.Got >= want {
			good = append(good, s)
			cheapest = min(cheapest, m.Cost)
		}
		return m.Got >= want, m.Cost > 1.3*cheapest
	}
	for _, slack := range t.slacks() {
		for i := len(epss) - 1; i >= 0; i-- {
			if !t.leastKappa(Setting{K: int32(t.k), Eps: epss[i], Slack: slack}, try) {
				break // a smaller Eps finds no more
			}
		}
	}
	slices.SortStableFunc(good, func(a, b Setting) int {
		return cmp.Compare(t.measure(a, queries).Cost, t.measure(b, queries).Cost)
	})
	return slices.Compact(good)
}

// slacks are those worth a try.
func (t *trial) slacks() []float32 {
	if t.x.rows.Low == nil {
		return []float32{0}
	}
	return []float32{2.5}
}

// leastKappa tries settings with growing Kappa in the way of a binary search for the least that reaches the recall. It
// reports whether one did.
func (t *trial) leastKappa(s Setting, try func(Setting) (reached, dear bool)) (any bool) {
	lo, hi := 0, len(kappas)
	for lo < hi {
		mid := (lo + hi) / 2
		s.Kappa = kappas[mid]
		reached, dear := try(s)
		any = any || reached || dear
		if reached || dear {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return any
}

// measure returns s with its recall and cost on the first queries.
func (t *trial) measure(s Setting, queries int) Setting {
	s.Recall, s.Got, s.Cost = 0, 0, 0
	key := trialKey{s, queries}
	if m, ok := t.seen[key]; ok {
		return m
	}
	recall, cost := t.x.evaluate(s, t.c, queries, t.k)
	s.Got, s.Cost = float32(recall), float32(cost)
	t.seen[key] = s
	return s
}

// evaluate returns the recall of a setting on the first n queries, and its mean cost.
func (x *Index) evaluate(set Setting, c *Calibration, n, k int) (recall, cost float64) {
	set.Recall = 1
	y := *x
	y.settings = []Setting{set}
	costs := make([]float64, n)
	var hits, all atomic.Int64
	parallel(c.Threads, n, func(from, to int) {
		var s Scratch
		var found []Hit
		for i := from; i < to; i++ {
			found = y.Search(found[:0], &Query{Vector: c.Queries[i*x.Dim():][:x.Dim()], K: k, Recall: 1}, &s)
			costs[i] = x.cost(&s.Stats)
			got, most := c.count(found, i, k)
			hits.Add(int64(got))
			all.Add(int64(most))
		}
	})
	for _, c := range costs {
		cost += c
	}
	return float64(hits.Load()) / float64(max(1, all.Load())), cost / float64(max(1, n))
}

// count returns how many of the hits are true ones of query i, and how many there could be.
func (c *Calibration) count(found []Hit, i, k int) (got, most int) {
	if c.Truth == nil {
		want := c.scores[i][:min(k, len(c.scores[i]))]
		for _, h := range found {
			if h.Score >= want[len(want)-1].Score {
				got++
			}
		}
		return got, len(want)
	}
	want := c.Truth[i][:min(k, len(c.Truth[i]))]
	for _, h := range found {
		if slices.Contains(want, h.Row) {
			got++
		}
	}
	return got, len(want)
}
