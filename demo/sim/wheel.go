package sim

import (
	"math/rand/v2"
	"sort"
)

// wheel draws an index with probability proportional to its weight.
type wheel struct{ upto []float64 }

func newWheel(weights []float64) *wheel {
	w := &wheel{upto: make([]float64, len(weights))}
	sum := 0.0
	for i, x := range weights {
		sum += x
		w.upto[i] = sum
	}
	return w
}

func (w *wheel) spin(rng *rand.Rand) int {
	x := rng.Float64() * w.upto[len(w.upto)-1]
	return min(sort.SearchFloat64s(w.upto, x), len(w.upto)-1)
}
