package learn

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// TestRatings: ratings that biases and one taste explain are foretold, by biases alone they are not.
func TestRatings(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	const users, items = 150, 80
	taste, kind, mood, worth := make([]float64, users), make([]float64, items), make([]float64, users), make([]float64, items)
	for u := range users {
		taste[u], mood[u] = rng.NormFloat64(), 0.3*rng.NormFloat64()
	}
	for i := range items {
		kind[i], worth[i] = rng.NormFloat64(), 0.5*rng.NormFloat64()
	}
	truth := func(u, i int) float64 { return 10 + mood[u] + worth[i] + taste[u]*kind[i] }
	known := func(u, i int) bool { return (u*7+i*13)%5 > 0 }
	ratings := Collect(users, items, func(yield func(r, c uint32, v float32)) {
		for u := range users {
			for i := range items {
				if known(u, i) {
					yield(uint32(u), uint32(i), float32(truth(u, i)))
				}
			}
		}
	})
	rmse := func(p Ratings) float64 {
		m, err := p.Fit(context.Background(), ratings, 2)
		if err != nil {
			t.Fatal(err)
		}
		sum, n := 0.0, 0.0
		for u := range users {
			for i := range items {
				if !known(u, i) {
					e := m.Predict(u, i) - truth(u, i)
					sum, n = sum+e*e, n+1
				}
			}
		}
		return math.Sqrt(sum / n)
	}
	biases, factors := rmse(Ratings{Reg: 0.01, Damping: 1}), rmse(Ratings{Factors: 2, Reg: 0.01, Damping: 1, Sweeps: 10, Seed: 1})
	if biases < 0.5 || factors > 0.25 {
		t.Errorf("root mean square error %.3f by biases, %.3f with factors", biases, factors)
	}
	if _, err := (Ratings{Reg: 0}).Fit(context.Background(), ratings, 1); err == nil {
		t.Error("reg 0 is taken")
	}
}
