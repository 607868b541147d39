package compare

import (
	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/rules"
)

// How far is looked at what rules make of lists.
const (
	ruledVisitors = 50
	ruledCases    = 256
)

// Rules measures what the rules that came with a release leave of the lists of sample visitors: of each case that they speak of (rules.Set.Cases), and
// the release before with its own rules beside it.
func Rules(before, now *Release, limits Limits, sample Sample) *Report {
	limits.EnsureDefaults()
	r := &Report{}
	r.ruled(before, now, limits, sample)
	return r
}

// ruled adds the share of visitors with short lists in the worst case, but for those that the release before left no better off.
func (r *Report) ruled(before, now *Release, limits Limits, sample Sample) {
	set := now.Ranker.Rules()
	if set.Version() == "" || sample.Cases < 0 {
		return
	}
	if sample.Cases == 0 {
		sample.Cases = ruledCases
	}
	histories := histories(now.Ranker, now.Ranker, ruledVisitors)
	a := newRuled(now.Ranker, histories)
	b := a
	if before != nil {
		b = newRuled(before.Ranker, histories)
	}
	cases := set.Cases(now.Ranker.Now(), sample.Cases)
	worst, at := 0.0, &cases[0]
	for i := range cases {
		share := a.short(&cases[i])
		if share > worst && (before == nil || share > b.short(&cases[i])) {
			worst, at = share, &cases[i]
		}
	}
	r.add(Short, worst, 0, limits.Short, "rules leave %.2f of %d visitors nothing or less than half of a list, at worst %v (%d cases)", worst, len(histories), at, len(cases))
}

// ruled asks one release for lists under its rules.
type ruled struct {
	ranker  *rank.Ranker
	asks    []rank.Request // of the sample
	free    []int          // how long their lists are without rules
	plan    rules.Plan
	answer  rank.Answer
	scratch rank.Scratch
	list    []rules.Item
}

func newRuled(r *rank.Ranker, histories [][]string) *ruled {
	u := &ruled{ranker: r}
	for _, recent := range histories {
		q := requestOf(r, recent)
		q.ExcludeSeen = true // as of a node that is asked for no goal
		r.Recommend(&u.answer, &u.scratch, &q)
		u.asks, u.free = append(u.asks, q), append(u.free, len(u.answer.Items))
	}
	return u
}

// short is the share of visitors who get less than half as many items as they would without rules.
func (u *ruled) short(c *rules.Context) float64 {
	u.ranker.Rules().Match(&u.plan, c)
	if u.plan.Empty() && u.plan.Goal() == "" {
		return 0
	}
	n := 0
	for i := range u.asks {
		if 2*u.length(u.asks[i], c) < u.free[i] {
			n++
		}
	}
	return float64(n) / float64(max(1, len(u.asks)))
}

// length is how long a list is, made as a node makes it.
func (u *ruled) length(q rank.Request, c *rules.Context) int {
	q.Setting = edged.Setting{Country: string(c.Country), Device: string(c.Device)}
	if goal := model.Goal(u.plan.Goal()); goal != "" {
		q.Goal, q.ExcludeSeen = goal, goal == model.GoalNew
	}
	if !u.plan.Empty() {
		q.Rules = &u.plan
	}
	n := u.ask(&q)
	if n < q.N && u.plan.Narrows() {
		q.N, q.Rules, q.Obey = rank.MaxDepth, nil, &u.plan // few were let through: look as deep as there is, at nothing else
		n = u.ask(&q)
	}
	return n
}

func (u *ruled) ask(q *rank.Request) int {
	u.ranker.Recommend(&u.answer, &u.scratch, q)
	if u.plan.Empty() {
		return len(u.answer.Items)
	}
	u.list = u.list[:0]
	for _, item := range u.answer.Items {
		u.list = append(u.list, rules.Item{Row: item.Row, Score: item.Score, Tier: uint8(item.Level)})
	}
	return len(u.plan.Apply(u.list, Depth, u.scope()))
}

// scope gives the plan what it may ask of items. Variety and exploration change no list's length.
func (u *ruled) scope() *rules.Scope {
	now := u.ranker.Now()
	in := &rules.Scope{May: func(row edged.Row) bool { return u.ranker.May(row, now) }}
	if u.plan.Capped() {
		in.Groups, _ = u.ranker.Groups() // what can't be read caps nothing, as on a node
	}
	return in
}
