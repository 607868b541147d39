package learn

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/edged/edged/internal/float"
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

var tinyParameters = ALS{Factors: 8, Reg: 0.03, Nu: 0.7, A0: 0.2}

func tinyALS(seed uint64) *als {
	p := tinyParameters
	p.Seed = seed
	return begun(p, randomPairs(seed, 40, 30, 300), 2)
}

// begun is a training before its first sweep.
func begun(p ALS, pairs *Matrix, threads int) *als {
	m := newALS(p, pairs, threads)
	if err := m.begin(context.Background(), p); err != nil {
		panic(err)
	}
	return m
}

// naiveLoss is the package comment's formula over every cell of the dense matrix.
func naiveLoss(m *als, p ALS) (loss float64) {
	users, items := m.users.obs, m.items.obs
	for u := range users.Rows() {
		for i := range items.Rows() {
			w, s := float64(users.WeightOf(u, uint32(i))), 0.0
			for k := range m.d {
				s += float64(m.x[u*m.p+k]) * float64(m.y[i*m.p+k])
			}
			loss += w*(1-s)*(1-s) + m.a0*s*s
		}
	}
	for u := range users.Rows() {
		loss += p.Reg * math.Pow(users.Weight(u)+p.A0*float64(items.Active()), p.Nu) * norm2(m.x[u*m.p:][:m.p])
	}
	for i := range items.Rows() {
		loss += p.Reg * math.Pow(items.Weight(i)+p.A0*float64(users.Active()), p.Nu) * norm2(m.y[i*m.p:][:m.p])
	}
	return loss
}

func norm2(v []float32) (sum float64) {
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum
}

func wantNear(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if !(math.Abs(got-want) <= relative*math.Abs(want)) {
		t.Fatalf("%s: got %v, want %v within %g", what, got, want, relative)
	}
}

