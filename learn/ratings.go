package learn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/edged/edged/internal/parallel"
)

// Ratings are the hyper-parameters of a model of explicit ratings (Koren, Bell, Volinsky, IEEE Computer 42(8), 2009), learned
// by alternating least squares with weighted regularisation (Zhou et al., AAIM 2008):
//
//	r̂_ui = μ + b_u + b_i + x_u·y_i
//	min Σ (r_ui − r̂_ui)² + Σ_u Reg·n_u·|x_u|² + Σ_i Reg·n_i·|y_i|²,   n: how many ratings of one
//
// Biases come first, each shrunk as if there were Damping more ratings without one.
type Ratings struct {
	Factors int     // 16; 0: biases alone
	Reg     float64 // 0.1
	Damping float64 // 5
	Sweeps  int     // 10
	Seed    uint64
}

// RatingModel is what Ratings learned.
type RatingModel struct {
	Mean         float64
	Users, Items []float64 // biases
	d            int
	x, y         []float64
}

// Fit trains on ratings, none below 0, of items (columns) by users (rows).
func (p Ratings) Fit(ctx context.Context, ratings *Matrix, threads int) (*RatingModel, error) {
	if p.Factors < 0 || !(p.Reg > 0) || !(p.Damping >= 0) || math.IsInf(p.Reg+p.Damping, 0) || p.Sweeps < 0 {
		return nil, fmt.Errorf("learn: ratings: %+v: want reg above 0 and nothing below", p)
	}
	if err := ratings.Check(); err != nil {
		return nil, fmt.Errorf("learn: ratings: %w", err)
	}
	if ratings.Pairs() == 0 {
		return nil, errors.New("learn: ratings: there are none")
	}
	m := &RatingModel{d: p.Factors, Users: make([]float64, ratings.Rows()), Items: make([]float64, ratings.Cols)}
	for _, v := range ratings.Value {
		m.Mean += float64(v) / float64(ratings.Pairs())
	}
	byItem := ratings.Transpose()
	for range 5 {
		m.biases(m.Items, m.Users, byItem, p.Damping)
		m.biases(m.Users, m.Items, ratings, p.Damping)
	}
	m.x, m.y = make([]float64, len(m.Users)*m.d), make([]float64, len(m.Items)*m.d)
	rng := rand.New(rand.NewPCG(p.Seed, 0x72617465))
	for k := range m.y {
		m.y[k] = 0.1 * rng.NormFloat64()
	}
	for range p.Sweeps {
		m.half(ctx, m.x, m.y, m.Users, m.Items, ratings, p.Reg, threads)
		m.half(ctx, m.y, m.x, m.Items, m.Users, byItem, p.Reg, threads)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// biases are the damped means of what the other side leaves.
func (m *RatingModel) biases(own, other []float64, rows *Matrix, damping float64) {
	for r := range own {
		cols, values := rows.Row(r)
		sum := 0.0
		for k, c := range cols {
			sum += float64(values[k]) - m.Mean - other[c]
		}
		own[r] = 0
		if n := float64(len(cols)); n > 0 {
			own[r] = sum / (n + damping)
		}
	}
}

// half solves (Σ f fᵀ + Reg·n·Id) v = Σ e f for every row, e being what the biases leave.
func (m *RatingModel) half(ctx context.Context, v, f, own, other []float64, rows *Matrix, reg float64, threads int) {
	d := m.d
	parallel.For(threads, rows.Rows(), 32, func(_, lo, hi int) {
		a := make([]float64, d*d)
		for r := lo; r < hi && ctx.Err() == nil; r++ {
			cols, values := rows.Row(r)
			b := v[r*d:][:d]
			clear(a)
			clear(b)
			for k, c := range cols {
				y, e := f[int(c)*d:][:d], float64(values[k])-m.Mean-own[r]-other[c]
				for i, x := range y {
					b[i] += e * x
					for j := range i + 1 {
						a[i*d+j] += x * y[j]
					}
				}
			}
			for i := range d {
				a[i*d+i] += reg * float64(len(cols))
			}
			if len(cols) == 0 || !solve(a, b) {
				clear(b)
			}
		}
	})
}

// Predict is r̂_ui.
func (m *RatingModel) Predict(user, item int) float64 {
	return m.Mean + m.Users[user] + m.Items[item] + dot(m.x[user*m.d:][:m.d], m.y[item*m.d:][:m.d])
}
