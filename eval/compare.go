package eval

import (
	"fmt"
	"math"
)

// Comparison is what one model gains over another on the same cases.
type Comparison struct {
	Model      string   `json:"model"`
	Against    string   `json:"against"`
	Metric     Metric   `json:"metric"`
	Difference float64  `json:"difference"` // Model − Against
	Interval   Interval `json:"interval"`
	// P is the achieved significance level: twice the smaller share of resamples with a difference of ≤ 0 and of ≥ 0, each
	// counted with one more, and at most 1 (Efron, Tibshirani 1993, chapter 15). It says how often the sign would be luck.
	P float64 `json:"p"`
}

// Compare finds the difference of two models by a paired bootstrap: both are seen on the same drawn users, so that what
// makes a user hard for either cancels out. The results must be of one set.
func Compare(a, b *Result, m Metric, boot Bootstrap) (Comparison, error) {
	if a.set != b.set {
		return Comparison{}, fmt.Errorf("compare %s with %s: they were measured on different sets", a.Model, b.Model)
	}
	boot.EnsureDefaults()
	s := newSample(a.set.units(), 1, func(c int32, dst []float64) { dst[0] = a.scores[c].of(m) - b.scores[c].of(m) })
	means := boot.resample(s)
	cases, sums := s.totals()
	return Comparison{Model: a.Model, Against: b.Model, Metric: m, Difference: sums[0] / cases,
		Interval: boot.intervalsOf(s, means)[0], P: significance(means)}, nil
}

func significance(differences []float64) float64 {
	atMost, atLeast := 1.0, 1.0
	for _, d := range differences {
		if d <= 0 {
			atMost++
		}
		if d >= 0 {
			atLeast++
		}
	}
	return min(1, 2*math.Min(atMost, atLeast)/float64(len(differences)+1))
}
