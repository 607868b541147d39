package train

import (
	"context"
	"fmt"

	"github.com/edged/edged/eval"
	"github.com/edged/edged/learn"
)

// coldTrial is a candidate for the lists of countries, which answer whoever has no history.
type coldTrial struct{ halfLife, shrink float64 }

func (c coldTrial) String() string {
	return fmt.Sprintf("trends, a country's half-life %g d, shrink %g", c.halfLife, c.shrink)
}

// coldAxes are around what is asked for.
func coldAxes(cfg *Config) []axis[coldTrial] {
	times := func(x float64, by ...float64) []float64 {
		for i := range by {
			by[i] *= x
		}
		return by
	}
	h, shrink := cfg.PlaceHalfLifeDays, cfg.PlaceShrink
	return []axis[coldTrial]{
		number(ladder[float64]{times(h, 0.125, 0.25), times(h, 0.5, 1, 2), times(h, 4, 8), h}, func(c *coldTrial) *float64 { return &c.halfLife }),
		number(ladder[float64]{times(shrink, 1.0/64, 1.0/16), times(shrink, 0.25, 1, 4), times(shrink, 16, 64), shrink}, func(c *coldTrial) *float64 { return &c.shrink }),
	}
}

// chooseCold finds how a country's lists lean on the world, by users without a history: one thing changed at a time, and on from the best
// beyond the edges. The default stays unless another is better by more than one standard error.
func (s *selection) chooseCold(ctx context.Context) error {
	x := s.lab.fold.exam(examCold)
	if s.lab.fold.asks(examCold) < leastQuestions || !s.lab.part.timed() || s.free.PlaceHalfLifeDays != 0 || s.free.PlaceShrink != 0 {
		return nil
	}
	q := s.lab.fold.quiz(x, s.lab.visits)
	var first []float64
	best, most := coldTrial{s.cfg.PlaceHalfLifeDays, s.cfg.PlaceShrink}, 0.0
	try := func(ctx context.Context, c coldTrial, _ float64) (float64, error) {
		cfg := *s.cfg
		cfg.PlaceHalfLifeDays, cfg.PlaceShrink = c.halfLife, c.shrink
		r, err := q.ask(ctx, q.byTrends(c.String(), s.lab.part.trends(&cfg)), s.listLength(), s.cfg.Threads)
		if err != nil {
			return 0, err
		}
		rewards := r.Values(eval.Recall)
		for i, y := range r.Values(eval.NDCG) {
			rewards[i] += y
		}
		if first == nil {
			first = rewards
		}
		if gain, deviation := pairedGain(rewards, first); gain > deviation && gain > most {
			best, most = c, gain
		}
		return mean(rewards), nil
	}
	axes := coldAxes(s.cfg)
	list, err := halve(ctx, s, coldFamily, starred(best, axes), []rung{{1, 1}}, coldTrial.String, try)
	if err == nil && list[0].candidate == best {
		_, err = outgrow(ctx, s, coldFamily, list[0], axes, coldTrial.String, try)
	}
	s.cfg.PlaceHalfLifeDays, s.cfg.PlaceShrink = best.halfLife, best.shrink
	return err
}

// coldFamily is that of the trials of lists of countries.
const coldFamily = "trends"

// byTrends answers with the list of the country, then the world's.
func (q *quiz) byTrends(name string, trends []trend) recommender {
	lists := make(map[string][]learn.Scored, len(trends))
	for _, t := range trends {
		lists[t.country] = t.list
	}
	return recommender{name, func() func(at, k int) []uint32 {
		var items []uint32
		return func(at, k int) []uint32 {
			list, ok := lists[q.part.places[q.questions[at].place]]
			if !ok {
				list = lists[""]
			}
			items = items[:0]
			for _, s := range list[:min(k, len(list))] {
				items = append(items, s.Item)
			}
			return items
		}
	}}
}
