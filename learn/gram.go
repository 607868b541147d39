package learn

import (
	"context"
	"math"

	"github.com/edged/edged/internal/parallel"
)

// gramian is G = Xᵀ diag(n_u^-½) X for visitors by items X, with n_u = Σ_i x_ui², one row at a time: a row costs as many
// multiply-adds as its visitors have items, so all of them Σ_u |u|², and none is kept. Visitors with more than maxBasket
// items are left out, which bounds that cost by maxBasket an observation.
type gramian struct {
	users, items *Matrix
	scale        []float32 // n_u^-½, or 0
	diag         []float64 // G_ii
}

// minSquares leaves out visitors whose weights have all decayed to a billionth: they would count as one whose weights are 1, by numbers that have
// few digits left.
const minSquares = 1e-18

func newGramian(users *Matrix, threads int) *gramian {
	g := &gramian{users: users, items: users.Transpose(), scale: make([]float32, users.Rows())}
	for u := range g.scale {
		_, values := users.Row(u)
		if n := squares(values); n >= minSquares && len(values) <= maxBasket {
			g.scale[u] = float32(1 / math.Sqrt(n))
		}
	}
	g.diag = make([]float64, g.items.Rows())
	parallel.For(threads, len(g.diag), 1024, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			visitors, values := g.items.Row(i)
			for k, u := range visitors {
				g.diag[i] += float64(g.scale[u]) * float64(values[k]) * float64(values[k])
			}
		}
	})
	return g
}

// plain turns G into XᵀX, of the same visitors.
func (g *gramian) plain() {
	for u, s := range g.scale {
		if s > 0 {
			g.scale[u] = 1
		}
	}
	for i := range g.diag {
		g.diag[i] = 0
		visitors, values := g.items.Row(i)
		for k, u := range visitors {
			g.diag[i] += float64(g.scale[u]) * float64(values[k]) * float64(values[k])
		}
	}
}

// mean is the mean of the diagonal's elements above 0; 0 where there are none.
func (g *gramian) mean() float64 {
	sum, n := 0.0, 0
	for _, x := range g.diag {
		if x > 0 {
			sum, n = sum+x, n+1
		}
	}
	return sum / float64(max(n, 1))
}

// sparse is a dense vector that knows where it is not 0.
type sparse struct {
	value   []float32
	touched []uint32
}

func newSparse(n int) *sparse { return &sparse{value: make([]float32, n)} }

// add adds x ≥ 0 at place i.
func (s *sparse) add(i uint32, x float32) {
	old := s.value[i]
	now := old + x
	if old == 0 && now > 0 {
		s.touched = append(s.touched, i)
	}
	s.value[i] = now
}

func (s *sparse) clear() {
	for _, i := range s.touched {
		s.value[i] = 0
	}
	s.touched = s.touched[:0]
}

// row fills s with row i of G, up to column last. Sums are taken in the order of visitors.
func (g *gramian) row(s *sparse, i int, last uint32) {
	s.clear()
	visitors, values := g.items.Row(i)
	for k, u := range visitors {
		f := g.scale[u] * values[k]
		if f == 0 {
			continue
		}
		cols, weights := g.users.Row(int(u))
		for at, c := range cols {
			if c > last {
				break
			}
			s.add(c, f*weights[at])
		}
	}
}

// each calls work for every row of G but those of items without observations, with the row in s.
func (g *gramian) each(ctx context.Context, threads int, work func(w, i int, s *sparse)) error {
	rows := make([]*sparse, threads)
	n := g.items.Rows()
	parallel.For(threads, n, 16, func(w, lo, hi int) {
		if rows[w] == nil {
			rows[w] = newSparse(n)
		}
		for i := lo; i < hi && ctx.Err() == nil; i++ {
			if g.diag[i] > 0 {
				g.row(rows[w], i, math.MaxUint32)
				work(w, i, rows[w])
			}
		}
	})
	return ctx.Err()
}

func squares(values []float32) (sum float64) {
	for _, v := range values {
		sum += float64(v) * float64(v)
	}
	return sum
}
