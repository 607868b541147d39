package train

import (
	"math"

	"github.com/edged/edged/model"
)

// axes are the weights each part may have; a part without any stays as it is.
type axes [parts][]float32

// weightAxes are the grids of a coordinate search. The table's weight is the unit.
var weightAxes = axes{
	partFactors: {0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12},
	partPopular: {0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 1},
	partRepeat:  {0, 1, 2, 4, 6, 8, 12, 16, 24, 36},
	partSession: {0, 0.25, 0.5, 1, 1.5, 2, 3, 4},
	partPast:    {0, 1, 2, 4, 6, 8, 12, 16, 24, 36},
}

// aloneAxes are those without a table: the factors' weight is the unit.
var aloneAxes = axes{partPopular: weightAxes[partPopular], partRepeat: weightAxes[partRepeat]}

// nextAxes are those of the next item: the session table is the unit.
var nextAxes = axes{
	partTable:   {0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2},
	partFactors: {0, 0.1, 0.25, 0.5, 1},
	partPopular: {0, 0.05, 0.1, 0.2, 0.4},
	partRepeat:  {0, 0.5, 1, 2, 3, 4, 6, 8, 12},
	partPast:    {0, 1, 2, 4, 6, 8, 12, 16, 24},
}

// searchRounds bounds the rounds over all axes.
const searchRounds = 4

// climb improves a mix one part at a time until no grid value is better, on the probes named (nil: all).
func (s *selection) climb(sheet *sheet, start mix, along axes, only []int) (best mix, rewards []float64) {
	best = start
	rewards = sheet.try([]mix{best}, only, s.lab.threads)[0]
	for range searchRounds {
		changed := false
		for part := range parts {
			if sheet.score[part] == nil || along[part] == nil {
				continue
			}
			mixes := make([]mix, 0, len(along[part]))
			for _, w := range along[part] {
				if w != best[part] {
					m := best
					m[part] = w
					mixes = append(mixes, m)
				}
			}
			for m, r := range sheet.try(mixes, only, s.lab.threads) {
				if mean(r) > mean(rewards)+1e-9 {
					best, rewards, changed = mixes[m], r, true
				}
			}
		}
		if !changed {
			break
		}
	}
	return best, rewards
}

// Stages of evidence: from so many distinct items of the history on.
var stageBounds = []int{1, 3, 10}

const (
	leastStage  = 100 // probes a stage needs for weights of its own
	stageShrink = 300 // probes that speak for the common weights
)

// stages gives each stage of evidence weights of its own where that is better by more than chance makes likely (one standard
// error of the paired difference), drawn towards the common ones.
func (s *selection) stages(sheet *sheet, common mix, along axes) []model.Stage {
	list := []model.Stage{common.stage(0)}
	for k, from := range stageBounds {
		to := int32(math.MaxInt32)
		if k+1 < len(stageBounds) {
			to = int32(stageBounds[k+1])
		}
		own := common
		if probes := sheet.among(int32(from), to); len(probes) >= leastStage {
			before := sheet.try([]mix{common}, probes, s.lab.threads)[0]
			found, after := s.climb(sheet, common, along, probes)
			if gain, deviation := pairedGain(after, before); gain > deviation {
				n := float32(len(probes))
				for part := range own {
					own[part] = (n*found[part] + stageShrink*common[part]) / (n + stageShrink)
				}
			}
		}
		if last := list[len(list)-1]; mixOf(last) != own {
			list = append(list, own.stage(from))
		}
	}
	return list
}

// pairedGain is the mean of a − b and its standard error.
func pairedGain(a, b []float64) (gain, deviation float64) {
	var sum, squares float64
	for i := range a {
		d := a[i] - b[i]
		sum += d
		squares += d * d
	}
	n := float64(max(len(a), 1))
	gain = sum / n
	return gain, math.Sqrt(max(squares/n-gain*gain, 0) / n)
}
