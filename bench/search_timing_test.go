package bench

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/edged/edged/index"
	"github.com/edged/edged/internal/kernel"
)

// searchSet is what EDGED_SET names, a directory of bench/peers with items.npy, queries.npy and train.npy, K = 10 at recall .95.
func searchSet(b *testing.B) *SearchConfig {
	set := os.Getenv("EDGED_SET")
	if set == "" {
		b.Skip("EDGED_SET is not set")
	}
	file := func(name string) string { return filepath.Join(set, name+".npy") }
	cfg := &SearchConfig{Items: file("items"), Queries: file("queries"), Train: file("train"), Recall: .95, Most: 1000}
	cfg.EnsureDefaults()
	return cfg
}

// BenchmarkSearchFilters measures the same sets under filters that let a random share of the rows pass.
func BenchmarkSearchFilters(b *testing.B) {
	cfg := searchSet(b)
	in, err := readSearch(cfg)
	if err != nil {
		b.Fatal(err)
	}
	made, err := buildSearch(cfg, in, &SearchReport{})
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

// BenchmarkSearchVariants measures the same sets, K = 10 at recall .95, with every variant of the kernels this CPU runs, and a full
// scan in plain Go float32.
func BenchmarkSearchVariants(b *testing.B) {
	cfg := searchSet(b)
	in, err := readSearch(cfg)
	if err != nil {
		b.Fatal(err)
	}
	made, err := buildSearch(cfg, in, &SearchReport{})
	if err != nil {
		b.Fatal(err)
	}
	m := measured{cfg: cfg, index: made.Index, queries: in.queries, n: len(in.queries) / in.dim}
	least := func(b *testing.B, n int, search func(), q *index.Query) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		us := math.Inf(1)
		for b.Loop() {
			us = min(us, m.timeOf(n, search, q))
		}
		b.ReportMetric(us, "µs/query")
	}
	query := index.Query{K: 10}
	for _, name := range kernel.Names() {
		b.Run(name, func(b *testing.B) {
			restore, err := kernel.Use(name)
			if err != nil {
				b.Fatal(err)
			}
			defer restore()
			least(b, m.n, func() { m.hits = m.index.Search(m.hits[:0], &query, &m.scratch) }, &query)
		})
	}
	b.Run("plain float32", func(b *testing.B) {
		best := float32(math.Inf(-1))
		least(b, 10, func() {
			for at := 0; at < len(in.items); at += in.dim {
				best = max(best, plainDot(in.items[at:][:in.dim], query.Vector))
			}
		}, &query)
	})
}

func plainDot(a, b []float32) (sum float32) {
	b = b[:len(a)]
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}
