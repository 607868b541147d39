package rank

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// dense is the oracle: the d×d system written out and solved by elimination with pivots.
func dense(m *model.Model, recent []Recent) (a [][]float64, b []float64) {
	d, meta := m.Dim(), m.Meta()
	weights := map[edged.Row]float64{}
	for _, r := range recent {
		if r.Weight > 0 && int(r.Row) < m.Len() {
			weights[r.Row] = max(weights[r.Row], float64(r.Weight))
		}
	}
	n := meta.A0 * float64(m.Len())
	for _, w := range weights {
		n += w
	}
	a, b = make([][]float64, d), make([]float64, d)
	for k := range a {
		a[k] = make([]float64, d)
		a[k][k] = meta.A0*float64(m.Gram()[k]) + meta.Reg*math.Pow(n, meta.Nu)
	}
	for row, w := range weights {
		y := m.AppendVector(nil, row)
		for k := range d {
			b[k] += w * y[k]
			for l := range d {
				a[k][l] += w * y[k] * y[l]
			}
		}
	}
	return a, b
}

func eliminate(a [][]float64, b []float64) []float64 {
	n := len(b)
	for c := range n {
		pivot := c
		for r := c; r < n; r++ {
			if math.Abs(a[r][c]) > math.Abs(a[pivot][c]) {
				pivot = r
			}
		}
		a[c], a[pivot], b[c], b[pivot] = a[pivot], a[c], b[pivot], b[c]
		for r := range n {
			if r == c {
				continue
			}
			f := a[r][c] / a[c][c]
			for k := c; k < n; k++ {
				a[r][k] -= f * a[c][k]
			}
			b[r] -= f * b[c]
		}
	}
	for c := range n {
		b[c] /= a[c][c]
	}
	return b
}

// denseExact is the dense solution in 200 bits: what weights and D add may differ by 20 decimal digits.
func denseExact(m *model.Model, recent []Recent) []float64 {
	d, meta := m.Dim(), m.Meta()
	n := meta.A0 * float64(m.Len())
	for _, r := range recent {
		n += float64(r.Weight)
	}
	a := make([][]*big.Float, d) // from the diagonal on, the right-hand side behind
	for k := range a {
		a[k] = make([]*big.Float, d+1)
		for l := k; l <= d; l++ {
			a[k][l] = precise(0)
		}
		a[k][k].SetFloat64(meta.A0*float64(m.Gram()[k]) + meta.Reg*math.Pow(n, meta.Nu))
	}
	by, p := precise(0), precise(0)
	for _, r := range recent {
		y := append(m.AppendVector(nil, r.Row), 1)
		for k := range d {
			by.Mul(precise(y[k]), precise(float64(r.Weight)))
			for l := k; l <= d; l++ {
				a[k][l].Add(a[k][l], p.Mul(by, precise(y[l])))
			}
		}
	}
	for c := range d {
		for r := c + 1; r < d; r++ {
			by.Quo(a[c][r], a[c][c])
			for k := r; k <= d; k++ {
				a[r][k].Sub(a[r][k], p.Mul(by, a[c][k]))
			}
		}
	}
	x := make([]float64, d)
	for c := d - 1; c >= 0; c-- {
		for k := c + 1; k < d; k++ {
			a[c][d].Sub(a[c][d], p.Mul(a[c][k], a[k][d]))
		}
		x[c], _ = a[c][d].Quo(a[c][d], a[c][c]).Float64()
	}
	return x
}

func precise(x float64) *big.Float { return new(big.Float).SetPrec(200).SetFloat64(x) }

func someHistory(rng *rand.Rand, n, h int) []Recent {
	list := make([]Recent, h)
	for i := range list {
		list[i] = Recent{Row: edged.Row(rng.IntN(n)), Weight: float32(rng.IntN(4)) / 2}
	}
	return list
}

func TestFoldInIsTheDenseSolution(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	var s Scratch
	for _, dim := range []int{1, 5, 16, 33} {
		for _, nu := range []float64{0, .5, 1} {
			m := random(t, rng, 120, dim, func(b *model.Build) { b.Meta.Nu = nu })
			for _, h := range []int{0, 1, 2, dim - 1, dim, dim + 1, 50, 200} {
				checkFold(t, m, &s, someHistory(rng, m.Len(), max(h, 0)))
			}
		}
	}
}

