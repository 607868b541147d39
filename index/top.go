package index

import (
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
)

// A key holds a hit in one number: a greater key is a better hit. The upper half is the score with its bits turned so
// that they are in the order of the floats, the lower the complement of the row. No hit has the key 0.
func keyOf(score float32, row edged.Row) uint64 {
	b := math.Float32bits(score)
	b ^= uint32(int32(b)>>31) | 1<<31
	return uint64(b)<<32 | uint64(^uint32(row))
}

func hitOf(key uint64) Hit {
	b := uint32(key >> 32)
	b ^= ^uint32(int32(b)>>31) | 1<<31
	return Hit{Row: edged.Row(^uint32(key)), Score: math.Float32frombits(b)}
}

const group = 16 // keys whose least is known

// top keeps the best k keys, in no order, in groups of which it knows the least one, so that a key that enters costs
// two short searches. Until there are k the keys only gather.
type top struct {
	keys  []uint64 // k, padded with the greatest number to a multiple of group
	least []uint64 // of each group
	where []uint8  // it is there
	k, n  int
	at    int    // place of the least of all
	min   uint64 // the least of all, 0 while there are fewer than k
	limit float32
	added int
}

// reset empties t for k keys.
func (t *top) reset(k int) {
	groups := (k + group - 1) / group
	if cap(t.keys) < groups*group {
		t.keys, t.least, t.where = make([]uint64, groups*group), make([]uint64, groups), make([]uint8, groups)
	}
	t.keys, t.least, t.where = t.keys[:groups*group], t.least[:groups], t.where[:groups]
	for i := k; i < len(t.keys); i++ {
		t.keys[i] = math.MaxUint64
	}
	t.k, t.n, t.at, t.min, t.added = k, 0, 0, 0, 0
	t.limit = float32(math.Inf(-1))
}

func (t *top) full() bool { return t.n == t.k }

// offer puts in a hit that is good enough.
func (t *top) offer(score float32, row edged.Row) {
	key := keyOf(score, row)
	if key <= t.min {
		return
	}
	t.added++
	if t.n == t.k {
		t.keys[t.at] = key
		t.settle(t.at / group)
		t.worst()
		return
	}
	t.keys[t.n] = key
	t.n++
	if t.n == t.k {
		for g := range t.least {
			t.settle(g)
		}
		t.worst()
	}
}

// settle finds the least key of a group.
func (t *top) settle(g int) {
	keys := (*[group]uint64)(t.keys[g*group:])
	w := kernel.ArgMin(keys[:])
	t.where[g], t.least[g] = uint8(w), keys[w]
}

// worst finds the least of all.
func (t *top) worst() {
	g := 0
	if len(t.least) > 1 {
		g = kernel.ArgMin(t.least)
	}
	t.at, t.min = g*group+int(t.where[g]), t.least[g]
	t.limit = hitOf(t.min).Score
}

// appendHits appends the hits, best first.
func (t *top) appendHits(dst []Hit) []Hit {
	keys := t.keys[:t.n]
	slices.Sort(keys)
	dst = slices.Grow(dst, len(keys))
	for i := len(keys) - 1; i >= 0; i-- {
		dst = append(dst, hitOf(keys[i]))
	}
	return dst
}
