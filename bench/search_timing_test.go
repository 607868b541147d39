package bench

import (
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/edged/edged/index"
)

// BenchmarkSearchFiles measures sets of npy files: EDGED_SET=DIR/NAME means DIR/NAME_items.npy, _queries.npy, _trainq.npy.
func BenchmarkSearchFiles(b *testing.B) {
	set := os.Getenv("EDGED_SET")
	if set == "" {
		b.Skip("EDGED_SET is not set")
	}
	cfg := SearchConfig{
		Items: set + "_items.npy", Queries: set + "_queries.npy", Train: set + "_trainq.npy", Recall: .95, Passes: 60, K: number("EDGED_K"),
	}
	cfg.EnsureDefaults()
	in, err := readSearch(&cfg)
	if err != nil {
		b.Fatal(err)
	}
	report := &SearchReport{N: len(in.items) / in.dim, D: in.dim}
	made, err := buildSearch(&cfg, in, report)
	if err != nil {
		b.Fatal(err)
	}
	truth := trueScores(in.items, in.queries, in.dim, cfg.K, cfg.Threads)
	b.ResetTimer()
	for b.Loop() {
		m := measured{cfg: &cfg, index: made.Index, queries: in.queries, found: func(hits []index.Hit, i int) int {
			return countFound(in, hits, in.queries[i*in.dim:][:in.dim], truth[i])
		}}
		m.measure(report)
	}
	b.ReportMetric(report.USPerQuery, "µs/query")
	b.ReportMetric(report.Recall, "recall")
}

func number(name string) int {
	n, _ := strconv.Atoi(os.Getenv(name))
	return n
}

// BenchmarkSearchFilters measures the same sets under filters that let a random share of the rows pass.
func BenchmarkSearchFilters(b *testing.B) {
	set := os.Getenv("EDGED_SET")
	if set == "" {
		b.Skip("EDGED_SET is not set")
	}
	cfg := SearchConfig{Items: set + "_items.npy", Queries: set + "_queries.npy", Train: set + "_trainq.npy", Recall: .95, Most: 1000}
	cfg.EnsureDefaults()
	in, err := readSearch(&cfg)
	if err != nil {
		b.Fatal(err)
	}
	made, err := buildSearch(&cfg, in, &SearchReport{})
	if err != nil {
		b.Fatal(err)
	}
	n := made.Index.Len()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, share := range []float64{1, .5, .1, .03, .01, .001, .0001} {
		rng := rand.New(rand.NewPCG(1, 1))
		q := index.Query{K: 10, Allowed: make([]uint64, (n+63)/64)}
		for i := range n {
			if rng.Float64() < share {
				q.Allowed[i/64] |= 1 << (i % 64)
			}
		}
		b.Run(strconv.FormatFloat(share, 'g', -1, 64), func(b *testing.B) {
			var s index.Scratch
			var hits []index.Hit
			us := 1e9
			runtime.LockOSThread()
			m := measured{index: made.Index, queries: in.queries}
			count := len(in.queries) / in.dim
			for b.Loop() {
				us = min(us, m.timeOf(count, func() { hits = made.Index.Search(hits[:0], &q, &s) }, &q))
			}
			exact, found := q, 0
			exact.Recall = 2
			for i := range 100 {
				q.Vector, exact.Vector = in.queries[i*in.dim:][:in.dim], in.queries[i*in.dim:][:in.dim]
				hits = made.Index.Search(hits[:0], &q, &s)
				for _, h := range made.Index.Search(nil, &exact, &s) {
					if slices.Contains(hits, h) {
						found++
					}
				}
			}
			b.ReportMetric(us, "µs/query")
			b.ReportMetric(float64(found)/100, "of-10")
		})
	}
}
