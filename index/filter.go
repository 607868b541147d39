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
	lookAhead   = 256  // words that are counted before any row is listed
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

// fewAllowed lists the rows that may be returned in s.rows and reports true, if they are so few that scoring them all is
// cheapest.
func (x *Index) fewAllowed(q *Query, s *Scratch) bool {
	most := max(gatherMin, min(gatherMost, x.Len()/gatherShare))
	words := q.Allowed[:min(len(q.Allowed), (x.Len()+63)/64)]
	n := 0
	for _, w := range words[:min(len(words), lookAhead)] {
		n += bits.OnesCount64(w)
	}
	if n > most {
		return false
	}
	s.rows = slices.Grow(s.rows[:0], gatherMost+2)
	n = 0
	for at := 0; at < len(words); at += 8 {
		part := words[at:min(at+8, len(words))]
		if len(part) == 8 && part[0]|part[1]|part[2]|part[3]|part[4]|part[5]|part[6]|part[7] == 0 {
			continue
		}
		for _, w := range part {
			n += bits.OnesCount64(w)
		}
		if n > most {
			return false
		}
		s.rows = appendBits(s.rows, part, edged.Row(at*64))
	}
	s.rows = q.without(s.rows, x.Len())
	return true
}

// appendBits appends the rows whose bits are set, the first bit being row from. There must be room for two more than there are: two
// are written for each word whether or not they are set, which no branch has to guess.
func appendBits(rows []edged.Row, words []uint64, from edged.Row) []edged.Row {
	n := len(rows)
	rows = rows[:cap(rows)]
	for _, w := range words {
		count := bits.OnesCount64(w)
		for at := n; ; at += 2 {
			d := (*[2]edged.Row)(rows[at:])
			d[0] = from + edged.Row(bits.TrailingZeros64(w))
			w &= w - 1
			d[1] = from + edged.Row(bits.TrailingZeros64(w))
			if w &= w - 1; w == 0 {
				break
			}
		}
		n += count
		from += 64
	}
	return rows[:n]
}

// without takes rows off that are excluded or do not exist. Both lists are ascending.
func (q *Query) without(rows []edged.Row, n int) []edged.Row {
	for len(rows) > 0 && int(rows[len(rows)-1]) >= n {
		rows = rows[:len(rows)-1]
	}
	if len(q.Exclude) == 0 {
		return rows
	}
	return slices.DeleteFunc(rows, func(row edged.Row) bool {
		_, excluded := slices.BinarySearch(q.Exclude, row)
		return excluded
	})
}

// gather scores the rows fewAllowed has listed.
func (r *run) gather() {
	s, place := r.s, r.x.place
	batch := 64 // small ones first, so that most meet a limit
	for rows := s.rows; len(rows) > 0; batch = min(2*batch, 512) {
		n := min(batch, len(rows))
		s.cand = s.cand[:n]
		for i, row := range rows[:n] {
			s.cand[i] = place[row]
		}
		rows = rows[n:]
		s.Stats.Scanned += n
		r.rerank()
		if r.late() {
			return
		}
	}
}
