package rank

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestPowersAreWithinAFewUnitsOfTheLastPlace(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 1))
	for range 100_000 {
		x, y := math.Exp(20*rng.NormFloat64()), 4*rng.NormFloat64()
		for _, p := range []struct {
			name      string
			got, want float64
		}{
			{"exp2", exp2(y * 50), math.Exp2(y * 50)},
			{"log2", log2(x), math.Log(x) / math.Ln2},
			{"power", power(x, y), math.Pow(x, y)},
			{"decay", decay(int64(min(x, 1e15)), 30), math.Exp2(-math.Trunc(min(x, 1e15)) / 30 / dayMs)},
		} {
			if d := math.Abs(p.got - p.want); d > 1e-13*math.Abs(p.want)+1e-300 {
				t.Fatalf("%s(%g, %g): %g, want %g", p.name, x, y, p.got, p.want)
			}
		}
	}
	for x, want := range map[float64]float64{-2000: 0, -1: .5, 0: 1, 10: 1024, 2000: math.Inf(1)} {
		if got := exp2(x); got != want {
			t.Errorf("2^%g = %g", x, got)
		}
	}
	if decay(5, 0) != 1 || decay(0, 5) != 1 || decay(-5, 5) != 1 || decay(5*dayMs, 5) != .5 || power(7, 1) != 7 || power(7, 0) != 1 {
		t.Error("ends")
	}
}
