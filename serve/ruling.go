package serve

import (
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/rules"
)

// Rules gives what is to be obeyed beside a release, nil where nothing is.
type Rules interface {
	For(r *rank.Ranker) *rules.Set
}

// sourcePinned is the source of an item that is there because a rule wants it, and was not found otherwise.
const sourcePinned rank.Source = "pinned"

// ruling is what rules, and the request's own wishes, make of one answer.
type ruling struct {
	context     rules.Context
	wish        rules.Wish
	plan        rules.Plan
	scope       rules.Scope
	likeness    rank.Likeness
	exploration rank.Exploration
	version     string // of the rules that count; empty: there are none
	names       []string
	list        []rules.Item
	items       []rank.Item
	lifts       []float32 // by item of the answer: what boosts added to its score; empty: nothing was to be done
}

// rule finds the rules for a request.
func (s *Server) rule(c *call) *problem {
	r := &c.ruling
	r.lifts, r.names = r.lifts[:0], r.names[:0]
	var set *rules.Set
	if s.cfg.Rules != nil {
		set = s.cfg.Rules.For(c.ranker)
	}
	r.version = set.Version()
	r.context = rules.Context{
		Slot: c.req.slot, Country: c.req.country, Device: c.req.device, Segment: c.req.segment, Visitor: c.req.visitor, Time: c.start.UnixMilli(),
	}
	set.Match(&r.plan, &r.context)
	r.names = r.plan.AppendNames(r.names)
	if p := s.settleWishes(c); p != nil {
		return p
	}
	r.plan.Add(&r.wish)
	if !r.plan.Empty() {
		c.ask.Rules = &r.plan
	}
	if goal := r.plan.Goal(); goal != "" && c.req.goal == "" {
		c.ask.Goal, c.ask.ExcludeSeen = model.Goal(goal), model.Goal(goal) == model.GoalNew
	}
	return nil
}

// rank answers c.ask and lets the rules have their say.
func (s *Server) rank(c *call) *problem {
	if p := s.rule(c); p != nil {
		return p
	}
	if c.ask.Relevance > 0 && c.ruling.plan.Refuses() {
		c.ask.Obey = &c.ruling.plan // the best is the best that may come, on all pages
	}
	r := &c.ruling
	c.ask.Explain = c.req.explain && r.plan.Empty() // else only what is chosen
	c.takeBest()
	c.ranker.Recommend(&c.answer, c.scratch, &c.ask)
	c.keepBest()
	if r.plan.Empty() {
		return nil
	}
	made := s.apply(c)
	if len(made) < c.req.n && c.ask.N < rank.MaxDepth && r.plan.Narrows() && !c.late() {
		c.ask.N, c.ask.Rules, c.ask.Obey = rank.MaxDepth, nil, &r.plan // few were let through: look as deep as there is, at nothing else
		c.ranker.Recommend(&c.answer, c.scratch, &c.ask)
		made = s.apply(c)
	}
	c.take(made)
	return nil
}

// takeBest has minRelevance go by the best score of the first slot or page. Slots of other goals have scores of their own.
func (c *call) takeBest() {
	if c.ask.Relevance > 0 && (c.bestFor == "" || c.bestFor == c.ranker.Goal(&c.ask)) {
		c.ask.Best = c.best
	}
}

// keepBest remembers it.
func (c *call) keepBest() {
	if c.ask.Relevance > 0 && c.best == 0 {
		c.best, c.bestFor = c.answer.Best, c.ranker.Goal(&c.ask)
	}
}

// apply makes of the ranker's list what the plan wants.
func (s *Server) apply(c *call) []rules.Item {
	r, found := &c.ruling, c.answer.Items
	r.list = r.list[:0]
	tier := uint8(0)
	for i := range found {
		it := &found[i]
		if i > 0 && (it.Level != found[i-1].Level || it.Source != found[i-1].Source && it.Level > rank.Session) && tier < 255 {
			tier++ // scores compare within a source, but a blend's sources share theirs
		}
		r.list = append(r.list, rules.Item{Row: it.Row, Score: it.Score, Tier: tier})
	}
	if r.plan.Explore() > 0 {
		s.openToken(c) // it may say no
	}
	c.scope()
	return r.plan.Apply(r.list, c.req.n, &r.scope)
}

// take makes the answer of what was chosen, and explains that alone, by the scores it was found with.
func (c *call) take(made []rules.Item) {
	r, a := &c.ruling, &c.answer
	r.items, r.lifts = append(r.items[:0], a.Items...), r.lifts[:0]
	a.Items = a.Items[:0]
	for i := range made {
		it := &made[i]
		item := itemOf(it)
		if it.From >= 0 {
			item = r.items[it.From]
			if c.req.explain {
				c.ranker.Explain(a, c.scratch, &c.ask, &item)
			}
		}
		r.lifts = append(r.lifts, it.Score-item.Score)
		item.Score = it.Score
		a.Items = append(a.Items, item)
	}
	a.Level = levelOf(a.Items, made)
}

// levelOf is that of the first item that was found and that no pin placed; of the pinned ones the best that was found where there is none such; global
// where none was found, static where there is none.
func levelOf(items []rank.Item, made []rules.Item) rank.Level {
	best := -1
	for i := range made {
		switch {
		case made[i].From < 0:
		case !made[i].Pinned:
			return items[i].Level
		case best < 0 || made[i].From < made[best].From:
			best = i
		}
	}
	switch {
	case best >= 0:
		return items[best].Level
	case len(items) > 0:
		return rank.Global
	}
	return rank.Static
}

// scope gives the plan what it may ask of items.
func (c *call) scope() {
	r := &c.ruling
	if r.scope.May == nil {
		r.scope.May, r.scope.Late = c.mayPin, c.late
	}
	r.scope.Alike = nil
	if r.plan.Diversity() > 0 {
		r.scope.Alike = r.likeness.Of(c.ranker)
	}
	r.scope.Groups = nil
	if r.plan.Capped() {
		var err error
		if r.scope.Groups, err = c.ranker.Groups(); err != nil && c.answer.Err == nil {
			c.answer.Err = err
		}
	}
	c.explore()
}

// late reports whether the answer's time is up.
func (c *call) late() bool {
	return !c.ask.Deadline.IsZero() && !c.clock().Before(c.ask.Deadline)
}

// mayPin reports whether a row that was not found may be shown all the same. Having been seen is no reason against it.
func (c *call) mayPin(row edged.Row) bool {
	return c.ranker.May(row, c.start) && !slices.Contains(c.exclude, row) && (c.ask.Only == nil || c.ask.Only.Has(row))
}

// lift is what rules added to the score of the answer's item i.
func (c *call) lift(i int) float32 {
	if i >= len(c.ruling.lifts) {
		return 0
	}
	return c.ruling.lifts[i]
}

// letGo forgets what belongs to a release or a request.
func (r *ruling) letGo() {
	clear(r.wish.Boosts[:cap(r.wish.Boosts)])
	r.likeness.LetGo()
	r.scope.Groups, r.scope.Alike, r.version = nil, nil, ""
}
