package rules

import (
	"slices"

	"github.com/edged/edged"
)

// source gives out the items of a plan's flow one after the other.
type source struct {
	p     *Plan
	at    int // of the keys, the next
	alike Alike
	late  func() bool // nil: never
	over  bool        // it was late
}

// hurry reports whether time is up: what is left keeps its order then.
func (s *source) hurry() bool {
	if !s.over && s.late != nil && s.late() {
		s.over = true
		s.unvaried()
	}
	return s.over
}

// put puts an item into the list.
func (s *source) put(it Item) {
	s.p.out = append(s.p.out, it)
	if s.alike != nil && !s.hurry() {
		s.alike.Place(it.Row)
	}
}

// explore puts the first new item that may be shown into the list, and returns those that are left.
func (s *source) explore(fresh []edged.Row) (left []edged.Row, ok bool) {
	p := s.p
	for i, row := range fresh {
		if p.isPin(row) || !p.Allows(row) || !p.admits(row) {
			continue
		}
		p.place(row)
		s.put(Item{Row: row, From: -1, Factor: 1, Fresh: true})
		return fresh[i+1:], true
	}
	return nil, false
}

// next returns the next item that the caps leave room for, nil where there is none.
func (s *source) next() *Item {
	p := s.p
	if s.alike != nil {
		return s.nextVaried()
	}
	for s.at < len(p.keys) {
		it := &p.flow[p.keys[s.at]&placeMask]
		s.at++
		if !p.isPin(it.Row) && p.admits(it.Row) {
			return it
		}
	}
	return nil
}

// variety is what choosing a varied list works with.
//
// Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): the next item is the one of the current tier with the largest
//
//	(1−λ)·score/best − λ·near
//
// best being the tier's best score (scores below 0 count as 0), near how much the item is like the most similar one before it in the
// list. Of equals the first comes. What is buried keeps its order.
//
// As near only grows, what an item was worth before bounds what it is worth now: items wait in a heap by that, and only those that come to its top are
// compared with what was chosen since they were there last (Minoux' lazy greedy algorithm, 1978).
type variety struct {
	heap []candidate // the tier's items that are left, the one that may be worth most on top
}

type candidate struct {
	at    int32   // of the keys
	place int32   // in the flow
	worth float32 // (1−λ)·score/best
	bound float32 // at most so much is left of it
}

func (a *candidate) before(b *candidate) bool {
	return a.bound > b.bound || a.bound == b.bound && a.at < b.at
}

// sink puts the top where it belongs.
func (v *variety) sink() {
	h := v.heap
	for i := 0; ; {
		next := 2*i + 1
		if next >= len(h) {
			return
		}
		if next+1 < len(h) && h[next+1].before(&h[next]) {
			next++
		}
		if !h[next].before(&h[i]) {
			return
		}
		h[i], h[next] = h[next], h[i]
		i = next
	}
}

// pop takes the top out.
func (v *variety) pop() candidate {
	top, last := v.heap[0], len(v.heap)-1
	v.heap[0] = v.heap[last]
	v.heap = v.heap[:last]
	v.sink()
	return top
}

// varied begins to choose by what items are like.
func (s *source) varied(alike Alike) {
	p := s.p
	p.rows = p.rows[:0]
	for i := range p.flow {
		p.rows = append(p.rows, p.flow[i].Row)
	}
	s.alike = alike
	alike.Begin(p.rows)
	p.variety.heap = p.variety.heap[:0]
}

func (s *source) nextVaried() *Item {
	p, v := s.p, &s.p.variety
	for {
		if len(v.heap) == 0 {
			if !s.nextTier() {
				return nil
			}
			continue // it may hold pins alone
		}
		top := &v.heap[0]
		it := &p.flow[top.place]
		if !p.admits(it.Row) {
			v.pop() // caps only fill up
			continue
		}
		if !it.Buried && !s.over {
			at := top.at
			top.bound = top.worth - float32(p.diversity*s.alike.Near(int(top.place)))
			if v.sink(); v.heap[0].at != at {
				continue
			}
		}
		v.pop()
		return it
	}
}

// unvaried has what is left of the tier come in its order.
func (s *source) unvaried() {
	v := &s.p.variety
	slices.SortFunc(v.heap, func(a, b candidate) int { return int(a.at - b.at) })
	for i := range v.heap {
		v.heap[i].bound = 0
	}
}

// nextTier takes the items of the next tier, in their order, which is that of what they are worth; false where there is none.
func (s *source) nextTier() bool {
	p, v := s.p, &s.p.variety
	v.heap = v.heap[:0]
	best, first := float32(0), -1
	for s.at < len(p.keys) {
		place := int32(p.keys[s.at] & placeMask)
		it := &p.flow[place]
		if first >= 0 && (it.Tier != p.flow[first].Tier || it.Buried != p.flow[first].Buried) && !(it.Buried && p.flow[first].Buried) {
			break
		}
		if first < 0 {
			first, best = int(place), it.Score
		}
		s.at++
		if p.isPin(it.Row) {
			continue
		}
		worth := float32(0)
		if it.Score > 0 && !it.Buried {
			worth = float32((1 - p.diversity) * (it.Score / best))
		}
		v.heap = append(v.heap, candidate{at: int32(s.at), place: place, worth: worth, bound: worth})
	}
	return first >= 0
}
