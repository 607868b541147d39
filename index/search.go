package index

import (
	"slices"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
)

const (
	block      = 64         // rows a kernel call scores; the stop is checked between blocks
	clockEvery = 32 * block // rows between two looks at the clock
)

// Search appends the best q.K rows to dst, best first, and returns the extended slice. Fewer come back only where
// fewer are allowed, or the deadline came: the first rows are always scanned, so that there is an answer to give.
// q.Vector must have Dim numbers.
func (x *Index) Search(dst []Hit, q *Query, s *Scratch) []Hit {
	s.Stats = Stats{}
	if len(q.Vector) != x.Dim() {
		panic("BUG: index: query of another dimension than the index")
	}
	k := min(q.K, x.Len())
	if k < 1 {
		return dst
	}
	s.query.Set(q.Vector)
	dst = slices.Grow(dst, k)
	best := top{hits: dst[len(dst):len(dst)], k: k}
	x.scan(&best, q, s)
	best.sort()
	return dst[:len(dst)+len(best.hits)]
}

func (x *Index) scan(best *top, q *Query, s *Scratch) {
	clock := q.Clock
	if clock == nil {
		clock = time.Now
	}
	for at := 0; at < x.Len(); at += block {
		if best.full() && s.query.Bound(x.norms[at]) < float64(best.hits[0].Score) {
			return
		}
		if at > 0 && at%clockEvery == 0 && !q.Deadline.IsZero() && !clock().Before(q.Deadline) {
			s.Stats.Truncated = true
			return
		}
		x.scanBlock(best, q, s, at)
	}
}

func (x *Index) scanBlock(best *top, q *Query, s *Scratch, at int) {
	n := min(block, x.Len()-at)
	stride := len(s.query.Codes)
	dots := s.dots[:n]
	kernel.DotRowsI8I16(dots, x.rows.Codes[at*stride:][:n*stride], s.query.Codes)
	s.Stats.Scanned += n
	order, scales := x.order[at:][:n], x.rows.Scales[at:][:n]
	for i, dot := range dots {
		hit := Hit{Row: order[i], Score: s.query.Score(dot, scales[i])}
		if best.full() && !hit.Before(best.hits[0]) || !q.mayReturn(hit.Row) {
			continue
		}
		best.add(hit)
		s.Stats.Reranked++
	}
}

func (q *Query) mayReturn(row edged.Row) bool {
	if q.Allowed != nil {
		word := int(row / 64)
		if word >= len(q.Allowed) || q.Allowed[word]>>(row%64)&1 == 0 {
			return false
		}
	}
	if len(q.Exclude) == 0 {
		return true
	}
	_, excluded := slices.BinarySearch(q.Exclude, row)
	return !excluded
}
