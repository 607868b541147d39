package rank

import (
	"math"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// wide is the fold-in in float64, several times as slow: for histories of more items than dimensions, and where an item has so much weight beside
// D that float32 would round away the identity in K.
type wide struct {
	v      []float64 // V: h rows of d numbers
	shrink []float64 // D^-½
	x      []float64 // of a row or the visitor, times D^½
}

// set makes V.
func (w *wide) set(m *model.Model, f *fold) {
	lambda, a0 := max(f.lambda(m), leastLambda), m.Meta().A0
	w.shrink, w.v = w.shrink[:0], w.v[:0]
	for _, g := range m.Gram() {
		w.shrink = append(w.shrink, 1/math.Sqrt(float64(a0*float64(g))+lambda))
	}
	for i, row := range f.rows {
		w.v = w.appendTimes(w.v, m, row, f.root[i])
	}
}

// appendTimes appends a row's vector times a number and D^-½.
func (w *wide) appendTimes(dst []float64, m *model.Model, row edged.Row, times float64) []float64 {
	n := len(dst)
	dst = m.AppendVector(dst, row)
	for k, by := range w.shrink {
		dst[n+k] *= float64(times * by)
	}
	return dst
}

func (w *wide) row(i int) []float64 {
	d := len(w.shrink)
	return w.v[i*d:][:d]
}

// leastPart is what at least is added to the diagonal, in parts of it: of squares above 7e13, which a release with next to no D may have, float64, too,
// would round 1 away, and the system of the same item twice would have no solution.
const leastPart = 1. / (1 << 46)

// solveWide computes x by K or B, whichever is smaller.
func (f *fold) solveWide(m *model.Model) {
	w, h, d := &f.wide, len(f.rows), m.Dim()
	w.set(m, f)
	n := min(h, d)
	f.system = resize(f.system, n*n+n)
	clear(f.system)
	z := f.system[n*n:]
	if h <= d {
		f.fillItems(h)
	} else {
		f.fillDims(d)
	}
	for i := range n {
		square := &f.system[i*n+i]
		*square += max(float64(*square*leastPart), 1)
	}
	f.columns = factorise(f.system, n, f.columns)
	solveUpper(f.system, n, z)
	if h <= d {
		z = f.sumOfRows(z)
	}
	for k, x := range z {
		f.x[k] = float32(float64(x * w.shrink[k]))
	}
}

// fillItems fills in V Vᵀ and r.
func (f *fold) fillItems(h int) {
	for i := range h {
		for j := range i + 1 {
			f.system[i*h+j] = dot(f.wide.row(i), f.wide.row(j))
		}
	}
	copy(f.system[h*h:], f.root)
}

// fillDims fills in VᵀV and Vᵀr.
func (f *fold) fillDims(d int) {
	for i, root := range f.root {
		v := f.wide.row(i)
		for k, x := range v {
			addScaled(f.system[k*d:][:k+1], v[:k+1], x)
		}
		addScaled(f.system[d*d:], v, root)
	}
}

// sumOfRows returns Vᵀz.
func (f *fold) sumOfRows(z []float64) []float64 {
	w := &f.wide
	w.x = resize(w.x, len(w.shrink))
	clear(w.x)
	for i, x := range z {
		addScaled(w.x, w.row(i), x)
	}
	return w.x
}

// sharesWide computes K⁻¹ V, or V B⁻¹, times D^-½ yⱼ.
func (f *fold) sharesWide(m *model.Model, row edged.Row) {
	w, h, d := &f.wide, len(f.rows), m.Dim()
	w.x = w.appendTimes(w.x[:0], m, row, 1)
	if h > d {
		solve(f.system, d, w.x)
	}
	for i := range f.temp {
		f.temp[i] = dot(w.row(i), w.x)
	}
	if h <= d {
		solve(f.system, h, f.temp)
	}
}
