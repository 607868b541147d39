package bench

import (
	"cmp"
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

// BenchmarkSearchFilters measures the same sets under filters that let a share of the rows pass: random ones, as a bitmap and prepared,
// and of like ones, the nearest to a row by the angle, prepared.
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
	x := made.Index
	filters := &filtering{x: x, in: in}
	b.Run("none", func(b *testing.B) { filters.measure(b, &index.Query{K: 10}) })
	for _, share := range []float64{1, .5, .1, .03, .01, .001, .0001} {
		name := strconv.FormatFloat(share, 'g', -1, 64)
		random := randomShare(x.Len(), share)
		b.Run("bitmap/"+name, func(b *testing.B) { filters.measure(b, &index.Query{K: 10, Allowed: random}) })
		b.Run("prepared/"+name, func(b *testing.B) { filters.measure(b, &index.Query{K: 10, Filter: x.Filter(random)}) })
		like := in.like(int(share * float64(x.Len())))
		b.Run("likebits/"+name, func(b *testing.B) { filters.measure(b, &index.Query{K: 10, Allowed: like}) })
		b.Run("like/"+name, func(b *testing.B) { filters.measure(b, &index.Query{K: 10, Filter: x.Filter(like)}) })
	}
}

type filtering struct {
	x  *index.Index
	in *searchInput
}

// measure reports the time of a query, and how much of what an exact search finds it finds.
func (f *filtering) measure(b *testing.B, q *index.Query) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var s index.Scratch
	var hits, best []index.Hit
	m := measured{index: f.x, queries: f.in.queries}
	us, count := math.Inf(1), len(f.in.queries)/f.in.dim
	for b.Loop() {
		us = min(us, m.timeOf(count, func() { hits = f.x.Search(hits[:0], q, &s) }, q))
	}
	exact, found, all := *q, 0, 0
	exact.Recall = 2
	for i := range count {
		q.Vector = m.vector(i)
		exact.Vector = q.Vector
		hits, best = f.x.Search(hits[:0], q, &s), f.x.Search(best[:0], &exact, &s)
		all += len(best)
		for _, h := range best {
			if slices.Contains(hits, h) {
				found++
			}
		}
	}
	b.ReportMetric(us, "µs/query")
	b.ReportMetric(float64(found)/float64(all), "recall")
	b.ReportMetric(0, "ns/op")
}

func randomShare(n int, share float64) []uint64 {
	rng := rand.New(rand.NewPCG(1, 1))
	allowed := make([]uint64, (n+63)/64)
	for i := range n {
		if rng.Float64() < share {
			allowed[i/64] |= 1 << (i % 64)
		}
	}
	return allowed
}

// like returns the m items at the least angles to one of middling length.
func (in *searchInput) like(m int) []uint64 {
	n := len(in.items) / in.dim
	lengths, order := make([]float32, n), make([]int, n)
	item := func(i int) []float32 { return in.items[i*in.dim:][:in.dim] }
	for i := range n {
		lengths[i], order[i] = float32(math.Sqrt(float64(plainDot(item(i), item(i))))), i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(lengths[a], lengths[b]) })
	middle := order[n*3/4]
	cosines := make([]float32, n)
	for i := range n {
		cosines[i] = plainDot(item(i), item(middle)) / max(lengths[i], 1e-30)
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(cosines[b], cosines[a]) })
	allowed := make([]uint64, (n+63)/64)
	for _, i := range order[:m] {
		allowed[i/64] |= 1 << (i % 64)
	}
	return allowed
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

// BenchmarkPrepareFilter measures how long a filter takes to prepare, and its bytes.
func BenchmarkPrepareFilter(b *testing.B) {
	cfg := searchSet(b)
	in, err := readSearch(cfg)
	if err != nil {
		b.Fatal(err)
	}
	made, err := buildSearch(cfg, in, &SearchReport{})
	if err != nil {
		b.Fatal(err)
	}
	for _, share := range []float64{1, .5, .1, .03, .01, .001} {
		allowed := randomShare(made.Index.Len(), share)
		b.Run(strconv.FormatFloat(share, 'g', -1, 64), func(b *testing.B) {
			var f *index.Filter
			for b.Loop() {
				f = made.Index.Filter(allowed)
			}
			b.ReportMetric(float64(f.Bytes()), "bytes")
		})
	}
}
