package train

import (
	"math"

	"github.com/edged/edged/model"
)

// axes are the weights each part may have, beside 0; a part without any stays as it is.
type axes [parts]ladder[float32]

// weightAxes are the grids of a coordinate search. The table's weight is the unit.
var weightAxes = axes{
	partFactors: {window: []float32{0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12}, below: []float32{0.06, 0.12}, above: []float32{18, 24, 36}},
	partPopular: {window: []float32{0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 1}, below: []float32{0.012, 0.025}, above: []float32{1.5, 2.2, 3.5, 5}},
	partRepeat:  {window: []float32{1, 2, 4, 6, 8, 12, 16, 24, 36}, below: []float32{0.12, 0.25, 0.5}, above: []float32{54, 80, 120}},
}

// aloneAxes are those without a table: the factors' weight is the unit.
var aloneAxes = axes{partPopular: weightAxes[partPopular], partRepeat: weightAxes[partRepeat]}

// nextAxes are those of the next item: the session table is the unit.
var nextAxes = axes{
	partTable:   {window: []float32{0.1, 0.25, 0.5, 0.75, 1, 1.5, 2}, below: []float32{0.025, 0.05}, above: []float32{3, 4, 6}},
	partFactors: {window: []float32{0.1, 0.25, 0.5, 1}, below: []float32{0.025, 0.05}, above: []float32{2, 4}},
	partPopular: {window: []float32{0.05, 0.1, 0.2, 0.4}, below: []float32{0.012, 0.025}, above: []float32{0.8, 1.6}},
	partRepeat:  {window: []float32{0.5, 1, 2, 3, 4, 6, 8, 12}, below: []float32{0.12, 0.25}, above: []float32{16, 24, 36}},
	partPast:    {window: []float32{1, 2, 4, 6, 8, 12, 16, 24}, below: []float32{0.25, 0.5}, above: []float32{36, 54, 80}},
}

// popularFirst goes by what is popular just now; factors only decide between equals.
var popularFirst = mix{partPopular: 1, partFactors: 0.001}

// searchRounds bounds the rounds over all axes.
const searchRounds = 4

// climb improves a mix one part at a time until no grid value is better, on the probes named (nil: all). Where that leads to nothing
// clearly better, what is popular comes first.
func (s *selection) climb(sheet *sheet, start mix, along axes, only []int) (best mix, rewards []float64) {
	best = start
	rewards = sheet.try([]mix{best}, only, s.lab.threads)[0]
	try := func(part int, weights ...float32) (changed bool) {
		mixes := make([]mix, 0, len(weights))
		for _, w := range weights {
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
		return changed
	}
	for range searchRounds {
		changed := false
		for part := range parts {
			if sheet.score[part] == nil || along[part].window == nil {
				continue
			}
			changed = try(part, append([]float32{0}, along[part].window...)...) || changed
			for _, way := range along[part].beyond(best[part]) {
				for at := 0; at < len(way) && try(part, way[at]); at++ {
					changed = true
				}
			}
		}
		if !changed {
			break
		}
	}
	popular := sheet.try([]mix{popularFirst}, only, s.lab.threads)[0]
	if gain, deviation := pairedGain(rewards, popular); !(gain > deviation) {
		return popularFirst, popular
	}
	return best, rewards
}

// Stages of evidence: from so many distinct items of the history on.
var stageBounds = []int{1, 3, 10}

// stageShrink is how many probes speak for the common weights.
const stageShrink = 300

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
		if probes := sheet.among(int32(from), to); len(probes) >= leastQuestions {
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
