package learn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/edged/edged/internal/parallel"
)

// ALS are the hyper-parameters of implicit alternating least squares (package comment).
type ALS struct {
	Factors int     // length of a vector
	A0      float64 // weight of everything not observed
	Reg     float64 // λ
	Nu      float64 // ν, how λ grows with a row's observations
	Sweeps  int     // of both sides
	Seed    uint64  // of the item vectors' start

	// Start are earlier vectors to go on from, nil for none. Only Y is read: I rows of the same length, in the order of the
	// items trained now. A row of zeros is an item that was not there; it starts as without Start.
	Start *Factors
}

// Factors are what ALS learned: visitor and item vectors, row by row, in the basis where YᵀY is diagonal, largest first.
type Factors struct {
	ALS              // Start is nil
	Active int       // I of the regulariser: items with observations; 0: all
	X, Y   []float32 // visitors, items
	Losses []float64 // after each sweep
}

// Fit trains on visitors by items.
func (p ALS) Fit(ctx context.Context, pairs *Matrix, threads int, progress func(sweep int, loss float64)) (*Factors, error) {
	if err := p.check(pairs); err != nil {
		return nil, err
	}
	m := newALS(p, pairs, threads)
	losses, err := m.train(ctx, p.Sweeps, progress)
	if err != nil {
		return nil, err
	}
	if err := m.rotate(); err != nil {
		return nil, err
	}
	p.Start = nil
	return &Factors{ALS: p, Active: m.activeItems, X: m.x, Y: m.y, Losses: losses}, nil
}

func (p ALS) check(pairs *Matrix) error {
	switch {
	case p.Factors < 1:
		return fmt.Errorf("als: %d factors: at least 1 is needed", p.Factors)
	case p.Start != nil && len(p.Start.Y) != pairs.Cols*p.Factors:
		return fmt.Errorf("als: the start has %d numbers; %d items of %d factors need %d", len(p.Start.Y), pairs.Cols, p.Factors, pairs.Cols*p.Factors)
	}
	return nil
}

// FoldIn returns the vectors of visitors with these pairs, the items' staying as they are. Like a node it takes YᵀY for
// the diagonal matrix that it is but for rounding.
func (f *Factors) FoldIn(pairs *Matrix, threads int) []float32 {
	d := f.ALS.Factors
	m := &als{d: d, a0: f.A0, reg: f.Reg, nu: f.Nu, threads: threads}
	items := f.Active
	if items == 0 {
		items = len(f.Y) / d
	}
	g, eigen, x := gram(f.Y, d, threads), make([]float64, d), make([]float32, pairs.Rows()*d)
	for k := range eigen {
		eigen[k] = g[k*d+k]
	}
	m.solve(x, f.Y, pairs, items, eigen)
	return x
}

// als trains the loss of the package comment. users and items are the same pairs by visitor and by item.
type als struct {
	d           int
	a0, reg, nu float64
	threads     int
	users       *Matrix
	items       *Matrix
	x, y        []float32 // visitor and item vectors, row by row

	activeUsers, activeItems int // rows with observations: U and I of the regulariser
}

// newALS starts the item vectors of items with observations where p.Start has them, or at N(0, 0.1/√d); the others are
// zero, where the loss wants them. Visitors start at zero: the first half-sweep sets them exactly.
func newALS(p ALS, pairs *Matrix, threads int) *als {
	m := &als{d: p.Factors, a0: p.A0, reg: p.Reg, nu: p.Nu, threads: threads, users: pairs, items: pairs.Transpose()}
	m.activeUsers, m.activeItems = m.users.Active(), m.items.Active()
	m.x, m.y = make([]float32, m.users.Rows()*m.d), make([]float32, m.items.Rows()*m.d)
	rng := rand.New(rand.NewPCG(p.Seed, 0x6564676564)) // a stream of its own
	scale := 0.1 / math.Sqrt(float64(m.d))
	for r := range m.items.Rows() {
		if m.items.Count(r) == 0 {
			continue
		}
		row := m.y[r*m.d : (r+1)*m.d]
		for k := range row {
			row[k] = float32(rng.NormFloat64() * scale)
		}
		if p.Start != nil {
			p.Start.copyTo(row, r)
		}
	}
	return m
}

