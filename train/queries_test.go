package train

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edged/edged/learn"
)

// TestLikelyQueriesAreOfLongAndShortHistories: by turns a trained visitor and the fold-in of one to three of a visitor's items.
func TestLikelyQueriesAreOfLongAndShortHistories(t *testing.T) {
	pairs := randomPairs(50, 40, 12)
	f, err := learn.ALS{Factors: 8, A0: .1, Reg: .01, Nu: 1, Sweeps: 2, Seed: 1}.Fit(context.Background(), pairs, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	few := beginnings(pairs, 50)
	for i := range few.Rows() {
		index, value := few.Row(i)
		if len(index) != 1+i%3 {
			t.Fatalf("row %d has %d items", i, len(index))
		}
		all, values := pairs.Row(i)
		at := slices.Index(all, index[0])
		if at < 0 || !slices.Equal(all[at:at+len(index)], index) || !slices.Equal(values[at:at+len(index)], value) {
			t.Fatalf("row %d: %v of %v", i, index, all)
		}
	}
	queries, short := likelyQueries(f, pairs, 1), f.FoldIn(few, 1)
	if len(queries) != 100*8 {
		t.Fatalf("%d numbers of 100 queries", len(queries))
	}
	for i := range 50 {
		if !slices.Equal(queries[(2*i+1)*8:][:8], short[i*8:][:8]) {
			t.Errorf("query %d is not the fold-in of a short history", 2*i+1)
		}
		if whole := queries[2*i*8:][:8]; !slices.ContainsFunc(rowsOf(f.X, 8), func(x []float32) bool { return slices.Equal(x, whole) }) {
			t.Errorf("query %d is no visitor's vector", 2*i)
		}
	}
}

func rowsOf(x []float32, d int) [][]float32 { return slices.Collect(slices.Chunk(x, d)) }

func randomPairs(users, items, each int) *learn.Matrix {
	rng := rand.New(rand.NewPCG(1, 1))
	m := &learn.Matrix{Cols: items, Start: []int{0}}
	for range users {
		own := rng.Perm(items)[:each]
		slices.Sort(own)
		for _, i := range own {
			m.Index, m.Value = append(m.Index, uint32(i)), append(m.Value, 1+rng.Float32())
		}
		m.Start = append(m.Start, len(m.Index))
	}
	return m
}
