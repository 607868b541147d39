package rank

import (
	"cmp"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// plan is a blend with what can be worked out before any request.
type plan struct {
	*model.Blend
	places [MaxHistory]float64 // (1+a)^-SessionPower
}

func plansOf(m *model.Model) []plan {
	blends := m.Meta().Blends
	plans := make([]plan, len(blends))
	for i := range plans {
		p := &plans[i]
		p.Blend = &blends[i]
		for a := range p.places {
			p.places[a] = power(float64(1+a), -p.SessionPower)
		}
	}
	return plans
}

// headOf returns the places of the rows most popular of late, best first; none without blends.
func headOf(m *model.Model) (places []uint32) {
	z := m.PopularZ()
	var head []edged.Row
	byZ := func(a, b edged.Row) int { return cmp.Or(cmp.Compare(z[b], z[a]), cmp.Compare(a, b)) }
	for row := range z {
		head = append(head, edged.Row(row))
		if len(head) == 2*headLength {
			slices.SortFunc(head, byZ)
			head = head[:headLength]
		}
	}
	slices.SortFunc(head, byZ)
	for _, row := range head[:min(len(head), headLength)] {
		places = append(places, m.Place(row))
	}
	return places
}

func (r *Ranker) planOf(goal model.Goal) *plan {
	for i := range r.plans {
		if r.plans[i].Goal == goal {
			return &r.plans[i]
		}
	}
	return nil
}

// planFor returns the blend that answers for a goal, nil where the factors alone do: where the release has none for it, that of the
// next humbler goal.
func (r *Ranker) planFor(goal model.Goal, excludeSeen bool) *plan {
	p := r.planOf(goal)
	if p == nil && goal == model.GoalNext && !excludeSeen {
		p = r.planOf(model.GoalAny)
	}
	if p == nil {
		p = r.planOf(model.GoalNew)
	}
	return p
}

// Goal returns the goal of a request: its own, or, where it names none, next where there is a session, a blend for it, and either
// nothing before the session or no wish to leave out what was seen; else any where seen items may come; else new.
func (r *Ranker) Goal(q *Request) model.Goal {
	switch {
	case q.Goal != "":
		return q.Goal
	case r.planOf(model.GoalNext) != nil && r.inSession(q):
		return model.GoalNext
	case !q.ExcludeSeen:
		return model.GoalAny
	}
	return model.GoalNew
}

// inSession reports whether a session is under way that the next item follows from.
func (r *Ranker) inSession(q *Request) bool {
	session := false
	for i := range q.Recent[:min(len(q.Recent), MaxHistory)] {
		switch v := &q.Recent[i]; {
		case !v.counts(r.m):
		case v.Session:
			session = true
		case q.ExcludeSeen:
			return false
		}
	}
	return session
}