func checkFold(t *testing.T, m *model.Model, s *Scratch, recent []Recent) {
	t.Helper()
	got := New(m, Release{}).FoldIn(nil, s, recent)
	want := eliminate(dense(m, recent))
	for k := range want {
		if d := math.Abs(float64(got[k]) - want[k]); d > 1e-5*(1+math.Abs(want[k])) {
			t.Fatalf("dim %d, %d items: x[%d] = %g, want %g", m.Dim(), len(recent), k, got[k], want[k])
		}
	}
}

func TestSharesSumToTheScore(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 2))
	var s Scratch
	m := random(t, rng, 100, 12, nil)
	for _, h := range []int{1, 5, 12, 13, 60} {
		recent := make([]Recent, h) // distinct, so that h = d is met exactly
		for i, row := range rng.Perm(m.Len())[:h] {
			recent[i] = Recent{Row: edged.Row(row), Weight: 1 + rng.Float32()}
		}
		x := New(m, Release{}).FoldIn(nil, &s, recent)
		for row := range edged.Row(m.Len()) {
			var score, sum float64
			for k, y := range m.AppendVector(nil, row) {
				score += y * float64(x[k])
			}
			for _, share := range s.fold.shares(m, row) {
				sum += share
			}
			if math.Abs(score-sum) > 1e-5 {
				t.Fatalf("%d items, row %d: shares sum to %g, score %g", h, row, sum, score)
			}
		}
	}
}

// The share of an item is by definition the score that its right-hand side alone gives.
func TestShareIsTheScoreOfOneRightHandSide(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 3))
	var s Scratch
	m := random(t, rng, 60, 8, nil)
	for _, h := range []int{3, 8, 30} {
		recent := someHistory(rng, m.Len(), h)
		New(m, Release{}).FoldIn(nil, &s, recent)
		rows, weights := append([]edged.Row(nil), s.fold.rows...), append([]float64(nil), s.fold.root...)
		for i, row := range rows {
			a, b := dense(m, recent)
			for k, y := range m.AppendVector(nil, row) {
				b[k] = weights[i] * weights[i] * y
			}
			x := eliminate(a, b)
			target := edged.Row(rng.IntN(m.Len()))
			var want float64
			for k, y := range m.AppendVector(nil, target) {
				want += y * x[k]
			}
			if got := s.fold.shares(m, target)[i]; math.Abs(got-want) > 1e-6 {
				t.Fatalf("h=%d item %d: share %g, want %g", h, i, got, want)
			}
		}
	}
}

func TestFoldInTakesWhatCounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 4))
	m := random(t, rng, 30, 4, nil)
	r, s := New(m, Release{}), new(Scratch)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	base := r.FoldIn(nil, s, []Recent{{Row: 3, Weight: 2}, {Row: 7, Weight: 1}})
	same := r.FoldIn(nil, s, []Recent{
		{Row: 3, Weight: 1}, {Row: 9, Weight: 0}, {Row: 10, Weight: -1}, {Row: 11, Weight: nan}, {Row: 7, Weight: 1}, {Row: 3, Weight: 2},
		{Row: 30, Weight: 1}, {Row: edged.NoRow, Weight: 1},
	})
	for k := range base {
		if base[k] != same[k] {
			t.Errorf("x[%d]: %g and %g", k, base[k], same[k])
		}
	}
	for k, x := range r.FoldIn(nil, s, []Recent{{Row: 1, Weight: inf}, {Row: 2, Weight: 1}}) {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			t.Errorf("endless weight: x[%d] = %g", k, x)
		}
	}
}

func TestFoldInWithoutItemsIsZero(t *testing.T) {
	m := random(t, rand.New(rand.NewPCG(11, 5)), 30, 4, nil)
	s := new(Scratch)
	r := New(m, Release{})
	r.FoldIn(nil, s, []Recent{{Row: 1, Weight: 1}})
	for _, x := range r.FoldIn(nil, s, nil) {
		if x != 0 {
			t.Errorf("got %g", x)
		}
	}
}

// TestFoldInOfHeavyWeights: weights of all sizes that count, vectors of which half hardly differ from the others or are the same, and a D that may be
// next to nothing: scores stay right, and shares sum to them.
func TestFoldInOfHeavyWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 7))
	for _, dim := range []int{8, 24, 64} {
		for _, a0 := range []float64{0, .001, .1} {
			for _, reg := range []float64{1e-6, .003} {
				m := random(t, rng, 220, dim, func(b *model.Build) {
					b.Meta.A0, b.Meta.Reg, b.Meta.Nu = a0, reg, float64(rng.IntN(3))/2
					repeat(rng, b.Vectors[110*dim:], b.Vectors[:110*dim])
					clear(b.Vectors[:dim])
				})
				for _, h := range []int{1, 7, dim - 1, dim, 200} {
					recent := make([]Recent, h)
					for i, row := range rng.Perm(m.Len())[:h] {
						recent[i] = Recent{Row: edged.Row(row), Weight: float32(math.Pow(10, 15*rng.Float64()-9))}
					}
					checkScores(t, m, recent, denseExact(m, recent))
				}
			}
		}
	}
}

