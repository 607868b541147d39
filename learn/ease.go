package learn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// EASE are the hyper-parameters of the full linear autoencoder (Steck 2019, with the popularity penalty of EDLAE 2020):
// with G and m as in Ridge and A = G + diag(L2·m + P·G_ii),
//
//	B_ij = −(A⁻¹)_ij / (A⁻¹)_jj,   i ≠ j
//
// It is what Ridge approximates, for catalogues small enough to invert.
type EASE struct {
	L2, P float64 // as in Ridge
	Row   int     // targets kept of a source
}

// MaxEASE bounds the items: the inverse takes I³ multiply-adds and 16·I² bytes.
const MaxEASE = 8192

// Fit trains on visitors by items, weights not negative; of visitors with more than 5,000 items it takes no notice. It
// refuses more than MaxEASE items. Weights not above 0 are dropped. progress may be nil.
func (p EASE) Fit(ctx context.Context, pairs *Matrix, threads int, progress func(done, total int)) (*Table, error) {
	err := errors.Join(Ridge{L2: p.L2, P: p.P, Neighbours: 1, Row: p.Row}.check(), pairs.Check())
	if pairs.Cols > MaxEASE {
		err = errors.Join(err, fmt.Errorf("%d items are too many to invert their matrix (at most %d): use the local ridge", pairs.Cols, MaxEASE))
	}
	if err != nil {
		return nil, fmt.Errorf("learn: EASE: %w", err)
	}
	threads = max(threads, 1)
	g := newGramian(pairs, threads)
	n, base := pairs.Cols, p.L2*g.mean()
	if n == 0 || base == 0 {
		return &Table{Start: make([]int, n+1)}, ctx.Err()
	}
	a := mat.NewSymDense(n, nil)
	for i, d := range g.diag {
		a.SetSym(i, i, base+(1+p.P)*d)
	}
	err = g.each(ctx, threads, func(_, i int, row *sparse) {
		for _, j := range row.touched {
			if int(j) > i {
				a.SetSym(i, int(j), float64(row.value[j]))
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var c mat.Cholesky
	if !c.Factorize(a) {
		return nil, fmt.Errorf("learn: EASE: the equations can't be solved with l2 %v: raise it", p.L2)
	}
	if err := c.InverseTo(a); err != nil && math.IsInf(float64(c.Cond()), 0) {
		return nil, fmt.Errorf("learn: EASE: the equations can't be solved with l2 %v: raise it", p.L2)
	}
	if progress != nil {
		progress(n, n)
	}
	return tableOf(n, func(i int, list []Scored) []Scored {
		for j := range n {
			if w := float32(-a.At(i, j) / a.At(j, j)); j != i && w > 0 {
				list = append(list, Scored{uint32(j), w})
			}
		}
		return heaviest(list, p.Row)
	}), ctx.Err()
}