// copyTo copies item r to row unless it is zero.
func (f *Factors) copyTo(row []float32, r int) {
	if from := f.Y[r*len(row):][:len(row)]; slices.ContainsFunc(from, func(x float32) bool { return x != 0 }) {
		copy(row, from)
	}
}

// train runs the sweeps and returns the loss after each.
func (m *als) train(ctx context.Context, sweeps int, progress func(sweep int, loss float64)) (losses []float64, err error) {
	for sweep := range sweeps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := errors.Join(m.stepUsers(), m.stepItems()); err != nil {
			return nil, err
		}
		loss := m.loss()
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return nil, fmt.Errorf("train: the loss of sweep %d is %v: raise reg or lower the event weights", sweep+1, loss)
		}
		losses = append(losses, loss)
		progress(sweep+1, loss)
	}
	return losses, nil
}

func (m *als) stepUsers() error { return m.step(m.x, m.y, m.users, m.activeItems) }
func (m *als) stepItems() error { return m.step(m.y, m.x, m.items, m.activeUsers) }

// ridge is λ(n + a0·N)^ν for a row whose observations weigh n, N being the rows of the other side that have observations.
func (m *als) ridge(n float64, others int) float64 {
	return m.reg * math.Pow(n+m.a0*float64(others), m.nu)
}

// step sets every row of to so that the loss is least for the given other side:
//
//	(a0·FᵀF + ridge·I + Σ w f fᵀ) t = Σ w f        over the row's observations (weight w, other's vector f)
//
// It first turns F into its eigenbasis, FᵀF = QΛQᵀ, so that all but the observations is diagonal whatever the ridge.
func (m *als) step(to, from []float32, obs *Matrix, others int) error {
	eigen, err := m.diagonalise(from)
	if err != nil {
		return err
	}
	m.solve(to, from, obs, others, eigen)
	return nil
}

// solve is step for another side whose Gram matrix is diag(eigen).
func (m *als) solve(to, from []float32, obs *Matrix, others int, eigen []float64) {
	work := make([]*halfStep, m.threads)
	parallel.For(m.threads, obs.Rows(), 32, func(w, lo, hi int) {
		if work[w] == nil {
			work[w] = newHalfStep(m.d)
		}
		for r := lo; r < hi; r++ {
			ridge := m.ridge(obs.Weight(r), others)
			for k, e := range eigen {
				work[w].diag[k] = m.a0*e + ridge
			}
			work[w].row(to[r*m.d:(r+1)*m.d], from, obs, r)
		}
	})
}

// diagonalise turns one side into its eigenbasis and returns the eigenvalues. The other side does not follow: it is about
// to be replaced.
func (m *als) diagonalise(f []float32) ([]float64, error) {
	values, vectors, err := eigenbasis(gram(f, m.d, m.threads), m.d)
	if err != nil {
		return nil, err
	}
	m.turn(f, vectors)
	return values, nil
}

// halfStep is one worker's scratch memory.
type halfStep struct {
	diag    []float64 // D: the constant part of the row's matrix
	inverse []float64 // D⁻¹
	a, b    []float64 // a matrix and its right-hand side
	u       []float64 // U: the vectors of a short row, each times √w
	v       []float64 // D⁻¹u
	p       *panel
}

func newHalfStep(d int) *halfStep {
	vector, matrix := func() []float64 { return make([]float64, d) }, func() []float64 { return make([]float64, d*d) }
	return &halfStep{diag: vector(), inverse: vector(), a: matrix(), b: vector(), u: matrix(), v: vector(), p: newPanel(d)}
}

