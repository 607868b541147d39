package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// some are numbers of all sizes, that begin anywhere.
func some(rng *rand.Rand, n int) []float32 {
	start := rng.IntN(9)
	list := make([]float32, n+start)[start:]
	for i := range list {
		list[i] = float32(rng.NormFloat64() * math.Exp(3*rng.NormFloat64()))
	}
	return list
}

// product is the one that Dots promises.
func product(x, y []float32) float64 {
	var s [16]float32
	for k := range x {
		s[k%16] += float32(x[k] * y[k])
	}
	var e [8]float32
	for l := range e {
		e[l] = s[l] + s[l+8]
	}
	return float64(((e[0] + e[4]) + (e[2] + e[6])) + ((e[1] + e[5]) + (e[3] + e[7])))
}

// Sixteen sums, each product and each addition rounded, folded in a stated order: the same bits from every variant.
func TestDotsVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.Dots == nil {
			t.Skip("uses the reference")
		}
		rng := rand.New(rand.NewPCG(10, 8))
		for n := 8; n <= MaxDim; n += 8 {
			for _, rows := range []int{1, 2, 3, 7, 10} {
				x, all := some(rng, n), some(rng, n*rows)
				got, check := canary[float64](rows, 7e77)
				v.Dots(got, x, all)
				check(t, "Dots")
				for r := range rows {
					if want := product(x, all[r*n:]); got[r] != want {
						t.Fatalf("%d numbers, row %d of %d: %g, want %g", n, r, rows, got[r], want)
					}
				}
			}
		}
	})
}

func TestTriangleVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.Triangle == nil {
			t.Skip("uses the reference")
		}
		rng := rand.New(rand.NewPCG(10, 10))
		for n := 8; n <= MaxDim; n += 8 {
			for _, h := range []int{1, 2, 5, 10, 17} {
				rows := some(rng, n*h)
				got, check := canary[float64](h*h, 7e77)
				v.Triangle(got, rows, n)
				check(t, "Triangle")
				for i := range h {
					for j := range h {
						want := 7e77
						if j <= i {
							want = product(rows[i*n:][:n], rows[j*n:])
						}
						if got[i*h+j] != want {
							t.Fatalf("%d numbers, rows %d and %d of %d: %g, want %g", n, i, j, h, got[i*h+j], want)
						}
					}
				}
			}
		}
	})
}

func TestWidenVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.Widen == nil {
			t.Skip("uses the reference")
		}
		rng := rand.New(rand.NewPCG(10, 9))
		for n := 8; n <= MaxDim; n += 8 {
			start, scale, by := rng.IntN(9), float32(rng.NormFloat64()), some(rng, n)
			high, low := make([]int8, n+start)[start:], make([]int8, n+start)[start:]
			for i := range high {
				high[i], low[i] = int8(rng.IntN(255)-127), int8(rng.IntN(255)-127)
			}
			got, check := canary[float32](n, 7e7)
			v.Widen(got, high, low, scale, by)
			check(t, "Widen")
			for i := range got {
				y := float32(float32(256*int(high[i])+int(low[i])) * scale)
				if want := float32(y * by[i]); got[i] != want {
					t.Fatalf("%d numbers, place %d: %g, want %g", n, i, got[i], want)
				}
			}
		}
	})
}

func TestWeighedVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.Weighed == nil {
			t.Skip("uses the reference")
		}
		rng := rand.New(rand.NewPCG(15, 6))
		for n := 8; n <= MaxDim; n += 8 {
			for _, count := range []int{1, 2, 10} {
				rows, weights, by := some(rng, n*count), some(rng, count), some(rng, n)
				got, check := canary[float32](n, 77)
				v.Weighed(got, rows, weights, by)
				check(t, "Weighed")
				want := make([]float32, n)
				for k := range want {
					for i, w := range weights {
						want[k] += float32(rows[i*n+k] * w)
					}
					want[k] *= by[k]
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%d rows of %d: %v, want %v", count, n, got, want)
				}
			}
		}
	})
}

func TestNothingOfNothing(t *testing.T) {
	sums, x := []float64{1, 2}, []float32{1, 2, 3, 4, 5, 6, 7, 8}
	Dots(sums, nil, nil)
	if sums[0] != 0 || sums[1] != 0 {
		t.Errorf("products of rows of no numbers: %v", sums)
	}
	Triangle(nil, nil, 8)
	Widen(nil, nil, nil, 1, nil)
	if Weighed(x, nil, nil, slices.Clone(x)); !slices.Equal(x, make([]float32, 8)) {
		t.Errorf("the sum of no rows: %v", x)
	}
}
