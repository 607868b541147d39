package index

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBatchAnswersAsOneByOne(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(15, 1))
		var s Scratch
		var b BatchScratch
		var got [][]Hit
		for round := range 40 {
			n, dim := 1+rng.IntN(900), 1+rng.IntN(50)
			v := gathered(rng, n, dim, float64(round%3)/2)
			var x *Index
			if round%2 == 0 {
				x, _ = build(t, v, dim)
			} else {
				x, _ = laid(t, v, gathered(rng, 60, dim, 0), dim, round%4 == 1, shapes(n)[round%7])
				x.settings = []Setting{{Recall: .9, K: 10, Eps: 1, Kappa: .3, Slack: 2}}
			}
			qs := make([]Query, rng.IntN(20))
			for i := range qs {
				qs[i] = Query{Vector: vectors(rng, 1, dim, 1, false), K: []int{0, 1, 10, 100}[rng.IntN(4)], Recall: []float32{.9, 1}[rng.IntN(2)]}
				randomFilter(rng, &qs[i], n)
			}
			got = x.SearchBatch(got, qs, &b)
			if len(got) != len(qs) || len(b.Stats) != len(qs) {
				t.Fatalf("%d answers and %d stats for %d queries", len(got), len(b.Stats), len(qs))
			}
			for i := range qs {
				if want := x.Search(nil, &qs[i], &s); !slices.Equal(got[i], want) {
					t.Fatalf("round %d query %d: %s", round, i, difference(got[i], want))
				}
			}
		}
	})
}

func TestBatchHeedsEachDeadline(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 2))
	const n, dim = 10000, 8
	x, _ := build(t, vectors(rng, n, dim, 0, false), dim)
	now := time.Unix(1000, 0)
	clock := func() time.Time { return now }
	var s BatchScratch
	qs := []Query{{Vector: make([]float32, dim), K: 3, Clock: clock, Deadline: now}, {Vector: make([]float32, dim), K: 3, Clock: clock, Deadline: now.Add(1)}}
	got := x.SearchBatch(nil, qs, &s)
	if len(got[0]) != 3 || len(got[1]) != 3 || !s.Stats[0].Truncated || s.Stats[1].Truncated || s.Stats[0].Scanned != clockEvery || s.Stats[1].Scanned != n {
		t.Errorf("stats %+v", s.Stats)
	}
}

func TestBatchAllocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 3))
	const n, dim = 3000, 16
	x, _ := build(t, vectors(rng, n, dim, 0, false), dim)
	var s BatchScratch
	var got [][]Hit
	qs := make([]Query, 11)
	for i := range qs {
		qs[i] = Query{Vector: vectors(rng, 1, dim, 0, false), K: 10}
	}
	got = x.SearchBatch(got, qs, &s)
	if allocs := testing.AllocsPerRun(20, func() { got = x.SearchBatch(got, qs, &s) }); allocs != 0 {
		t.Errorf("%g allocations", allocs)
	}
}

func BenchmarkBatch(b *testing.B) {
	for _, n := range []int{200_000, 1_000_000} {
		rng := rand.New(rand.NewPCG(15, 4))
		const dim = 128
		x, _ := build(b, vectors(rng, n, dim, 0, false), dim)
		qs := make([]Query, 8)
		for i := range qs {
			qs[i] = Query{Vector: vectors(rng, 1, dim, 0, false), K: 10}
		}
		var s BatchScratch
		var hits [][]Hit
		for _, together := range []int{1, 2, 4, 8} {
			b.Run(fmt.Sprintf("%d rows, %d together", n, together), func(b *testing.B) {
				for b.Loop() {
					for i := 0; i < len(qs); i += together {
						hits = x.SearchBatch(hits, qs[i:i+together], &s)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(qs)), "µs/query")
			})
		}
	}
}
