package rank

import (
	"github.com/edged/edged"
	"github.com/edged/edged/index"
)

// FoldIn appends the vector of a visitor with this history, all of it, to dst: model.Dim numbers, zero without items
// that count.
func (r *Ranker) FoldIn(dst []float32, s *Scratch, recent []Recent) []float32 {
	s.fold.set(r.m, recent)
	s.fold.solve()
	for _, x := range s.fold.x {
		dst = append(dst, float32(x))
	}
	return dst
}

// Recommend answers q into a.
func (r *Ranker) Recommend(a *Answer, s *Scratch, q *Request) {
	a.reset()
	s.setExclude(q)
	f := r.newFill(a, s, q.N, q.Offset)
	f.allowed = s.only.restrict(r.allowedAt(q.Now), q.Only, r.m.Len())
	f.explain = q.Explain
	r.personal(&f, q)
	f.ladder(q.Country, q.Live, q.LiveGlobal)
	f.done()
}

func (r *Ranker) personal(f *fill, q *Request) {
	recent := q.Recent[:min(len(q.Recent), MaxHistory)]
	s := f.s
	s.vector = r.FoldIn(s.vector[:0], s, recent)
	if len(s.fold.rows) == 0 || f.full() {
		return
	}
	r.search(f, &index.Query{
		Vector: s.vector, K: f.skip + f.want, Exclude: s.exclude, Allowed: f.allowed.bits, Deadline: q.Deadline, Clock: r.clock,
	})
	for _, h := range s.hits {
		if h.Score <= 0 || f.full() {
			return
		}
		if item := f.add(h.Row, h.Score, SourcePersonal, Personal); item != nil && q.Explain {
			r.explain(f.a, s, item, recent)
		}
	}
}

// search leaves its hits in the scratch.
func (r *Ranker) search(f *fill, q *index.Query) {
	f.s.hits = r.m.Index().Search(f.s.hits[:0], q, &f.s.search)
	stats := &f.s.search.Stats
	f.a.Scanned += stats.Scanned
	f.a.Reranked += stats.Reranked
	f.a.Truncated = f.a.Truncated || stats.Truncated
}

// explain fills in the reason of a personal item.
func (r *Ranker) explain(a *Answer, s *Scratch, item *Item, recent []Recent) {
	shares := s.fold.shares(r.m, item.Row)
	from := len(a.rows)
	rest := item.Score
	for range maxReasons {
		best := largest(shares)
		if best < 0 {
			break
		}
		share := float32(shares[best])
		a.rows = append(a.rows, s.fold.rows[best])
		a.shares = append(a.shares, share)
		rest -= share
		shares[best] = 0 // told
	}
	item.Reason = Reason{Code: SimilarTo, Rows: a.rows[from:], Shares: a.shares[from:], Rest: rest}
	if len(item.Reason.Rows) > 0 {
		item.Reason.Code = codeOf(recent, item.Reason.Rows[0])
	}
}

const maxReasons = 3

// largest returns where the largest positive share is, −1 without one.
func largest(shares []float64) int {
	best := -1
	for i, x := range shares {
		if x > 0 && (best < 0 || x > shares[best]) {
			best = i
		}
	}
	return best
}

// codeOf says what the visitor did to the row, the latest event counting.
func codeOf(recent []Recent, row edged.Row) string {
	for i := range recent {
		if recent[i].Row != row || !(recent[i].Weight > 0) {
			continue
		}
		switch recent[i].Type {
		case "":
			return SimilarTo
		case edged.Purchase:
			return BecauseBought
		case edged.Like:
			return BecauseLiked
		}
		return BecauseViewed
	}
	return SimilarTo
}