func (h *halfStep) row(to, from []float32, obs *Matrix, r int) {
	cols, weights := obs.Row(r)
	clear(to)
	switch {
	case len(cols) == 0:
	case len(cols) < len(to):
		h.short(to, from, cols, weights)
	default:
		h.long(to, from, cols, weights)
	}
}

// long solves the d×d system (D + UᵀU) t = Uᵀr as it stands; U has a row √w·f for each observation, r its √w.
func (h *halfStep) long(to, from []float32, cols []uint32, weights []float32) {
	d := len(to)
	clear(h.a)
	clear(h.b)
	for k, c := range cols {
		f, w := from[int(c)*d:int(c)*d+d], float64(weights[k])
		h.p.push(h.a, f, math.Sqrt(w))
		for i, x := range f {
			h.b[i] += w * float64(x)
		}
	}
	h.p.flush(h.a)
	for i, x := range h.diag {
		h.a[i*d+i] += x
	}
	if solve(h.a, h.b) {
		for i, x := range h.b {
			to[i] = float32(x)
		}
	}
}

// short solves the same in the space of fewer than d observations (Woodbury): with K = I + U D⁻¹ Uᵀ,
//
//	K z = r,    t = D⁻¹ Uᵀ z
func (h *halfStep) short(to, from []float32, cols []uint32, weights []float32) {
	d, n := len(to), len(cols)
	z := h.b[:n]
	for i, x := range h.diag {
		h.inverse[i] = 1 / x
	}
	for k, c := range cols {
		root := math.Sqrt(float64(weights[k]))
		z[k] = root
		u, v, inverse := h.u[k*d:k*d+d], h.v[:d], h.inverse[:d]
		for i, x := range from[int(c)*d : int(c)*d+d] {
			u[i] = root * float64(x)
			v[i] = u[i] * inverse[i]
		}
		for j := range k + 1 {
			h.a[k*n+j] = dot(h.v, h.u[j*d:j*d+d])
		}
		h.a[k*n+k]++
	}
	if !solve(h.a[:n*n], z) {
		return
	}
	clear(h.v)
	for k, x := range z {
		for i, u := range h.u[k*d : k*d+d] {
			h.v[i] += x * u
		}
	}
	for i, x := range h.v {
		to[i] = float32(x * h.inverse[i])
	}
}

// loss is L of the package comment. Σ_all s² is the sum of products of the elements of XᵀX and YᵀY.
func (m *als) loss() float64 {
	all := inner(gram(m.x, m.d, m.threads), gram(m.y, m.d, m.threads), m.d)
	observed := parallel.Sum(m.threads, m.users.Rows(), 256, func(lo, hi int) (sum float64) {
		for u := lo; u < hi; u++ {
			sum += m.observedLoss(u)
		}
		return sum
	})
	return observed + m.a0*all + m.penalty(m.x, m.users, m.activeItems) + m.penalty(m.y, m.items, m.activeUsers)
}

func (m *als) observedLoss(u int) (sum float64) {
	cols, weights := m.users.Row(u)
	x := m.x[u*m.d : (u+1)*m.d]
	for k, c := range cols {
		miss := 1 - dot32(x, m.y[int(c)*m.d:int(c)*m.d+m.d])
		sum += float64(weights[k]) * miss * miss
	}
	return sum
}

func (m *als) penalty(f []float32, obs *Matrix, others int) (sum float64) {
	for r := range obs.Rows() {
		v := f[r*m.d : (r+1)*m.d]
		sum += m.ridge(obs.Weight(r), others) * dot32(v, v)
	}
	return sum
}

// inner sums the products of two symmetric matrices given by their lower triangles.
func inner(a, b []float64, d int) (sum float64) {
	for i := range d {
		sum += 2*dot(a[i*d:i*d+i], b[i*d:i*d+i]) + a[i*d+i]*b[i*d+i]
	}
	return sum
}
