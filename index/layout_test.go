package index

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/quant"
)

// gathered are vectors around a few directions, of differing lengths.
func gathered(rng *rand.Rand, n, dim int, skew float64) []float32 {
	centres := vectors(rng, 12, dim, 0, false)
	v := vectors(rng, n, dim, 0, false)
	for i := range n {
		c := centres[rng.IntN(12)*dim:][:dim]
		length := math.Exp(skew * rng.NormFloat64())
		for k := range dim {
			v[i*dim+k] = float32(length * (float64(c[k]) + .6*float64(v[i*dim+k])))
		}
	}
	return v
}

// laid returns an index with a layout, and the rows in their own order for the oracle.
func laid(t testing.TB, v, queries []float32, dim int, fine bool, cfg LayoutConfig) (*Index, quant.Rows) {
	t.Helper()
	encode := quant.Encode
	if fine {
		encode = quant.EncodeFine
	}
	rows, err := encode(v, dim)
	if err != nil {
		t.Fatal(err)
	}
	a, err := LayOut(&rows, queries, cfg)
	if err != nil {
		t.Fatal(err)
	}
	x, err := NewLayout(Arrange(&rows, a.Order), a.Order, Inverse(a.Order), &a.Layout, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	return x, rows
}

// shapes are the layouts that differ in kind.
func shapes(n int) []LayoutConfig {
	return []LayoutConfig{
		{Bits: 1, Cells: 7}, {Bits: 2, Cells: 7}, {Bits: 1, Head: n}, {Bits: 2, Head: n}, {Bits: 1, Head: n / 3, Cells: 5}, {Bits: 2, Cells: 1},
		{Bits: 2, Cells: 60},
	}
}

// difference names the first hit that differs.
func difference(got, want []Hit) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("hit %d is %v, want %v", i, got[i], want[i])
		}
	}
	return fmt.Sprintf("%d hits, want %d", len(got), len(want))
}

// exactly is the setting with which an approximate search leaves out nothing but what bounds exclude.
var exactly = Setting{Recall: 1, K: 1000, Eps: 60, Kappa: 3, Slack: 900}

func eachVariant(t *testing.T, f func(t *testing.T)) {
	for _, name := range kernel.Names() {
		t.Run(name, func(t *testing.T) {
			restore, err := kernel.Use(name)
			if err != nil {
				t.Fatal(err)
			}
			defer restore()
			f(t)
		})
	}
}

func TestExactSearchOfALayoutIsTheBruteForceAnswer(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(8, 1))
		var s Scratch
		var dst []Hit
		for round := range 120 {
			n, dim := 1+rng.IntN(600), 1+rng.IntN(40)
			v := vectors(rng, n, dim, float64(round%3), round%4 == 0)
			queries := vectors(rng, 50, dim, 0, false)
			cfg := shapes(n)[round%7]
			cfg.Seed = uint64(round)
			x, rows := laid(t, v, queries, dim, round%2 == 0, cfg)
			for range 6 {
				q := Query{Vector: vectors(rng, 1, dim, 1, round%4 == 0), K: []int{1, 2, 10, 100, 500}[rng.IntN(5)], Recall: 1}
				randomFilter(rng, &q, n)
				dst = x.Search(dst[:0], &q, &s)
				if want := brute(rows, &q); !slices.Equal(dst, want) {
					t.Fatalf("round %d (n=%d dim=%d k=%d %+v): %s", round, n, dim, q.K, cfg, difference(dst, want))
				}
			}
		}
	})
}

func TestApproximateSearchWithWideBoundsIsTheBruteForceAnswer(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 2))
	var s Scratch
	for round := range 80 {
		n, dim := 1+rng.IntN(900), 8+rng.IntN(60)
		v := gathered(rng, n, dim, float64(round%3)/2)
		cfg := shapes(n)[round%7]
		x, rows := laid(t, v, gathered(rng, 100, dim, 0), dim, round%2 == 0, cfg)
		x.settings = []Setting{exactly}
		for range 6 {
			q := Query{Vector: vectors(rng, 1, dim, 1, false), K: []int{1, 3, 10, 100, 500}[rng.IntN(5)]}
			randomFilter(rng, &q, n)
			got := x.Search(nil, &q, &s)
			if want := brute(rows, &q); !slices.Equal(got, want) {
				t.Fatalf("round %d (n=%d dim=%d k=%d %+v): %s", round, n, dim, q.K, cfg, difference(got, want))
			}
		}
	}
}

