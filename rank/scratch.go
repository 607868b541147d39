package rank

import (
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/model"
)

// Scratch is the working memory of a call. The zero Scratch is ready.
type Scratch struct {
	search  index.Scratch
	fold    fold
	history history
	blend   blend

	specials specials
	vector   []float32
	wide     []float64
	hits     []index.Hit
	found    []edged.Row // rows of hits
	exclude  []edged.Row // ascending
	taken    rowSet      // what must not come (again)
	drawn    rowSet      // to explore with
	only     only
	obeyed   only // of what rules let through
	key      []byte
	buf      []byte
}

// setExclude takes the rows a request with this goal rules out, and makes room for depth more that came.
func (s *Scratch) setExclude(q *Request, goal model.Goal, depth int) {
	s.exclude = append(s.exclude[:0], q.Exclude...)
	for i := range q.Recent {
		if q.ExcludeSeen || goal == model.GoalNext && q.Recent[i].Session {
			s.exclude = append(s.exclude, q.Recent[i].Row)
		}
	}
	slices.Sort(s.exclude)
	s.exclude = slices.Compact(s.exclude)
	s.taken.reset(len(s.exclude) + depth)
	for _, row := range s.exclude {
		s.taken.add(row)
	}
}

// rowSet is a set of rows, or of places, that is emptied in no time: a slot counts only with the current epoch in it.
type rowSet struct {
	slots []uint64 // epoch<<32 | row
	mask  uint64   // the first mask+1 of them, a power of two, are used
	epoch uint64
}

// reset empties the set and makes room for n rows.
func (s *rowSet) reset(n int) {
	size := 64
	for size < 2*n {
		size *= 2
	}
	s.epoch++
	s.mask = uint64(size - 1)
	if len(s.slots) < size || s.epoch >= 1<<32 {
		s.slots, s.epoch = make([]uint64, size), 1
	}
}

// add puts row in and reports whether it was not there.
func (s *rowSet) add(row edged.Row) bool {
	slot, there := s.find(row)
	if !there {
		s.slots[slot] = s.epoch<<32 | uint64(row)
	}
	return !there
}

func (s *rowSet) has(row edged.Row) bool {
	_, there := s.find(row)
	return there
}

// find returns the slot a row is in, or would be.
func (s *rowSet) find(row edged.Row) (slot uint64, there bool) {
	entry := s.epoch<<32 | uint64(row)
	for slot = uint64(row) * 0x9e3779b97f4a7c15 >> 32 & s.mask; ; slot = (slot + 1) & s.mask {
		switch {
		case s.slots[slot] == entry:
			return slot, true
		case s.slots[slot]>>32 != s.epoch:
			return slot, false
		}
	}
}
