package profile

import (
	"slices"
	"unique"

	"github.com/edged/edged"
)

// entry is one item of a visitor in 24 bytes: ids of items and types are shared by all visitors.
type entry struct {
	item unique.Handle[string]
	typ  unique.Handle[edged.EventType]
	time int64
}

func newEntry(e *edged.Event, at int64) entry {
	return entry{unique.Make(e.Item), unique.Make(e.Type), at}
}

func (e entry) recent() Recent { return Recent{e.item.Value(), e.typ.Value(), e.time} }

// insert puts e where its time belongs, merged with the entry of the same item, and drops the oldest beyond limit.
func insert(list []entry, e entry, limit int) []entry {
	if i := slices.IndexFunc(list, func(o entry) bool { return o.item == e.item }); i >= 0 {
		e = merge(list[i], e)
		list = slices.Delete(list, i, i+1)
	}
	at := 0
	for at < len(list) && list[at].time > e.time {
		at++
	}
	if at >= limit {
		return list
	}
	return slices.Insert(list[:min(len(list), limit-1)], at, e)
}

// merge is one entry for two events on one item, whatever order they came in: the later time, and of the types the stronger one,
// unless either takes interest back: then the later one counts.
func merge(a, b entry) entry {
	if a.time > b.time {
		a, b = b, a
	}
	sa, sb := strength(a.typ.Value()), strength(b.typ.Value())
	if sa > sb && sb > 0 {
		b.typ = a.typ
	}
	return b
}

// strength orders types by how much they say; 0 takes interest back.
func strength(t edged.EventType) int {
	switch t {
	case edged.Dismiss, edged.Return:
		return 0
	case edged.Purchase:
		return 3
	case edged.Cart, edged.Like:
		return 2
	}
	return 1
}
