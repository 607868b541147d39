package index

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/quant"
)

// bitmapOf sets about a share of n bits.
func bitmapOf(rng *rand.Rand, n int, share float64) []uint64 {
	words := make([]uint64, (n+63)/64)
	for i := range n {
		if rng.Float64() < share {
			words[i/64] |= 1 << (i % 64)
		}
	}
	return words
}

func and(a, b []uint64) []uint64 {
	both := slices.Clone(a)
	for i := range both {
		both[i] &= b[i]
	}
	return both
}

// filtersOf are the ways to prepare one.
func filtersOf(x *Index, allowed []uint64) []*Filter {
	list := []*Filter{x.Filter(allowed), x.filterOf(x.placesOf(allowed), false)}
	if x.layout != nil {
		list = append(list, x.filterOf(x.placesOf(allowed), true))
	}
	return list
}

// TestPreparedFiltersGiveTheBruteForceAnswer: exactly, and by estimates so careful that they miss nothing; with what else a query rules out.
func TestPreparedFiltersGiveTheBruteForceAnswer(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(41, 1))
		var s Scratch
		var b BatchScratch
		for round := range 56 {
			n, dim := 1+rng.IntN(900), 1+rng.IntN(70)
			x, rows := laid(t, vectors(rng, n, dim, float64(round%3), round%4 == 0), gathered(rng, 60, dim, 0), dim, round%2 == 0, shapes(n)[round%7])
			if x.settings = []Setting{exactly}; x.layout.Cells() == 1 {
				x.settings[0].Eps, x.settings[0].Kappa = PlainEps, 1
			}
			if round%5 == 4 {
				x, rows = build(t, vectors(rng, n, dim, float64(round%3), round%4 == 0), dim)
			}
			allowed := bitmapOf(rng, n, []float64{1, .5, .1, .01, 0}[rng.IntN(5)])
			for _, f := range filtersOf(x, allowed) {
				q := Query{Vector: vectors(rng, 1, dim, 1, false), K: []int{1, 3, 10, 16, 17, 100}[rng.IntN(6)], Recall: []float32{1, 2}[rng.IntN(2)]}
				randomFilter(rng, &q, n)
				plain := q
				if plain.Allowed = allowed; q.Allowed != nil {
					plain.Allowed = and(allowed, q.Allowed)
				}
				want := brute(rows, &plain)
				q.Filter = f
				if got := x.Search(nil, &q, &s); !slices.Equal(got, want) {
					t.Fatalf("round %d (n=%d dim=%d k=%d rows=%d): %s", round, n, dim, q.K, f.Len(), difference(got, want))
				}
				if got := x.SearchBatch(nil, []Query{plain, q}, &b); !slices.Equal(got[0], want) || !slices.Equal(got[1], want) {
					t.Fatalf("round %d: batch: %s; %s", round, difference(got[0], want), difference(got[1], want))
				}
			}
		}
	})
}

// TestPreparedFiltersFindWhatExists: k hits, all allowed, at any share, as they are calibrated.
func TestPreparedFiltersFindWhatExists(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 2))
	const n, dim = 6000, 16
	for _, skew := range []float64{0, 1} {
		rows, err := quant.EncodeFine(gathered(rng, n, dim, skew), dim)
		if err != nil {
			t.Fatal(err)
		}
		made, err := Make(rows, Options{Recall: .9, Queries: gathered(rng, 600, dim, 0), Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		x := made.Index
		var s Scratch
		for _, share := range []float64{1, .5, .1, .03, .01, .001, .0001} {
			allowed := bitmapOf(rng, n, share)
			found, all := 0, 0
			for _, f := range filtersOf(x, allowed) {
				for range 40 {
					q := Query{Vector: gathered(rng, 1, dim, 0), K: 10, Filter: f, Exclude: []edged.Row{3, 70, 5999}}
					got := x.Search(nil, &q, &s)
					q.Recall = 2
					want := x.Search(nil, &q, &s)
					if len(got) != len(want) {
						t.Fatalf("skew %g share %g: %d hits of %d", skew, share, len(got), len(want))
					}
					for _, h := range got {
						if !isSet(allowed, h.Row) || slices.Contains(q.Exclude, h.Row) {
							t.Fatalf("skew %g share %g: %v is not allowed", skew, share, h)
						}
						if slices.Contains(want, h) {
							found++
						}
					}
					all += len(want)
				}
			}
			if float64(found) < .87*float64(all) {
				t.Errorf("skew %g share %g: %d found of %d", skew, share, found, all)
			}
		}
	}
}

func TestPreparedFilterCountsAndRefuses(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 3))
	x, _ := build(t, vectors(rng, 100, 8, 1, false), 8)
	other, _ := build(t, vectors(rng, 100, 8, 1, false), 8)
	f := x.Filter([]uint64{1<<3 | 1<<40, ^uint64(0), ^uint64(0)}) // row 128 and more don't exist
	if f.Len() != 2+36 || f.Bytes() < f.Len()*8 {
		t.Errorf("%d rows, %d bytes", f.Len(), f.Bytes())
	}
	if got := x.Filter(nil); got.Len() != 0 || got.Bytes() != 0 {
		t.Errorf("no words: %d rows, %d bytes", got.Len(), got.Bytes())
	}
	defer func() {
		if recover() == nil {
			t.Error("a filter of another index is taken")
		}
	}()
	other.Search(nil, &Query{Vector: make([]float32, 8), K: 1, Filter: f}, new(Scratch))
}

func TestPreparedFiltersHeedTheDeadlineAndAllocateNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 4))
	const n, dim = 20000, 8
	x, _ := laid(t, gathered(rng, n, dim, 0), gathered(rng, 50, dim, 0), dim, true, LayoutConfig{Bits: 1, Cells: 10})
	x.settings = []Setting{exactly}
	now := time.Unix(1000, 0)
	var s Scratch
	for _, f := range filtersOf(x, bitmapOf(rng, n, .7)) {
		q := Query{Vector: vectors(rng, 1, dim, 0, false), K: 20000, Recall: 2, Filter: f, Deadline: now, Clock: func() time.Time { return now }}
		got := x.Search(nil, &q, &s)
		if !s.Stats.Truncated || len(got) == 0 || len(got) >= f.Len() {
			t.Errorf("%d hits, stats %+v", len(got), s.Stats)
		}
		q.K, q.Recall, q.Deadline, q.Exclude = 1, 1, now.Add(1), []edged.Row{5, 6}
		if allocs := testing.AllocsPerRun(50, func() { got = x.Search(got[:0], &q, &s) }); allocs != 0 {
			t.Errorf("%g allocations a search", allocs)
		}
	}
}
