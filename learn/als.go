package learn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/edged/edged/internal/float"
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
	// items trained now. A row of zeros is an item that was not there.
	Start *Factors
}

// Factors are what ALS learned: visitor and item vectors, row by row, in the basis where YᵀY is diagonal, largest first.
type Factors struct {
	ALS              // Start is nil
	Active int       // I of the regulariser: items with observations; 0: all
	X, Y   []float32 // visitors, items
	Losses []float64 // after each sweep
}

// warmSteps are how often visitors' vectors, which begin at zero, are improved before items' that were good already: what
// visitors lack, items would make up for.
const warmSteps = 4

// Fit trains on visitors by items, of which robots should have none (Matrix.Ordinary); progress may be nil. Beside the pairs it takes, for U visitors, I items, d factors (p: d rounded up to 16s)
// and n pairs,
//
//	4p(U+I) + 8n + 16(U+I) bytes, and 8p² bytes for each of at most 64 parts of the Gram matrix
//
// of which the result keeps 4d(U+I).
func (p ALS) Fit(ctx context.Context, pairs *Matrix, threads int, progress func(sweep int, loss float64)) (*Factors, error) {
	if err := p.check(pairs); err != nil {
		return nil, err
	}
	m := newALS(p, pairs, threads)
	if err := m.begin(ctx, p); err != nil {
		return nil, err
	}
	balanced := balanced
	if p.Start != nil {
		balanced = 0 // it was, and would turn away from where the vectors are
		for range warmSteps {
			if err := m.stepUsers(ctx); err != nil {
				return nil, err
			}
		}
	}
	losses, err := m.train(ctx, p.Sweeps, balanced, progress)
	if err != nil {
		return nil, err
	}
	if _, err := m.rotate(m.y); err != nil {
		return nil, err
	}
	m.settleSigns()
	p.Start = nil
	return &Factors{ALS: p, Active: m.items.active, X: unpad(m.x, m.d), Y: unpad(m.y, m.d), Losses: losses}, nil
}

// check refuses what the kernels would not survive.
func (p ALS) check(pairs *Matrix) error {
	if err := pairs.Check(); err != nil {
		return fmt.Errorf("als: %w", err)
	}
	switch {
	case p.Factors < 1 || p.Sweeps < 0:
		return fmt.Errorf("als: %d factors and %d sweeps: at least 1 and 0 are needed", p.Factors, p.Sweeps)
	case !(p.A0 >= 0 && p.Reg >= 0 && p.Nu >= 0) || math.IsInf(p.A0+p.Reg+p.Nu, 0):
		return fmt.Errorf("als: a0 %v, reg %v, nu %v: numbers that are not negative are needed", p.A0, p.Reg, p.Nu)
	case p.A0 == 0 && p.Reg == 0:
		return errors.New("als: a0 and reg are 0: without either the vectors are not determined")
	case p.Start != nil && len(p.Start.Y) != pairs.Cols*p.Factors:
		return fmt.Errorf("als: the start has %d numbers; %d items of %d factors need %d", len(p.Start.Y), pairs.Cols, p.Factors, pairs.Cols*p.Factors)
	case p.Start != nil && len(p.Start.Y) > 0 && !slices.ContainsFunc(p.Start.Y, func(x float32) bool { return x != 0 }):
		return errors.New("als: the start is all zeros, where no gradient leads away")
	}
	return nil
}

// als trains the loss of the package comment. Vectors are padded with zeros to p numbers.
type als struct {
	d, p         int
	a0           float64
	threads      int
	users, items *side // the same pairs by visitor and by item
	x, y         []float32
}

// side is what does not change of the rows of one side.
type side struct {
	obs    *Matrix
	active int       // rows with observations
	weight []float32 // summed weight of each row's observations
	ridge  []float32 // λ(n + a0·N)^ν for such a weight n, N being the active rows of the other side
}

func newSide(obs *Matrix) *side {
	s := &side{obs: obs, active: obs.Active(), weight: make([]float32, obs.Rows()), ridge: make([]float32, obs.Rows())}
	for r := range s.weight {
		s.weight[r] = float32(obs.Weight(r))
	}
	return s
}

func (s *side) setRidge(p ALS, others int) {
	for r, n := range s.weight {
		s.ridge[r] = float32(p.Reg * math.Pow(float64(n)+p.A0*float64(others), p.Nu))
	}
}

func newALS(p ALS, pairs *Matrix, threads int) *als {
	m := &als{d: p.Factors, p: float.Padded(p.Factors), a0: p.A0, threads: threads, users: newSide(pairs), items: newSide(pairs.Transpose())}
	m.users.setRidge(p, m.items.active)
	m.items.setRidge(p, m.users.active)
	m.x, m.y = make([]float32, pairs.Rows()*m.p), make([]float32, pairs.Cols*m.p)
	return m
}

// train runs the sweeps and returns the loss after each.
func (m *als) train(ctx context.Context, sweeps, balanced int, progress func(sweep int, loss float64)) (losses []float64, err error) {
	for sweep := range sweeps {
		if err := errors.Join(ctx.Err(), m.stepUsers(ctx)); err != nil {
			return nil, err
		}
		loss, err := m.stepItems(ctx)
		if err != nil {
			return nil, err
		}
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return nil, fmt.Errorf("als: the loss of sweep %d is %v: raise reg or lower the event weights", sweep+1, loss)
		}
		if sweep < balanced {
			loss -= m.balance()
		}
		losses = append(losses, loss)
		if progress != nil {
			progress(sweep+1, loss)
		}
	}
	return losses, nil
}

func (m *als) stepUsers(ctx context.Context) error {
	h, err := m.newHalf(m.y, m.items.weight)
	if err != nil {
		return err
	}
	h.step(ctx, m.x, m.users)
	return ctx.Err()
}

// stepItems returns the loss after it: what the items' rows say of theirs, and the visitors' regularisation.
func (m *als) stepItems(ctx context.Context) (loss float64, err error) {
	h, err := m.newHalf(m.x, m.users.weight)
	if err != nil {
		return 0, err
	}
	loss = h.step(ctx, m.y, m.items) + m.penalty(m.x, m.users)
	return loss, ctx.Err()
}

func (m *als) penalty(f []float32, s *side) float64 {
	return parallel.Sum(m.threads, len(s.ridge), 1024, func(lo, hi int) (sum float64) {
		for r := lo; r < hi; r++ {
			v := f[r*m.p:][:m.p]
			sum += float64(s.ridge[r]) * float64(float.Dot(v, v))
		}
		return sum
	})
}
