package index

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"github.com/edged/edged"
)

// Calibration says what to calibrate for. Zero values mean the defaults.
type Calibration struct {
	Queries []float32     // held out: not those the layout was made for, nor those recall is reported on; rows of Dim floats
	Kinds   int           // query i is of kind i modulo Kinds, and each kind is to find what is asked; default 1
	Truth   [][]edged.Row // true best rows of each query, as many as the largest K; nil: what scores as the exact search's hits
	Recalls []float32     // default 0.9, 0.95, 0.99 and 0.999
	Ks      []int         // default 1, 10, 100 and 500; a query of another K gets the more careful setting of its neighbours
	Threads int
	Stop    func() error // ends it early, with this error; nil: nothing does

	scores [][]Hit // of the exact search, where there is no other truth
}

// EnsureDefaults replaces zero values.
func (c *Calibration) EnsureDefaults() {
	if c.Recalls == nil {
		c.Recalls = []float32{.9, .95, .99, .999}
	}
	if c.Ks == nil {
		c.Ks = []int{1, 10, 100, 500}
	}
	c.Kinds, c.Threads = max(1, c.Kinds), max(1, c.Threads)
}

// Calibrate finds, for each recall and K, the setting of the least cost that reaches it on the queries, with a margin for
// what these may have been lucky in. A recall none is sure to reach has no setting: such a query is searched exactly. The index takes over what was found. Equal arguments give
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
		c.scores = x.exactAnswers(c.Queries, k, c.Threads, c.Stop)
	}
	x.settings = nil
	var found []Setting
	for _, k := range c.Ks {
		if err := stopped(c.Stop); err != nil {
			return err
		}
		t := &trial{x: x, c: &c, k: min(k, x.Len()), seen: map[trialKey]outcome{}}
		found = append(found, t.all(c.Recalls)...)
	}
	x.settings = found
	return stopped(c.Stop)
}

