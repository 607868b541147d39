package train

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edged/edged/learn"
)

// TestLikelyQueriesAreOfLongAndShortHistories: by turns a trained visitor and the fold-ins of one, two and three of its items;
// whoever has none asks nothing.
func TestLikelyQueriesAreOfLongAndShortHistories(t *testing.T) {
	pairs := randomPairs(50, 40, 12)
	pairs.Start = append(pairs.Start, pairs.Start[50], pairs.Start[50]) // two that training does not know
	f, err := learn.ALS{Factors: 8, A0: .1, Reg: .01, Nu: 1, Sweeps: 2, Seed: 1}.Fit(context.Background(), pairs, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	queries, visitors := likelyQueries(f, pairs, 1), someVisitors(pairs, 60)
	sorted := slices.Clone(visitors)
	if slices.Sort(sorted); len(slices.Compact(sorted)) != 50 || len(queries) != 50*queryKinds*8 {
		t.Fatalf("%d numbers of %d visitors", len(queries), len(sorted))
	}
	for few := 1; few < queryKinds; few++ {
		begun := beginnings(pairs, visitors, few)
		short := f.FoldIn(begun, 1)
		for i, v := range visitors {
			index, value := begun.Row(i)
			if len(index) != few {
				t.Fatalf("row %d has %d items, want %d", i, len(index), few)
			}
			all, values := pairs.Row(v)
			at := slices.Index(all, index[0])
			if at < 0 || !slices.Equal(all[at:at+few], index) || !slices.Equal(values[at:at+few], value) {
				t.Fatalf("row %d: %v of %v", i, index, all)
			}
			if !slices.Equal(queries[(queryKinds*i+few)*8:][:8], short[i*8:][:8]) {
				t.Errorf("query %d is not the fold-in of %d items", queryKinds*i+few, few)
			}
		}
	}
	for i, v := range visitors {
		if !slices.Equal(queries[queryKinds*i*8:][:8], f.X[v*8:][:8]) {
			t.Errorf("query %d is not visitor %d's vector", queryKinds*i, v)
		}
	}
}

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