func FuzzExactSearch(f *testing.F) {
	f.Add(uint64(1), uint16(300), uint8(20), uint8(3))
	f.Fuzz(func(t *testing.T, seed uint64, rows uint16, width, shape uint8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n, dim := 1+int(rows)%800, 1+int(width)%70
		v := vectors(rng, n, dim, float64(shape%3), shape%5 == 0)
		x, own := laid(t, v, vectors(rng, 30, dim, 1, false), dim, shape%2 == 0, shapes(n)[int(shape)%7])
		q := Query{Vector: vectors(rng, 1, dim, 1, shape%3 == 0), K: 1 + rng.IntN(50), Recall: 1}
		randomFilter(rng, &q, n)
		var s Scratch
		if got, want := x.Search(nil, &q, &s), brute(own, &q); !slices.Equal(got, want) {
			t.Fatalf("got %v want %v", got, want)
		}
	})
}

// TestEveryVariantGivesTheSameAnswer: not only the exact one, but also what an approximate search finds and does.
func TestEveryVariantGivesTheSameAnswer(t *testing.T) {
	type result struct {
		hits  [][]Hit
		stats []Stats
	}
	var first *result
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(8, 3))
		got := &result{}
		const n, dim = 3000, 48
		v, queries := gathered(rng, n, dim, .5), gathered(rng, 300, dim, 0)
		for _, cfg := range shapes(n) {
			x, _ := laid(t, v, queries, dim, true, cfg)
			x.settings = []Setting{{Recall: 1, K: 10, Eps: 1, Kappa: .3, Slack: 2.5}}
			var s Scratch
			for i := range 40 {
				got.hits = append(got.hits, x.Search(nil, &Query{Vector: queries[i*dim:][:dim], K: 10}, &s))
				got.stats = append(got.stats, s.Stats)
			}
		}
		if first == nil {
			first = got
		}
		if !slices.EqualFunc(first.hits, got.hits, slices.Equal) || !slices.Equal(first.stats, got.stats) {
			t.Error("differs from the reference")
		}
	})
}

func TestLayoutIsTheSameWithAnyNumberOfThreads(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 4))
	const n, dim = 700, 24
	rows, err := quant.Encode(gathered(rng, n, dim, .5), dim)
	if err != nil {
		t.Fatal(err)
	}
	queries := gathered(rng, 100, dim, 0)
	for _, cfg := range shapes(n) {
		cfg.Threads = 1
		one, err1 := LayOut(&rows, queries, cfg)
		cfg.Threads = 3
		three, err3 := LayOut(&rows, queries, cfg)
		if err1 != nil || err3 != nil {
			t.Fatal(err1, err3)
		}
		if fmt.Sprint(one) != fmt.Sprint(three) {
			t.Errorf("%+v: layouts differ", cfg)
		}
	}
}

func TestFiltersAlwaysFindWhatExists(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 6))
	const n, dim = 20000, 16
	v := gathered(rng, n, dim, .5)
	x, rows := laid(t, v, gathered(rng, 200, dim, 0), dim, false, LayoutConfig{Bits: 2, Cells: 40})
	x.settings = []Setting{{Recall: 1, K: 10, Eps: 1.5, Kappa: .3}}
	var s Scratch
	for _, share := range []float64{1, .5, .1, .03, .01, .001, .0001} {
		found, all := 0, 0
		for range 20 {
			q := Query{Vector: gathered(rng, 1, dim, 0), K: 10, Allowed: make([]uint64, (n+63)/64), Exclude: []edged.Row{3, 70, 9000}}
			for i := range n {
				if rng.Float64() < share {
					q.Allowed[i/64] |= 1 << (i % 64)
				}
			}
			want := brute(rows, &q)
			got := x.Search(nil, &q, &s)
			if len(got) != len(want) {
				t.Fatalf("share %g: %d hits, %d exist", share, len(got), len(want))
			}
			for _, h := range got {
				if !q.mayReturn(h.Row) {
					t.Fatalf("share %g: row %d may not be returned", share, h.Row)
				}
				if slices.Contains(want, h) {
					found++
				}
			}
			all += len(want)
		}
		t.Logf("share %g: found %d of %d, the last scanned %d scored %d", share, found, all, s.Stats.Scanned, s.Stats.Scored)
		if float64(found) < .8*float64(all) {
			t.Errorf("share %g: found %d of %d", share, found, all)
		}
	}
}

func TestApproximateSearchAllocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 7))
	const n, dim = 5000, 32
	v := gathered(rng, n, dim, .5)
	x, _ := laid(t, v, gathered(rng, 200, dim, 0), dim, true, LayoutConfig{Bits: 2, Cells: 20})
	x.settings = []Setting{{Recall: 1, K: 10, Eps: 1.5, Kappa: .3, Slack: 2.5}}
	var s Scratch
	dst := make([]Hit, 0, 500)
	q := Query{Vector: v[:dim], K: 10, Deadline: time.Now().Add(time.Hour)}
	search := func() {
		for _, q.K = range []int{10, 500, 1} {
			for _, q.Recall = range []float32{0, 2} {
				dst = x.Search(dst[:0], &q, &s)
			}
		}
	}
	search()
	if allocs := testing.AllocsPerRun(50, search); allocs != 0 {
		t.Errorf("%g allocations", allocs)
	}
}

