package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// column draws n numbers, many of them 0, some not finite where wild is set.
func column(rng *rand.Rand, n int, wild bool) []float32 {
	c := make([]float32, n)
	for i := range c {
		switch rng.IntN(8) {
		case 0, 1, 2:
			c[i] = float32(rng.NormFloat64())
		case 3:
			c[i] = rng.Float32() * 1e-30
		case 4:
			if wild {
				c[i] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}[rng.IntN(3)]
			}
		}
	}
	return c
}

// sameBits compares floats as they lie in memory.
func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: place %d of %d: %v, want %v", what, i, len(want), got[i], want[i])
		}
	}
}

// distinct draws up to n rows below size, none twice.
func distinct(rng *rand.Rand, n, size int) []uint32 {
	var rows []uint32
	for _, r := range rng.Perm(size)[:min(n, size)] {
		rows = append(rows, uint32(r))
	}
	return rows
}

func TestAddAtVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.AddAt == nil {
			t.Skip("the reference is used")
		}
		rng := rand.New(rand.NewPCG(14, 1))
		for round := range 2000 {
			size := 1 + rng.IntN(400)
			rows, start := distinct(rng, 1+rng.IntN(120), size), rng.IntN(5)
			codes := make([]int8, len(rows)+start)[start:]
			extremes(rng, codes)
			got := append(column(rng, size, round%2 == 0), 1)[:size] // an element behind the end stays
			want, scale := slices.Clone(got), rng.Float32()
			fresh, check := canary[uint32](len(rows), 77)
			wantFresh := make([]uint32, len(rows))
			n := v.AddAt(got, rows, codes, scale, fresh)
			wantN := addAtGeneric(want, rows, codes, scale, wantFresh)
			check(t, "AddAt")
			sameBits(t, "AddAt", got, want)
			if n != wantN || !slices.Equal(fresh[:n], wantFresh[:n]) || got[:size+1][size] != 1 {
				t.Fatalf("%d rows of %d: %d new ones, %v, want %d, %v", len(rows), size, n, fresh[:max(n, 0)], wantN, wantFresh[:wantN])
			}
			rows[rng.IntN(len(rows))] = uint32(size + rng.IntN(2)<<31)
			if n := v.AddAt(got, rows, codes, scale, fresh); n != -1 {
				t.Fatalf("a row beyond the column: %d", n)
			}
		}
	})
}

func TestAddFromVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.AddFrom == nil {
			t.Skip("the reference is used")
		}
		rng := rand.New(rand.NewPCG(14, 2))
		for round := range 2000 {
			size, n := 1+rng.IntN(400), 1+rng.IntN(120)
			rows := make([]uint32, n)
			for i := range rows {
				rows[i] = rng.Uint32N(uint32(size))
			}
			c, weight := column(rng, size, round%2 == 0), float32(rng.NormFloat64())
			got := append(column(rng, n, false), 1)[:n]
			want := slices.Clone(got)
			if v.AddFrom(got, c, rows, weight) < 0 {
				t.Fatal("says a row is beyond the column")
			}
			addFromGeneric(want, c, rows, weight)
			sameBits(t, "AddFrom", got, want)
			if got[:n+1][n] != 1 {
				t.Fatal("wrote beside its result")
			}
			rows[rng.IntN(n)] = uint32(size + rng.IntN(2)<<31)
			if v.AddFrom(got, c, rows, weight) != -1 {
				t.Fatal("a row beyond the column is not told")
			}
		}
	})
}

func TestAtLeastVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.AtLeast == nil {
			t.Skip("the reference is used")
		}
		rng := rand.New(rand.NewPCG(14, 3))
		for n := 1; n <= 300; n++ {
			x := column(rng, n, n%2 == 0)
			limit := []float32{0, x[0], float32(math.Inf(-1)), rng.Float32()}[n%4]
			got, check := canary[uint32](n, 77)
			want := make([]uint32, n)
			k, wantK := v.AtLeast(got, x, limit), atLeastGeneric(want, x, limit)
			check(t, "AtLeast")
			if k != wantK || !slices.Equal(got[:k], want[:k]) {
				t.Fatalf("at least %v: %v, want %v", limit, got[:k], want[:wantK])
			}
		}
	})
}

func TestRowsBeyondTheColumnPanic(t *testing.T) {
	for name, call := range map[string]func(){
		"AddAt":   func() { AddAt(make([]float32, 3), []uint32{1, 3}, make([]int8, 2), 1, make([]uint32, 2)) },
		"AddFrom": func() { AddFrom(make([]float32, 2), make([]float32, 3), []uint32{1, 3}, 1) },
		"empty":   func() { AddFrom(make([]float32, 2), nil, []uint32{0}, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			call()
		}()
	}
}

func TestPromiseVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.Promise == nil {
			t.Skip("the reference is used")
		}
		rng := rand.New(rand.NewPCG(14, 5))
		for n := 1; n <= 300; n++ {
			got, check := canary[float32](n, 77)
			want, dots := make([]float32, n), make([]int32, n)
			for c := range dots {
				dots[c] = int32(rng.Uint32()) >> rng.IntN(32) * int32(rng.IntN(5)&1)
			}
			most, least, scales, wide := column(rng, n, false), column(rng, n, false), column(rng, n, false), column(rng, n, false)
			scale, more := rng.Float32(), rng.Float32()*[]float32{1, -1}[n%2]
			best, wantBest := v.Promise(got, dots, most, least, scales, wide, scale, more), promiseGeneric(want, dots, most, least, scales, wide, scale, more)
			check(t, "Promise")
			if best != wantBest || !slices.Equal(got, want) {
				t.Fatalf("%d cells: %v and %v, want %v and %v", n, best, got, wantBest, want)
			}
		}
	})
}
