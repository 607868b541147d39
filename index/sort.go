package index

import (
	"math/bits"
	"slices"

	"github.com/edged/edged/internal/kernel"
)

const fewKeys = 24 // are sorted by insertion

// sortKeys sorts keys and returns them sorted, in their place or in room, which is as long: many are spread over bins of
// equal width first, and the bins sorted.
func sortKeys(keys, room []uint64, starts *[bins]uint32) []uint64 {
	if len(keys) <= fewKeys {
		sortFew(keys)
		return keys
	}
	least, most := slices.Min(keys), slices.Max(keys)
	shift := max(0, bits.Len64(most-least)-(bits.Len(bins)-1))
	clear(starts[:])
	for _, key := range keys {
		starts[(key-least)>>shift%bins]++
	}
	at := uint32(0)
	for i, n := range starts {
		starts[i] = at
		at += n
	}
	for _, key := range keys {
		p := &starts[(key-least)>>shift%bins]
		room[*p] = key
		*p++
	}
	from := uint32(0)
	for _, to := range starts { // the ends, by now
		sortFew(room[from:to])
		from = to
	}
	return room
}

// sortFew sorts keys by insertion where they are few.
func sortFew(keys []uint64) {
	if len(keys) > fewKeys {
		slices.Sort(keys)
		return
	}
	for i := 1; i < len(keys); i++ {
		key, j := keys[i], i
		for ; j > 0 && keys[j-1] > key; j-- {
			keys[j] = keys[j-1]
		}
		keys[j] = key
	}
}

// bestFirst returns keys, no two of them equal, the greatest first, and room of at least as many for the next time: the one is made of
// the memory of the other.
func bestFirst(keys, room []uint64) (sorted, left []uint64) {
	if len(keys) <= kernel.MostOrdered() {
		sorted = room[:len(keys)]
		kernel.Order(sorted, keys)
		return sorted, keys[:cap(keys)]
	}
	slices.Sort(keys)
	slices.Reverse(keys)
	return keys, room
}
