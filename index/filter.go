package index

import (
	"math/bits"
	"slices"

	"github.com/edged/edged"
)

const (
	gatherShare = 16   // allowed rows are scored one by one where they are one of so many,
	gatherMost  = 4096 // at most so many,
	gatherMin   = 256  // or so few
)

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

// fewAllowed reports whether the allowed rows are so few that scoring them all is cheapest.
func (x *Index) fewAllowed(allowed []uint64) bool {
	most := max(gatherMin, min(gatherMost, x.Len()/gatherShare))
	n := 0
	for i, w := range allowed[:min(len(allowed), (x.Len()+63)/64)] {
		if n += bits.OnesCount64(w); i%64 == 0 && n > most {
			return false
		}
	}
	return n <= most
}

// gather scores all allowed rows.
func (r *run) gather() {
	x, s := r.x, r.s
	s.cand = s.cand[:0]
	batch := 32 // small ones first, so that most meet a limit
	for i, w := range r.q.Allowed[:min(len(r.q.Allowed), (x.Len()+63)/64)] {
		for ; w != 0; w &= w - 1 {
			row := edged.Row(i*64 + bits.TrailingZeros64(w))
			if int(row) >= x.Len() {
				break
			}
			if len(r.q.Exclude) > 0 {
				if _, excluded := slices.BinarySearch(r.q.Exclude, row); excluded {
					continue
				}
			}
			s.cand = append(s.cand, x.place[row])
		}
		if len(s.cand) >= batch {
			batch = min(2*batch, 256)
			s.Stats.Scanned += len(s.cand)
			r.rerank()
			if r.late() {
				return
			}
		}
	}
	s.Stats.Scanned += len(s.cand)
	r.rerank()
}
