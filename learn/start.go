package learn

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/edged/edged/internal/float"
	"github.com/edged/edged/internal/parallel"
)

// powers is how often the start is multiplied by WᵀW, W being the weights of visitors by items. A power takes a quarter to
// the whole of a sweep's time and saves about one.
const powers = 4

// begin sets the item vectors to those of p.Start. Without it they span the directions in which the weights vary most, by
// subspace iteration from random numbers (Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review
// 2011, algorithm 4.4): that saves about half of the sweeps. Items without observations are zero, where the loss wants
// them; visitors too, until the first half-sweep.
func (m *als) begin(ctx context.Context, p ALS) error {
	if p.Start != nil {
		m.y = pad(slices.Clone(p.Start.Y), m.d)
		m.forget()
		return nil
	}
	rng := rand.New(rand.NewPCG(p.Seed, 0x6564676564)) // a stream of its own
	for r := 0; r < len(m.y); r += m.p {
		for k := range m.d {
			m.y[r+k] = float32(rng.NormFloat64())
		}
	}
	for range powers {
		m.multiply(m.x, m.y, m.users)
		m.multiply(m.y, m.x, m.items)
		if err := errors.Join(ctx.Err(), m.whiten()); err != nil {
			return err
		}
	}
	clear(m.x)
	return nil
}

// forget clears the vectors of items without observations.
func (m *als) forget() {
	for r := range m.items.weight {
		if m.items.obs.Count(r) == 0 {
			clear(m.y[r*m.p:][:m.p])
		}
	}
}

// multiply sets each row of to to the weighted sum of the other side's vectors, over the largest weight of a row: nothing
// grows out of range.
func (m *als) multiply(to, from []float32, s *side) {
	largest, none := float32(0), make([]float32, m.p)
	for _, w := range s.weight {
		largest = max(largest, w)
	}
	clear(to)
	if largest == 0 {
		return
	}
	parallel.For(m.threads, len(s.weight), 32, func(_, lo, hi int) {
		for r := lo; r < hi; r++ {
			cols, weights := s.obs.Row(r)
			float.Observe(to[r*m.p:][:m.p], none, from, cols, weights, 1/largest, true)
		}
	})
}

// whiten turns the item vectors to where YᵀY is diagonal and scales that to one number, so that their mean square length is
// 1. What is only rounding beside the largest number is not scaled up.
func (m *als) whiten() error {
	eigen, err := m.rotate(m.y)
	if err != nil || eigen[0] == 0 {
		return err
	}
	scale := make([]float32, m.p)
	for k, x := range eigen {
		scale[k] = float32(math.Sqrt(float64(m.items.active) / float64(m.d) / max(x, 1e-7*eigen[0])))
	}
	for r := 0; r < len(m.y); r += m.p {
		for k, x := range m.y[r:][:m.p] {
			m.y[r+k] = x * scale[k]
		}
	}
	return nil
}
