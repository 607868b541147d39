package model

import (
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
)

// Selection is a set of rows of one model: those that meet a filter. It is a list where they are few, else a bitmap.
// The zero Selection is empty. Model.Select fills it and uses its memory again: what Rows and Bits give out is valid
// until then. It may be read by any number of goroutines while nobody fills it.
type Selection struct {
	total int         // rows of the model
	count int         // known once settled
	dense bool        // bits say it, not rows
	rows  []edged.Row // ascending once settled
	bits  []uint64

	filter atomic.Pointer[index.Filter]
}

// SelectionOf returns the rows of a bitmap, bit row%64 of word row/64, over all n rows of a model. The bitmap is the Selection's from then on.
func SelectionOf(bits []uint64, n int) *Selection {
	s := &Selection{total: n, dense: true, bits: bits}
	s.settle()
	return s
}

// Len returns how many rows are selected.
func (s *Selection) Len() int { return s.count }

// Total returns how many rows the model has in which they were selected.
func (s *Selection) Total() int { return s.total }

// Rows returns the rows, ascending, where they are few; ok is false where Bits says which they are.
func (s *Selection) Rows() (rows []edged.Row, ok bool) { return s.rows, !s.dense }

// Bits returns a bitmap of the rows, bit row%64 of word row/64, where they are many; nil where Rows lists them.
func (s *Selection) Bits() []uint64 {
	if !s.dense {
		return nil
	}
	return s.bits
}

// Has reports whether a row is selected.
func (s *Selection) Has(row edged.Row) bool {
	if s.dense {
		return int(row) < s.total && hasBit(s.bits, row)
	}
	_, ok := slices.BinarySearch(s.rows, row)
	return ok
}

// Choose fills dst with the rows for which has is true. Any number of goroutines may call it at once, each with its own dst.
func (m *Model) Choose(dst *Selection, has func(edged.Row) bool) {
	dst.reset(m.Len())
	dst.setDense()
	for i := range dst.total {
		if row := edged.Row(i); has(row) {
			dst.bits[row/64] |= 1 << (row % 64)
		}
	}
	dst.settle()
}

// few is how many rows of n a list holds at most: half the bytes of a bitmap.
func few(n int) int { return max(256, n/64) }

func hasBit(b []uint64, row edged.Row) bool { return b[row/64]>>(row%64)&1 != 0 }

// reset makes it empty, over n rows.
func (s *Selection) reset(n int) {
	s.total, s.dense, s.rows = n, false, s.rows[:0]
	s.filter.Store(nil)
}

// setDense makes it a bitmap.
func (s *Selection) setDense() {
	if s.dense {
		return
	}
	words := (s.total + 63) / 64
	if cap(s.bits) < words {
		s.bits = make([]uint64, words)
	}
	s.bits = s.bits[:words]
	clear(s.bits)
	setBits(s.bits, s.rows)
	s.dense, s.rows = true, s.rows[:0]
}

func setBits[T ~uint32](b []uint64, rows []T) {
	for _, row := range rows {
		b[row/64] |= 1 << (row % 64)
	}
}

// add takes rows in any order, which may be there already.
func add[T ~uint32](s *Selection, rows []T) {
	if !s.dense && len(s.rows)+len(rows) > few(s.total) {
		s.setDense()
	}
	if s.dense {
		setBits(s.bits, rows)
		return
	}
	for _, row := range rows {
		s.rows = append(s.rows, edged.Row(row))
	}
}

// sort puts a list in order after rows were added.
func (s *Selection) sort() {
	if s.dense {
		return
	}
	if !slices.IsSorted(s.rows) {
		slices.Sort(s.rows)
	}
	s.rows = slices.Compact(s.rows)
}

// extend makes it one of n rows, with some more behind those it has, ascending.
func (s *Selection) extend(n int, rows []edged.Row) {
	s.total, s.count = n, s.count+len(rows)
	if !s.dense {
		s.rows = append(s.rows, rows...)
		return
	}
	for len(s.bits) < (n+63)/64 {
		s.bits = append(s.bits, 0)
	}
	setBits(s.bits, rows)
}

// complement makes it all other rows.
func (s *Selection) complement() {
	s.setDense()
	for i := range s.bits {
		s.bits[i] = ^s.bits[i]
	}
	if tail := s.total % 64; tail > 0 {
		s.bits[len(s.bits)-1] &= 1<<tail - 1
	}
}

// settle counts the rows and lists them where they are few.
func (s *Selection) settle() {
	if !s.dense && len(s.rows) <= few(s.total) {
		s.count = len(s.rows)
		return
	}
	s.setDense()
	s.count = onesIn(s.bits)
	if s.count > few(s.total) {
		return
	}
	for i, w := range s.bits {
		for ; w != 0; w &= w - 1 {
			s.rows = append(s.rows, edged.Row(i*64+bits.TrailingZeros64(w)))
		}
	}
	s.dense = false
}

func onesIn(b []uint64) (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// keepIf leaves the rows of a list for which has is what is wanted.
func (s *Selection) keepIf(want bool, has func(edged.Row) bool) {
	kept := s.rows[:0]
	for _, row := range s.rows {
		if has(row) == want {
			kept = append(kept, row)
		}
	}
	s.rows = kept
}

// retainBits leaves the rows in b, or, where keep is false, those not in it.
func (s *Selection) retainBits(b []uint64, keep bool) {
	switch {
	case !s.dense:
		s.keepIf(keep, func(row edged.Row) bool { return hasBit(b, row) })
	case keep:
		for i := range s.bits {
			s.bits[i] &= b[i]
		}
	default:
		for i := range s.bits {
			s.bits[i] &^= b[i]
		}
	}
}

// retainRows is retainBits for an ascending list.
func (s *Selection) retainRows(rows []edged.Row, keep bool) {
	switch {
	case !s.dense:
		s.keepIf(keep, func(row edged.Row) bool { _, ok := slices.BinarySearch(rows, row); return ok })
	case keep:
		s.rows = s.rows[:0]
		for _, row := range rows {
			if hasBit(s.bits, row) {
				s.rows = append(s.rows, row)
			}
		}
		s.dense = false
	default:
		for _, row := range rows {
			s.bits[row/64] &^= 1 << (row % 64)
		}
	}
}

// retain leaves the rows in o, or, where keep is false, those not in it.
func (s *Selection) retain(o *Selection, keep bool) {
	if o.dense {
		s.retainBits(o.bits, keep)
		return
	}
	s.retainRows(o.rows, keep)
}

// union adds the rows of o.
func (s *Selection) union(o *Selection) {
	if !o.dense {
		add(s, o.rows)
		return
	}
	s.setDense()
	for i, w := range o.bits {
		s.bits[i] |= w
	}
}
