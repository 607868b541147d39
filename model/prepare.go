package model

import "github.com/edged/edged/index"

// Prepare makes a filter of the selected rows, with which searches take less time. It may be called while others read the Selection.
func (m *Model) Prepare(s *Selection) {
	bits := s.bits
	if rows, ok := s.Rows(); ok {
		bits = make([]uint64, (s.total+63)/64)
		setBits(bits, rows)
	}
	s.filter.Store(m.index.Filter(bits))
}

// Filter returns what Prepare made, of Model.Index; nil before.
func (s *Selection) Filter() *index.Filter { return s.filter.Load() }
