package rank

import (
	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/model"
)

// Together answers with n items that go with row: those its row of the local ridge table weighs most, which visitors who had it had too
// when all else they had is accounted for; then those that come next to it in sessions; then what Similar gives. Only selected rows come,
// unless only is nil.
func (r *Ranker) Together(a *Answer, s *Scratch, row edged.Row, only *model.Selection, n int) {
	f := r.begin(a, s, only, n)
	if int64(row) < int64(r.m.Len()) {
		s.exclude = append(s.exclude, row)
		s.taken.add(row)
		f.together(row, r.m.Table())
		f.together(row, r.m.SessionTable())
		if !f.full() {
			r.neighbours(&f, row)
			r.byVector(&f, row)
		}
	}
	f.popular()
	f.done()
}

// together adds a row of a table, which may be nil, the largest weights first.
func (f *fill) together(row edged.Row, t *model.Table) {
	if t == nil || f.full() {
		return
	}
	list, err := t.Row(row, &f.s.blend.table.buf)
	if err != nil {
		f.a.Err = err
		return
	}
	f.s.hits = f.s.hits[:0]
	for i, to := range list.Rows {
		f.s.hits = append(f.s.hits, index.Hit{Row: to, Score: float32(list.Scale * float32(list.Codes[i]))})
	}
	sortHits(f.s.hits)
	f.boostHits()
	f.addSimilar(row, SourceTogether)
}
