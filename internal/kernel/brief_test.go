package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// someBriefs are candidates, in any order, of up to 400 rows.
func someBriefs(rng *rand.Rand) *Candidates {
	size, n := 1+rng.IntN(400), 1+rng.IntN(120)
	c := &Candidates{Briefs: make([]Brief, size), Sums: column(rng, n, false), Factor: column(rng, n, false)}
	for i := range c.Briefs {
		whole := rng.Float64() * 3
		one := whole * rng.Float64()
		c.Briefs[i] = Brief{Popular: float32(rng.NormFloat64()), Scale: rng.Float32() / 100, Row: rng.Uint32()}
		c.Briefs[i].SetLengths(whole, one, one*rng.Float64())
	}
	for range n {
		c.At = append(c.At, rng.Uint32N(uint32(size)))
	}
	return c
}

func TestBriefLengthsAreNoShorter(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 1))
	for range 100000 {
		var b Brief
		whole := math.Exp(8 * rng.NormFloat64())
		one := whole * rng.Float64()
		two := one * []float64{0, rng.Float64(), 1}[rng.IntN(3)]
		b.SetLengths(whole, one, two)
		for i, want := range []float64{whole, one, two} {
			got := float64(b.Length())
			if i > 0 {
				got *= float64(b.left[i-1]) / 255 * (1 + 1e-7)
			}
			if got < want || got > 1.005*want+1.005*whole/250 {
				t.Fatalf("%g of %g: %g", want, whole, got)
			}
		}
	}
	var b Brief
	if b.SetLengths(0, 0, 0); b.Length() > 1e-30 || b.left != [2]uint8{} {
		t.Errorf("nothing: %+v", b)
	}
}

func TestBoundVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.Bound == nil {
			t.Skip("the reference is used")
		}
		rng := rand.New(rand.NewPCG(15, 2))
		for range 2000 {
			c := someBriefs(rng)
			n, popular, length := len(c.At), rng.Float32(), rng.Float32()
			bounds, checkBounds := canary[float32](n, 77)
			likely, checkLikely := canary[float32](n, 77)
			sums, checkSums := canary[float32](n, 77)
			copy(sums, c.Sums)
			if v.Bound(bounds, likely, sums, c.Factor, c.At, c.Briefs, popular, length) != 0 {
				t.Fatal("says a row is beyond the briefs")
			}
			wantBounds, wantLikely := make([]float32, n), make([]float32, n)
			boundGeneric(wantBounds, wantLikely, c.Sums, c.Factor, c.At, c.Briefs, popular, length)
			sameBits(t, "sums", sums, c.Sums)
			sameBits(t, "bounds", bounds, wantBounds)
			sameBits(t, "likely", likely, wantLikely)
			checkBounds(t, "Bound")
			checkLikely(t, "Bound")
			checkSums(t, "Bound")
			c.At[rng.IntN(n)] = uint32(len(c.Briefs) + rng.IntN(2)<<31)
			if v.Bound(bounds, likely, sums, c.Factor, c.At, c.Briefs, popular, length) != -1 {
				t.Fatal("a row beyond the briefs is not told")
			}
		}
	})
}

func TestMostVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.Most == nil {
			t.Skip("the reference is used")
		}
		rng := rand.New(rand.NewPCG(15, 3))
		for round := range 2000 {
			c := someBriefs(rng)
			n := 1 + rng.IntN(80)
			places, dots := make([]uint32, n), make([]int32, n)
			for i := range places {
				places[i], dots[i] = rng.Uint32N(uint32(len(c.At))), int32(rng.Uint32())>>rng.IntN(32)
			}
			p := &MostParams{Scale: rng.Float32(), Coarse: rng.Float32(), Lost: rng.Float32(), Left: rng.Float32(), By: rng.Float32(), Shift: []uint32{16, 24}[round%2]}
			got, check := canary[float32](n, 77)
			want := make([]float32, n)
			if v.Most(got, places, dots, c.Sums, c.Factor, c.At, c.Briefs, p) != 0 {
				t.Fatal("says a row is beyond the briefs")
			}
			mostGeneric(want, places, dots, c.Sums, c.Factor, c.At, c.Briefs, p)
			sameBits(t, "Most", got, want)
			check(t, "Most")
			if round%4 < 2 {
				places[rng.IntN(n)] = uint32(len(c.At) + rng.IntN(2)<<31)
			} else {
				c.At[places[rng.IntN(n)]] = uint32(len(c.Briefs) + rng.IntN(2)<<31)
			}
			if v.Most(got, places, dots, c.Sums, c.Factor, c.At, c.Briefs, p) != -1 {
				t.Fatal("a place or a row beyond its list is not told")
			}
		}
	})
}

func TestThroughVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.Through == nil {
			t.Skip("the reference is used")
		}
		rng := rand.New(rand.NewPCG(15, 4))
		for range 2000 {
			size, n := 1+rng.IntN(400), 1+rng.IntN(120)
			table, classes, at := column(rng, 1+rng.IntN(30), false), make([]uint16, size+1), make([]uint32, n)
			for i := range classes[:size] {
				classes[i] = uint16(rng.IntN(len(table)))
			}
			classes[size] = math.MaxUint16
			for i := range at {
				at[i] = rng.Uint32N(uint32(size))
			}
			got, check := canary[float32](n, 77)
			want := make([]float32, n)
			if v.Through(got, table, classes, at) != 0 {
				t.Fatal("says a class is beyond the table")
			}
			throughGeneric(want, table, classes, at)
			check(t, "Through")
			if !slices.Equal(got, want) {
				t.Fatalf("%v, want %v", got, want)
			}
			i := rng.IntN(n)
			was := at[i]
			if at[i] = uint32(size) + uint32(rng.IntN(2))<<31; v.Through(got, table, classes, at) != -1 {
				t.Fatal("one beyond the classes is not told")
			}
			at[i] = was
			if classes[was] = uint16(len(table)); v.Through(got, table, classes, at) != -1 {
				t.Fatal("a class beyond the table is not told")
			}
		}
	})
}
