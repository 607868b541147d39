package rank

import (
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/model"
	"github.com/edged/edged/quant"
)

// The fold-in (Rendle et al., arXiv 2110.14037, one user's normal equations) solves
//
//	A x = Σᵢ wᵢ yᵢ,   A = D + Σᵢ wᵢ yᵢ yᵢᵀ,   D = a0·Λ + λ·Id,   λ = reg·(Σᵢ wᵢ + a0·I)^ν
//
// over the h recent items i; Λ is the diagonal of YᵀY, I the number of items with observations. With U = W^½ Y (h rows of d) and
// r = W^½ 1 that is A = D + UᵀU and the right-hand side Uᵀr.
//
// With V = U D^-½ it is solved, for h ≤ d, in the space of the items (Woodbury; push-through identity A⁻¹Uᵀ = D^-½ Vᵀ K⁻¹):
//
//	K = Id + V Vᵀ  (h×h),   K z = r,   x = D^-½ Vᵀ z
//
// and for h > d in that of the dimensions: B = Id + VᵀV (d×d), x = D^-½ B⁻¹ Vᵀ r. Either matrix is symmetric and positive
// definite: one Cholesky.
//
// x is linear in the right-hand sides, so a score splits exactly over the history: the share of item i in the score of
// item j is yⱼᵀ A⁻¹ wᵢ yᵢ, which is rᵢ·(K⁻¹ V D^-½ yⱼ)ᵢ, or rᵢ·(V B⁻¹ D^-½ yⱼ)ᵢ. All of it is float64.
type fold struct {
	rows   []edged.Row // the h items
	root   []float64   // r: the square roots of their weights
	v      []float64   // V: h rows of width numbers, 0 beyond d
	width  int         // d, rounded up to a multiple of 8
	shrink []float64   // D^-½, 0 beyond d
	chol   []float64   // lower triangle of K (h×h) or B (d×d), after cholesky that of its factor
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
	f.rows, f.root = append(f.rows[:0], h.rows...), append(f.root[:0], h.weight...)
	f.ready(m)
}

// setAgeless takes recent items with the weight of the heaviest visit to each.
func (f *fold) setAgeless(m *model.Model, recent []Recent) {
	f.rows, f.root = f.rows[:0], f.root[:0]
	for i := range recent {
		v := &recent[i]
		if !v.counts(m) {
			continue
		}
		weight := min(float64(v.Weight), maxWeight)
		if at := slices.Index(f.rows, v.Row); at >= 0 {
			f.root[at] = max(f.root[at], weight)
		} else {
			f.rows, f.root = append(f.rows, v.Row), append(f.root, weight)
		}
	}
	f.ready(m)
}

// ready makes V of the rows and, in root, their weights.
func (f *fold) ready(m *model.Model) {
	for i, w := range f.root {
		if w < minWeight {
			w = 0
		}
		f.root[i] = math.Sqrt(w)
	}
	f.width = quant.Stride(m.Dim())
	f.setShrink(m)
	f.v = f.v[:0]
	for i, row := range f.rows {
		f.v = m.AppendTimes(f.v, row, f.root[i], f.shrink)
	}
}

func (f *fold) row(i int) []float64 { return f.v[i*f.width:][:f.width] }

func (f *fold) setShrink(m *model.Model) {
	meta := m.Meta()
	weight := float64(meta.A0 * float64(m.Active()))
	for _, r := range f.root {
		weight += float64(r * r)
	}
	lambda := float64(meta.Reg * power(max(weight, minWeight), meta.Nu)) // rounded here, or it would be fused with the additions below
	f.shrink = resize(f.shrink, f.width)
	gram := m.Gram()
	clear(f.shrink[len(gram):])
	kernel.Shrink(f.shrink[:len(gram)], gram, meta.A0, lambda)
}

// deviation returns the deviation of the score x·y over all items, √(Σ_k x_k² Λ_k / I − (x·m)²): YᵀY is taken for the diagonal
// it is made to be.
func (f *fold) deviation(m *model.Model) float64 {
	items := float64(m.Active())
	var squares, mean [4]float64
	means, gram := m.Mean(), m.Gram()
	x := f.x[:len(gram)]
	means = means[:len(gram)]
	for k, g := range gram {
		squares[k%4] += float64(float64(x[k]*x[k]) * float64(g))
		mean[k%4] += float64(x[k] * float64(means[k]))
	}
	return math.Sqrt(max(total(&squares)/items-float64(total(&mean)*total(&mean)), 0))
}

// solve computes x, d numbers, all zero without items.
func (f *fold) solve(d int) {
	h := len(f.rows)
	f.x = resize(f.x, f.width)
	clear(f.x)
	switch {
	case h == 0:
	case h <= d:
		f.solveItems(h)
	default:
		f.solveDims(h, d)
	}
	f.x = f.x[:d]
	for k := range f.x {
		f.x[k] *= f.shrink[k]
	}
}

// solveItems: K z = r, x = Vᵀ z.
func (f *fold) solveItems(h int) {
	f.chol = resize(f.chol, h*h+h)
	for i := range h {
		row := f.chol[i*h:][:i+1]
		kernel.Dots64(row, f.row(i), f.v)
		row[i]++
	}
	z := f.chol[h*h:]
	copy(z, f.root)
	cholesky(f.chol, h)
	f.chol = f.chol[:h*h]
	solveUpper(f.chol, h, z)
	kernel.Weighed64(f.x, f.v, z)
}

// solveDims: B x = Vᵀ r.
func (f *fold) solveDims(h, d int) {
	f.chol = resize(f.chol, d*d)
	clear(f.chol)
	for i := range h {
		v := f.row(i)
		for k, x := range v[:d] {
			addScaled(f.chol[k*d:][:k+1], v[:k+1], x)
		}
		addScaled(f.x, v, f.root[i])
	}
	for k := range d {
		f.chol[k*d+k]++
	}
	cholesky(f.chol, d)
	solveCholesky(f.chol, d, f.x[:d])
}

// shares returns what each item of the history adds to the score of a row: yⱼᵀ A⁻¹ wᵢ yᵢ. The result is overwritten by
// the next call.
func (f *fold) shares(m *model.Model, row edged.Row) []float64 {
	h, d := len(f.rows), m.Dim()
	f.vector = m.AppendTimes(f.vector[:0], row, 1, f.shrink)
	if h > d {
		solveCholesky(f.chol, d, f.vector[:d])
	}
	f.temp = resize(f.temp, h)
	kernel.Dots64(f.temp, f.vector, f.v)
	if h <= d {
		solveCholesky(f.chol, h, f.temp)
	}
	for i, r := range f.root {
		f.temp[i] *= r
	}
	return f.temp
}
