package learn

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// randomPairs makes a sparse matrix with weights, an empty row and an empty column.
func randomPairs(seed uint64, users, items, pairs int) *Matrix {
	rng := rand.New(rand.NewPCG(seed, 0))
	type triple struct {
		u, i uint32
		w    float32
	}
	var all []triple
	for range pairs {
		skewed := rng.Float64() * rng.Float64()
		all = append(all, triple{uint32(rng.IntN(users - 1)), uint32(skewed * float64(items-1)), float32(1 + rng.IntN(3))})
	}
	return Collect(users, items, func(yield func(r, c uint32, v float32)) {
		for _, t := range all {
			yield(t.u, t.i, t.w)
		}
	})
}

func tinyALS(seed uint64) *als {
	return newALS(ALS{Factors: 8, Reg: 0.03, Nu: 0.7, A0: 0.2, Seed: seed}, randomPairs(seed, 40, 30, 300), 2)
}

// naiveLoss is the package comment's formula over every cell of the dense matrix.
func naiveLoss(m *als) (loss float64) {
	users, items := m.users.Rows(), m.items.Rows()
	activeUsers, activeItems := m.users.Active(), m.items.Active()
	for u := range users {
		for i := range items {
			w, s := float64(m.users.WeightOf(u, uint32(i))), 0.0
			for k := range m.d {
				s += float64(m.x[u*m.d+k]) * float64(m.y[i*m.d+k])
			}
			loss += w*(1-s)*(1-s) + m.a0*s*s
		}
	}
	for u := range users {
		loss += m.reg * math.Pow(m.users.Weight(u)+m.a0*float64(activeItems), m.nu) * norm2(m.x[u*m.d:(u+1)*m.d])
	}
	for i := range items {
		loss += m.reg * math.Pow(m.items.Weight(i)+m.a0*float64(activeUsers), m.nu) * norm2(m.y[i*m.d:(i+1)*m.d])
	}
	return loss
}

func norm2(v []float32) (sum float64) {
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum
}

func TestLossIsTheFormula(t *testing.T) {
	m := tinyALS(1)
	for range 3 {
		m.stepUsers()
		wantNear(t, "loss", m.loss(), naiveLoss(m), 1e-12)
		m.stepItems()
		wantNear(t, "loss", m.loss(), naiveLoss(m), 1e-12)
	}
}

func wantNear(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if !(math.Abs(got-want) <= relative*math.Abs(want)) {
		t.Fatalf("%s: got %v, want %v within %g", what, got, want, relative)
	}
}

func TestLossFallsWithEachHalfSweep(t *testing.T) {
	m := tinyALS(2)
	m.stepUsers()
	last := m.loss()
	for half := range 12 {
		if half%2 == 0 {
			m.stepItems()
		} else {
			m.stepUsers()
		}
		if loss := m.loss(); loss > last*(1+1e-7) {
			t.Fatalf("half-sweep %d: the loss rises from %v to %v", half, last, loss)
		} else {
			last = loss
		}
	}
}

// TestHalfStepIsExact takes the gradient of the naive loss by central differences, in the direction of every number of a
// side just solved: it is zero there, and far from zero on the side that is not.
func TestHalfStepIsExact(t *testing.T) {
	m := tinyALS(3)
	m.stepUsers()
	m.stepItems()
	solved, other := steepest(m, m.y), steepest(m, m.x)
	if solved > 2e-3 || other < 20*solved {
		t.Fatalf("the steepest slope is %v on the side just solved, %v on the other", solved, other)
	}
}

// steepest tries the rows' numbers one after the other.
func steepest(m *als, side []float32) (slope float64) {
	for i := range side {
		old := side[i]
		up, down := old+0.01, old-0.01
		side[i] = up
		high := naiveLoss(m)
		side[i] = down
		low := naiveLoss(m)
		side[i] = old
		slope = max(slope, math.Abs(high-low)/float64(up-down))
	}
	return slope
}

