package rank

import "github.com/edged/edged/index"

// FoldIn appends the vector of a visitor with this history, all of it, to dst: model.Dim numbers, zero without items
// that count. Ages don't count.
func (r *Ranker) FoldIn(dst []float32, s *Scratch, recent []Recent) []float32 {
	s.fold.setAgeless(r.m, recent)
	s.fold.solve(r.m)
	return append(dst, s.fold.x...)
}

// Recommend answers q into a.
func (r *Ranker) Recommend(a *Answer, s *Scratch, q *Request) {
	a.reset()
	recent := q.Recent[:min(len(q.Recent), MaxHistory)]
	goal := r.Goal(q)
	r.fetchVectors(recent)
	p := r.planFor(goal, q.ExcludeSeen)
	if p != nil && q.Rules != nil && q.Rules.Bends() && !(q.Relevance > 0) {
		n := q.N
		if q.Rules.Arranges() {
			n = q.depth()
		}
		f := r.newCall(a, s, q, n)
		f.rules = q.Rules
		if r.blended(&f, p, recent); f.full() {
			r.finish(&f, q)
			return
		}
		a.reset()
	}
	f := r.newCall(a, s, q, q.depth())
	if p != nil {
		r.blended(&f, p, recent)
	} else {
		r.personal(&f, recent)
	}
	if !(q.Relevance > 0) {
		f.ladder(q.Setting, q.Live, q.LiveGlobal)
	}
	r.finish(&f, q)
}

// finish ends an answer.
func (r *Ranker) finish(f *fill, q *Request) {
	f.done()
	if !q.Explain {
		return
	}
	for i := range f.a.Items {
		r.Explain(f.a, f.s, q, &f.a.Items[i])
	}
}

// depth returns how long a list is wanted where rules choose among what scores best: there may be others in it that they want to go.
func (q *Request) depth() int {
	if q.Rules == nil || !q.Rules.Narrows() && !q.Rules.Reorders() {
		return q.N
	}
	return min(4*min(q.N, MaxDepth)+50, MaxDepth)
}

// newCall begins to fill an answer with n items.
func (r *Ranker) newCall(a *Answer, s *Scratch, q *Request, n int) fill {
	f := r.newFill(a, s, n, q.Offset)
	s.setExclude(q, r.Goal(q), f.skip+f.want)
	f.allowed = r.allowedFor(s, q)
	f.deadline, f.relevance = q.Deadline, q.Relevance
	f.best = q.Best
	return f
}

// fetchVectors has the CPU fetch all vectors of a history at once; one after the other they would be waited for.
func (r *Ranker) fetchVectors(recent []Recent) {
	for i := range recent {
		if recent[i].counts(r.m) {
			r.m.FetchVector(recent[i].Row)
		}
	}
}

// personal adds what the visitor's vector finds.
func (r *Ranker) personal(f *fill, recent []Recent) {
	s := f.s
	s.vector = r.FoldIn(s.vector[:0], s, recent)
	if len(s.fold.rows) == 0 || f.full() {
		return
	}
	r.searchAll(f, &index.Query{
		Vector: s.vector, K: f.skip + f.want, Exclude: s.exclude, Deadline: f.deadline, Clock: r.clock,
	})
	for _, h := range s.hits {
		if h.Score <= 0 || h.Score < f.least(s.hits[0].Score) || f.full() {
			return
		}
		if item := f.add(h.Row, h.Score, SourcePersonal, Personal); item != nil {
			item.Reason.Terms.Boost = f.lift(item, item.Score/r.boostOf(item.Row))
		}
	}
}

// search leaves its hits in the scratch: rows that may come.
func (r *Ranker) search(f *fill, q *index.Query) {
	f.allowed.restrict(q)
	f.s.hits = r.m.Index().Search(f.s.hits[:0], q, &f.s.search)
	stats := &f.s.search.Stats
	f.a.Scanned += stats.Scanned
	f.a.Reranked += stats.Reranked
	f.a.Truncated = f.a.Truncated || stats.Truncated
}
