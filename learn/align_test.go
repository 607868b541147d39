package learn

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func fitted(t *testing.T, p ALS, pairs *Matrix) *Factors {
	t.Helper()
	f, err := p.Fit(context.Background(), pairs, 2, func(int, float64) {})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// turned returns f in another basis, with its columns' order and signs changed.
func turned(f *Factors, seed uint64) *Factors {
	d := f.Factors
	rng := rand.New(rand.NewPCG(seed, 0))
	a := mat.NewDense(d, d, nil)
	for i := range d * d {
		a.RawMatrix().Data[i] = rng.NormFloat64()
	}
	var qr mat.QR
	var q mat.Dense
	qr.Factorize(a)
	qr.QTo(&q)
	g := &Factors{ALS: f.ALS, Active: f.Active, X: slices.Clone(f.X), Y: slices.Clone(f.Y)}
	g.X, g.Y = pad(g.X, d), pad(g.Y, d)
	turn(g.X, q.RawMatrix().Data, d, 1)
	turn(g.Y, q.RawMatrix().Data, d, 1)
	g.X, g.Y = unpad(g.X, d), unpad(g.Y, d)
	return g
}

func TestAlignUndoesATurn(t *testing.T) {
	f := fitted(t, ALS{Factors: 12, A0: .1, Reg: .01, Nu: 1, Sweeps: 4, Seed: 1}, randomPairs(3, 300, 80, 4000))
	g := turned(f, 5)
	if err := g.Align(f, 2); err != nil {
		t.Fatal(err)
	}
	for i, y := range g.Y {
		if math.Abs(float64(y-f.Y[i])) > 1e-5 {
			t.Fatalf("number %d is %v, %v before", i, y, f.Y[i])
		}
	}
	for i, x := range g.X {
		if math.Abs(float64(x-f.X[i])) > 1e-5 {
			t.Fatalf("visitors' number %d is %v, %v before", i, x, f.X[i])
		}
	}
}

func TestAlignKeepsGramNearlyDiagonal(t *testing.T) {
	p := ALS{Factors: 12, A0: .1, Reg: .01, Nu: 1, Sweeps: 4, Seed: 1}
	f, g := fitted(t, p, randomPairs(3, 300, 80, 4000)), fitted(t, p, randomPairs(4, 300, 80, 4000))
	if err := g.Align(f, 2); err != nil {
		t.Fatal(err)
	}
	a := gram(g.Y, p.Factors, 1)
	for i := range p.Factors {
		for j := range i {
			if c := a[i*p.Factors+j] / math.Sqrt(a[i*p.Factors+i]*a[j*p.Factors+j]); math.Abs(c) > coupling+1e-6 {
				t.Fatalf("columns %d and %d are coupled by %v", i, j, c)
			}
		}
	}
}

func TestAlignRefusesOtherShapes(t *testing.T) {
	f := fitted(t, ALS{Factors: 4, A0: .1, Reg: .01, Nu: 1, Sweeps: 1, Seed: 1}, randomPairs(3, 30, 20, 100))
	g := fitted(t, ALS{Factors: 4, A0: .1, Reg: .01, Nu: 1, Sweeps: 1, Seed: 1}, randomPairs(3, 30, 21, 100))
	if f.Align(g, 1) == nil {
		t.Fatal("aligned 20 items with 21")
	}
}

// TestAlignedVectorsDriftLittle: one observation in a hundred is new. Going on from the last vectors, aligned, moves the
// items little; a training of its own turns them anywhere.
func TestAlignedVectorsDriftLittle(t *testing.T) {
	p := ALS{Factors: 16, A0: .1, Reg: .01, Nu: 1, Sweeps: 8, Seed: 1}
	earlier, later := randomPairs(3, 2000, 300, 40_000), randomPairs(3, 2000, 300, 40_400)
	old := fitted(t, p, earlier)
	apart := p
	apart.Seed = 2
	p.Start, p.Sweeps = old, 1
	warm := fitted(t, p, later)
	if err := warm.Align(old, 2); err != nil {
		t.Fatal(err)
	}
	if c := meanCosine(old, warm); c < 0.99 {
		t.Fatalf("aligned vectors have a mean cosine of %.4f with the last ones", c)
	}
	if c := meanCosine(old, fitted(t, apart, later)); c > 0.9 {
		t.Fatalf("vectors of another start have a mean cosine of %.4f: this test shows nothing", c)
	}
}

func meanCosine(a, b *Factors) float64 {
	d, sum, n := a.Factors, 0.0, 0
	for r := 0; r < len(a.Y); r += d {
		x, y := a.Y[r:][:d], b.Y[r:][:d]
		if size := norm2(x) * norm2(y); size > 0 {
			sum, n = sum+dot32(x, y)/math.Sqrt(size), n+1
		}
	}
	return sum / float64(n)
}
