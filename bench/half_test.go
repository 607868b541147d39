package bench

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestMedianInterval(t *testing.T) {
	figures := func(n int) (list []float64) {
		for i := range n {
			list = append(list, float64(n-i))
		}
		return list
	}
	for _, c := range []struct {
		n    int
		want Interval
	}{ // of the binomial distribution's tables
		{1, Interval{1, 1, 0}}, {3, Interval{1, 3, .75}}, {6, Interval{1, 6, .96875}}, {9, Interval{2, 8, .9609}}, {21, Interval{6, 16, .9734}}, {1000, Interval{469, 532, .9537}},
	} {
		got := medianInterval(figures(c.n), .95)
		if got.Low != c.want.Low || got.High != c.want.High || math.Abs(got.Confidence-c.want.Confidence) > 1e-4 {
			t.Errorf("of %d: %+v, want %+v", c.n, got, c.want)
		}
	}
	if got := medianInterval(nil, .95); got != (Interval{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestTurnsWithoutRequestsAreRefused(t *testing.T) {
	for _, c := range []struct {
		turn time.Duration
		rate float64
		good bool
	}{{100 * time.Millisecond, 200, true}, {100 * time.Millisecond, 199, false}, {time.Hour, 0, false}, {time.Millisecond, 20_000, true}} {
		if err := longEnough(c.turn, c.rate); (err == nil) != c.good {
			t.Errorf("turns of %v at %g/s: %v", c.turn, c.rate, err)
		}
	}
}

func TestMedianIntervalHoldsTheMedian(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const rounds, median = 4000, 1 // of exp(x), x normal
	held := 0
	for range rounds {
		var list []float64
		for range 21 {
			list = append(list, math.Exp(2*rng.NormFloat64()))
		}
		if in := medianInterval(list, .95); in.Low <= median && median <= in.High {
			held++
		}
	}
	if share := float64(held) / rounds; share < .96 || share > .985 {
		t.Errorf("%.4f of the intervals hold the median, want .973", share)
	}
}
