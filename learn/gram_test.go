package learn

import (
	"context"
	"math"
	"testing"
)

// TestForgottenVisitors: one whose weights have decayed to next to nothing counts as nobody, and spoils no equations.
func TestForgottenVisitors(t *testing.T) {
	const n, k = 40, 5
	now := randomPairs(5, 60, n, 400)
	with := &Matrix{Cols: n, Start: append([]int(nil), now.Start...), Index: append([]uint32(nil), now.Index...), Value: append([]float32(nil), now.Value...)}
	for i := range uint32(n) {
		with.Index, with.Value = append(with.Index, i), append(with.Value, math.SmallestNonzeroFloat32*float32(1+i%3))
	}
	with.Start = append(with.Start, len(with.Index))
	ridge := Ridge{L2: 4, P: .5, E: .5, Neighbours: k, Row: k}
	knn := KNN{Source: .5, Target: .5, Shrink: 1, Neighbours: k, Row: k}
	for name, fit := range map[string]func(*Matrix) (*Table, error){
		"ridge": func(m *Matrix) (*Table, error) { return ridge.Fit(context.Background(), m, 1, nil) },
		"kNN":   func(m *Matrix) (*Table, error) { return knn.Fit(context.Background(), m, 1, nil) },
	} {
		want, err := fit(now)
		if err != nil {
			t.Fatal(err)
		}
		got, err := fit(with)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range n {
			items, weights := got.Row(i)
			wantItems, wantWeights := want.Row(i)
			for at := range max(len(items), len(wantItems)) {
				if at >= len(items) || at >= len(wantItems) || items[at] != wantItems[at] || math.Abs(float64(weights[at]-wantWeights[at])) > 1e-5 {
					t.Fatalf("%s: row %d is %v %v, without the visitor %v %v", name, i, items, weights, wantItems, wantWeights)
				}
			}
		}
	}
}
