package rank

import (
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/model"
	"github.com/edged/edged/trend"
)

// begin prepares an answer without a visitor.
func (r *Ranker) begin(a *Answer, s *Scratch, only *model.Selection, n int) fill {
	a.reset()
	f := r.newFill(a, s, n, 0)
	s.setExclude(&Request{}, "", f.want+1)
	f.allowed = s.only.restrict(r.allowedAt(time.Time{}), only, r.m.Len())
	return f
}

// within leaves of what may come what is selected, nil for all.
func (f *fill) within(rows *model.Selection) {
	if rows != nil {
		f.allowed = f.s.obeyed.restrict(f.allowed, rows, f.r.m.Len())
	}
}

// Similar answers with n items like row: its neighbours, then those its vector finds with a positive score, then the
// popular ones. Only selected rows come, here and below, unless only is nil; they are those of this release's model.
func (r *Ranker) Similar(a *Answer, s *Scratch, row edged.Row, only *model.Selection, n int) {
	f := r.begin(a, s, only, n)
	if int64(row) < int64(r.m.Len()) {
		s.exclude = append(s.exclude, row)
		s.taken.add(row)
		r.neighbours(&f, row)
		r.byVector(&f, row)
	}
	f.popular()
	f.done()
}

func (r *Ranker) neighbours(f *fill, row edged.Row) {
	f.s.hits, f.a.Err = r.m.Neighbours(f.s.hits[:0], row, &f.s.buf)
	f.boostHits()
	f.addNeighbours(row)
}

func (r *Ranker) byVector(f *fill, row edged.Row) {
	if f.full() {
		return
	}
	s := f.s
	s.wide = r.m.AppendVector(s.wide[:0], row)
	s.vector = s.vector[:0]
	for _, x := range s.wide {
		s.vector = append(s.vector, float32(x))
	}
	r.searchAll(f, &index.Query{Vector: s.vector, K: 2 * f.want, Exclude: s.exclude, Clock: r.clock})
	f.addSimilar(row, SourceVector)
}

// addSimilar adds the scratch's hits with a positive score.
func (f *fill) addSimilar(to edged.Row, source Source) { f.addLike(to, f.s.hits, source) }

func (f *fill) addLike(to edged.Row, hits []index.Hit, source Source) {
	for _, h := range hits {
		if f.full() {
			return
		}
		if h.Score <= 0 {
			continue
		}
		if item := f.add(h.Row, h.Score, source, Session); item != nil {
			from := len(f.a.rows)
			f.a.rows, f.a.shares = append(f.a.rows, to), append(f.a.shares, h.Score)
			item.Reason = Reason{Code: SimilarTo, Rows: f.a.rows[from:], Shares: f.a.shares[from:]}
		}
	}
}

// Trending answers with n items trending in a country ("" = everywhere): those of the live list, which may be nil, then
// what was trending there and everywhere as of the release, then the popular ones. Of selected rows those come alone that are
// within a second selection, too, unless that is nil.
func (r *Ranker) Trending(a *Answer, s *Scratch, country string, live *trend.List, only, within *model.Selection, n int) {
	f := r.begin(a, s, only, n)
	f.within(within)
	f.ladder(edged.Setting{Country: country}, live, nil)
	f.done()
}

// Popular answers with the n most popular items, selected as for Trending.
func (r *Ranker) Popular(a *Answer, s *Scratch, only, within *model.Selection, n int) {
	f := r.begin(a, s, only, n)
	f.within(within)
	f.popular()
	f.done()
}
