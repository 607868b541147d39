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
