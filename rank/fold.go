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
// item j is yⱼᵀ A⁻¹ wᵢ yᵢ, which is rᵢ·(K⁻¹ V D^-½ yⱼ)ᵢ, or rᵢ·(V B⁻¹ D^-½ yⱼ)ᵢ. V and D^-½ are float32, as exact as what they are made of, and
// products with their rows; the systems are solved in float64.
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

func (f *fold) row(i int) []float32 { return f.v[i*f.width:][:f.width] }

// leastLambda keeps D above 0 in float32.
const leastLambda = 1e-30

func (f *fold) setShrink(m *model.Model) {
	meta := m.Meta()
	weight := float64(meta.A0 * float64(m.Active()))
	for _, r := range f.root {
		weight += float64(r * r)
	}
	lambda := float32(meta.Reg * power(max(weight, minWeight), meta.Nu))
	f.shrink = resize(f.shrink, f.width)
	gram := m.Gram()
	clear(f.shrink[len(gram):])
	kernel.Shrink(f.shrink[:len(gram)], gram, float32(meta.A0), max(lambda, leastLambda))
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
func (f *fold) solve(d int) {
	h := len(f.rows)
	f.x = resize(f.x, f.width)
	switch {
	case h == 0:
		clear(f.x)
	case h <= d:
		f.solveItems(h)
	default:
		f.solveDims(h, d)
	}
	f.x = f.x[:d]
}

// solveItems: K z = r, x = D^-½ Vᵀ z.
func (f *fold) solveItems(h int) {
	f.system = resize(f.system, h*h+h)
	kernel.Triangle(f.system[:h*h], f.v, f.width)
	if f.tame(h) {
		kernel.Triangle(f.system[:h*h], f.v, f.width)
	}
	for i := range h {
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
}

// mostSquare bounds |vᵢ|², so that K, whose least eigenvalue is 1, stands out from what float32 rounds. An item of that much weight scores 1 - 1/4096
// at least, and would score 1 with more.
const mostSquare = 4096

// tame lessens the weights of items beyond mostSquare, whose squares are on the diagonal, and reports whether there were any.
func (f *fold) tame(h int) (tamed bool) {
	for i := range h {
		square := f.system[i*h+i]
		if square <= mostSquare {
			continue
		}
		by := math.Sqrt(mostSquare / square)
		f.root[i] *= by
		v := f.row(i)
		for k := range v {
			v[k] *= float32(by)
		}
		tamed = true
	}
	return tamed
}

// solveDims: B z = Vᵀ r, x = D^-½ z.
func (f *fold) solveDims(h, d int) {
	f.system, f.temp = resize(f.system, d*d+d), resize(f.temp, d)
	clear(f.system)
	z := f.system[d*d:]
	for i := range h {
		for k, x := range f.row(i)[:d] {
			f.temp[k] = float64(x)
		}
		for k, x := range f.temp {
			addScaled(f.system[k*d:][:k+1], f.temp[:k+1], x)
		}
		addScaled(z, f.temp, f.root[i])
	}
	for k := range d {
		f.system[k*d+k]++
	}
	f.columns = factorise(f.system, d, f.columns)
	solveUpper(f.system, d, z)
	for k, x := range z {
		f.x[k] = float32(x) * f.shrink[k]
	}
}

// shares returns what each item of the history adds to the score of a row: yⱼᵀ A⁻¹ wᵢ yᵢ. The result is overwritten by
// the next call.
func (f *fold) shares(m *model.Model, row edged.Row) []float64 {
	h, d := len(f.rows), m.Dim()
	f.vector = m.AppendTimes(f.vector[:0], row, 1, f.shrink)
	f.temp = resize(f.temp, h)
	if h <= d {
		kernel.Dots(f.temp, f.vector, f.v)
		solve(f.system, h, f.temp)
	} else {
		f.sharesByDims(d)
	}
	for i, r := range f.root {
		f.temp[i] *= r
	}
	return f.temp
}

// sharesByDims: V B⁻¹ times the vector.
func (f *fold) sharesByDims(d int) {
	z := f.system[d*d:]
	for k := range z {
		z[k] = float64(f.vector[k])
	}
	solve(f.system, d, z)
	for i := range f.temp {
		f.temp[i] = 0
		for k, x := range f.row(i)[:d] {
			f.temp[i] += float64(float64(x) * z[k])
		}
	}
}