func TestApproximateSearchHeedsTheDeadline(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	const n, dim = 40000, 8
	x, _ := laid(t, gathered(rng, n, dim, 0), gathered(rng, 50, dim, 0), dim, false, LayoutConfig{Bits: 1, Cells: 10})
	x.settings = []Setting{exactly}
	start := time.Unix(1000, 0)
	var s Scratch
	q := Query{Vector: make([]float32, dim), K: 10, Deadline: start, Clock: func() time.Time { return start }}
	if got := x.Search(nil, &q, &s); !s.Stats.Truncated || len(got) != 10 || s.Stats.Scanned > n/4 {
		t.Errorf("stats %+v, %d hits", s.Stats, len(got))
	}
	q.Deadline = start.Add(1)
	if x.Search(nil, &q, &s); s.Stats.Truncated || s.Stats.Scanned != n {
		t.Errorf("in time: stats %+v", s.Stats)
	}
}

func TestNewLayoutRefuses(t *testing.T) {
	type parts struct {
		rows     quant.Rows
		order    []edged.Row
		place    []uint32
		layout   Layout
		settings []Setting
	}
	fresh := func() *parts {
		rng := rand.New(rand.NewPCG(8, 9))
		rows, err := quant.EncodeFine(gathered(rng, 100, 16, 0), 16)
		if err != nil {
			t.Fatal(err)
		}
		a, err := LayOut(&rows, gathered(rng, 50, 16, 0), LayoutConfig{Cells: 4})
		if err != nil {
			t.Fatal(err)
		}
		return &parts{Arrange(&rows, a.Order), a.Order, Inverse(a.Order), a.Layout, []Setting{exactly}}
	}
	open := func(p *parts) error {
		_, err := NewLayout(p.rows, p.order, p.place, &p.layout, p.settings, .9)
		return err
	}
	if err := open(fresh()); err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	for name, tc := range map[string]struct {
		spoil func(*parts)
		want  string
	}{
		"row twice":         {func(p *parts) { p.order[1] = p.order[0] }, "twice"},
		"place short":       {func(p *parts) { p.place = p.place[1:] }, "place"},
		"place wrong":       {func(p *parts) { p.place[0], p.place[1] = p.place[1], p.place[0] }, "place"},
		"low short":         {func(p *parts) { p.rows.Low = p.rows.Low[1:] }, "remainders"},
		"bits":              {func(p *parts) { p.layout.Bits = 3 }, "bits"},
		"no cells":          {func(p *parts) { p.layout.Radius = nil }, "radii"},
		"starts falling":    {func(p *parts) { p.layout.Starts[1] = p.layout.Starts[2] + 1 }, "starts"},
		"starts late":       {func(p *parts) { p.layout.Starts[0] = 1 }, "starts"},
		"rows missing":      {func(p *parts) { p.layout.Starts[4]-- }, "cells of"},
		"codes short":       {func(p *parts) { p.layout.Codes = p.layout.Codes[1:] }, "codes"},
		"factors short":     {func(p *parts) { p.layout.F = p.layout.F[1:] }, "factors"},
		"factor NaN":        {func(p *parts) { p.layout.H[5] = nan }, "factors"},
		"radius NaN":        {func(p *parts) { p.layout.Radius[2] = nan }, "radius"},
		"sigma":             {func(p *parts) { p.layout.Sigma = -1 }, "sigma"},
		"frame":             {func(p *parts) { p.layout.Frame.Codes = p.layout.Frame.Codes[8:] }, "frame"},
		"frame scale":       {func(p *parts) { p.layout.Frame.Scale = 0 }, "frame"},
		"centroids":         {func(p *parts) { p.layout.Centroids.Scales[0] = nan }, "scale"},
		"centroids missing": {func(p *parts) { p.layout.Centroids = quant.Rows{Dim: 16} }, "centroids"},
		"setting":           {func(p *parts) { p.settings[0].Kappa = -1 }, "out of range"},
		"many settings":     {func(p *parts) { p.settings = make([]Setting, 65) }, "at most"},
	} {
		p := fresh()
		tc.spoil(p)
		if err := open(p); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q in it", name, err, tc.want)
		}
	}
}

