package index

import (
	"errors"
	"slices"
	"sync/atomic"

	"github.com/edged/edged"
)

// Calibration says what to calibrate for. Zero values mean the defaults.
type Calibration struct {
	Queries []float32     // held out: not those the layout was made for, nor those recall is reported on; rows of Dim floats
	Truth   [][]edged.Row // true best rows of each query, at least as many as the largest K; nil: those of the exact search
	Recalls []float32     // default 0.9, 0.95, 0.99 and 0.999
	Ks      []int         // default 10 and 100
	Threads int
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
	if c.Truth == nil {
		c.Truth = x.exactAnswers(c.Queries, k, c.Threads)
	}
	x.settings = nil
	var found []Setting
	for _, k := range c.Ks {
		k = min(k, x.Len())
		t := &trial{x: x, c: &c, k: k, seen: map[Setting]Setting{}}
		for _, recall := range c.Recalls {
			if s, ok := t.cheapest(recall); ok {
				found = append(found, s)
			}
		}
	}
	x.settings = found
	return nil
}

// exactAnswers returns the best k rows of each query.
func (x *Index) exactAnswers(queries []float32, k, threads int) [][]edged.Row {
	n := len(queries) / x.Dim()
	out := make([][]edged.Row, n)
	parallel(threads, n, func(from, to int) {
		var s Scratch
		var hits []Hit
		for i := from; i < to; i++ {
			hits = x.Search(hits[:0], &Query{Vector: queries[i*x.Dim():][:x.Dim()], K: k, Recall: 1.5}, &s)
			for _, h := range hits {
				out[i] = append(out[i], h.Row)
			}
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
	costWidth   = 9
)

func (x *Index) cost(s *Stats, width int) float64 {
	l := x.layout
	return costQuery + costCell*float64(l.Cells()) + costVisit*float64(s.Cells) +
		(costRow+costByte*float64(x.Dim()*l.Bits/8))*float64(s.Scanned-s.Scored) +
		(costScore+costScoreBy*float64(x.Dim()))*float64(s.Scored) + costEnter*float64(s.Reranked) + costWidth*float64(width)
}

// trial measures settings for one K.
type trial struct {
	x    *Index
	c    *Calibration
	k    int
	seen map[Setting]Setting // without and with what was measured
}

var (
	kappas = []float32{0, .04, .07, .1, .13, .16, .19, .22, .25, .28, .31, .35, .4, .45, .5, .6, .7, .85, 1}
	epss   = []float32{-.5, 0, .5, 1, 1.5, 2, 2.75, 3.5}
	taus   = []float32{.5, .6, .7, .8, .9, 1}
)

// margin is how much more than asked is wanted, as a share of what may be missed: other queries than these will come.
const margin = .12

// cheapest returns the setting of the least cost that reaches recall.
func (t *trial) cheapest(recall float32) (best Setting, ok bool) {
	want := recall + margin*(1-recall)
	try := func(s Setting) bool {
		s.K = int32(t.k)
		m := t.measure(s)
		m.Recall = recall
		if m.Got >= want && (!ok || m.Cost < best.Cost) {
			best, ok = m, true
		}
		return m.Got >= want
	}
	for _, width := range t.widths() {
		for _, tau := range t.taus() {
			for _, eps := range epss {
				t.leastKappa(Setting{Eps: eps, Tau: tau, Width: width}, try)
			}
		}
	}
	return best, ok
}

func (t *trial) widths() []int32 {
	if t.x.rows.Low == nil {
		return []int32{0}
	}
	return []int32{6, 22, 54}
}

// taus are those worth a try: without a head the cells bound rows better than their lengths.
func (t *trial) taus() []float32 {
	if !t.x.layout.Head {
		return []float32{1}
	}
	return taus
}

// leastKappa tries settings with growing Kappa in the way of a binary search for the least that reaches the recall.
func (t *trial) leastKappa(s Setting, try func(Setting) bool) {
	lo, hi := 0, len(kappas)
	if t.x.layout.Cells() == 1 {
		lo, hi = len(kappas)-1, len(kappas)
	}
	for lo < hi {
		mid := (lo + hi) / 2
		s.Kappa = kappas[mid]
		if try(s) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
}

func (t *trial) measure(s Setting) Setting {
	if m, ok := t.seen[s]; ok {
		return m
	}
	m := s
	var hits, cost float64
	hits, cost = t.x.evaluate(s, t.c.Queries, t.c.Truth, t.k, t.c.Threads)
	m.Got, m.Cost = float32(hits), float32(cost)
	t.seen[s] = m
	return m
}

// evaluate returns the recall of a setting and its mean cost.
func (x *Index) evaluate(set Setting, queries []float32, truth [][]edged.Row, k, threads int) (recall, cost float64) {
	n := len(queries) / x.Dim()
	set.Recall = 1
	y := *x
	y.settings = []Setting{set}
	costs := make([]float64, n)
	var hits, all atomic.Int64
	parallel(threads, n, func(from, to int) {
		var s Scratch
		var found []Hit
		for i := from; i < to; i++ {
			found = y.Search(found[:0], &Query{Vector: queries[i*x.Dim():][:x.Dim()], K: k, Recall: 1}, &s)
			costs[i] = x.cost(&s.Stats, int(set.Width))
			want := truth[i][:min(k, len(truth[i]))]
			all.Add(int64(len(want)))
			for _, row := range want {
				if slices.ContainsFunc(found, func(h Hit) bool { return h.Row == row }) {
					hits.Add(1)
				}
			}
		}
	})
	for _, c := range costs {
		cost += c
	}
	return float64(hits.Load()) / float64(max(1, all.Load())), cost / float64(max(1, n))
}
