package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
)

// als trains the loss of the package comment. users and items are the same pairs by visitor and by item.
type als struct {
	d           int
	a0, reg, nu float64
	threads     int
	users       *sparse
	items       *sparse
	x, y        []float32 // visitor and item vectors, row by row
}

// newALS starts the item vectors of items with observations at N(0, 0.1/√d); the others are zero, where the loss wants
// them. Visitors start at zero: the first half-sweep sets them exactly.
func newALS(cfg *Config, pairs *sparse) *als {
	m := &als{d: cfg.Factors, a0: cfg.A0, reg: cfg.Reg, nu: cfg.Nu, threads: cfg.Threads, users: pairs, items: pairs.transpose()}
	m.x, m.y = make([]float32, m.users.rows()*m.d), make([]float32, m.items.rows()*m.d)
	rng := rand.New(rand.NewPCG(cfg.Seed, 0x6564676564)) // a stream of its own
	scale := 0.1 / math.Sqrt(float64(m.d))
	for r := range m.items.rows() {
		if m.items.count(r) == 0 {
			continue
		}
		for k := range m.d {
			m.y[r*m.d+k] = float32(rng.NormFloat64() * scale)
		}
	}
	return m
}

// train runs the sweeps and returns the loss after each.
func (m *als) train(ctx context.Context, sweeps int, progress func(sweep int, loss float64)) (losses []float64, err error) {
	for sweep := range sweeps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m.stepUsers()
		m.stepItems()
		loss := m.loss()
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return nil, fmt.Errorf("train: the loss of sweep %d is %v: raise reg or lower the event weights", sweep+1, loss)
		}
		losses = append(losses, loss)
		progress(sweep+1, loss)
	}
	return losses, nil
}

func (m *als) stepUsers() { m.step(m.x, m.y, m.users, m.items.rows()) }
func (m *als) stepItems() { m.step(m.y, m.x, m.items, m.users.rows()) }

// ridge is λ(n + a0·N)^ν for a row whose observations weigh n, N being the size of the other side, rows without
// observations included (as the fold-in of package rank has it).
func (m *als) ridge(n float64, others int) float64 {
	return m.reg * math.Pow(n+m.a0*float64(others), m.nu)
}

// step sets every row of to so that the loss is least for the given other side:
//
//	(a0·FᵀF + ridge·I + Σ w f fᵀ) t = Σ w f        over the row's observations (weight w, other's vector f)
func (m *als) step(to, from []float32, obs *sparse, others int) {
	d := m.d
	base := gram(from, d, m.threads)
	for i := range base {
		base[i] *= m.a0
	}
	work := make([]*halfStep, m.threads)
	parallel(m.threads, obs.rows(), 32, func(w, lo, hi int) {
		if work[w] == nil {
			work[w] = newHalfStep(d)
		}
		for r := lo; r < hi; r++ {
			work[w].row(to[r*d:(r+1)*d], from, base, obs, r, m.ridge(obs.weight(r), others))
		}
	})
}

// halfStep is one worker's scratch memory.
type halfStep struct {
	a, b []float64
	q    *quad
}

func newHalfStep(d int) *halfStep {
	return &halfStep{a: make([]float64, d*d), b: make([]float64, d), q: newQuad(d)}
}

func (h *halfStep) row(to, from []float32, base []float64, obs *sparse, r int, ridge float64) {
	cols, weights := obs.row(r)
	if len(cols) == 0 {
		clear(to)
		return
	}
	d := len(to)
	copy(h.a, base)
	clear(h.b)
	for k, c := range cols {
		f, w := from[int(c)*d:int(c)*d+d], float64(weights[k])
		h.q.push(h.a, f, w)
		for i, x := range f {
			h.b[i] += w * float64(x)
		}
	}
	h.q.flush(h.a)
	for i := range d {
		h.a[i*d+i] += ridge
	}
	if !solve(h.a, h.b) {
		clear(to) // cannot be with ridge > 0 and finite vectors; a broken row then shows as a loss that rises
		return
	}
	for i, x := range h.b {
		to[i] = float32(x)
	}
}

// loss is L of the package comment. Σ_all s² is the sum of products of the elements of XᵀX and YᵀY.
func (m *als) loss() float64 {
	all := inner(gram(m.x, m.d, m.threads), gram(m.y, m.d, m.threads), m.d)
	observed := sumBlocks(m.threads, m.users.rows(), 256, func(lo, hi int) (sum float64) {
		for u := lo; u < hi; u++ {
			sum += m.observedLoss(u)
		}
		return sum
	})
	return observed + m.a0*all + m.penalty(m.x, m.users, m.items.rows()) + m.penalty(m.y, m.items, m.users.rows())
}

func (m *als) observedLoss(u int) (sum float64) {
	cols, weights := m.users.row(u)
	x := m.x[u*m.d : (u+1)*m.d]
	for k, c := range cols {
		miss := 1 - dot32(x, m.y[int(c)*m.d:int(c)*m.d+m.d])
		sum += float64(weights[k]) * miss * miss
	}
	return sum
}

func (m *als) penalty(f []float32, obs *sparse, others int) (sum float64) {
	for r := range obs.rows() {
		v := f[r*m.d : (r+1)*m.d]
		sum += m.ridge(obs.weight(r), others) * dot32(v, v)
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
