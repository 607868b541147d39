package serve

import (
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/rules"
)

// Rules gives what is to be obeyed beside a release, nil where nothing is.
type Rules interface {
	For(r *rank.Ranker) *rules.Set
}

// sourcePinned is the source of an item that is there because a rule wants it, and was not found otherwise.
const sourcePinned rank.Source = "pinned"

// ruling is what rules make of one answer.
type ruling struct {
	context rules.Context
	plan    rules.Plan
	names   []string
	list    []rules.Item
	items   []rank.Item
	lifts   []float32 // by item of the answer: what rules added to its score; empty: no rules
}

// rule finds the rules for a request. Where they may take items out or reorder them, more are asked of the ranker than of us.
func (s *Server) rule(c *call) {
	r := &c.ruling
	r.lifts, r.names = r.lifts[:0], r.names[:0]
	if s.cfg.Rules == nil {
		return
	}
	set := s.cfg.Rules.For(c.ranker)
	if set == nil {
		return
	}
	r.context = rules.Context{
		Slot: c.req.slot, Country: c.req.country, Device: c.req.device, Segment: c.req.segment, Visitor: c.req.visitor, Time: c.start.UnixMilli(),
	}
	set.Match(&r.plan, &r.context)
	r.names = r.plan.AppendNames(r.names)
	if r.plan.Narrows() || r.plan.Reorders() {
		c.ask.N = min(rank.MaxDepth, 4*c.req.n+50)
	}
}

// rank answers c.ask and lets the rules have their say.
func (s *Server) rank(c *call) {
	s.rule(c)
	c.ranker.Recommend(&c.answer, &c.scratch, &c.ask)
	r := &c.ruling
	if len(r.names) == 0 || r.plan.Empty() {
		return
	}
	if s.apply(c); len(c.answer.Items) < c.req.n && c.ask.N < rank.MaxDepth && r.plan.Narrows() {
		c.ask.N = rank.MaxDepth // few were let through: look as deep as there is
		c.ranker.Recommend(&c.answer, &c.scratch, &c.ask)
		s.apply(c)
	}
}

// apply makes the ranker's list what the plan wants.
func (s *Server) apply(c *call) {
	r, a := &c.ruling, &c.answer
	r.list, r.items, r.lifts = r.list[:0], append(r.items[:0], a.Items...), r.lifts[:0]
	tier := uint8(0)
	for i := range r.items {
		it := &r.items[i]
		if i > 0 && (it.Level != r.items[i-1].Level || it.Source != r.items[i-1].Source && it.Level > rank.Session) && tier < 255 {
			tier++ // scores compare within a source, but a blend's sources share theirs
		}
		r.list = append(r.list, rules.Item{Row: it.Row, Score: it.Score, Tier: tier})
	}
	a.Items = a.Items[:0]
	for _, it := range r.plan.Apply(r.list, c.req.n, func(row edged.Row) bool { return c.mayPin(row) }) {
		item := rank.Item{Row: it.Row, Source: sourcePinned, Level: rank.Global, Reason: rank.Reason{Code: string(sourcePinned)}}
		if it.From >= 0 {
			item = r.items[it.From]
		}
		r.lifts = append(r.lifts, it.Score-item.Score)
		item.Score = it.Score
		a.Items = append(a.Items, item)
	}
}

// mayPin reports whether a row that was not found may be shown all the same. Having been seen is no reason against it.
func (c *call) mayPin(row edged.Row) bool {
	return c.ranker.May(row, c.start) && !slices.Contains(c.exclude, row)
}

// lift is what rules added to the score of the answer's item i.
func (c *call) lift(i int) float32 {
	if i >= len(c.ruling.lifts) {
		return 0
	}
	return c.ruling.lifts[i]
}
