package learn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestEigenbasis: the vectors are orthogonal, the matrix is diagonal in them, and the values are gonum's.
func TestEigenbasis(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, d := range []int{1, 2, 3, 5, 16, 33, 64, 100} {
		for name, rank := range map[string]int{"none": 0, "one": 1, "half": (d + 1) / 2, "full": 3 * d} {
			a := mat.NewSymDense(d, nil)
			for k := range rank {
				v := mat.NewVecDense(d, nil)
				for i := range d {
					v.SetVec(i, rng.NormFloat64()*math.Pow(10, -4*float64(i)/float64(d))) // some columns weigh far less
				}
				a.SymRankOne(a, float64(1+k%3), v)
			}
			t.Run(fmt.Sprintf("%d, rank %s", d, name), func(t *testing.T) { checkEigenbasis(t, a, d) })
		}
		unit := mat.NewSymDense(d, nil)
		for i := range d {
			unit.SetSym(i, i, 2)
		}
		t.Run(fmt.Sprintf("%d, equal values", d), func(t *testing.T) { checkEigenbasis(t, unit, d) })
	}
}

func checkEigenbasis(t *testing.T, a *mat.SymDense, d int) {
	t.Helper()
	lower := make([]float64, d*d)
	for i := range d {
		for j := range d {
			lower[i*d+j] = math.NaN() // the upper triangle must not be read
			if j <= i {
				lower[i*d+j] = a.At(i, j)
			}
		}
	}
	values, q, err := eigenbasis(lower, d)
	if err != nil {
		t.Fatal(err)
	}
	var reference mat.EigenSym
	if !reference.Factorize(a, false) {
		t.Fatal("gonum found no eigenvalues")
	}
	tolerance := 1e-13 * float64(d) * (1 + mat.Norm(a, 2))
	vectors := mat.NewDense(d, d, q)
	var unit, half, diagonal mat.Dense
	unit.Mul(vectors, vectors.T())
	half.Mul(vectors, a)
	diagonal.Mul(&half, vectors.T())
	for i := range d {
		if want := max(0, reference.Values(nil)[d-1-i]); math.Abs(values[i]-want) > tolerance {
			t.Fatalf("value %d is %v, want %v", i, values[i], want)
		}
		for j := range d {
			one, value := 0.0, 0.0
			if i == j {
				one, value = 1, values[i]
			}
			if math.Abs(unit.At(i, j)-one) > 1e-13*float64(d) || math.Abs(diagonal.At(i, j)-value) > tolerance {
				t.Fatalf("vectors %d and %d: product %v, coupled by %v, want %v", i, j, unit.At(i, j), diagonal.At(i, j), value)
			}
		}
	}
}

// TestEigenbasisOfFewItems: hardly any of a Gram matrix's directions are more than rounding, or all are so small that their products vanish.
func TestEigenbasisOfFewItems(t *testing.T) {
	const d, items = 256, 25
	rng := rand.New(rand.NewPCG(9, 9))
	for _, size := range []float64{1, 1e-18, 1e-40} {
		f := make([]float32, items*d)
		for i := range f {
			f[i] = float32(size * rng.NormFloat64() * math.Pow(10, -6*float64(i%d)/d))
		}
		lower := gram(f, d, 1)
		values, q, err := eigenbasis(lower, d)
		if err != nil {
			t.Fatalf("numbers of %g: %v", size, err)
		}
		sum, trace := 0.0, 0.0
		for k := range d {
			sum, trace = sum+values[k], trace+lower[k*d+k]
			length := 0.0
			for _, x := range q[k*d:][:d] {
				length += x * x
			}
			if math.Abs(length-1) > 1e-12 {
				t.Fatalf("numbers of %g: vector %d has length %v", size, k, math.Sqrt(length))
			}
		}
		if math.Abs(sum-trace) > 1e-7*trace || values[items] > 1e-6*values[0] {
			t.Errorf("numbers of %g: values sum to %v, want %v; the %d-th of %d is %v", size, sum, trace, items+1, items, values[items])
		}
	}
}

func TestEigenbasisOfNothing(t *testing.T) {
	if _, _, err := eigenbasis([]float64{math.NaN(), 0, 1, 2}, 2); err == nil {
		t.Fatal("found eigenvectors of what is no number")
	}
}

func BenchmarkEigenbasis(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, d := range []int{64, 128, 256} {
		f := make([]float32, 1000*d)
		for i := range f {
			f[i] = float32(rng.NormFloat64())
		}
		g := gram(f, d, 1)
		b.Run(fmt.Sprint(d), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := eigenbasis(g, d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
