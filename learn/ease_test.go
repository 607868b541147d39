package learn

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// TestEASEOfVisitorsOrItems: inverting a matrix of visitors gives what inverting one of items does.
func TestEASEOfVisitorsOrItems(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	few := Collect(30, 50, func(yield func(r, c uint32, v float32)) {
		for range 400 {
			yield(uint32(rng.IntN(29)), uint32(rng.IntN(50)), float32(1+rng.IntN(2)))
		}
	})
	// The same G with visitors doubled in number: each visitor twice, at half the weight.
	many := Collect(120, 50, func(yield func(r, c uint32, v float32)) {
		for u := range few.Rows() {
			items, values := few.Row(u)
			for k, i := range items {
				for copy := range 4 {
					yield(uint32(4*u+copy), i, values[k]/2)
				}
			}
		}
	})
	for _, p := range []EASE{{L2: 2, Plain: true}, {L2: 0.5, P: 0.7, Plain: true}} {
		a, err := p.Dense(context.Background(), few, 2)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Dense(context.Background(), many, 2)
		if err != nil {
			t.Fatal(err)
		}
		for k := range a {
			if math.Abs(float64(a[k]-b[k])) > 1e-5 {
				t.Fatalf("%+v: weight %d, %d: %v by visitors, %v by items", p, k/50, k%50, a[k], b[k])
			}
		}
	}
}

// TestContentMap: vectors that follow from features are found again, for rows that were not shown too.
func TestContentMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const rows, cols, d = 400, 30, 4
	counts := Collect(rows, cols, func(yield func(r, c uint32, v float32)) {
		for r := range uint32(rows) {
			for k := range uint32(5) {
				yield(r, (r*7+k*(1+r%11))%cols, 1)
			}
		}
	})
	features := TFIDF(counts)
	truth := make([]float32, cols*d)
	for i := range truth {
		truth[i] = float32(rng.NormFloat64())
	}
	y, weight := Apply(truth, features, d), make([]float32, rows)
	for r := range rows / 2 {
		weight[r] = 1
	}
	w, err := ContentMap{Reg: 1e-6, Steps: 200}.Fit(context.Background(), features, y, d, weight, 2)
	if err != nil {
		t.Fatal(err)
	}
	for k, x := range Apply(w, features, d) {
		if math.Abs(float64(x-y[k])) > 1e-2 {
			t.Fatalf("row %d, number %d: %v, want %v", k/d, k%d, x, y[k])
		}
	}
}
