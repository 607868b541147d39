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

// coldGrid changes one thing at a time, the default first.
func coldGrid(cfg *Config) []coldTrial {
	first := coldTrial{cfg.PlaceHalfLifeDays, cfg.PlaceShrink}
	grid := []coldTrial{first}
	for _, f := range []float64{0.5, 2} {
		grid = append(grid, coldTrial{first.halfLife * f, first.shrink})
	}
	for _, f := range []float64{0.25, 4} {
		grid = append(grid, coldTrial{first.halfLife, first.shrink * f})
	}
	return grid
}

// chooseCold finds how a country's lists lean on the world, by users without a history. The default stays unless another is
// better by more than one standard error.
func (s *selection) chooseCold(ctx context.Context) error {
	x := s.lab.fold.exam(examCold)
	if x == nil || !s.lab.part.timed() || s.free.PlaceHalfLifeDays != 0 || s.free.PlaceShrink != 0 {
		return nil
	}
	q := s.lab.fold.quiz(x, s.lab.visits)
	var first []float64
	best, most := coldTrial{}, 0.0
	for at, c := range coldGrid(s.cfg) {
		if at > 0 && s.over() {
			break
		}
		cfg := *s.cfg
		cfg.PlaceHalfLifeDays, cfg.PlaceShrink = c.halfLife, c.shrink
		r, err := q.ask(ctx, q.byTrends(c.String(), s.lab.part.trends(&cfg)), s.listLength(), s.cfg.Threads)
		if err != nil {
			return err
		}
		rewards := r.Values(eval.Recall)
		for i, y := range r.Values(eval.NDCG) {
			rewards[i] += y
		}
		s.record("trends", c.String(), 1, mean(rewards))
		if at == 0 {
			first, best = rewards, c
		} else if gain, deviation := pairedGain(rewards, first); gain > deviation && gain > most {
			best, most = c, gain
		}
	}
	s.cfg.PlaceHalfLifeDays, s.cfg.PlaceShrink = best.halfLife, best.shrink
	return nil
}

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
