package train

import (
	"context"
	"fmt"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
)

// servedModel is the row that a release answers, as a node does.
const servedModel = "served int8"

// release makes a release of a lesson whose searches have a recall, and opens its bytes, as a node does.
func (l *lesson) release(ctx context.Context, cfg *Config, recall float32) (*rank.Ranker, error) {
	build := l.assemble(ctx, cfg, l.part.trends(cfg), nil)
	build.Search.Recall = recall
	_, newest := l.part.span()
	build.Meta.Created = momentOf(newest)
	m, err := open(build)
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	return rank.New(m, rank.Release{ID: "eval", Version: 1, Created: build.Meta.Created}), nil
}

// byRanker recommends as a node does: the history newest first, by country where there is none.
func (q *quiz) byRanker(name string, r *rank.Ranker) recommender {
	return recommender{name, func() func(at, k int) []uint32 {
		var answer rank.Answer
		var scratch rank.Scratch
		var request rank.Request
		var items []uint32
		return func(at, k int) []uint32 {
			q.request(&request, at, k)
			r.Recommend(&answer, &scratch, &request)
			items = items[:0]
			for _, it := range answer.Items {
				items = append(items, uint32(it.Row))
			}
			return items
		}
	}}
}

// request puts a question as an application does.
func (q *quiz) request(to *rank.Request, at, k int) {
	x, p := &q.questions[at], &q.probes[at]
	*to = rank.Request{Recent: to.Recent[:0], Exclude: to.Exclude[:0], N: k, Setting: q.part.places[x.place]}
	to.Goal = model.Goal(q.goal)
	for _, v := range p.recent {
		to.Recent = append(to.Recent, rank.Recent{Row: edged.Row(v.item), Weight: v.weight, Time: q.newest - int64(v.days*dayMs), Session: v.current})
	}
	if to.Goal == model.GoalNew {
		to.ExcludeSeen = true
		for _, i := range p.without { // what lies deeper than a request's history
			to.Exclude = append(to.Exclude, edged.Row(i))
		}
	}
}
