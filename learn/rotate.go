package learn

import (
	"fmt"
	"math"
	"slices"

	"github.com/edged/edged/internal/parallel"
	"gonum.org/v1/gonum/mat"
)

// rotate turns both sides into the basis in which YᵀY is diagonal, largest first: YᵀY = QΛQᵀ, Y ← YQ, X ← XQ. Scores
// stay, since (XQ)(YQ)ᵀ = XYᵀ. A column's sign is free; it is chosen so that its largest element of Y is positive.
func (m *als) rotate() error {
	_, q, err := eigenbasis(gram(m.y, m.d, m.threads), m.d)
	if err != nil {
		return err
	}
	m.turn(m.y, q)
	for k := range m.d {
		if largest(m.y, m.d, k) < 0 {
			for i := range m.d {
				q[k*m.d+i] = -q[k*m.d+i]
			}
			for r := k; r < len(m.y); r += m.d {
				m.y[r] = -m.y[r]
			}
		}
	}
	m.turn(m.x, q)
	return nil
}

// eigenbasis returns the eigenvalues of a lower triangle, the largest first, and their eigenvectors one after the other.
// The matrix has no negative ones but for rounding, which is set to 0.
func eigenbasis(lower []float64, d int) (values, q []float64, err error) {
	sym := mat.NewSymDense(d, nil)
	for i := range d {
		for j := range i + 1 {
			sym.SetSym(i, j, lower[i*d+j])
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(sym, true) {
		return nil, nil, fmt.Errorf("no eigenvectors of the %d×%d Gram matrix were found", d, d)
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	values, q = eigen.Values(nil), make([]float64, d*d)
	slices.Reverse(values)
	for k := range d { // gonum's come in ascending order, as columns
		for i := range d {
			q[k*d+i] = vectors.At(i, d-1-k)
		}
	}
	for k, v := range values {
		values[k] = max(v, 0)
	}
	return values, q, nil
}

// turn replaces each row v of f by (q_k·v)_k.
func (m *als) turn(f []float32, q []float64) {
	d := m.d
	parallel.For(m.threads, len(f)/d, 256, func(_, lo, hi int) {
		old := make([]float64, d)
		for r := lo; r < hi; r++ {
			row := f[r*d : (r+1)*d]
			for i, x := range row {
				old[i] = float64(x)
			}
			for k := range row {
				row[k] = float32(dot(q[k*d:(k+1)*d], old))
			}
		}
	})
}

// largest is the element of column k whose magnitude is largest, the first of equals.
func largest(f []float32, d, k int) (x float32) {
	for at := k; at < len(f); at += d {
		if math.Abs(float64(f[at])) > math.Abs(float64(x)) {
			x = f[at]
		}
	}
	return x
}