// TestHalfStepAgainstGonum solves the same normal equations densely.
func TestHalfStepAgainstGonum(t *testing.T) {
	m := tinyALS(4)
	m.stepUsers()
	users, items, d := m.users.Rows(), m.items.Rows(), m.d
	for u := range users {
		a, b := mat.NewDense(d, d, nil), mat.NewVecDense(d, nil)
		for i := range items {
			w := float64(m.users.WeightOf(u, uint32(i)))
			for k := range d {
				yk := float64(m.y[i*d+k])
				b.SetVec(k, b.AtVec(k)+w*yk)
				for l := range d {
					a.Set(k, l, a.At(k, l)+(m.a0+w)*yk*float64(m.y[i*d+l]))
				}
			}
		}
		for k := range d {
			a.Set(k, k, a.At(k, k)+m.ridge(m.users.Weight(u), m.items.Active()))
		}
		var x mat.VecDense
		if err := x.SolveVec(a, b); err != nil {
			t.Fatal(err)
		}
		for k := range d {
			if got, want := float64(m.x[u*d+k]), x.AtVec(k); math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
				t.Fatalf("visitor %d, number %d: got %v, want %v", u, k, got, want)
			}
		}
	}
}

func TestThreadsDoNotMatter(t *testing.T) {
	pairs := randomPairs(5, 5000, 300, 20000) // more rows than one block of the Gram sum
	var first *als
	for _, threads := range []int{1, 2, 5} {
		m := newALS(ALS{Factors: 16, A0: .1, Reg: .01, Nu: 1, Seed: 1}, pairs, threads)
		if _, err := m.train(context.Background(), 2, func(int, float64) {}); err != nil {
			t.Fatal(err)
		}
		if err := m.rotate(); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = m
		}
		if !slices.Equal(m.x, first.x) || !slices.Equal(m.y, first.y) {
			t.Fatalf("%d threads give other vectors than 1", threads)
		}
	}
}

func TestSeedMatters(t *testing.T) {
	if slices.Equal(tinyALS(1).y, tinyALS(2).y) || !slices.Equal(tinyALS(1).y, tinyALS(1).y) {
		t.Fatal("the start does not follow the seed")
	}
}

func TestEmptyRowsAreZero(t *testing.T) {
	m := tinyALS(6)
	last := m.items.Rows() - 1
	if m.items.Count(last) != 0 || norm2(m.y[last*m.d:]) != 0 {
		t.Fatal("an item nobody had starts with a vector")
	}
	m.stepUsers()
	m.stepItems()
	if norm2(m.y[last*m.d:]) != 0 || norm2(m.x[(m.users.Rows()-1)*m.d:]) != 0 {
		t.Fatal("a row without observations got a vector")
	}
}

func TestRotateKeepsScoresAndMakesGramDiagonal(t *testing.T) {
	m := tinyALS(7)
	if _, err := m.train(context.Background(), 3, func(int, float64) {}); err != nil {
		t.Fatal(err)
	}
	x, y := slices.Clone(m.x), slices.Clone(m.y)
	if err := m.rotate(); err != nil {
		t.Fatal(err)
	}
	for u := range m.users.Rows() {
		for i := range m.items.Rows() {
			before := dot32(x[u*m.d:(u+1)*m.d], y[i*m.d:(i+1)*m.d])
			if after := dot32(m.x[u*m.d:(u+1)*m.d], m.y[i*m.d:(i+1)*m.d]); math.Abs(after-before) > 1e-6 {
				t.Fatalf("score of visitor %d and item %d: %v, before %v", u, i, after, before)
			}
		}
	}
	wantDiagonal(t, gram(m.y, m.d, 1), m.d)
	for k := range m.d {
		if largest(m.y, m.d, k) <= 0 {
			t.Fatalf("the largest number of column %d is not positive", k)
		}
	}
}

func wantDiagonal(t *testing.T, g []float64, d int) {
	t.Helper()
	for i := range d {
		if i > 0 && g[i*d+i] > g[(i-1)*d+i-1] {
			t.Fatalf("eigenvalue %d is larger than the one before", i)
		}
		for j := range i {
			if math.Abs(g[i*d+j]) > 1e-5*g[0] {
				t.Fatalf("YᵀY[%d,%d] is %v, the largest eigenvalue %v", i, j, g[i*d+j], g[0])
			}
		}
	}
}

func TestTrainStopsWhenAsked(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	sweeps := 0
	_, err := tinyALS(8).train(ctx, 10, func(int, float64) { sweeps++; cancel() })
	if err == nil || sweeps != 1 {
		t.Fatalf("%d sweeps after the end was asked for, error %v", sweeps, err)
	}
}

func BenchmarkSweep(b *testing.B) {
	pairs := randomPairs(1, 3000, 3000, 150_000)
	m := newALS(ALS{Factors: 64, A0: .1, Reg: .01, Nu: 1, Seed: 1}, pairs, runtime.GOMAXPROCS(0))
	b.ResetTimer()
	for b.Loop() {
		m.stepUsers()
		m.stepItems()
	}
}
