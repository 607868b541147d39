package rules

import "github.com/edged/edged"

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
	s.over = s.over || s.late != nil && s.late()
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
type variety struct {
	places []int32   // in the flow, of the tier's items that are left
	worth  []float32 // (1−λ)·score/best of each
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
	p.variety.places = p.variety.places[:0]
}

func (s *source) nextVaried() *Item {
	p, v := s.p, &s.p.variety
	for {
		if len(v.places) == 0 && !s.nextTier() {
			return nil
		}
		near := s.alike.Near()
		best, most := -1, float32(0)
		kept := 0
		for i, place := range v.places {
			if !p.admits(p.flow[place].Row) {
				continue // caps only fill up
			}
			v.places[kept], v.worth[kept] = place, v.worth[i]
			worth := v.worth[i]
			if !p.flow[place].Buried && !s.over {
				worth -= float32(p.diversity * near[place])
			}
			if best < 0 || worth > most {
				best, most = kept, worth
			}
			kept++
		}
		v.places, v.worth = v.places[:kept], v.worth[:kept]
		if best < 0 {
			continue
		}
		place := v.places[best]
		v.places = append(v.places[:best], v.places[best+1:]...)
		v.worth = append(v.worth[:best], v.worth[best+1:]...)
		return &p.flow[place]
	}
}

// nextTier takes the items of the next tier; false where there is none.
func (s *source) nextTier() bool {
	p, v := s.p, &s.p.variety
	v.places, v.worth = v.places[:0], v.worth[:0]
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
		v.places, v.worth = append(v.places, place), append(v.worth, worth)
	}
	return first >= 0
}
