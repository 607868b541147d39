package learn

import (
	"context"
	"slices"

	"github.com/edged/edged/internal/float"
	"github.com/edged/edged/internal/parallel"
)

// Conjugate gradients of a row end when a step lowers the row's loss by no more than this share of what all have, and after
// this many anyway.
const (
	trainShare = 0.01
	trainSteps = 12
)

// half is one half-sweep: the other side's vectors f, and what all rows share. A row's vector t minimises
//
//	Q(t) = Σ w(1 − f·t)² + tᵀ(a0·FᵀF + ridge·I)t         over the row's observations (weight w, other's vector f)
//
// F is in its eigenbasis, so that all but the observations is diagonal whatever the ridge. The row's conjugate gradients
// (Hestenes and Stiefel; for this use Takács et al., "Applications of the conjugate gradient method for implicit feedback
// collaborative filtering", RecSys 2011) go on from its last vector. They are preconditioned by the diagonal of
// a0·FᵀF + ridge·I + W·C, where W is the row's weight and C the mean of ffᵀ over all observations.
type half struct {
	p, threads int
	f          []float32
	gram       []float32 // a0·FᵀF, its diagonal
	mean       []float32 // C, its diagonal
	share      float64
	steps      int
}

// newHalf turns both sides into the eigenbasis of f, one of the two, whose rows have these weights.
func (m *als) newHalf(f, weight []float32) (*half, error) {
	eigen, err := m.rotate(f)
	if err != nil {
		return nil, err
	}
	h := &half{p: m.p, threads: m.threads, f: f, share: trainShare, steps: trainSteps}
	h.gram, h.mean = diagonalGram(eigen, m.a0, m.p), meanSquares(f, weight, m.p, m.threads)
	return h, nil
}

// diagonalGram is a0·FᵀF for its eigenvalues, padded. Directions without length get what rounding would hide, so that no
// row's matrix is singular where there is no regularisation.
func diagonalGram(eigen []float64, a0 float64, p int) []float32 {
	gram, least := make([]float32, p), 1e-9*slices.Max(eigen)
	for k := range gram {
		gram[k] = float32(a0 * least)
		if k < len(eigen) {
			gram[k] = float32(a0 * max(eigen[k], least))
		}
	}
	return gram
}

// meanSquares is the mean of f∘f over the rows of f by their weights.
func meanSquares(f, weight []float32, p, threads int) []float32 {
	const block = 4096
	parts := make([][]float64, (len(weight)+block-1)/block)
	parallel.For(threads, len(weight), block, func(_, lo, hi int) {
		sum := make([]float64, p+1)
		for r := lo; r < hi; r++ {
			w := float64(weight[r])
			sum[p] += w
			for k, x := range f[r*p:][:p] {
				sum[k] += w * float64(x) * float64(x)
			}
		}
		parts[lo/block] = sum
	})
	sum, mean := make([]float64, p+1), make([]float32, p)
	for _, part := range parts {
		for k, x := range part {
			sum[k] += x
		}
	}
	for k := range mean {
		if sum[p] > 0 {
			mean[k] = float32(sum[k] / sum[p])
		}
	}
	return mean
}

// step improves every row of to and returns the sum of their Q. It ends early when ctx does.
func (h *half) step(ctx context.Context, to []float32, s *side) float64 {
	const block = 32
	rows := s.obs.Rows()
	parts, work := make([]float64, (rows+block-1)/block), make([]*gradient, h.threads)
	parallel.For(h.threads, rows, block, func(w, lo, hi int) {
		if ctx.Err() != nil {
			return
		}
		if work[w] == nil {
			work[w] = newGradient(h.p)
		}
		for r := lo; r < hi; r++ {
			cols, weights := s.obs.Row(r)
			parts[lo/block] += work[w].solve(h, to[r*h.p:][:h.p], cols, weights, s.weight[r], s.ridge[r])
		}
	})
	sum := 0.0
	for _, x := range parts {
		sum += x
	}
	return sum
}

// gradient is one worker's memory: the residual r = Σ w f − A t with A the matrix of Q, the direction v, −A v, and the
// inverse of the preconditioner.
type gradient struct{ r, v, q, inverse []float32 }

func newGradient(p int) *gradient {
	all := make([]float32, 4*p)
	return &gradient{r: all[:p], v: all[p : 2*p], q: all[2*p : 3*p], inverse: all[3*p:]}
}

// solve improves t and returns Q(t). The row of one without observations is zero.
func (g *gradient) solve(h *half, t []float32, cols []uint32, weights []float32, weight, ridge float32) float64 {
	if len(cols) == 0 {
		clear(t)
		return 0
	}
	float.Diagonal(g.r, h.gram, t, ridge)
	prior := -float.Dot(t, g.r)
	loss := float64(prior) + float64(float.Observe(g.r, t, h.f, cols, weights, 1, true))
	float.Precondition(g.inverse, h.gram, h.mean, weight, ridge)
	clear(g.v)
	float.Direct(g.v, g.r, g.inverse, 0)
	rz, gained := float.Dot(g.r, g.v), 0.0
	for range h.steps {
		float.Diagonal(g.q, h.gram, g.v, ridge)
		float.Observe(g.q, g.v, h.f, cols, weights, 0, false)
		curvature := -float.Dot(g.v, g.q)
		if !(rz > 0 && curvature > 0) { // nothing is left but rounding
			break
		}
		alpha := rz / curvature
		next := float.Advance(t, g.r, g.v, g.q, g.inverse, alpha)
		gain := float64(alpha) * float64(rz) // by which the step lowers Q
		gained += gain
		if gain <= h.share*gained {
			break
		}
		float.Direct(g.v, g.r, g.inverse, next/rz)
		rz = next
	}
	return loss - gained
}
