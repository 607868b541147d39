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
// definite: one factorisation L D Lᵀ.
//
// x is linear in the right-hand sides, so a score splits exactly over the history: the share of item i in the score of
// item j is yⱼᵀ A⁻¹ wᵢ yᵢ, which is rᵢ·(K⁻¹ V D^-½ yⱼ)ᵢ, or rᵢ·(V B⁻¹ D^-½ yⱼ)ᵢ. Of up to d items V, D^-½ and products with their rows are
// float32, as exact as what they are made of, unless weights are heavy; the rest, and all of it otherwise, is float64 (wide.go).
type fold struct {
	rows    []edged.Row // the h items
	root    []float64   // r: the square roots of their weights
	v       []float32   // V: h rows of width numbers, 0 beyond d
	width   int         // d, rounded up to a multiple of 8
	shrink  []float32   // D^-½, 0 beyond d
	system  []float64   // lower triangle of K (h×h) or B (d×d), after factorise that of its factors; then a right-hand side
	columns []float64   // working memory of factorise
	x       []float32   // the solution
	temp    []float64
	weight  []float32
	vector  []float32
	isWide  bool // solved by wide
	wide    wide
}

// The weights of an item, so that the matrices stay well conditioned. One that has decayed to less counts nothing.
const (
	minWeight = 1e-9
	maxWeight = 1e6
)

// set takes the items of a history with their weights.
func (f *fold) set(h *history) {
	f.rows, f.root = append(f.rows[:0], h.rows...), append(f.root[:0], h.weight...)
	f.ready()
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
	f.ready()
}

// ready makes roots of the weights in root.
func (f *fold) ready() {
	for i, w := range f.root {
		if w < minWeight {
			w = 0
		}
		f.root[i] = math.Sqrt(w)
	}
}

// narrow makes V of the rows and their weights.
func (f *fold) narrow(m *model.Model) {
	f.setShrink(m)
	f.v = f.v[:0]
	for i, row := range f.rows {
		f.v = m.AppendTimes(f.v, row, f.root[i], f.shrink)
	}
}

// leastLambda keeps D above 0 in float32.
const leastLambda = 1e-30

func (f *fold) setShrink(m *model.Model) {
	f.shrink = resize(f.shrink, quant.Stride(m.Dim()))
	gram := m.Gram()
	clear(f.shrink[len(gram):])
	kernel.Shrink(f.shrink[:len(gram)], gram, float32(m.Meta().A0), max(float32(f.lambda(m)), leastLambda))
}

// lambda returns λ.
func (f *fold) lambda(m *model.Model) float64 {
	meta := m.Meta()
	weight := float64(meta.A0 * float64(m.Active()))
	for _, r := range f.root {
		weight += float64(r * r)
	}
	return float64(meta.Reg * power(max(weight, minWeight), meta.Nu))
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
		x := float64(x[k])
		squares[k%4] += float64(float64(x*x) * float64(g))
		mean[k%4] += float64(x * float64(means[k]))
	}
	return math.Sqrt(max(total(&squares)/items-float64(total(&mean)*total(&mean)), 0))
}

// solve computes x, d numbers, all zero without items.
func (f *fold) solve(m *model.Model) {
	h, d := len(f.rows), m.Dim()
	f.width = quant.Stride(d)
	f.x = resize(f.x, f.width)
	f.isWide = h > d || h > 0 && !f.solveNarrow(m)
	switch {
	case f.isWide:
		f.solveWide(m)
	case h == 0:
		clear(f.x)
	}
	f.x = f.x[:d]
}

// mostSquare bounds |vᵢ|² in float32, so that K, whose least eigenvalue is 1, stands out from what is rounded.
const mostSquare = 1024

// solveNarrow: K z = r, x = D^-½ Vᵀ z in float32. It returns false where that is not exact enough.
func (f *fold) solveNarrow(m *model.Model) bool {
	h := len(f.rows)
	f.narrow(m)
	f.system = resize(f.system, h*h+h)
	kernel.Triangle(f.system[:h*h], f.v, f.width)
	for i := range h {
		if !(f.system[i*h+i] <= mostSquare) {
			return false
		}
		f.system[i*h+i]++
	}
	z := f.system[h*h:]
	copy(z, f.root)
	f.columns = factorise(f.system, h, f.columns)
	solveUpper(f.system, h, z)
	f.weight = resize(f.weight, h)
	for i, x := range z {
		f.weight[i] = float32(x)
	}
	kernel.Weighed(f.x, f.v, f.weight, f.shrink)
	return true
}

// shares returns what each item of the history adds to the score of a row: yⱼᵀ A⁻¹ wᵢ yᵢ. The result is overwritten by
// the next call.
func (f *fold) shares(m *model.Model, row edged.Row) []float64 {
	h := len(f.rows)
	f.temp = resize(f.temp, h)
	if f.isWide {
		f.sharesWide(m, row)
	} else {
		f.vector = m.AppendTimes(f.vector[:0], row, 1, f.shrink)
		kernel.Dots(f.temp, f.vector, f.v)
		solve(f.system, h, f.temp)
	}
	for i, r := range f.root {
		f.temp[i] *= r
	}
	return f.temp
}
