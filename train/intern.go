package train

import (
	"slices"
	"strings"
)

// interner gives each distinct string a small number, in order of first sight until sort.
type interner struct {
	ids    []string
	number map[string]uint32
}

func newInterner() *interner { return &interner{number: make(map[string]uint32)} }

// add returns the number of id. It keeps its own copy, since an event's strings may be reused.
func (in *interner) add(id string) uint32 {
	if n, ok := in.number[id]; ok {
		return n
	}
	return in.insert(strings.Clone(id))
}

// addBytes is add without an allocation for what is known.
func (in *interner) addBytes(id []byte) uint32 {
	if n, ok := in.number[string(id)]; ok {
		return n
	}
	return in.insert(string(id))
}

func (in *interner) insert(id string) uint32 {
	n := uint32(len(in.ids))
	in.ids = append(in.ids, id)
	in.number[id] = n
	return n
}

// arrange is sort, but ids of an earlier numbering keep their numbers. Those of ids that are gone, and what lies beyond the
// number of ids now, go to those beyond it and then to new ids, ascending.
func (in *interner) arrange(before []string) (place []uint32) {
	place = in.sort()
	was := make(map[string]uint32, len(before))
	for row, id := range before {
		was[id] = uint32(row)
	}
	ids, moved := make([]string, len(in.ids)), make([]uint32, len(in.ids)) // sorted number → row
	taken := make([]bool, len(ids))
	var rest []uint32
	for at, id := range in.ids {
		if row, ok := was[id]; ok && int(row) < len(ids) {
			moved[at], ids[row], taken[row] = row, id, true
		} else {
			rest = append(rest, uint32(at))
		}
	}
	slices.SortStableFunc(rest, func(a, b uint32) int { // those that had a number come first
		_, oldA := was[in.ids[a]]
		_, oldB := was[in.ids[b]]
		switch {
		case oldA == oldB:
			return 0
		case oldA:
			return -1
		}
		return 1
	})
	row := uint32(0)
	for _, at := range rest {
		for taken[row] {
			row++
		}
		moved[at], ids[row], taken[row] = row, in.ids[at], true
	}
	in.ids = ids
	for i := range place {
		place[i] = moved[place[i]]
	}
	return place
}

// sort renumbers the ids ascending, returns the new number of each old one, and frees the map: nothing can be added after.
func (in *interner) sort() (place []uint32) {
	order := make([]uint32, len(in.ids))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return strings.Compare(in.ids[a], in.ids[b]) })
	ids := make([]string, len(order))
	place = make([]uint32, len(order))
	for at, old := range order {
		ids[at], place[old] = in.ids[old], uint32(at)
	}
	in.ids, in.number = ids, nil
	return place
}
