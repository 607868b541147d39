package rank

import (
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// only is the working memory of a call that asks for selected rows.
type only struct {
	allowed allowed
	both    []uint64    // a bitmap: selected, and may be recommended
	plain   []uint64    // both but for special rows
	listed  []uint64    // another, zero but for rows
	rows    []edged.Row // a list of the same
	ranked  []edged.Row // of those selected twice, or by popularity
}

// allowedFor returns which rows may come in the answer to a request.
func (r *Ranker) allowedFor(s *Scratch, q *Request) *allowed {
	a := s.only.restrict(r.allowedAt(q.Now), q.Only, r.m.Len())
	if q.Obey != nil && q.Obey.Refuses() {
		return s.obeyed.restrict(a, r.obeying(q.Obey, s), r.m.Len())
	}
	return a
}

// restrict returns which of the selected rows may be recommended. n is how many rows there are. What it returns is
// valid until the next call.
func (o *only) restrict(to *allowed, selected *model.Selection, n int) *allowed {
	if selected == nil {
		return to
	}
	if selected.Total() != n {
		panic("BUG: rank: rows selected in another release")
	}
	o.allowed = *to
	o.allowed.narrow, o.allowed.filter = true, selected.Filter()
	o.allowed.open = o.allowed.filter != nil && to.plain == nil
	rows, ok := selected.Rows()
	if !ok && to.listed {
		rows, ok = o.common(to.rows, selected), true
	}
	if ok {
		o.list(to, rows, n)
		o.allowed.bits, o.allowed.rows, o.allowed.listed = o.listed, o.rows, true
		return o.withPlain()
	}
	o.allowed.bits = selected.Bits()
	if to.bits != nil {
		o.both = append(o.both[:0], to.bits...)
		for i, w := range o.allowed.bits {
			o.both[i] &= w
		}
		o.allowed.bits = o.both
	}
	return o.withPlain()
}

// common takes the rows of a list that are selected.
func (o *only) common(rows []edged.Row, selected *model.Selection) []edged.Row {
	o.ranked = o.ranked[:0]
	for _, row := range rows {
		if selected.Has(row) {
			o.ranked = append(o.ranked, row)
		}
	}
	return o.ranked
}

// withPlain takes the special rows out of those that searches find.
func (o *only) withPlain() *allowed {
	a := &o.allowed
	a.plain = a.bits
	if a.special != nil {
		o.plain = append(o.plain[:0], a.bits...)
		for i, w := range a.special {
			o.plain[i] &^= w
		}
		a.plain = o.plain
	}
	return a
}

// list takes the rows that may be recommended. Their bits are undone by name: there are few.
func (o *only) list(to *allowed, rows []edged.Row, n int) {
	if words := (n + 63) / 64; len(o.listed) != words {
		o.listed = make([]uint64, words)
	} else {
		for _, row := range o.rows {
			o.listed[row/64] = 0
		}
	}
	o.rows = o.rows[:0]
	for _, row := range rows {
		if to.has(row) {
			o.rows = append(o.rows, row)
			o.listed[row/64] |= 1 << (row % 64)
		}
	}
}

// fewListed reports whether sorting the listed rows costs less than meeting want of them among n.
func (a *allowed) fewListed(want, n int) bool {
	return a.listed && 8*len(a.rows)*len(a.rows) < (want+1)*n
}

// byPopularity returns listed rows, the most popular first.
func (o *only) byPopularity(r *Ranker, rows []edged.Row) []edged.Row {
	o.ranked = append(o.ranked[:0], rows...)
	slices.SortFunc(o.ranked, func(a, b edged.Row) int {
		switch pa, pb := r.popularityOf(a), r.popularityOf(b); {
		case pa > pb || pa == pb && a < b:
			return -1
		case a == b:
			return 0
		}
		return 1
	})
	return o.ranked
}
