package rules

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Cases are requests by which one sees what the rules make of lists: one without a slot, one of each slot that rules name, and, of each rule that is
// not over, one for which all holds that it lists: one slot, country, device and segment of its own, at the first moment from now on that it says. Of
// expressions nothing is known. There are no more than most.
func (s *Set) Cases(now time.Time, most int) []Context {
	at := now.UnixMilli()
	list := []Context{{Time: at}}
	for _, slot := range slices.Sorted(maps.Keys(s.bySlot)) {
		list = append(list, Context{Slot: []byte(slot), Time: at})
	}
	for i := range s.rules {
		if len(list) >= most {
			break
		}
		c, ok := s.caseOf(&s.rules[i], at)
		if ok && !slices.ContainsFunc(list, c.same) {
			list = append(list, c)
		}
	}
	return list[:min(len(list), most)]
}

func (s *Set) caseOf(r *rule, at int64) (c Context, ok bool) {
	c = Context{Slot: []byte(r.slot), Country: []byte(r.first[dimCountry]), Device: []byte(r.first[dimDevice]), Segment: []byte(r.first[dimSegment])}
	c.Time, ok = s.momentOf(&r.when, max(at, r.when.from))
	return c, ok
}

// momentOf is the first moment that a condition lets through, of those at whole minutes from a given one.
func (s *Set) momentOf(w *when, at int64) (int64, bool) {
	for range weekMinutes + 1 {
		if w.until != 0 && at >= w.until {
			return 0, false
		}
		if w.weekly == nil || holds(w.weekly, minuteOfWeek(at, s.zones[w.zone])) {
			return at, true
		}
		at += time.Minute.Milliseconds()
	}
	return 0, false
}

func (c Context) same(o Context) bool {
	return string(c.Slot) == string(o.Slot) && string(c.Country) == string(o.Country) && string(c.Device) == string(o.Device) && string(c.Segment) == string(o.Segment) && c.Time == o.Time
}

// String is a case in words.
func (c *Context) String() string {
	text := "in the slot " + cmp.Or(string(c.Slot), "(none)")
	for _, more := range []struct {
		name  string
		value []byte
	}{{"country", c.Country}, {"device", c.Device}, {"segment", c.Segment}} {
		if len(more.value) > 0 {
			text += ", " + more.name + " " + string(more.value)
		}
	}
	return text + ", at " + time.UnixMilli(c.Time).UTC().Format(time.RFC3339)
}
