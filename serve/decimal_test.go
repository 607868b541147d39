package serve

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// TestShortestIsStrconvs: random numbers, those around powers of ten, and round ones. EDGED_FLOATS asks for more.
func TestShortestIsStrconvs(t *testing.T) {
	rounds := 300_000
	if n, err := strconv.Atoi(os.Getenv("EDGED_FLOATS")); err == nil {
		rounds = n
	}
	said, rng := 0, rand.New(rand.NewPCG(16, 1))
	check := func(f float32) {
		want := strconv.AppendFloat(nil, float64(f), 'f', -1, 32)
		if a := math.Abs(float64(f)); a >= 1e-6 && a < 1e21 || a == 0 {
			if got := appendFloat(nil, f); string(got) != string(want) {
				t.Fatalf("%x: %s, want %s", math.Float32bits(f), got, want)
			}
		}
		if digits, point, ok := shortest(f); ok {
			said++
			if got := appendDecimal(nil, digits, point); string(got) != string(want) {
				t.Fatalf("%x: %s, want %s", math.Float32bits(f), got, want)
			}
		}
	}
	for range rounds {
		check(math.Float32frombits(rng.Uint32()))
		check(float32(math.Pow(10, 14*rng.Float64()-6)))
		check(float32(rng.IntN(1e6)) / float32(math.Pow10(rng.IntN(8))))
	}
	if said < rounds {
		t.Errorf("it said %d of %d", said, 3*rounds)
	}
	for e := -7; e < 22; e++ {
		at := math.Float32bits(float32(math.Pow10(e)))
		for b := at - 3000; b < at+3000; b++ {
			check(math.Float32frombits(b))
		}
	}
}