// sweep returns the loss that train reports.
func (m *als) sweep(t *testing.T) float64 {
	t.Helper()
	if err := m.stepUsers(context.Background()); err != nil {
		t.Fatal(err)
	}
	loss, err := m.stepItems(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return loss
}

// TestLossIsTheFormula: the loss reported is gathered from what the rows' gradients gained.
func TestLossIsTheFormula(t *testing.T) {
	for _, variant := range float.Names() {
		restore, err := float.Use(variant)
		if err != nil {
			t.Fatal(err)
		}
		m := tinyALS(1)
		for range 4 {
			got, want := m.sweep(t), naiveLoss(m, tinyParameters)
			wantNear(t, "loss", got, want, 2e-6)
			wantNear(t, "the oracle's loss", m.loss(), want, 1e-6)
		}
		restore()
	}
}

// TestFittedLossIsTheFormula: what Fit reports is the loss of what it returns, though the sides were balanced and turned.
func TestFittedLossIsTheFormula(t *testing.T) {
	p := tinyParameters
	for p.Sweeps = 1; p.Sweeps < 4; p.Sweeps++ {
		m := begun(p, randomPairs(1, 40, 30, 300), 1)
		f := fitted(t, p, m.users.obs)
		m.x, m.y = pad(f.X, m.d), pad(f.Y, m.d)
		wantNear(t, "loss", f.Losses[p.Sweeps-1], naiveLoss(m, p), 2e-6)
	}
}

func TestLossFallsWithEachHalfSweep(t *testing.T) {
	m := tinyALS(2)
	last := math.Inf(1)
	for half := range 14 {
		if half%2 == 0 {
			m.stepUsers(context.Background())
		} else {
			m.stepItems(context.Background())
		}
		if loss := m.loss(); loss > last*(1+1e-6) {
			t.Fatalf("half-sweep %d: the loss rises from %v to %v", half, last, loss)
		} else {
			last = loss
		}
	}
}

// TestGradientsAreAsGoodAsExactSteps compares the losses after as many sweeps of either kind from the same start.
func TestGradientsAreAsGoodAsExactSteps(t *testing.T) {
	pairs := randomPairs(9, 600, 250, 12_000)
	for name, c := range map[string]struct {
		p         ALS
		tolerance float64
	}{
		"defaults": {ALS{Factors: 24, A0: .1, Reg: .01, Nu: 1, Seed: 1}, 1e-3},
		"plain":    {ALS{Factors: 16, A0: 1, Reg: .01, Nu: 0, Seed: 1}, 1e-3},
		"other nu": {ALS{Factors: 16, A0: .3, Reg: .1, Nu: .5, Seed: 1}, 1e-3},
		"overfit":  {ALS{Factors: 40, A0: .01, Reg: .003, Nu: 1, Seed: 1}, 3e-2}, // on the way to a loss of next to nothing, paths part
	} {
		t.Run(name, func(t *testing.T) {
			m, exact := begun(c.p, pairs, 2), begun(c.p, pairs, 2)
			for sweep := range 10 {
				got := m.sweep(t)
				exact.exactUsers()
				exact.exactItems()
				if want := exact.loss(); sweep > 3 && got > want*(1+c.tolerance) {
					t.Fatalf("sweep %d: loss %v, exact steps reach %v", sweep+1, got, want)
				}
			}
		})
	}
}

// TestExactStepAgainstGonum solves the same normal equations densely: the oracle is one.
func TestExactStepAgainstGonum(t *testing.T) {
	m := tinyALS(4)
	m.exactUsers()
	users, items, d := m.users.obs, m.items.obs.Rows(), m.d
	for u := range users.Rows() {
		a, b := mat.NewDense(d, d, nil), mat.NewVecDense(d, nil)
		for i := range items {
			w := float64(users.WeightOf(u, uint32(i)))
			for k := range d {
				yk := float64(m.y[i*m.p+k])
				b.SetVec(k, b.AtVec(k)+w*yk)
				for l := range d {
					a.Set(k, l, a.At(k, l)+(m.a0+w)*yk*float64(m.y[i*m.p+l]))
				}
			}
		}
		for k := range d {
			a.Set(k, k, a.At(k, k)+tinyParameters.Reg*math.Pow(users.Weight(u)+m.a0*float64(m.items.active), tinyParameters.Nu))
		}
		var x mat.VecDense
		if err := x.SolveVec(a, b); err != nil {
			t.Fatal(err)
		}
		for k := range d {
			if got, want := float64(m.x[u*m.p+k]), x.AtVec(k); math.Abs(got-want) > 1e-5*(1+math.Abs(want)) {
				t.Fatalf("visitor %d, number %d: got %v, want %v", u, k, got, want)
			}
		}
	}
}

func TestFoldInRefusesForeignItems(t *testing.T) {
	f := fitted(t, ALS{Factors: 4, A0: .1, Reg: .01, Nu: 1, Sweeps: 1, Seed: 1}, randomPairs(1, 20, 10, 50))
	defer func() {
		if recover() == nil {
			t.Fatal("no panic for an item beyond the last")
		}
	}()
	f.FoldIn(&Matrix{Cols: 11, Start: []int{0, 1}, Index: []uint32{10}, Value: []float32{1}}, 1)
}

// TestFoldInIsExact: a visitor's vector is what the exact solver gives for the final items.
func TestFoldInIsExact(t *testing.T) {
	for _, d := range []int{5, 16, 40} {
		p := ALS{Factors: d, A0: .05, Reg: .003, Nu: 1, Sweeps: 5, Seed: 1}
		pairs := randomPairs(11, 300, 120, 5000)
		f := fitted(t, p, pairs)
		x := f.FoldIn(pairs, 2)
		exact := newALS(p, pairs, 1)
		copy(exact.y, pad(f.Y, d))
		work, g := newHalfStep(d), gram(f.Y, d, 1)
		want := make([]float32, d)
		for u := range pairs.Rows() {
			for k := range d {
				work.diag[k] = p.A0*g[k*d+k] + float64(exact.users.ridge[u])
			}
			work.row(want, f.Y, pairs, u)
			for k, got := range x[u*d:][:d] {
				if math.Abs(float64(got-want[k])) > 2e-4*(math.Sqrt(norm2(want))+1e-3) {
					t.Fatalf("d %d, visitor %d, number %d: got %v, want %v", d, u, k, got, want[k])
				}
			}
		}
	}
}

func TestThreadsDoNotMatter(t *testing.T) {
	pairs := randomPairs(5, 40_000, 300, 60_000) // more rows than the blocks and parts of any sum
	var first *Factors
	for _, threads := range []int{1, 2, 5} {
		f, err := ALS{Factors: 16, A0: .1, Reg: .01, Nu: 1, Seed: 1, Sweeps: 2}.Fit(context.Background(), pairs, threads, func(int, float64) {})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = f
		}
		if !slices.Equal(f.X, first.X) || !slices.Equal(f.Y, first.Y) || !slices.Equal(f.Losses, first.Losses) {
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
	last := m.items.obs.Rows() - 1
	if m.items.obs.Count(last) != 0 || norm2(m.y[last*m.p:]) != 0 {
		t.Fatal("an item nobody had starts with a vector")
	}
	m.sweep(t)
	if norm2(m.y[last*m.p:]) != 0 || norm2(m.x[(m.users.obs.Rows()-1)*m.p:]) != 0 {
		t.Fatal("a row without observations got a vector")
	}
}

func TestRotateKeepsScoresAndMakesGramDiagonal(t *testing.T) {
	m := tinyALS(7)
	m.sweep(t)
	x, y := slices.Clone(m.x), slices.Clone(m.y)
	if _, err := m.rotate(m.y); err != nil {
		t.Fatal(err)
	}
	m.settleSigns()
	for u := range m.users.obs.Rows() {
		for i := range m.items.obs.Rows() {
			before := dot32(x[u*m.p:][:m.p], y[i*m.p:][:m.p])
			if after := dot32(m.x[u*m.p:][:m.p], m.y[i*m.p:][:m.p]); math.Abs(after-before) > 1e-6 {
				t.Fatalf("score of visitor %d and item %d: %v, before %v", u, i, after, before)
			}
		}
	}
	wantDiagonal(t, gram(unpad(slices.Clone(m.y), m.d), m.d, 1), m.d)
	for k := range m.d {
		low, high := float32(0), float32(0)
		for r := k; r < len(m.y); r += m.p {
			low, high = min(low, m.y[r]), max(high, m.y[r])
		}
		if high < -low {
			t.Fatalf("the largest number of column %d is negative", k)
		}
	}
}

// TestOddLengths: vectors that are padded within are not outside.
func TestOddLengths(t *testing.T) {
	pairs := randomPairs(8, 60, 40, 500)
	for _, d := range []int{1, 7, 17} {
		f := fitted(t, ALS{Factors: d, A0: .1, Reg: .01, Nu: 1, Sweeps: 3, Seed: 1}, pairs)
		if len(f.X) != 60*d || len(f.Y) != 40*d {
			t.Fatalf("%d factors: %d and %d numbers", d, len(f.X), len(f.Y))
		}
		wantDiagonal(t, gram(f.Y, d, 1), d)
		if norm2(f.Y[:d]) == 0 || norm2(f.Y[39*d:]) != 0 {
			t.Fatalf("%d factors: the first item has no vector, or the last, which nobody had, has one", d)
		}
	}
}

// TestNoRegularisation: a0 alone determines the vectors, padded ones too.
func TestNoRegularisation(t *testing.T) {
	f := fitted(t, ALS{Factors: 10, A0: .1, Sweeps: 6, Seed: 1}, randomPairs(8, 60, 40, 500))
	if first, last := f.Losses[0], f.Losses[5]; !(last < first) || norm2(f.Y) == 0 || norm2(f.X) == 0 {
		t.Fatalf("losses %v", f.Losses)
	}
}

func TestStartIsGoneOnFrom(t *testing.T) {
	pairs := randomPairs(12, 300, 100, 4000)
	p := ALS{Factors: 16, A0: .1, Reg: .01, Nu: 1, Sweeps: 6, Seed: 1}
	cold := fitted(t, p, pairs)
	p.Start, p.Sweeps = &Factors{ALS: cold.ALS, Y: slices.Clone(cold.Y)}, 1
	clear(p.Start.Y[3*16:][:16]) // an item that is new
	warm := fitted(t, p, pairs)
	if warm.Losses[0] > cold.Losses[2] || warm.Start != nil {
		t.Fatalf("one sweep from the end of another training: loss %v, that one had %v", warm.Losses[0], cold.Losses)
	}
	if norm2(warm.Y[3*16:][:16]) == 0 {
		t.Fatal("the new item got no vector")
	}
	p.Start.Y = p.Start.Y[16:]
	if _, err := p.Fit(context.Background(), pairs, 1, func(int, float64) {}); err == nil {
		t.Fatal("started from 99 items with 100")
	}
}

func TestRefusesWhatCannotBeTrained(t *testing.T) {
	good := ALS{Factors: 4, A0: .1, Reg: .01, Nu: 1, Sweeps: 1}
	for name, change := range map[string]func(p *ALS, m *Matrix){
		"no factors":      func(p *ALS, _ *Matrix) { p.Factors = 0 },
		"negative a0":     func(p *ALS, _ *Matrix) { p.A0 = -1 },
		"reg is none":     func(p *ALS, _ *Matrix) { p.Reg = math.NaN() },
		"infinite nu":     func(p *ALS, _ *Matrix) { p.Nu = math.Inf(1) },
		"nothing holds":   func(p *ALS, _ *Matrix) { p.A0, p.Reg = 0, 0 },
		"start of zeros":  func(p *ALS, m *Matrix) { p.Start = &Factors{Y: make([]float32, 4*m.Cols)} },
		"column too far":  func(_ *ALS, m *Matrix) { m.Index[len(m.Index)-1] = uint32(m.Cols) },
		"negative weight": func(_ *ALS, m *Matrix) { m.Value[0] = -1 },
	} {
		p, m := good, randomPairs(1, 20, 20, 50)
		change(&p, m)
		if _, err := p.Fit(context.Background(), m, 1, func(int, float64) {}); err == nil {
			t.Errorf("%s: no error", name)
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
	_, err := tinyALS(8).train(ctx, 10, balanced, func(int, float64) { sweeps++; cancel() })
	if err == nil || sweeps != 1 {
		t.Fatalf("%d sweeps after the end was asked for, error %v", sweeps, err)
	}
}

func BenchmarkSweep(b *testing.B) {
	pairs := randomPairs(1, 3000, 3000, 150_000)
	m := newALS(ALS{Factors: 64, A0: .1, Reg: .01, Nu: 1, Seed: 1}, pairs, runtime.GOMAXPROCS(0))
	b.ResetTimer()
	for b.Loop() {
		m.stepUsers(context.Background())
		m.stepItems(context.Background())
	}
}
