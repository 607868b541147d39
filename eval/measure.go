package eval

import (
	"context"
	"fmt"
	"sync"

	"github.com/edged/edged/internal/parallel"
)

// Recommender is a model under test.
type Recommender struct {
	Name string
	// Open is called once by each goroutine that asks. The function it returns lists at most k items for case c of the
	// set, best first, none twice; the list is valid until the next call.
	Open func() func(c, k int) []uint32
}

// Result is how one model did: Metrics over all cases, and a score for each behind them.
type Result struct {
	Model   string
	K       int
	Metrics Metrics

	set      *Set
	hits     []uint64 // a bit a place, words 64-bit words a case
	words    int
	scores   []score // by case
	exposure []uint32
}

// block is how many cases a goroutine takes at a time.
const block = 32

// Measure puts every case of a set to a recommender and compares its first k items with what was chosen. It ends early
// with the context's error, and with one that wraps ErrList where a list is no list.
func Measure(ctx context.Context, set *Set, r Recommender, k, threads int) (*Result, error) {
	if k < 1 || k > maxK {
		return nil, fmt.Errorf("measure %s: lists of %d, want 1 to %d", r.Name, k, maxK)
	}
	if err := set.Validate(); err != nil {
		return nil, fmt.Errorf("measure %s: %w", r.Name, err)
	}
	res := &Result{Model: r.Name, K: k, set: set, words: (k + 63) / 64, scores: make([]score, len(set.Cases)), exposure: make([]uint32, set.Items)}
	res.hits = make([]uint64, res.words*len(set.Cases))
	if err := res.askAll(ctx, r, max(1, threads)); err != nil {
		return nil, fmt.Errorf("measure %s: %w", r.Name, err)
	}
	res.Metrics = res.summary(nil)
	return res, nil
}

func (r *Result) askAll(ctx context.Context, model Recommender, threads int) error {
	workers := make([]*asker, threads)
	var once sync.Once
	var failed error
	space := newSpace(r.set)
	parallel.For(threads, len(r.scores), block, func(w, lo, hi int) {
		if err := ctx.Err(); err != nil {
			once.Do(func() { failed = err })
			return
		}
		if workers[w] == nil {
			workers[w] = &asker{r: r, space: space, ask: model.Open(), seen: make([]uint32, r.set.Items), sum: make([]float64, space.dim)}
		}
		for c := lo; c < hi; c++ {
			if err := workers[w].measure(c); err != nil {
				once.Do(func() { failed = err })
				return
			}
		}
	})
	for _, w := range workers {
		if w != nil {
			w.addExposure(r.exposure)
		}
	}
	return failed
}
