package index

import (
	"math/bits"
	"slices"
	"sort"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
)

const (
	gatherShare = 16   // allowed rows are scored one by one where they are one of so many,
	gatherMost  = 4096 // at most so many,
	gatherMin   = 256  // or so few
	gatherBatch = 512  // rows that are scored at a time: the first of them give the rest a limit
	leadShare   = 4    // of the rows in the order of their lengths, scored first
	samples     = 64   // words that are counted before any row is listed
)

func (q *Query) allows(row edged.Row) bool {
	return q.Allowed == nil || isSet(q.Allowed, row)
}

// fewBits has a bit set for each number of a list, which it may share with others: a number whose bit is not set is not in the list.
type fewBits [8]uint64

func (b *fewBits) add(n uint32) { b[n/64%8] |= 1 << (n % 64) }

func (b *fewBits) has(n uint32) bool { return b[n/64%8]>>(n%64)&1 != 0 }

// exclude notes what must not be returned: by places, where rows know theirs, so that nothing is read of a row found but its place.
func (r *run) exclude() {
	x, bits := r.x, &r.s.excluded
	*bits = fewBits{}
	for _, row := range r.q.Exclude {
		switch {
		case x.place == nil:
			bits.add(uint32(row))
		case int(row) < len(x.place):
			bits.add(x.place[row])
		}
	}
}

// excluded reports whether the row at a place must not be returned, however good it is.
func (r *run) excluded(place uint32) bool {
	n := place
	if r.x.place == nil {
		n = uint32(r.x.order[place])
	}
	if !r.s.excluded.has(n) {
		return false
	}
	_, excluded := slices.BinarySearch(r.q.Exclude, r.x.order[place])
	return excluded
}

// isSet reports whether a row's bit is set; missing words are zero.
func isSet(words []uint64, row edged.Row) bool {
	word := int(row / 64)
	return word < len(words) && words[word]>>(row%64)&1 != 0
}

// fewAllowed lists the rows that may be returned in s.rows and reports true, if they are so few that scoring them all is
// cheapest.
func (x *Index) fewAllowed(q *Query, s *Scratch) bool {
	most := max(gatherMin, min(gatherMost, x.Len()/gatherShare))
	words := q.Allowed[:min(len(q.Allowed), (x.Len()+63)/64)]
	if sampled(words) > most {
		return false
	}
	s.rows = slices.Grow(s.rows[:0], gatherMost+8*64+2)
	for at := 0; at < len(words); at += 8 {
		part := words[at:min(at+8, len(words))]
		if len(part) == 8 && part[0]|part[1]|part[2]|part[3]|part[4]|part[5]|part[6]|part[7] == 0 {
			continue
		}
		if s.rows = appendBits(s.rows, part, edged.Row(at*64)); len(s.rows) > most {
			return false
		}
	}
	s.rows = q.without(s.rows, x.Len())
	return true
}

// sampled returns three quarters of how many bits are set, by words spread evenly.
func sampled(words []uint64) int {
	step := len(words)/samples + 1
	n := 0
	for at := 0; at < len(words); at += step {
		n += bits.OnesCount64(words[at])
	}
	return n * step * 3 / 4
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

// gather scores the rows fewAllowed has listed. Where they are more than a batch and all rows are in the order of their lengths the
// long ones come first, and those too short to enter then are left out.
func (r *run) gather() {
	x, rows := r.x, r.s.rows
	for i, row := range rows {
		rows[i] = edged.Row(x.place[row])
	}
	if len(rows) <= gatherBatch || x.layout == nil || x.layout.Cells() > 1 {
		r.gatherAt(rows)
		return
	}
	long := before(rows, edged.Row(x.Len()/leadShare))
	if r.gatherAt(rows[:long]) {
		rest := rows[long:]
		r.gatherAt(rest[:before(rest, r.enough())])
	}
}

// before moves the places that come before another one to the front, and returns how many there are.
func before(places []edged.Row, end edged.Row) int {
	n := 0
	for i, p := range places {
		places[i], places[n] = places[n], p
		front := 0 // no branch to guess
		if p < end {
			front = 1
		}
		n += front
	}
	return n
}

// enough returns the place from which on no row is long enough to enter.
func (r *run) enough() edged.Row {
	s, norms := r.s, r.x.norms
	if !s.best.full() {
		return edged.Row(r.x.Len())
	}
	return kernel.BlockRows * edged.Row(sort.Search(len(norms), func(b int) bool {
		return s.query.Bound(float64(norms[b])) < float64(s.best.limit)
	}))
}

// gatherAt scores the rows of places, and reports whether the deadline let it.
func (r *run) gatherAt(places []edged.Row) bool {
	s := r.s
	for len(places) > 0 {
		n := min(gatherBatch, len(places))
		s.cand = s.cand[:n]
		for i, p := range places[:n] {
			s.cand[i] = uint32(p)
		}
		places = places[n:]
		s.Stats.Scanned += n
		r.rerank()
		if r.late() {
			return false
		}
	}
	return true
}
