package eval

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/edged/edged/internal/parallel"
)

// Bootstrap says how to find out how far a figure can be trusted: draw as many users as there are, with replacement, again
// and again, and see how the figure moves (Efron, Tibshirani, An Introduction to the Bootstrap, 1993). A user's cases are
// drawn together, since they are not independent. Zero values take the default named beside them.
type Bootstrap struct {
	Resamples int     // default 2000
	Level     float64 // of an interval; default 0.95
	Seed      uint64  // default 1
	Threads   int     // default 1; never changes the result
	// Percentile takes the plain quantiles of the resamples; default: bias-corrected and accelerated ones (BCa, ibid.
	// chapter 14), which also fit skewed figures.
	Percentile bool
}

// EnsureDefaults fills what is zero.
func (b *Bootstrap) EnsureDefaults() {
	b.Resamples = cmp.Or(b.Resamples, 2000)
	b.Level = cmp.Or(b.Level, 0.95)
	b.Seed = cmp.Or(b.Seed, 1)
	b.Threads = max(b.Threads, 1)
}

// Interval is where a figure would lie with other users of the same kind, at the level of its Bootstrap.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// sample holds, for each unit of resampling, how many cases it has and the sums over them of some columns. The statistic
// of column c is Σ sums / Σ cases: the mean over cases.
type sample struct {
	cols  int
	cases []float64
	sums  []float64 // unit-major
}

func newSample(units [][]int32, cols int, value func(kase int32, dst []float64)) *sample {
	s := &sample{cols: cols, cases: make([]float64, len(units)), sums: make([]float64, len(units)*cols)}
	one := make([]float64, cols)
	for u, cases := range units {
		s.cases[u] = float64(len(cases))
		for _, c := range cases {
			value(c, one)
			for k, x := range one {
				s.sums[u*cols+k] += x
			}
		}
	}
	return s
}

// totals sums units in their order.
func (s *sample) totals() (cases float64, sums []float64) {
	sums = make([]float64, s.cols)
	for u, n := range s.cases {
		cases += n
		for k := range sums {
			sums[k] += s.sums[u*s.cols+k]
		}
	}
	return cases, sums
}

// resample returns the columns' means in each resample: column-major, Resamples numbers a column. Resample i draws from a
// generator of its own, so that threads change nothing and two samples of the same units are drawn alike.
func (b *Bootstrap) resample(s *sample) []float64 {
	means := make([]float64, s.cols*b.Resamples)
	parallel.For(b.Threads, b.Resamples, 8, func(_, lo, hi int) {
		sums := make([]float64, s.cols)
		for i := lo; i < hi; i++ {
			cases := s.draw(rand.New(rand.NewPCG(b.Seed, uint64(i))), sums)
			for k, sum := range sums {
				means[k*b.Resamples+i] = sum / cases
			}
		}
	})
	return means
}

func (s *sample) draw(rng *rand.Rand, sums []float64) (cases float64) {
	clear(sums)
	n := uint32(len(s.cases))
	for range n {
		u := int(rng.Uint32N(n))
		cases += s.cases[u]
		for k, x := range s.sums[u*s.cols:][:s.cols] {
			sums[k] += x
		}
	}
	return cases
}

// intervals finds the interval of each column.
func (b *Bootstrap) intervals(s *sample) []Interval {
	return b.intervalsOf(s, b.resample(s))
}

func (b *Bootstrap) intervalsOf(s *sample, means []float64) []Interval {
	out := make([]Interval, s.cols)
	cases, sums := s.totals()
	for k := range out {
		sorted := slices.Clone(means[k*b.Resamples:][:b.Resamples])
		slices.Sort(sorted)
		low, high := (1-b.Level)/2, (1+b.Level)/2
		if !b.Percentile {
			z0 := bias(sorted, sums[k]/cases)
			a := s.acceleration(k, cases, sums[k])
			low, high = corrected(low, z0, a), corrected(high, z0, a)
		}
		out[k] = Interval{quantile(sorted, low), quantile(sorted, high)}
	}
	return out
}

// bias is z0 = Φ⁻¹(share of resamples below the estimate), ties counting half; 0 where the share is 0 or 1.
func bias(sorted []float64, estimate float64) float64 {
	below, _ := slices.BinarySearch(sorted, estimate)
	above := below
	for above < len(sorted) && sorted[above] == estimate {
		above++
	}
	share := float64(below+above) / 2 / float64(len(sorted))
	if share <= 0 || share >= 1 {
		return 0
	}
	return normalQuantile(share)
}

// acceleration is a = Σ d³ / (6·(Σ d²)^(3/2)), d = mean − θ₍₋ᵤ₎ over the means without one unit (the jackknife).
func (s *sample) acceleration(k int, cases, sum float64) float64 {
	without := func(u int) float64 { return (sum - s.sums[u*s.cols+k]) / (cases - s.cases[u]) }
	if len(s.cases) < 2 {
		return 0
	}
	mean := 0.0
	for u := range s.cases {
		mean += without(u)
	}
	mean /= float64(len(s.cases))
	var square, cube float64
	for u := range s.cases {
		d := mean - without(u)
		square += d * d
		cube += d * d * d
	}
	if square == 0 {
		return 0
	}
	return cube / (6 * math.Pow(square, 1.5))
}

// corrected is the probability Φ(z0 + (z0 + z)/(1 − a(z0 + z))), z = Φ⁻¹(p), at which BCa reads the quantile of p.
func corrected(p, z0, a float64) float64 {
	z := z0 + normalQuantile(p)
	if 1-a*z <= 0 {
		return p // no acceleration fits: as extreme as this never was
	}
	return normal(z0 + z/(1-a*z))
}

func normal(z float64) float64         { return math.Erfc(-z/math.Sqrt2) / 2 }
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// quantile interpolates between the order statistics around p·(n − 1).
func quantile(sorted []float64, p float64) float64 {
	at := min(max(p, 0), 1) * float64(len(sorted)-1)
	lo := int(at)
	hi := min(lo+1, len(sorted)-1)
	return sorted[lo] + (at-float64(lo))*(sorted[hi]-sorted[lo])
}
