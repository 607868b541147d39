package eval

import (
	"math"
	"slices"
)

// RatingError is a predicted rating minus the one given.
type RatingError struct {
	User  int // errors of one user are resampled together
	Error float64
}

// RatingsOf sums errors up: RMSE √(Σ e²/n) and MAE Σ |e|/n, with intervals over users. There must be at least one.
func RatingsOf(errors []RatingError, b Bootstrap) *Ratings {
	b.EnsureDefaults()
	order := make([]int32, len(errors))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, c int32) int { return errors[a].User - errors[c].User })
	var units [][]int32
	for lo, hi := 0, 0; lo < len(order); lo = hi {
		for hi = lo; hi < len(order) && errors[order[hi]].User == errors[order[lo]].User; hi++ {
		}
		units = append(units, order[lo:hi])
	}
	s := newSample(units, 2, func(i int32, dst []float64) {
		dst[0], dst[1] = errors[i].Error*errors[i].Error, math.Abs(errors[i].Error)
	})
	n, sums := s.totals()
	r := &Ratings{Count: len(errors), RMSE: math.Sqrt(sums[0] / n), MAE: sums[1] / n}
	intervals := b.intervals(s)
	r.Intervals.RMSE = Interval{math.Sqrt(max(intervals[0].Low, 0)), math.Sqrt(max(intervals[0].High, 0))}
	r.Intervals.MAE = intervals[1]
	return r
}