// The same, of what visitors do in a small shop: float32 is enough for some of it.
func TestFoldInOfAlikeItems(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 8))
	wide := 0
	for _, dim := range []int{8, 24, 64} {
		m := random(t, rng, 220, dim, func(b *model.Build) {
			b.Meta.A0, b.Meta.Reg, b.Meta.Nu = .001, .003, 0
			repeat(rng, b.Vectors[110*dim:], b.Vectors[:110*dim])
		})
		for round := range 60 {
			recent := make([]Recent, 1+rng.IntN(dim))
			for i, row := range rng.Perm(m.Len())[:len(recent)] {
				recent[i] = Recent{Row: edged.Row(row), Weight: float32(math.Pow(2, float64(round%8))) * (1 + rng.Float32())}
			}
			if checkScores(t, m, recent, eliminate(dense(m, recent))) {
				wide++
			}
		}
	}
	if wide < 20 || wide > 160 {
		t.Errorf("%d of 180 in float64: this looked at one way only", wide)
	}
}

// repeat makes vectors of others: the same, or hardly different.
func repeat(rng *rand.Rand, vectors, of []float32) {
	for i := range vectors {
		vectors[i] = of[i] + float32(rng.NormFloat64()/3000)
	}
	copy(vectors, of[:len(of)/10])
}

// checkScores reports whether the history was folded in in float64.
func checkScores(t *testing.T, m *model.Model, recent []Recent, right []float64) bool {
	t.Helper()
	s, meta := new(Scratch), m.Meta()
	x := New(m, Release{}).FoldIn(nil, s, recent)
	for row := range edged.Row(m.Len()) {
		var sum float64
		for _, share := range s.fold.shares(m, row) {
			sum += share
		}
		score, want := score64(m, x, row), score64(m, right, row)
		if size := max(1, math.Abs(want)); !(math.Abs(score-want) < 1e-4*size && math.Abs(score-sum) < 1e-4*size) {
			t.Fatalf("%d dimensions, a0 %g, reg %g, nu %g, %d items, row %d: score %g, shares of %g; want %g",
				m.Dim(), meta.A0, meta.Reg, meta.Nu, len(recent), row, score, sum, want)
		}
	}
	return s.fold.isWide
}

// No item, however often it is there, and however heavy, makes a score that is none.
func TestFoldInOfTheSameItemTwiceIsFinite(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 9))
	for _, reg := range []float64{1e-6, 1e-12} {
		m := random(t, rng, 40, 8, func(b *model.Build) {
			b.Meta.A0, b.Meta.Reg, b.Meta.Nu = 0, reg, 0
			for i := range b.Vectors {
				b.Vectors[i] = b.Vectors[i%16]
			}
		})
		for _, h := range []int{2, 8, 30} {
			recent := make([]Recent, h)
			for i := range recent {
				recent[i] = Recent{Row: edged.Row(i), Weight: 1e6}
			}
			s := new(Scratch)
			x := New(m, Release{}).FoldIn(nil, s, recent)
			for row := range edged.Row(m.Len()) {
				sum := score64(m, x, row)
				for _, share := range s.fold.shares(m, row) {
					sum += share
				}
				if math.IsNaN(sum) || math.IsInf(sum, 0) {
					t.Fatalf("reg %g, %d items, row %d: score and shares of %g", reg, h, row, sum)
				}
			}
		}
	}
}

func BenchmarkFoldIn(b *testing.B) {
	rng := rand.New(rand.NewPCG(11, 6))
	m := random(b, rng, 1000, 64, nil)
	for name, h := range map[string]int{"10": 10, "50": 50, "200": 200} {
		b.Run(name, func(b *testing.B) {
			r, s := New(m, Release{}), new(Scratch)
			recent := make([]Recent, h)
			for i := range recent {
				recent[i] = Recent{Row: edged.Row(i), Weight: 1}
			}
			var x []float32
			for b.Loop() {
				x = r.FoldIn(x[:0], s, recent)
			}
		})
	}
}
