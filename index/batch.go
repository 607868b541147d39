package index

import (
	"slices"

	"github.com/edged/edged/internal/kernel"
)

const (
	batchMost = 8         // queries that share a pass
	span      = 4 * block // rows of a step
)

// BatchScratch is the working memory of SearchBatch. The zero BatchScratch is ready.
type BatchScratch struct {
	Stats []Stats // of each query

	each   [batchMost]Scratch
	runs   [batchMost]run
	active []int   // of the runs, those that still want rows of this cell
	codes  []int16 // of the active queries, one after the other
	dots   []int32
}

// SearchBatch answers several queries; dst[i] is overwritten with the hits of query i, and dst grows where it is too
// short. The answers are those of Search. Queries that scan every row exactly share passes over the rows, up to 8 at a time,
// which costs far less memory traffic than one after the other; the others gain nothing. A single request should not wait for
// company.
func (x *Index) SearchBatch(dst [][]Hit, qs []Query, s *BatchScratch) [][]Hit {
	dst = slices.Grow(dst[:0], len(qs))[:len(qs)]
	s.Stats = slices.Grow(s.Stats[:0], len(qs))[:len(qs)]
	for from := 0; from < len(qs); from += batchMost {
		to := min(from+batchMost, len(qs))
		x.searchGroup(dst[from:to], qs[from:to], s)
		for i := range to - from {
			s.Stats[from+i] = s.each[i].Stats
		}
	}
	return dst
}

// shares reports whether a query scans all rows.
func (x *Index) shares(q *Query, s *Scratch) bool {
	_, approximate := x.Setting(q)
	return len(q.Vector) == x.Dim() && min(q.K, x.Len()) > 0 && !approximate && q.Filter == nil &&
		!(x.place != nil && q.Allowed != nil && x.fewAllowed(q, s))
}

func (x *Index) searchGroup(dst [][]Hit, qs []Query, s *BatchScratch) {
	var together [batchMost]int
	n := 0
	for i := range qs {
		if x.shares(&qs[i], &s.each[i]) {
			together[n] = i
			n++
			continue
		}
		dst[i] = x.Search(dst[i][:0], &qs[i], &s.each[i])
	}
	for j, i := range together[:n] {
		q := &qs[i]
		s.each[i].Stats = Stats{}
		s.runs[j] = x.start(q, &s.each[i], min(q.K, x.Len()))
		s.runs[j].slack = s.runs[j].surely()
		if x.layout != nil {
			s.runs[j].centres()
		}
	}
	if n > 0 {
		x.sharedPass(s.runs[:n], s)
	}
	for j, i := range together[:n] {
		dst[i] = s.each[i].best.appendHits(dst[i][:0])
		s.runs[j] = run{} // keeps nothing of the caller's alive
	}
}

// sharedPass scans all cells, or all rows, for all runs.
func (x *Index) sharedPass(runs []run, s *BatchScratch) {
	if x.layout == nil {
		s.wake(runs, -1)
		s.pass(x, runs, 0, x.Len(), 0)
		return
	}
	l := x.layout
	for c := range l.Cells() {
		if s.wake(runs, c); len(s.active) > 0 {
			s.pass(x, runs, int(l.Starts[c]), int(l.Starts[c+1]), int(x.first[c]))
		}
	}
}

// wake makes active the runs that may find one of their best in cell c, −1 being all rows.
func (s *BatchScratch) wake(runs []run, c int) {
	s.active = s.active[:0]
	for j := range runs {
		r := &runs[j]
		if r.s.Stats.Truncated || c >= 0 && r.s.best.full() && r.s.upper[c] < r.s.best.limit {
			continue
		}
		if c >= 0 {
			r.s.Stats.Cells++
		}
		s.active = append(s.active, j)
	}
}

// pass scans the rows of the places from … to for the active runs, each until it needs no more.
func (s *BatchScratch) pass(x *Index, runs []run, from, to, firstBlock int) {
	s.gatherCodes(runs)
	for at := from; at < to && len(s.active) > 0; at += span {
		n := min(span, to-at)
		if s.rest(runs, firstBlock+(at-from)/kernel.BlockRows) {
			s.gatherCodes(runs)
		}
		if len(s.active) == 0 {
			return
		}
		stride := len(s.codes) / len(s.active)
		s.dots = slices.Grow(s.dots[:0], n*batchMost)[:n*len(s.active)]
		kernel.DotBatchI8I16(s.dots, x.rows.Codes[at*stride:(at+n)*stride], s.codes, stride)
		for i, j := range s.active {
			runs[j].weigh(s.dots[i*n:][:n], at)
		}
	}
}

// rest takes runs off the active ones that no row from a block on can satisfy, or whose time is up.
func (s *BatchScratch) rest(runs []run, b int) (changed bool) {
	before := len(s.active)
	s.active = slices.DeleteFunc(s.active, func(j int) bool {
		r := &runs[j]
		if r.s.best.full() && r.s.query.Bound(float64(r.x.norms[b])) < float64(r.s.best.limit) {
			return true
		}
		return r.late()
	})
	return len(s.active) != before
}

func (s *BatchScratch) gatherCodes(runs []run) {
	s.codes = s.codes[:0]
	for _, j := range s.active {
		s.codes = append(s.codes, runs[j].s.query.Codes...)
	}
}
