package train

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edged/edged/learn"
)

// TestLikelyQueriesAreOfLongAndShortHistories: by turns a trained visitor and the fold-ins of one, two and three of a visitor's items.
func TestLikelyQueriesAreOfLongAndShortHistories(t *testing.T) {
	pairs := randomPairs(50, 40, 12)
	f, err := learn.ALS{Factors: 8, A0: .1, Reg: .01, Nu: 1, Sweeps: 2, Seed: 1}.Fit(context.Background(), pairs, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	queries := likelyQueries(f, pairs, 1)
	if len(queries) != 50*queryKinds*8 {
		t.Fatalf("%d numbers of %d queries", len(queries), 50*queryKinds)
	}
	for few := 1; few < queryKinds; few++ {
		begun := beginnings(pairs, 50, few)
		short := f.FoldIn(begun, 1)
		for i := range begun.Rows() {
			index, value := begun.Row(i)
			if len(index) != few {
				t.Fatalf("row %d has %d items, want %d", i, len(index), few)
			}
			all, values := pairs.Row(i)
			at := slices.Index(all, index[0])
			if at < 0 || !slices.Equal(all[at:at+few], index) || !slices.Equal(values[at:at+few], value) {
				t.Fatalf("row %d: %v of %v", i, index, all)
			}
			if !slices.Equal(queries[(queryKinds*i+few)*8:][:8], short[i*8:][:8]) {
				t.Errorf("query %d is not the fold-in of %d items", queryKinds*i+few, few)
			}
		}
	}
	for i := range 50 {
		if whole := queries[queryKinds*i*8:][:8]; !slices.ContainsFunc(rowsOf(f.X, 8), func(x []float32) bool { return slices.Equal(x, whole) }) {
			t.Errorf("query %d is no visitor's vector", queryKinds*i)
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
