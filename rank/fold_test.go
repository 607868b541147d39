package rank

import (
	"math"
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

// Items that hardly differ, and weights as large as any: rounding leaves what is added to the diagonal nothing to count for. Scores stay near, and
// shares sum to them.
func TestFoldInOfHeavyWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 7))
	m := random(t, rng, 40, 24, func(b *model.Build) {
		b.Meta.A0, b.Meta.Nu = .001, 0
		for i := range b.Vectors {
			if i >= 24 {
				b.Vectors[i] = b.Vectors[i%24] + float32(rng.NormFloat64()/3000)
			}
		}
	})
	for _, weight := range []float32{10, 1e3, 1e6} {
		for _, h := range []int{2, 10, 23, 30} {
			recent := make([]Recent, h)
			for i, row := range rng.Perm(m.Len())[:h] {
				recent[i] = Recent{Row: edged.Row(row), Weight: weight / (1 + rng.Float32())}
			}
			checkScores(t, m, recent)
		}
	}
}

func checkScores(t *testing.T, m *model.Model, recent []Recent) {
	t.Helper()
	s := new(Scratch)
	x, right := New(m, Release{}).FoldIn(nil, s, recent), eliminate(dense(m, recent))
	for row := range edged.Row(m.Len()) {
		var sum float64
		for _, share := range s.fold.shares(m, row) {
			sum += share
		}
		score, want := score64(m, x, row), score64(m, right, row)
		if !(math.Abs(score-want) < 1e-3 && math.Abs(score-sum) < 1e-4) {
			t.Fatalf("weights of %g, %d items, row %d: score %g, shares of %g; want %g", recent[0].Weight, len(recent), row, score, sum, want)
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
