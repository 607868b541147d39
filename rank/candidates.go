package rank

import (
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
)

// Candidates of a blend, all that may come of them:
//
//	the history itself, where repeats or past visits count
//	every row that a table reaches
//	the headLength rows most popular of late, where popularity counts
//	all selected rows, where these are few enough to be listed;
//	else, where no table has a weight or those above are fewer than enough, the searched rows nearest to the visitor's vector
//
// They depend on neither N nor Offset, so that pages continue one list.
const (
	headLength = 200
	enough     = 100
	searched   = 200
)

// gather collects the candidates. Some of them may not come, or are there twice, which scoring finds out (eligible): most are never
// scored.
func (r *Ranker) gather(f *fill) {
	b, h := &f.s.blend, &f.s.history
	b.at, b.own = b.at[:0], b.own[:0]
	if b.byRepeat > 0 || b.byPast > 0 {
		b.mine.reset(len(h.rows))
		f.gatherOwn()
	}
	f.gatherReached(&b.table, nil)
	f.gatherReached(&b.session, &b.table)
	if b.byPopular > 0 {
		f.gatherHead(r.head)
	}
	switch {
	case f.allowed.listed:
		f.gatherMore(r.head, below(f.allowed.rows, r.m.Base()))
	case b.byFactors > 0 && (!f.reaches() || f.fewEligible()) && !r.stop(f):
		f.gatherMore(r.head, r.nearest(f))
	}
}

// below returns the rows of an ascending list that are below n.
func below(rows []edged.Row, n int) []edged.Row {
	at, _ := slices.BinarySearch(rows, edged.Row(n))
	return rows[:at]
}

// gatherOwn takes what is in the history.
func (f *fill) gatherOwn() {
	b := &f.s.blend
	for i, row := range f.s.history.rows {
		if f.allowed.plainly(row) && f.may(row) {
			b.mine.add(row)
			b.at, b.own = append(b.at, f.r.m.Place(row)), append(b.own, i)
		}
	}
}

// gatherReached takes what a table reaches and another before it doesn't. Where rows are selected, only those: of what is reached they
// may be few.
func (f *fill) gatherReached(s, before *sums) {
	b := &f.s.blend
	if !f.allowed.narrow && (before == nil || len(before.at) == 0) {
		b.at = append(b.at, s.at...)
		return
	}
	order := f.r.m.Order()
	for _, at := range s.at {
		if (before == nil || before.score[at] == 0) && f.allowed.has(order[at]) {
			b.at = append(b.at, at)
		}
	}
}

// gatherHead takes the rows most popular of late that no table reaches.
func (f *fill) gatherHead(head []uint32) {
	b := &f.s.blend
	n := len(b.at)
	b.at = append(b.at, head...)
	b.at = b.at[:n+len(b.session.unreached(b.table.unreached(b.at[n:])))]
}

// unreached leaves of some places those that are not reached, in the same memory.
func (s *sums) unreached(some []uint32) []uint32 {
	if len(s.at) == 0 {
		return some
	}
	n := 0
	for _, at := range some {
		some[n] = at // stays if it is not
		if s.score[at] == 0 {
			n++
		}
	}
	return some[:n]
}

// eligible reports whether the candidate at a place may come, and is not there before.
func (f *fill) eligible(place int) bool {
	b := &f.s.blend
	row := edged.Row(f.r.m.Briefs()[b.at[place]].Row)
	return f.allowed.plainly(row) && f.may(row) && (place < len(b.own) || len(b.own) == 0 || !b.mine.has(row))
}

// reaches reports whether the stage weighs a table, so that it names candidates.
func (f *fill) reaches() bool {
	stage := f.s.blend.plan.Stage(len(f.s.history.rows))
	return stage.Table > 0 || stage.Session > 0
}

// fewEligible reports whether fewer than enough candidates are eligible.
func (f *fill) fewEligible() bool {
	b := &f.s.blend
	if f.allowed.plain == nil && len(b.at) >= enough+len(f.s.exclude)+len(b.own) {
		return false
	}
	n := 0
	for place := range b.at {
		if f.eligible(place) {
			if n++; n == enough {
				return false
			}
		}
	}
	return true
}

// gatherMore takes rows that no table reaches and that are not there yet.
func (f *fill) gatherMore(head []uint32, rows []edged.Row) {
	b := &f.s.blend
	b.extra.reset(len(head) + len(rows))
	if b.byPopular > 0 {
		for _, at := range head {
			b.extra.add(edged.Row(at))
		}
	}
	for _, row := range rows {
		at := f.r.m.Place(row)
		if b.table.score[at] == 0 && b.session.score[at] == 0 && b.extra.add(edged.Row(at)) {
			b.at = append(b.at, at)
		}
	}
}

// nearest returns the rows nearest to the visitor's vector.
func (r *Ranker) nearest(f *fill) []edged.Row {
	s := f.s
	r.search(f, &index.Query{
		Vector: s.fold.x, K: searched, Exclude: s.exclude, Deadline: f.deadline, Clock: r.clock,
	})
	s.found = s.found[:0]
	for _, h := range s.hits {
		s.found = append(s.found, h.Row)
	}
	return s.found
}
