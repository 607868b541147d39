package trend

import "hash/maphash"

// voices remembers which visitor spoke for which item, so that one visitor who reloads a page a thousand times moves a
// counter no more than once in a span. A stronger event adds the difference: a view and then a purchase weigh as one purchase.
//
// Two generations of at most max/2 voices each; the older is forgotten when the younger is full or has lasted a span.
// So a voice holds for one to two spans, or less in a crowd. It is kept as a keyed hash, never as an id.
type voices struct {
	max     int
	span    int64 // milliseconds
	seed    maphash.Seed
	started int64 // when the younger generation began
	young   map[uint64]float32
	old     map[uint64]float32
}

// gain returns how much of weight counts, given what the same visitor has added for the same item before.
// Events of nobody in particular count in full.
func (v *voices) gain(visitor, item string, weight float64, at int64) float64 {
	if visitor == "" {
		return weight
	}
	v.turn(at)
	key := v.key(visitor, item)
	before, ok := v.young[key]
	if !ok {
		before = v.old[key]
	}
	if float64(before) >= weight {
		return 0
	}
	v.young[key] = float32(weight)
	return weight - float64(before)
}

// key hashes visitor and item; the seed, drawn anew by each store, keeps it from being guessed or compared.
func (v *voices) key(visitor, item string) uint64 {
	return maphash.Comparable(v.seed, [2]string{visitor, item})
}

func (v *voices) turn(at int64) {
	if v.young != nil && len(v.young) < max(1, v.max/2) && at-v.started < v.span {
		return
	}
	v.old = v.young
	if at-v.started >= 2*v.span {
		v.old = nil // nobody spoke for a span: what is there is older than that
	}
	v.young, v.started = map[uint64]float32{}, max(at, v.started)
}

func (v *voices) len() int { return len(v.young) + len(v.old) }
