package learn

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func TestGramAgainstGonum(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{1, 2, 3, 4, 5, 7, gramBlock + 3} {
		const d = 9
		f, dense := make([]float32, n*d), mat.NewDense(n, d, nil)
		for i := range f {
			f[i] = float32(rng.NormFloat64())
			dense.Set(i/d, i%d, float64(f[i]))
		}
		var want mat.Dense
		want.Mul(dense.T(), dense)
		got := gram(f, d, 3)
		for i := range d {
			for j := range i + 1 {
				if math.Abs(got[i*d+j]-want.At(i, j)) > 1e-6*float64(n) {
					t.Fatalf("%d rows, element %d,%d: got %v, want %v", n, i, j, got[i*d+j], want.At(i, j))
				}
			}
		}
	}
}

func TestSolveAgainstGonum(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for d := 1; d <= 20; d++ {
		a, b, dense := make([]float64, d*d), make([]float64, d), mat.NewDense(d, d, nil)
		half := mat.NewDense(d, d, nil)
		for i := range d * d {
			half.Set(i/d, i%d, rng.NormFloat64())
		}
		dense.Mul(half, half.T())
		for i := range d {
			dense.Set(i, i, dense.At(i, i)+1)
			b[i] = rng.NormFloat64()
			for j := range d {
				a[i*d+j] = dense.At(i, j)
				if j > i {
					a[i*d+j] = math.NaN() // the upper triangle must not be read
				}
			}
		}
		var want mat.VecDense
		if err := want.SolveVec(dense, mat.NewVecDense(d, append([]float64(nil), b...))); err != nil {
			t.Fatal(err)
		}
		if !solve(a, b) {
			t.Fatalf("d %d: said not to be positive definite", d)
		}
		for i, x := range b {
			if math.Abs(x-want.AtVec(i)) > 1e-9*(1+math.Abs(x)) {
				t.Fatalf("d %d, number %d: got %v, want %v", d, i, x, want.AtVec(i))
			}
		}
	}
}

func TestSolveRefusesIndefinite(t *testing.T) {
	if solve([]float64{1, 0, 2, 1}, []float64{1, 1}) || solve([]float64{math.NaN()}, []float64{1}) {
		t.Fatal("solved what has no Cholesky factor")
	}
}
