package learn

import (
	"context"
	"slices"

	"github.com/edged/edged/internal/float"
)

// Conjugate gradients of the fold-in go on to what float32 holds.
const (
	foldShare = 1e-12
	foldSteps = 200
)

// FoldIn returns the vectors of visitors with these pairs, the items' staying as they are. Like a node it takes YᵀY for
// the diagonal matrix that it is but for rounding (and for what Align leaves). The pairs' columns must be items of f.
func (f *Factors) FoldIn(pairs *Matrix, threads int) []float32 {
	d := f.Factors
	if len(pairs.Index) > 0 && int(slices.Max(pairs.Index)) >= len(f.Y)/d {
		panic("BUG: learn: pairs of items that have no vector")
	}
	h := &half{p: float.Padded(d), threads: threads, f: pad(f.Y, d), share: foldShare, steps: foldSteps}
	lower, eigen := gramPadded(h.f, h.p, threads), make([]float64, d)
	for k := range eigen {
		eigen[k] = lower[k*h.p+k]
	}
	h.gram, h.mean = diagonalGram(eigen, f.A0, h.p), make([]float32, h.p)
	items := f.Active
	if items == 0 {
		items = len(f.Y) / d
	}
	visitors := newSide(pairs)
	visitors.setRidge(f.ALS, items)
	x := make([]float32, pairs.Rows()*h.p)
	h.step(context.Background(), x, visitors)
	return unpad(x, d)
}

// pad makes each row of d numbers one of Padded(d), zeros added; it is f itself where nothing is to add.
func pad(f []float32, d int) []float32 {
	p := float.Padded(d)
	if p == d {
		return f
	}
	out := make([]float32, len(f)/d*p)
	for r := range len(f) / d {
		copy(out[r*p:], f[r*d:][:d])
	}
	return out
}

// unpad undoes pad, in place.
func unpad(f []float32, d int) []float32 {
	p := float.Padded(d)
	if p == d {
		return f
	}
	rows := len(f) / p
	for r := range rows {
		copy(f[r*d:], f[r*p:][:d])
	}
	return f[: rows*d : rows*d]
}
