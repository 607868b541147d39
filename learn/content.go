package learn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/edged/edged/internal/parallel"
)

// TFIDF turns counts of features in items (rows) into weights, and each row into length 1 (Salton, Buckley, Information
// Processing & Management 24, 1988):
//
//	w_if = (1 + ln count_if) · ln(1 + N/N_f)         N rows with features, N_f of them with feature f
//
// A feature that a single row has says nothing of others and is left out.
func TFIDF(counts *Matrix) *Matrix {
	docs, seen := counts.Active(), make([]int, counts.Cols)
	for _, f := range counts.Index {
		seen[f]++
	}
	m := &Matrix{Cols: counts.Cols, Start: make([]int, counts.Rows()+1)}
	for r := range counts.Rows() {
		features, values := counts.Row(r)
		square := 0.0
		for k, f := range features {
			if seen[f] < 2 {
				continue
			}
			w := (1 + math.Log(float64(values[k]))) * math.Log1p(float64(docs)/float64(seen[f]))
			m.Index, m.Value = append(m.Index, f), append(m.Value, float32(w))
			square += w * w
		}
		for k := m.Start[r]; k < len(m.Value); k++ {
			m.Value[k] /= float32(math.Sqrt(square))
		}
		m.Start[r+1] = len(m.Index)
	}
	return m
}

// ContentMap are the hyper-parameters of a linear map from what items say of themselves to the vectors that visitors gave
// them (as in Gantner et al., "Learning Attribute-to-Feature Mappings for Cold-Start Recommendations", ICDM 2010): for
// features c and vectors y of items with observations, each counting v,
//
//	W = argmin Σ_i v_i |y_i − W c_i|² + Reg·|W|²
//
// so that an item nobody had yet has the vector W c.
type ContentMap struct {
	Reg   float64 // above 0: 1
	Steps int     // of conjugate gradients: 40
}

// Fit returns W, feature by feature of d numbers. y holds d numbers a row of features, weight one; rows of weight 0 do not count.
func (p ContentMap) Fit(ctx context.Context, features *Matrix, y []float32, d int, weight []float32, threads int) ([]float32, error) {
	rows := features.Rows()
	switch {
	case !(p.Reg > 0) || math.IsInf(p.Reg, 0) || p.Steps < 1:
		return nil, fmt.Errorf("learn: content map: reg %v and %d steps: want above 0", p.Reg, p.Steps)
	case d < 1 || len(y) != rows*d || len(weight) != rows:
		return nil, fmt.Errorf("learn: content map: %d numbers and %d weights for %d rows of %d", len(y), len(weight), rows, d)
	}
	if err := errors.Join(features.Check(), ctx.Err()); err != nil {
		return nil, err
	}
	w := make([]float32, features.Cols*d)
	parallel.For(threads, d, 1, func(_, lo, hi int) {
		for k := lo; k < hi && ctx.Err() == nil; k++ {
			for f, x := range p.column(features, y, d, k, weight) {
				w[f*d+k] = float32(x)
			}
		}
	})
	return w, ctx.Err()
}

// column solves (CᵀVC + Reg·Id) w = CᵀV y for one number of the vectors, by conjugate gradients.
func (p ContentMap) column(c *Matrix, y []float32, d, k int, weight []float32) []float64 {
	target := make([]float64, c.Rows())
	for i := range target {
		target[i] = float64(y[i*d+k])
	}
	w := make([]float64, c.Cols)
	r := gathered(c, target, weight)
	v := append([]float64(nil), r...)
	rr := squared(r)
	for step := 0; step < p.Steps && rr > 1e-12; step++ {
		q := gathered(c, c.times(v), weight)
		curvature := 0.0
		for f := range q {
			q[f] += p.Reg * v[f]
			curvature += q[f] * v[f]
		}
		alpha := rr / curvature
		for f := range w {
			w[f] += alpha * v[f]
			r[f] -= alpha * q[f]
		}
		next := squared(r)
		for f := range v {
			v[f] = r[f] + next/rr*v[f]
		}
		rr = next
	}
	return w
}

// times is C·x.
func (m *Matrix) times(x []float64) []float64 {
	out := make([]float64, m.Rows())
	for r := range out {
		cols, values := m.Row(r)
		for k, c := range cols {
			out[r] += float64(values[k]) * x[c]
		}
	}
	return out
}

// gathered is Cᵀ·V·x.
func gathered(c *Matrix, x []float64, weight []float32) []float64 {
	out := make([]float64, c.Cols)
	for r := range x {
		v := x[r] * float64(weight[r])
		if v == 0 {
			continue
		}
		cols, values := c.Row(r)
		for k, f := range cols {
			out[f] += float64(values[k]) * v
		}
	}
	return out
}

func squared(x []float64) (sum float64) {
	for _, v := range x {
		sum += v * v
	}
	return sum
}

// Apply is W c for every row of features: d numbers each.
func Apply(w []float32, features *Matrix, d int) []float32 {
	y := make([]float32, features.Rows()*d)
	for r := range features.Rows() {
		cols, values := features.Row(r)
		row := y[r*d:][:d]
		for k, f := range cols {
			for j, x := range w[int(f)*d:][:d] {
				row[j] += values[k] * x
			}
		}
	}
	return y
}
