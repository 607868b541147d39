package train

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/edged/edged"
	"github.com/edged/edged/eval"
	"github.com/edged/edged/learn"
)

// coldTrial is a candidate for the lists of what is popular just now, which answer whoever has no history, and which blends lean on.
type coldTrial struct {
	world         float64 // half-life of what is popular anywhere, in days
	place, shrink float64 // of a country's own events, and how much of them outweighs the world
	by            int     // what lists go by beside the country
}

func (c coldTrial) String() string {
	text := fmt.Sprintf("trends, half-life %g d, a country's %g d, shrink %g", c.world, c.place, c.shrink)
	if c.by != 0 {
		text += ", by " + strings.Join(partsOf(c.by), ", ")
	}
	return text
}

func (c *Config) cold() coldTrial {
	return coldTrial{c.TrendHalfLifeDays, c.PlaceHalfLifeDays, c.PlaceShrink, c.trendBy()}
}

func (c *Config) setCold(t coldTrial) {
	c.TrendHalfLifeDays, c.PlaceHalfLifeDays, c.PlaceShrink, c.TrendBy = t.world, t.place, t.shrink, partsOf(t.by)
}

// coldAxes are around the defaults; what was asked for stays.
func (s *selection) coldAxes() []axis[coldTrial] {
	times := func(x float64, by ...float64) []float64 {
		for i := range by {
			by[i] *= x
		}
		return by
	}
	c, free := s.cfg.cold(), s.free
	halfLives := func(h float64) ladder[float64] {
		return ladder[float64]{times(h, 0.125, 0.25), times(h, 0.5, 1, 2), times(h, 4, 8, 16, 32), h}
	}
	return []axis[coldTrial]{
		number(orFixed(free.TrendHalfLifeDays, halfLives(c.world)), func(c *coldTrial) *float64 { return &c.world }),
		number(orFixed(free.PlaceHalfLifeDays, halfLives(c.place)), func(c *coldTrial) *float64 { return &c.place }),
		number(orFixed(free.PlaceShrink, ladder[float64]{times(c.shrink, 1.0/64, 1.0/16), times(c.shrink, 0.25, 1, 4), times(c.shrink, 16, 64), c.shrink}),
			func(c *coldTrial) *float64 { return &c.shrink }),
	}
}

// finer are the best lists so far by every set of what events say beside the country, fewer first, forgetting what is their own as fast as lists of
// countries do or as the world; none where what lists go by was asked for.
func (s *selection) finer(best coldTrial) (list []coldTrial) {
	said := 0
	for _, at := range s.any.part.places {
		said |= at.Known() &^ edged.ByCountry
	}
	if s.free.TrendBy != nil {
		said = 0
	}
	for by := 1; by <= said; by++ {
		if by&^said != 0 {
			continue
		}
		c := best
		c.by = by
		list = append(list, c)
		if c.place = best.world; c.place != best.place && s.free.PlaceHalfLifeDays == 0 {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b coldTrial) int { return a.parts() - b.parts() })
	return list
}

// parts is how many parts of a setting lists go by beside the country.
func (c coldTrial) parts() int { return bits.OnesCount(uint(c.by)) }

// chooseCold finds how fast what is popular is forgotten and how a country's lists lean on the world, by users without a history: one thing
// changed at a time, and on from the best beyond the edges; then what lists go by beside the country. Where such users are too few, what is
// popular anywhere is judged alone, by items that are new to the others. The default stays unless another is better by more than one standard
// error, and lists go by more only where that is as much better than the best that go by less.
func (s *selection) chooseCold(ctx context.Context) error {
	l, axes := s.any, s.coldAxes()
	x, answer := l.fold.exam(examCold), (*selection).byCountry
	if l.fold.asks(examCold) < leastQuestions {
		x, answer, axes = l.fold.exam(examNew), (*selection).byWorld, axes[:1]
	}
	if x == nil || len(x.questions) < leastQuestions || !l.part.timed() {
		return nil
	}
	q := l.fold.quiz(x, l.visits)
	var first, sofar []float64 // rewards of the default, and of the best
	best, most := s.cfg.cold(), 0.0
	try := func(ctx context.Context, c coldTrial, _ float64) (float64, error) {
		r, err := q.ask(ctx, answer(s, q, c), s.listLength(), s.cfg.Threads)
		if err != nil {
			return 0, err
		}
		rewards := r.Values(eval.Recall)
		for i, y := range r.Values(eval.NDCG) {
			rewards[i] += y
		}
		if first == nil {
			first, sofar = rewards, rewards
		}
		than := first
		if c.parts() > best.parts() {
			than = sofar // more lists than the best so far wants must be worth it
		}
		gain, _ := pairedGain(rewards, first)
		if ahead, deviation := pairedGain(rewards, than); ahead > deviation && gain > most {
			best, most, sofar = c, gain, rewards
		}
		return mean(rewards), nil
	}
	list, err := halve(ctx, s, coldFamily, starred(best, axes), []rung{{1, 1}}, coldTrial.String, try)
	if err == nil && list[0].candidate == best {
		_, err = outgrow(ctx, s, coldFamily, list[0], axes, coldTrial.String, try)
	}
	if finer := s.finer(best); err == nil && len(axes) > 1 && len(finer) > 0 && !s.over() {
		_, err = halve(ctx, s, coldFamily, finer, []rung{{1, 1}}, coldTrial.String, try)
	}
	s.cfg.setCold(best)
	return err
}

// byCountry answers with the lists of the countries.
func (s *selection) byCountry(q *quiz, c coldTrial) recommender {
	cfg := *s.cfg
	cfg.setCold(c)
	return q.byTrends(c.String(), s.any.part.trends(&cfg))
}

// byWorld answers with what is popular anywhere.
func (s *selection) byWorld(q *quiz, c coldTrial) recommender {
	return q.byOrder(c.String(), order(s.any.popularZ(c.world)))
}

// coldFamily is that of the trials of lists of countries.
const coldFamily = "trends"

// byTrends answers with the narrowest list there is for the setting, then the world's.
func (q *quiz) byTrends(name string, trends []trend) recommender {
	lists, by := make(map[edged.Setting][]learn.Scored, len(trends)), 0
	for _, t := range trends {
		lists[t.at] = t.list
		by |= t.at.Known()
	}
	has := func(at edged.Setting) bool { return lists[at] != nil }
	return recommender{name, func() func(at, k int) []uint32 {
		var items []uint32
		return func(at, k int) []uint32 {
			here := q.part.places[q.questions[at].place]
			narrow, ok := here.Narrowest(by, has)
			if !ok {
				narrow = here.Only(edged.ByCountry)
			}
			list, ok := lists[narrow]
			if !ok {
				list = lists[edged.Setting{}]
			}
			items = items[:0]
			for _, s := range list[:min(k, len(list))] {
				items = append(items, s.Item)
			}
			return items
		}
	}}
}
