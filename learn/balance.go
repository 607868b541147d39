package learn

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// balanced is after how many sweeps the two sides are balanced. Later it gains next to nothing.
const balanced = 2

// balance changes no score: it replaces X by XT and Y by YT⁻ᵀ for the T that makes the regularisation least, and returns by
// how much. Half-sweeps alone get there slowly where λ is small. With R_u and R_i the rows' regularisation,
//
//	P = XᵀR_uX = LLᵀ,    Q = YᵀR_iY,    LᵀQL = VS²Vᵀ,    T = L⁻ᵀVS^½
//
// makes both of them S: TᵀPT = T⁻¹QT⁻ᵀ = S, and tr TᵀPT + tr T⁻¹QT⁻ᵀ is never below 2 tr S, the nuclear norm.
func (m *als) balance() float64 {
	before := m.penalty(m.x, m.users) + m.penalty(m.y, m.items)
	t, inverse, ok := balancing(m.penaltyGram(m.x, m.users), m.penaltyGram(m.y, m.items), m.d)
	if !ok {
		return 0
	}
	turn(m.x, t, m.d, m.threads)
	turn(m.y, inverse, m.d, m.threads)
	return before - m.penalty(m.x, m.users) - m.penalty(m.y, m.items)
}

// penaltyGram is FᵀRF.
func (m *als) penaltyGram(f []float32, s *side) *mat.SymDense {
	g := symmetric(corner(weightedGram(f, s.ridge, m.p, m.threads), m.p, m.d), m.d)
	least := 1e-6 * mat.Trace(g) / float64(m.d) // directions without length stay positive
	for k := range m.d {
		g.SetSym(k, k, g.At(k, k)+least)
	}
	return g
}

// balancing returns the columns of T and those of T⁻ᵀ = LVS^-½, one after the other.
func balancing(p, q *mat.SymDense, d int) (t, inverse []float64, ok bool) {
	var cholesky mat.Cholesky
	if !cholesky.Factorize(p) {
		return nil, nil, false
	}
	var upper, upperInverse mat.TriDense
	cholesky.UTo(&upper) // Lᵀ
	if err := upperInverse.InverseTri(&upper); err != nil {
		return nil, nil, false
	}
	var half, middle mat.Dense
	half.Mul(&upper, q)
	middle.Mul(&half, upper.T())
	squares, v, err := eigenbasis(middle.RawMatrix().Data, d) // rows of v are V's columns
	if err != nil || squares[d-1] <= 0 {
		return nil, nil, false
	}
	turn := mat.NewDense(d, d, v)
	var first, second mat.Dense
	first.Mul(turn, upperInverse.T()) // (L⁻ᵀV)ᵀ
	second.Mul(turn, &upper)          // (LV)ᵀ
	for k, x := range squares {
		root := math.Sqrt(math.Sqrt(x)) // S^½
		for i := range d {
			first.Set(k, i, first.At(k, i)*root)
			second.Set(k, i, second.At(k, i)/root)
		}
	}
	t, inverse = first.RawMatrix().Data, second.RawMatrix().Data
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	return t, inverse, !slices.ContainsFunc(append(slices.Clone(t), inverse...), func(x float64) bool { return !finite(x) })
}
