package rank

import (
	"math"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// The fold-in (Rendle et al., arXiv 2110.14037, one user's normal equations) solves
//
//	A x = Σᵢ wᵢ yᵢ,   A = D + Σᵢ wᵢ yᵢ yᵢᵀ,   D = a0·Λ + λ·Id,   λ = reg·(Σᵢ wᵢ + a0·I)^ν
//
// over the h recent items i; Λ is the diagonal of YᵀY, I the number of items with observations. With U = W^½ Y (h rows of d) and
// r = W^½ 1 that is A = D + UᵀU and the right-hand side Uᵀr.
//
// For h ≤ d it is solved in the space of the items (Woodbury; push-through identity A⁻¹Uᵀ = D⁻¹UᵀK⁻¹):
//
//	K = Id + U D⁻¹ Uᵀ  (h×h),   K z = r,   x = D⁻¹ Uᵀ z
//
// and for h > d directly, A being d×d. Either matrix is symmetric and positive definite: one Cholesky.
//
// x is linear in the right-hand sides, so a score splits exactly over the history: the share of item i in the score of
// item j is yⱼᵀ A⁻¹ wᵢ yᵢ, which is rᵢ·(K⁻¹ U D⁻¹ yⱼ)ᵢ, or rᵢ·(U A⁻¹ yⱼ)ᵢ. All of it is float64.
type fold struct {
	rows   []edged.Row // the h items
	root   []float64   // r: the square roots of their weights
	u      []float64   // U, h×d
	diag   []float64   // D
	chol   []float64   // lower triangle of K (h×h) or A (d×d), after cholesky that of its factor
	x      []float64   // the solution
	temp   []float64
	vector []float64
}

// The weights of an item, so that the matrices stay well conditioned. One that has decayed to less counts nothing.
const (
	minWeight = 1e-9
	maxWeight = 1e6
)

// set takes the items of a history with their weights.
func (f *fold) set(m *model.Model, h *history) {
	f.rows = append(f.rows[:0], h.rows...)
	f.root = f.root[:0]
	for _, w := range h.weight {
		if w < minWeight {
			w = 0
		}
		f.root = append(f.root, math.Sqrt(w))
	}
	f.u = f.u[:0]
	for i, row := range f.rows {
		f.u = m.AppendVector(f.u, row)
		scale(f.row(i, m.Dim()), f.root[i])
	}
	f.setDiag(m)
}

func (f *fold) row(i, d int) []float64 { return f.u[i*d:][:d] }

func (f *fold) setDiag(m *model.Model) {
	meta := m.Meta()
	weight := float64(meta.A0 * float64(m.Active()))
	for _, r := range f.root {
		weight += float64(r * r)
	}
	lambda := float64(meta.Reg * power(max(weight, minWeight), meta.Nu)) // rounded here, or it would be fused with the additions below
	f.diag = f.diag[:0]
	for _, g := range m.Gram() {
		f.diag = append(f.diag, float64(meta.A0*float64(g))+lambda)
	}
}

// deviation returns the deviation of the score x·y over all items, √(Σ_k x_k² Λ_k / I − (x·m)²): YᵀY is taken for the diagonal
// it is made to be.
func (f *fold) deviation(m *model.Model) float64 {
	items := float64(m.Active())
	var squares, mean float64
	means := m.Mean()
	for k, g := range m.Gram() {
		squares += float64(float64(f.x[k]*f.x[k]) * float64(g))
		mean += float64(f.x[k] * float64(means[k]))
	}
	return math.Sqrt(max(squares/items-float64(mean*mean), 0))
}

// solve computes x, all zero without items.
func (f *fold) solve() {
	h, d := len(f.rows), len(f.diag)
	f.x = resize(f.x, d)
	clear(f.x)
	if h == 0 {
		return
	}
	if h <= d {
		f.solveItems(h, d)
		return
	}
	f.solveDims(h, d)
}

// solveItems: K z = r, x = D⁻¹ Uᵀ z.
func (f *fold) solveItems(h, d int) {
	f.chol = resize(f.chol, h*h)
	f.vector = resize(f.vector, d)
	for i := range h {
		for k, u := range f.row(i, d) {
			f.vector[k] = u / f.diag[k]
		}
		for j := range i + 1 {
			f.chol[i*h+j] = dot(f.vector, f.row(j, d))
		}
		f.chol[i*h+i]++
	}
	cholesky(f.chol, h)
	f.temp = append(f.temp[:0], f.root...)
	solveCholesky(f.chol, h, f.temp)
	for i, z := range f.temp {
		addScaled(f.x, f.row(i, d), z)
	}
	for k := range f.x {
		f.x[k] /= f.diag[k]
	}
}

// solveDims: A x = Uᵀ r.
func (f *fold) solveDims(h, d int) {
	f.chol = resize(f.chol, d*d)
	clear(f.chol)
	for i := range h {
		u := f.row(i, d)
		for k, v := range u {
			addScaled(f.chol[k*d:][:k+1], u[:k+1], v)
		}
		addScaled(f.x, u, f.root[i])
	}
	for k, v := range f.diag {
		f.chol[k*d+k] += v
	}
	cholesky(f.chol, d)
	solveCholesky(f.chol, d, f.x)
}

// shares returns what each item of the history adds to the score of a row: yⱼᵀ A⁻¹ wᵢ yᵢ. The result is overwritten by
// the next call.
func (f *fold) shares(m *model.Model, row edged.Row) []float64 {
	h, d := len(f.rows), len(f.diag)
	f.vector = m.AppendVector(f.vector[:0], row)
	if h > d {
		solveCholesky(f.chol, d, f.vector)
	} else {
		for k := range f.vector {
			f.vector[k] /= f.diag[k]
		}
	}
	f.temp = resize(f.temp, h)
	for i := range h {
		f.temp[i] = dot(f.row(i, d), f.vector)
	}
	if h <= d {
		solveCholesky(f.chol, h, f.temp)
	}
	for i, r := range f.root {
		f.temp[i] *= r
	}
	return f.temp
}
