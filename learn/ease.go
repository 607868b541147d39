package learn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/viterin/vek/vek32"
	"gonum.org/v1/gonum/mat"

	"github.com/edged/edged/internal/parallel"
)

// EASE are the hyper-parameters of the full linear autoencoder (Steck 2019, with the popularity penalty of EDLAE 2020):
// with G and m as in Ridge and A = G + Λ, Λ = diag(L2·m + P·G_ii),
//
//	B_ij = −(A⁻¹)_ij / (A⁻¹)_jj,   i ≠ j
//
// It is what Ridge approximates, for data small enough to invert a matrix of: of the items, or where visitors are fewer, of
// the visitors. With X' = diag(n_u^-¼) X, so that G = X'ᵀX',
//
//	A⁻¹ = Λ⁻¹ − Λ⁻¹ X'ᵀ V,   V = (Id + X'Λ⁻¹X'ᵀ)⁻¹ X'Λ⁻¹        (Woodbury)
type EASE struct {
	L2, P float64 // as in Ridge
	Row   int     // targets kept of a source
	Plain bool    // G = XᵀX, as published: visitors do not weigh less the more they have
}

// Limits of EASE. The inverse takes n³ multiply-adds, n being the smaller of items and visitors; the weights 4·I² bytes.
const (
	MaxEASE      = 8192  // n
	MaxEASEItems = 16384 // I
)

// Fit trains on visitors by items, weights not negative; of visitors with more than 5,000 items it takes no notice. It
// refuses more than MaxEASE of both. Weights not above 0 are dropped. progress may be nil.
func (p EASE) Fit(ctx context.Context, pairs *Matrix, threads int, progress func(done, total int)) (*Table, error) {
	if p.Row < 1 {
		return nil, fmt.Errorf("learn: EASE: row is %d: it must be at least 1", p.Row)
	}
	b, err := p.Dense(ctx, pairs, threads)
	if err != nil {
		return nil, err
	}
	n := pairs.Cols
	if progress != nil {
		progress(n, n)
	}
	return tableOf(n, func(i int, list []Scored) []Scored {
		for j, w := range b[i*n:][:n] {
			if w > 0 {
				list = append(list, Scored{uint32(j), w})
			}
		}
		return heaviest(list, p.Row)
	}), ctx.Err()
}

// Dense is Fit without a cut: all I² weights, row by row, those below 0 too.
func (p EASE) Dense(ctx context.Context, pairs *Matrix, threads int) ([]float32, error) {
	err := errors.Join(Ridge{L2: p.L2, P: p.P, Neighbours: 1, Row: 1}.check(), pairs.Check())
	if min(pairs.Cols, pairs.Active()) > MaxEASE || pairs.Cols > MaxEASEItems {
		err = errors.Join(err, fmt.Errorf("%d items and %d visitors are too many to invert a matrix (at most %d of either, and %d items): use the local ridge",
			pairs.Cols, pairs.Active(), MaxEASE, MaxEASEItems))
	}
	if err != nil {
		return nil, fmt.Errorf("learn: EASE: %w", err)
	}
	f := &easeFit{EASE: p, g: newGramian(pairs, max(threads, 1)), threads: max(threads, 1), n: pairs.Cols}
	if p.Plain {
		f.g.plain()
	}
	f.base = p.L2 * f.g.mean()
	f.b = make([]float32, f.n*f.n)
	switch {
	case f.n == 0 || f.base == 0:
		return f.b, ctx.Err()
	case pairs.Active() < f.n:
		err = f.byVisitors(ctx)
	default:
		err = f.byItems(ctx)
	}
	if err != nil {
		return nil, err
	}
	return f.b, ctx.Err()
}

type easeFit struct {
	EASE
	g       *gramian
	base    float64
	threads int
	n       int
	b       []float32
}

// ridge is Λ_ii.
func (f *easeFit) ridge(i int) float64 { return f.base + f.P*f.g.diag[i] }

func (f *easeFit) invert(a *mat.SymDense) error {
	var c mat.Cholesky
	if !c.Factorize(a) {
		return fmt.Errorf("learn: EASE: the equations can't be solved with l2 %v: raise it", f.L2)
	}
	if err := c.InverseTo(a); err != nil && math.IsInf(float64(c.Cond()), 0) {
		return fmt.Errorf("learn: EASE: the equations can't be solved with l2 %v: raise it", f.L2)
	}
	return nil
}