// exactAnswers returns the best k hits of each query, as far as it gets.
func (x *Index) exactAnswers(queries []float32, k, threads int, stop func() error) [][]Hit {
	n, dim := len(queries)/x.Dim(), x.Dim()
	out := make([][]Hit, n)
	groups := (n + batchMost - 1) / batchMost
	parallel(threads, groups, func(from, to int) {
		var s BatchScratch
		var qs []Query
		for i := from * batchMost; i < min(n, to*batchMost) && stopped(stop) == nil; i += len(qs) {
			qs = qs[:0]
			for j := i; j < min(n, i+batchMost); j++ {
				qs = append(qs, Query{Vector: queries[j*dim:][:dim], K: k, Recall: 1.5})
			}
			copy(out[i:], x.SearchBatch(nil, qs, &s))
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
	costEnter   = 3
	costPlain   = 700  // of a query that estimates nothing
	costPlainBy = .016 // there, of a row's byte
)

func (x *Index) cost(s *Stats, set *Setting) float64 {
	l := x.layout
	if set.plain() {
		return costPlain + (costRow+costPlainBy*float64(x.Dim()))*float64(s.Scanned) + costEnter*float64(s.Reranked)
	}
	return costQuery + costCell*float64(l.Cells()) + costVisit*float64(s.Cells) +
		(costRow+costByte*float64(x.Dim()*l.Bits/8))*float64(s.Scanned-s.Scored) +
		(costScore+costScoreBy*float64(x.Dim()))*float64(s.Scored) + costEnter*float64(s.Reranked)
}

// costExact is what a search costs that scores every row.
func (x *Index) costExact() float64 {
	return costPlain + (costRow+costPlainBy*float64(x.Dim()))*float64(x.Len())
}

// trial measures settings for one K.
type trial struct {
	x    *Index
	c    *Calibration
	k    int
	seen map[trialKey]outcome
}

type trialKey struct {
	eps, kappa, slack float32
	queries           int
}

// outcome is what a setting was measured to do.
type outcome struct {
	got     float64 // recall: mean over the queries
	error   float64 // its standard error
	cost    float64
	queries int
}

// What is tried. Kappas and epss grow, and with them recall and cost.
var (
	kappas = []float32{
		0, .03, .05, .07, .085, .1, .115, .13, .145, .16, .175, .19, .205, .22, .235, .25, .27, .29, .31, .33, .355, .38, .41, .44, .48, .52,
		.57, .63, .7, .8, .95, 1.1,
	}
	epss = []float32{-1, -.5, 0, .5, 1, 1.5, 2.2, 3.2, 4.5}
	// shares are the Kappas of settings that estimate nothing.
	shares = []float32{
		.2, .25, .3, .34, .38, .42, .45, .48, .51, .54, .57, .6, .62, .64, .66, .68, .7, .72, .74, .76, .78, .8, .82, .84, .86, .88, .9, .92, .94, .97, 1,
	}
)

// kappasOf returns the Kappas that are tried with the rest of a setting.
func kappasOf(s *Setting) []float32 {
	if s.plain() {
		return shares
	}
	return kappas
}

const (
	// margin is how much more than asked is wanted, as a share of what may be missed, and lucky in how many standard errors: the
	// cheapest of many settings owes some of its recall to luck.
	margin = .08
	lucky  = 2.5
	// sure is how many standard errors, at least those of independent hits, the recall measured is to be above tolerance less than
	// asked: a few queries that find everything prove little.
	sure      = 3
	tolerance = .005
	// few queries are enough to find the settings that are worth measuring with all.
	few     = 250
	fewOfK  = 10_000 // hits looked for are
	allOfK  = 50_000 // more hits need not be looked for, but of
	least   = 250    // queries
	confirm = 5      // settings measured with all queries, for one recall
	down    = 2      // steps of kappa back from what the few queries say, and
	steps   = 6      // up, each with all queries, until a setting is sure to reach the recall
	// Searches of one trial take so long at most, by the cost model, and its standard error is that of fewer queries.
	probe    = 50 // queries at least
	fewTime  = 10e6
	fullTime = 120e6
)

// all returns the settings for recalls, ascending, as far as they are reached.
func (t *trial) all(recalls []float32) (found []Setting) {
	for _, recall := range recalls {
		s, ok := t.cheapest(recall)
		if !ok {
			break
		}
		found = append(found, s)
	}
	for i := len(found) - 2; i >= 0; i-- {
		if found[i+1].Cost < found[i].Cost {
			found[i] = found[i+1]
			found[i].Recall = recalls[i]
		}
	}
	return found
}

// cheapest returns the setting of the least cost that is sure to reach recall.
func (t *trial) cheapest(recall float32) (best Setting, ok bool) {
	queries := min(len(t.c.Queries)/t.x.Dim(), max(least, allOfK/t.k))
	subset := min(queries, few, max(50, fewOfK/t.k))
	good := t.candidates(recall, subset)
	for _, s := range good[:min(len(good), confirm)] {
		ladder := kappasOf(&s)
		at := max(0, slices.Index(ladder, s.Kappa)-down)
		for _, s.Kappa = range ladder[at:min(at+steps, len(ladder))] {
			o := t.measure(s, queries, fullTime)
			if ok && o.cost >= float64(best.Cost) {
				break
			}
			if t.reaches(&s, o, recall) {
				s.Recall, s.Got, s.Cost = recall, float32(o.got), float32(o.cost)
				best, ok = s, true
				break
			}
		}
	}
	return best, ok
}

// reaches reports whether an outcome is sure to be a recall of other queries, too; what the most careful setting does follows from
// bounds.
func (t *trial) reaches(s *Setting, o outcome, recall float32) bool {
	r := float64(recall)
	if o.got < max(wanted(recall), r+lucky*o.error) || o.cost > t.x.costExact() {
		return false
	}
	least := math.Sqrt(r * (1 - r) / float64(o.queries*t.k))
	return *s == t.mostCareful(recall) || o.got >= r-tolerance+sure*max(o.error, least)
}

func wanted(recall float32) float64 { return float64(recall) + margin*(1-float64(recall)) }

// candidates returns the settings that reach the recall on the first queries, cheapest first, with the most careful of all
// behind them.
func (t *trial) candidates(recall float32, queries int) (good []Setting) {
	cheapest := math.Inf(1)
	exact := t.x.costExact()
	try := func(s Setting) (reached, dear bool) {
		o := t.measure(s, queries, fewTime)
		dear = o.cost > min(1.3*cheapest, exact)
		reached = o.got >= wanted(recall)
		if reached && !dear {
			good = append(good, s)
			cheapest = min(cheapest, o.cost)
		}
		return reached, dear
	}
	if o := t.measure(t.mostCareful(recall), queries, fewTime); o.got < wanted(recall) {
		return nil
	}
	for _, slack := range t.slacks(recall) {
		if t.x.layout.Cells() == 1 {
			t.leastKappa(Setting{K: int32(t.k), Eps: PlainEps, Slack: slack}, try)
		}
		for i := len(epss) - 1; i >= 0; i-- {
			if !t.leastKappa(Setting{K: int32(t.k), Eps: epss[i], Slack: slack}, try) {
				break // a smaller Eps finds no more
			}
		}
	}
	slices.SortStableFunc(good, func(a, b Setting) int {
		return cmp.Compare(t.measure(a, queries, fewTime).cost, t.measure(b, queries, fewTime).cost)
	})
	good = slices.CompactFunc(good, func(a, b Setting) bool { return a.Eps == b.Eps && a.Slack == b.Slack })
	if len(good) >= confirm {
		good = good[:confirm-1]
	}
	return append(good, t.mostCareful(recall))
}

// mostCareful returns the setting that leaves out the least.
func (t *trial) mostCareful(recall float32) Setting {
	slacks := t.slacks(recall)
	s := Setting{K: int32(t.k), Eps: epss[len(epss)-1], Slack: slacks[len(slacks)-1]}
	if t.x.layout.Cells() == 1 {
		s.Eps = PlainEps
	}
	ladder := kappasOf(&s)
	s.Kappa = ladder[len(ladder)-1]
	return s
}

// slacks are those worth a try.
func (t *trial) slacks(recall float32) []float32 {
	switch {
	case t.x.rows.Low == nil:
		return []float32{0}
	case recall < .995:
		return []float32{2.5}
	}
	return []float32{2.5, 4}
}

// leastKappa tries settings with growing Kappa in the way of a binary search for the least that reaches the recall. It
// reports whether one did.
func (t *trial) leastKappa(s Setting, try func(Setting) (reached, dear bool)) (any bool) {
	ladder := kappasOf(&s)
	lo, hi := 0, len(ladder)
	for lo < hi {
		mid := (lo + hi) / 2
		s.Kappa = ladder[mid]
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

// measure returns what a setting does on the first queries, as many as there is time for.
func (t *trial) measure(s Setting, queries int, time float64) outcome {
	key := trialKey{s.Eps, s.Kappa, s.Slack, queries}
	o, ok := t.seen[key]
	if !ok {
		o = t.x.evaluate(s, t.c, queries, t.k, time)
		t.seen[key] = o
	}
	return o
}

// evaluate searches for the first n queries with a setting, or for as many as time allows.
func (x *Index) evaluate(set Setting, c *Calibration, n, k int, time float64) (o outcome) {
	set.Recall, set.K = 1, int32(k)
	y := *x
	y.settings = []Setting{set}
	costs, found := make([]float64, n), make([]float64, n)
	first := min(n, probe)
	y.searchAll(c, k, costs[:first], found[:first], 0)
	if cost, _ := meanAndError(costs[:first]); cost > 0 {
		n = max(first, int(min(float64(n), time/cost)))
	}
	y.searchAll(c, k, costs[first:n], found[first:n], first)
	o.got, o.error, o.queries = leastOfKinds(found[:n], c.Kinds)
	o.cost, _ = meanAndError(costs[:n])
	return o
}

// leastOfKinds is the least mean of a kind, its standard error, and how many queries it is of.
func leastOfKinds(shares []float64, kinds int) (least, err float64, queries int) {
	kinds = max(1, kinds)
	for kind := range min(kinds, len(shares)) {
		var own []float64
		for i := kind; i < len(shares); i += kinds {
			own = append(own, shares[i])
		}
		if mean, e := meanAndError(own); kind == 0 || mean < least {
			least, err, queries = mean, e, len(own)
		}
	}
	return least, err, queries
}

// searchAll searches for the queries from a number on, and writes what each costs and the share of the true best it finds.
func (x *Index) searchAll(c *Calibration, k int, costs, shares []float64, first int) {
	parallel(c.Threads, len(costs), func(from, to int) {
		var s Scratch
		var found []Hit
		for i := from; i < to && stopped(c.Stop) == nil; i++ {
			at := first + i
			found = x.Search(found[:0], &Query{Vector: c.Queries[at*x.Dim():][:x.Dim()], K: k, Recall: 1}, &s)
			costs[i] = x.cost(&s.Stats, &x.settings[0])
			got, most := c.count(found, at, k)
			shares[i] = float64(got) / float64(max(1, most))
		}
	})
}

// meanAndError returns the mean of a sample and its standard error.
func meanAndError(v []float64) (mean, err float64) {
	n := float64(len(v))
	for _, x := range v {
		mean += x / n
	}
	for _, x := range v {
		err += float64((x - mean) * (x - mean))
	}
	return mean, math.Sqrt(err / max(1, n-1) / n)
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
