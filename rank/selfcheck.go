package rank

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/model"
)

// What a self-check tolerates: fold-ins of two CPUs may differ in the last bits.
const (
	scoreTolerance = 1e-3 // of the largest score of the check
	minOverlap     = .9   // of the hits
)

// ErrSelfCheck: the release does not give the answers it was made with.
var ErrSelfCheck = errors.New("self-check failed")

// SelfCheck answers the release's own checks again. A release with items but no checks fails.
func (r *Ranker) SelfCheck() error {
	checks := r.m.Checks()
	if len(checks) == 0 && r.m.Len() > 0 {
		return fmt.Errorf("%w: the release has no checks", ErrSelfCheck)
	}
	s := new(Scratch)
	for i, c := range checks {
		if err := compare(c.Hits, r.answer(s, c.Recent, len(c.Hits))); err != nil {
			return fmt.Errorf("%w: check %d of %d: %w", ErrSelfCheck, i+1, len(checks), err)
		}
	}
	return r.checkRecall(s)
}

// What the recall measured again may lack: the queries kept are few.
const (
	recallTolerance = .05
	recallK         = 10
	manyRows        = 200_000 // from which on fewer queries are measured, since each is a full scan
)

// checkRecall measures the recall of approximate searches again, where there are any, against exact ones.
func (r *Ranker) checkRecall(s *Scratch) error {
	x, queries, dim := r.m.Index(), r.m.SearchQueries(), r.m.Dim()
	set, ok := x.Setting(&index.Query{K: recallK})
	if !ok || len(queries) == 0 {
		return nil
	}
	if r.m.Len() > manyRows {
		queries = queries[:min(len(queries), 16*dim)]
	}
	var exact, hits []index.Hit
	found, all := 0, 0
	for ; len(queries) >= dim; queries = queries[dim:] {
		exact = x.Search(exact[:0], &index.Query{Vector: queries[:dim], K: recallK, Recall: 2}, &s.search)
		hits = x.Search(hits[:0], &index.Query{Vector: queries[:dim], K: recallK}, &s.search)
		for _, h := range hits {
			if h.Score >= exact[len(exact)-1].Score {
				found++
			}
		}
		all += len(exact)
	}
	if got := float64(found) / float64(max(1, all)); got < float64(set.Recall)-recallTolerance {
		return fmt.Errorf("%w: recall %.3f, the release promises %g", ErrSelfCheck, got, set.Recall)
	}
	return nil
}

// answer is what a check asks: the k best rows for a history, weight 1 each, without the history.
func (r *Ranker) answer(s *Scratch, rows []edged.Row, k int) []index.Hit {
	recent := make([]Recent, len(rows))
	for i, row := range rows {
		recent[i] = Recent{Row: row, Weight: 1}
	}
	exclude := slices.Clone(rows)
	slices.Sort(exclude)
	return r.m.Index().Search(nil, &index.Query{Vector: r.FoldIn(nil, s, recent), K: k, Exclude: exclude}, &s.search)
}

func compare(want, got []index.Hit) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d hits, want %d", len(got), len(want))
	}
	if len(want) == 0 {
		return nil
	}
	tolerance := scoreTolerance * math.Max(math.Abs(float64(want[0].Score)), 1e-6)
	scores := make(map[edged.Row]float32, len(got))
	for _, h := range got {
		scores[h.Row] = h.Score
	}
	same := 0
	for _, h := range want {
		score, ok := scores[h.Row]
		if !ok {
			continue
		}
		same++
		if math.Abs(float64(score)-float64(h.Score)) > tolerance {
			return fmt.Errorf("row %d scores %g, want %g", h.Row, score, h.Score)
		}
	}
	if float64(same) < minOverlap*float64(len(want)) {
		return fmt.Errorf("%d of %d hits found", same, len(want))
	}
	return nil
}

// MakeChecks returns n known queries with their answers, for model.Build: histories of 1 to 10 of the 200 most popular
// items, 10 hits each. Equal arguments give equal checks. The model may be one written without checks.
func MakeChecks(m *model.Model, n int, seed uint64) []model.Check {
	rng := rand.New(rand.NewPCG(seed, 0x65646765642d6368)) // "edged-ch"
	pool := m.Popular()[:min(m.Len(), 200)]
	r, s := New(m, Release{}), new(Scratch)
	checks := make([]model.Check, 0, n)
	for len(pool) > 0 && len(checks) < n {
		var c model.Check
		for _, i := range rng.Perm(len(pool))[:min(1+rng.IntN(10), len(pool))] {
			c.Recent = append(c.Recent, pool[i])
		}
		c.Hits = r.answer(s, c.Recent, 10)
		checks = append(checks, c)
	}
	return checks
}

// QuantisedRecall is the share of the best rows by the vectors as they were trained, rows of Dim floats, that the answers of checks
// hold: what rounding to bytes, and an approximate search where there is one, cost together.
func QuantisedRecall(m *model.Model, vectors []float32, checks []model.Check) float64 {
	r, s := New(m, Release{}), new(Scratch)
	found, all := 0, 0
	for _, c := range checks {
		if len(c.Hits) == 0 {
			continue
		}
		recent := make([]Recent, len(c.Recent))
		for i, row := range c.Recent {
			recent[i] = Recent{Row: row, Weight: 1}
		}
		q := r.FoldIn(nil, s, recent)
		worst := kthBest(vectors, q, c.Recent, len(c.Hits))
		for _, h := range c.Hits {
			if dot64(vectors[int(h.Row)*len(q):], q) >= worst {
				found++
			}
		}
		all += len(c.Hits)
	}
	return float64(found) / float64(max(1, all))
}

// kthBest is the k-th best score of all rows but those left out.
func kthBest(vectors, q []float32, without []edged.Row, k int) float64 {
	best := make([]float64, 0, k+1) // falling
	for row := range len(vectors) / len(q) {
		score := dot64(vectors[row*len(q):], q)
		if len(best) == k && score <= best[k-1] || slices.Contains(without, edged.Row(row)) {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, score, func(a, b float64) int { return cmp.Compare(b, a) })
		best = slices.Insert(best, at, score)[:min(k, len(best)+1)]
	}
	return best[len(best)-1]
}

func dot64(row, q []float32) (sum float64) {
	for i, x := range q {
		sum += float64(row[i]) * float64(x)
	}
	return sum
}