func (f *easeFit) byItems(ctx context.Context) error {
	a := mat.NewSymDense(f.n, nil)
	for i, d := range f.g.diag {
		a.SetSym(i, i, d+f.ridge(i))
	}
	err := f.g.each(ctx, f.threads, func(_, i int, row *sparse) {
		for _, j := range row.touched {
			if int(j) > i {
				a.SetSym(i, int(j), float64(row.value[j]))
			}
		}
	})
	if err != nil {
		return err
	}
	if err := f.invert(a); err != nil {
		return err
	}
	for i := range f.n {
		for j := range f.n {
			if j != i {
				f.b[i*f.n+j] = float32(-a.At(i, j) / a.At(j, j))
			}
		}
	}
	return nil
}

// byVisitors numbers the visitors that count densely.
func (f *easeFit) byVisitors(ctx context.Context) error {
	var active []int
	at := make([]int, f.g.users.Rows())
	for u, s := range f.g.scale {
		at[u] = len(active)
		if s > 0 {
			active = append(active, u)
		}
	}
	k, err := f.visitors(ctx, active)
	if err != nil {
		return err
	}
	v := f.spread(k, at, len(active))
	diagonal := make([]float64, f.n) // of A⁻¹
	parallel.For(f.threads, f.n, 16, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			row := f.b[i*f.n:][:f.n]
			f.each(i, func(u int, x float32) {
				vek32.Add_Inplace(row, scaled(v[at[u]*f.n:][:f.n], x))
			})
			vek32.MulNumber_Inplace(row, float32(1/f.ridge(i)))
			diagonal[i] = 1/f.ridge(i) - float64(row[i])
			row[i] = 0
		}
	})
	inverse := make([]float32, f.n)
	for j, d := range diagonal {
		inverse[j] = float32(1 / d)
	}
	for i := range f.n {
		vek32.Mul_Inplace(f.b[i*f.n:][:f.n], inverse)
	}
	return nil
}

func scaled(row []float32, x float32) []float32 {
	if x == 1 {
		return row
	}
	return vek32.MulNumber(row, x)
}

// each calls fn for the visitors of an item, with x' of both.
func (f *easeFit) each(i int, fn func(u int, x float32)) {
	visitors, values := f.g.items.Row(i)
	for k, u := range visitors {
		if s := f.g.scale[u]; s > 0 {
			fn(int(u), float32(math.Sqrt(float64(s)))*values[k])
		}
	}
}

// visitors is (Id + X'Λ⁻¹X'ᵀ)⁻¹.
func (f *easeFit) visitors(ctx context.Context, active []int) (*mat.SymDense, error) {
	k := mat.NewSymDense(len(active), nil)
	parallel.For(f.threads, len(active), 16, func(_, lo, hi int) {
		dense := make([]float64, f.n)
		for r := lo; r < hi && ctx.Err() == nil; r++ {
			clear(dense)
			f.eachItem(active[r], func(i uint32, x float64) { dense[i] = x / f.ridge(int(i)) })
			for c := r; c < len(active); c++ {
				sum := 0.0
				f.eachItem(active[c], func(i uint32, x float64) { sum += dense[i] * x })
				if c == r {
					sum++
				}
				k.SetSym(r, c, sum)
			}
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return k, f.invert(k)
}

func (f *easeFit) eachItem(u int, fn func(i uint32, x float64)) {
	items, values := f.g.users.Row(u)
	root := math.Sqrt(float64(f.g.scale[u]))
	for k, i := range items {
		fn(i, root*float64(values[k]))
	}
}

// spread is V, a row for each visitor that counts.
func (f *easeFit) spread(k *mat.SymDense, at []int, rows int) []float32 {
	v := make([]float32, rows*f.n)
	parallel.For(f.threads, rows, 16, func(_, lo, hi int) {
		for r := lo; r < hi; r++ {
			row := v[r*f.n:][:f.n]
			for i := range row {
				sum := 0.0
				f.each(i, func(u int, x float32) { sum += k.At(r, at[u]) * float64(x) })
				row[i] = float32(sum / f.ridge(i))
			}
		}
	})
	return v
}
