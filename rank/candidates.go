package rank

import (
	"github.com/edged/edged"
	"github.com/edged/edged/index"
)

// Candidates of a blend, all that may come of them:
//
//	the history itself, where repeats or past visits count
//	every row that a table reaches
//	the headLength rows most popular of late, where popularity counts
//	all selected rows, where these are few enough to be listed;
//	else, where those above are fewer than enough, the searched rows nearest to the visitor's vector
//
// They depend on neither N nor Offset, so that pages continue one list.
const (
	headLength = 200
	enough     = 100
	searched   = 200
)

// gather collects the candidates. What the tables reach and may not come counts as not reached from here on.
func (r *Ranker) gather(f *fill) {
	b, h := &f.s.blend, &f.s.history
	b.rows, b.own = b.rows[:0], b.own[:0]
	b.extra.reset(len(h.rows) + headLength + max(searched, len(f.allowed.rows)))
	b.table.drop(f.s.exclude)
	b.session.drop(f.s.exclude)
	if b.byRepeat > 0 || b.byPast > 0 {
		f.gatherOwn()
	}
	f.gatherReached(&b.table, nil)
	f.gatherReached(&b.session, &b.table)
	if b.byPopular > 0 {
		f.gatherHead(r.head)
	}
	switch {
	case f.allowed.listed:
		f.gatherMore(r.head, f.allowed.rows)
	case len(b.rows) < enough && b.byFactors > 0 && !r.stop(f):
		f.gatherMore(r.head, r.nearest(f))
	}
}

// gatherOwn takes what is in the history.
func (f *fill) gatherOwn() {
	b := &f.s.blend
	for i, row := range f.s.history.rows {
		if f.may(row) {
			b.extra.add(row)
			b.rows, b.own = append(b.rows, row), append(b.own, i)
		}
	}
}

// gatherReached takes what a table reaches, another before it doesn't, and is not there yet.
func (f *fill) gatherReached(s, before *sums) {
	b := &f.s.blend
	own := len(b.own) > 0
	for _, row := range s.rows {
		if s.score[row] == 0 || before != nil && before.score[row] != 0 || !f.allowed.has(row) || own && b.extra.has(row) {
			continue
		}
		b.rows = append(b.rows, row)
	}
}

// gatherHead takes the rows most popular of late that no table reaches.
func (f *fill) gatherHead(head []edged.Row) {
	b := &f.s.blend
	own := len(b.own) > 0
	for _, row := range head {
		if b.table.score[row] == 0 && b.session.score[row] == 0 && f.may(row) && !(own && b.extra.has(row)) {
			b.rows = append(b.rows, row)
		}
	}
}

// gatherMore takes rows that no table reaches and that are not there yet.
func (f *fill) gatherMore(head, rows []edged.Row) {
	b := &f.s.blend
	if b.byPopular > 0 {
		for _, row := range head {
			b.extra.add(row)
		}
	}
	for _, row := range rows {
		if b.table.score[row] == 0 && b.session.score[row] == 0 && f.may(row) && b.extra.add(row) {
			b.rows = append(b.rows, row)
		}
	}
}

// nearest returns the rows nearest to the visitor's vector.
func (r *Ranker) nearest(f *fill) []edged.Row {
	s := f.s
	r.search(f, &index.Query{
		Vector: s.vector, K: searched, Exclude: s.exclude, Allowed: f.allowed.bits, Deadline: f.deadline, Clock: r.clock,
	})
	s.found = s.found[:0]
	for _, h := range s.hits {
		s.found = append(s.found, h.Row)
	}
	return s.found
}