func TestSettingForWhatIsAsked(t *testing.T) {
	x := &Index{recall: .95, settings: []Setting{
		{Recall: .9, K: 10, Eps: 2, Kappa: .1}, {Recall: .95, K: 10, Eps: 3, Kappa: .2}, {Recall: .9, K: 100, Eps: 1, Kappa: .3}, {Recall: .95, K: 100, Kappa: .4},
		{Recall: .9, K: 500, Kappa: .5},
	}}
	for _, tc := range []struct {
		recall float32
		k      int
		want   string
	}{
		{0, 10, "3 0.2"}, {.5, 1, "2 0.1"}, {.93, 11, "3 0.4"}, {.9, 100, "1 0.3"}, {.9, 60, "2 0.3"}, {.9, 500, "0 0.5"}, {.9, 501, "exact"},
		{.93, 101, "exact"}, {.93, 500, "exact"}, {.96, 10, "exact"}, {1, 10, "exact"},
	} {
		got := "exact"
		if s, ok := x.Setting(&Query{K: tc.k, Recall: tc.recall}); ok {
			got = fmt.Sprint(s.Eps, s.Kappa)
		}
		if got != tc.want {
			t.Errorf("recall %g of %d: %s, want %s", tc.recall, tc.k, got, tc.want)
		}
	}
}

// TestTopKeepsTheBest: with scores of any sign, many equal, rising or falling, and those below the limit left out or not.
func TestTopKeepsTheBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 10))
	var list top
	for round := range 600 {
		k, n := 1+rng.IntN(70), rng.IntN(2500)
		list.reset(k)
		var all []Hit
		for i := range n {
			h := Hit{Row: edged.Row(i), Score: float32(rng.IntN(4000)-2000) / 400}
			switch round % 4 {
			case 1:
				h.Score = float32(rng.IntN(5)-4) / 4
			case 2:
				h.Score += float32(i) / 100
			case 3:
				h.Score = float32(math.Exp(10*float64(h.Score))) - 1
			}
			all = append(all, h)
			if round%3 == 0 || h.Score >= list.limit {
				list.offer(h.Score, h.Row)
			}
			if i%7 == 0 || i == n-1 {
				list.settle()
			}
		}
		slices.SortFunc(all, func(a, b Hit) int {
			if a.Before(b) {
				return -1
			}
			return 1
		})
		want := all[:min(k, n)]
		if list.full() && (list.limit > want[k-1].Score || list.limit < all[min(n, 2*k)-1].Score) {
			t.Fatalf("round %d: limit %g, the %d-th is %g, twice as far %g", round, list.limit, k, want[k-1].Score, all[min(n, 2*k)-1].Score)
		}
		if got := list.appendHits(nil); !slices.Equal(got, want) {
			t.Fatalf("round %d k=%d n=%d: %s", round, k, n, difference(got, want))
		}
	}
}

func TestSortKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 12))
	var starts [bins]uint32
	for round := range 300 {
		keys := make([]uint64, rng.IntN(400))
		for i := range keys {
			keys[i] = rng.Uint64() >> (round % 64)
		}
		want := slices.Sorted(slices.Values(keys))
		if got := sortKeys(keys, make([]uint64, len(keys)), &starts); !slices.Equal(got, want) {
			t.Fatalf("round %d: got %v want %v", round, got, want)
		}
	}
}

// TestManyExactSearches compares as many searches as EDGED_SEARCHES says with brute force.
func TestManyExactSearches(t *testing.T) {
	want, _ := strconv.Atoi(os.Getenv("EDGED_SEARCHES"))
	if want == 0 {
		t.Skip("EDGED_SEARCHES is not set")
	}
	rng := rand.New(rand.NewPCG(8, 11))
	var s BatchScratch
	var dst [][]Hit
	for done, round := 0, 0; done < want; round++ {
		n, dim := 1+rng.IntN(500), 1+rng.IntN(40)
		v := vectors(rng, n, dim, float64(round%3), round%4 == 0)
		x, rows := laid(t, v, vectors(rng, 30, dim, 0, false), dim, round%2 == 0, shapes(n)[round%7])
		for range 250 {
			qs := make([]Query, 1+rng.IntN(8))
			for i := range qs {
				qs[i] = Query{Vector: vectors(rng, 1, dim, 1, round%4 == 0), K: []int{1, 2, 10, 100, 500}[rng.IntN(5)], Recall: 1}
				if rng.IntN(10) == 0 {
					randomFilter(rng, &qs[i], n)
				}
			}
			dst = x.SearchBatch(dst, qs, &s)
			for i := range qs {
				if len(qs) == 1 {
					dst[i] = x.Search(dst[i][:0], &qs[i], &s.each[0])
				}
				if want := brute(rows, &qs[i]); !slices.Equal(dst[i], want) {
					t.Fatalf("round %d (n=%d dim=%d k=%d, %d together): %s", round, n, dim, qs[i].K, len(qs), difference(dst[i], want))
				}
			}
			done += len(qs)
		}
	}
}

func (q *Query) mayReturn(row edged.Row) bool {
	_, excluded := slices.BinarySearch(q.Exclude, row)
	return !excluded && q.allows(row)
}
