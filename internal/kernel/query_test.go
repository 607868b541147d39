package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestOrderVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.Order == nil {
			v = &generic
		}
		order := v.Order
		if order == nil {
			order = orderGeneric
		}
		rng := rand.New(rand.NewPCG(15, 1))
		for n := 1; n <= 130; n++ {
			keys := make([]uint64, n)
			for i := range keys {
				keys[i] = rng.Uint64()&^0xff | uint64(i) // none twice
			}
			want := slices.Clone(keys)
			slices.SortFunc(want, func(a, b uint64) int {
				if a > b {
					return -1
				}
				return 1
			})
			all := make([]uint64, n+2)
			order(all[1:1+n], keys)
			if !slices.Equal(all[1:1+n], want) || all[0]+all[n+1] != 0 {
				t.Fatalf("%d keys: %x, want %x", n, all, want)
			}
		}
	})
}

func TestQuantiseVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.Quantise == nil || v.Peak == nil {
			t.Skip("the reference is used")
		}
		rng := rand.New(rand.NewPCG(15, 2))
		for n := 1; n <= MaxDim; n++ {
			x := column(rng, n, false)
			x[rng.IntN(n)] = rng.Float32() - .5
			if n%3 == 0 {
				x[rng.IntN(n)] = []float32{float32(math.NaN()), float32(math.Inf(-1)), -1e30}[rng.IntN(3)]
			}
			peak := peakGeneric(x)
			if got := v.Peak(x); math.Float32bits(got) != math.Float32bits(peak) {
				t.Fatalf("peak of %v: %v, want %v", x, got, peak)
			}
			if !(peak <= math.MaxFloat32) {
				continue
			}
			got, want := make([]int16, (n+7)&^7), make([]int16, (n+7)&^7)
			for i := range got {
				got[i] = 77
			}
			by := 32767 / float64(peak)
			if sum, wantSum := v.Quantise(got, x, by), quantiseGeneric(want, x, by); sum != wantSum || !slices.Equal(got, want) {
				t.Fatalf("%d numbers: %v, %d, want %v, %d", n, got, sum, want, wantSum)
			}
		}
	})
}

func TestTableVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.Pairs == nil || v.TwoBits == nil {
			t.Skip("the reference is used")
		}
		rng := rand.New(rand.NewPCG(15, 3))
		for round := range 2000 {
			w := make([]int32, 16*(1+round%32))
			for i := range w {
				w[i] = int32(rng.Uint32()) / 2 >> (round % 31)
				if rng.IntN(20) == 0 {
					w[i] = []int32{0, 1, -1, 1<<31 - 4096, -1<<31 + 4096}[rng.IntN(5)]
				}
			}
			peak, norm := v.Pairs(w)
			wantPeak, wantNorm := pairsGeneric(w)
			if peak != wantPeak || norm != wantNorm {
				t.Fatalf("%v: %d and %g, want %d and %g", w, peak, norm, wantPeak, wantNorm)
			}
			if peak == 0 {
				continue
			}
			inverse := uint64(41<<UnitShift) / uint64(peak)
			got, want := make([]byte, 8*len(w)), make([]byte, 8*len(w))
			if sum, wantSum := v.TwoBits(got, w, inverse), twoBitsGeneric(want, w, inverse); sum != wantSum || !slices.Equal(got, want) {
				t.Fatalf("%v: %v, %d, want %v, %d", w, got, sum, want, wantSum)
			}
		}
	})
}

func TestTurnedIsDotOfEachRow(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		restore, err := Use(v.Name)
		if err != nil {
			t.Fatal(err)
		}
		defer restore()
		rng := rand.New(rand.NewPCG(15, 4))
		for dim := 8; dim <= MaxDim; dim += 8 {
			for _, n := range []int{1, 3, 63, 64, 65, 200} {
				codes, q := make([]int8, n*dim), make([]int16, dim)
				extremes(rng, codes, q)
				turned := NewTurned(codes, dim)
				got, check := canary[int32](turned.Room(), 77)
				want := make([]int32, n)
				dotRowsGeneric(want, codes, q)
				turned.Dots(got, q)
				check(t, "Dots")
				if !slices.Equal(got[:n], want) {
					t.Fatalf("%d rows of %d: %v, want %v", n, dim, got[:n], want)
				}
			}
		}
	})
}

func TestShrinkVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.Shrink == nil {
			t.Skip("the reference is used")
		}
		rng := rand.New(rand.NewPCG(15, 5))
		for n := 1; n <= MaxDim; n++ {
			gram, want := make([]float32, n), make([]float32, n)
			for k := range gram {
				gram[k] = rng.Float32() * 1000
			}
			a0, more := rng.Float32(), rng.Float32()
			got, check := canary[float32](n, 77)
			v.Shrink(got, gram, a0, more)
			shrinkGeneric(want, gram, a0, more)
			if check(t, "Shrink"); !slices.Equal(got, want) {
				t.Fatalf("%v: %v, want %v", gram, got, want)
			}
		}
	})
}

func TestExpectVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.Expect == nil {
			t.Skip("the reference is used")
		}
		rng := rand.New(rand.NewPCG(15, 7))
		for n := 1; n <= 300; n++ {
			dots, scales := make([]int32, n), make([]float32, n)
			for i := range dots {
				dots[i], scales[i] = int32(rng.Uint32())>>rng.IntN(32), rng.Float32()
				if rng.IntN(5) == 0 {
					dots[i] = []int32{Dropped, 0, 1, -1, math.MaxInt32}[rng.IntN(5)]
				}
			}
			less, part := []float32{0, rng.Float32()}[n%2], []float64{0, 1e-6}[n%2]
			got, want := [16]uint32{77}, [16]uint32{}
			v.Expect(&got, dots, scales, 1e-3, less, part)
			expectGeneric(&want, dots, scales, 1e-3, less, part)
			if got != want {
				t.Fatalf("%d rows: %x, want %x", n, got, want)
			}
		}
	})
}
