package index

import (
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/quant"
)

// A key holds a hit in one number: a greater key is a better hit. The upper half is the score with its bits turned so
// that they are in the order of the floats, the lower the complement of the row.
func keyOf(score float32, row edged.Row) uint64 {
	return uint64(ordered(score))<<32 | uint64(^uint32(row))
}

func ordered(score float32) uint32 {
	b := math.Float32bits(score)
	return b ^ (uint32(int32(b)>>31) | 1<<31)
}

func hitOf(key uint64) Hit {
	b := uint32(key >> 32)
	b ^= ^uint32(int32(b)>>31) | 1<<31
	return Hit{Row: edged.Row(^uint32(key)), Score: math.Float32frombits(b)}
}

const (
	fewest   = 16  // so many best scores at most are kept for themselves
	bins     = 128 // of the histogram
	roomLeft = 256 // keys besides 2·k that stay when there is no room
)

// top keeps the best k keys, and others that were among them or near them, in no order, and knows a limit the k-th score
// is not below. For a small k that is the least of the k best scores. For others a histogram divides the scores between the k-th and the best, as they were when it was made; the limit is
// the least score in the highest bin that has, with those above it, k keys. So a key that enters costs a few operations,
// whatever k is.
type top struct {
	keys  []uint64 // the first n
	k, n  int
	limit float32 // -Inf while there are fewer than k

	few     [fewest]uint64 // the best keys, not below the limit, the greatest first
	held    int            // how many there are, k at most
	settled int            // keys that have been looked at for that
	some    [128]uint64    // to be put in order
	parts   [fewest]uint32 // what is expected of parts of the first rows

	ranked     bool // there is a histogram
	counts     [bins]uint32
	least      [bins]float32 // score in each bin that has any
	low, scale float32       // a score s is in bin (s-low)·scale
	bin        int           // of the limit
	above      int           // keys in it and in higher ones

	sorted []uint64
}

// reset empties t for k keys.
func (t *top) reset(k int) {
	if room := 2 * (2*k + roomLeft); len(t.keys) < room {
		t.keys = make([]uint64, room)
	}
	if len(t.sorted) < len(t.keys) {
		t.sorted = make([]uint64, len(t.keys))
	}
	t.k, t.n, t.held, t.settled, t.ranked = k, 0, 0, 0, false
	t.limit = float32(math.Inf(-1))
}

// expect raises the limit of an empty list to what k of the rows reach that are about to be offered: the k-th best of the best
// scores of 16 parts of them. Scores may turn out to be lower by less times the row's scale.
func (t *top) expect(q *quant.Query, dots []int32, scales []float32, less float32) {
	if t.k > fewest || len(dots) < 2*fewest {
		return
	}
	part := 0.
	if less > 0 {
		part = 1e-6
	}
	kernel.Expect(&t.parts, dots, scales, q.Scale, less, part)
	for i, b := range t.parts {
		t.some[i] = uint64(b)<<32 | uint64(i)
	}
	kernel.Order(t.sorted[:fewest], t.some[:fewest])
	t.limit = hitOf(t.sorted[t.k-1]).Score
}

// full reports whether there are k keys.
func (t *top) full() bool { return t.n >= t.k }

// offer puts in a hit. One below the limit is kept too: its score may not be the last word.
func (t *top) offer(score float32, row edged.Row) {
	if t.n == len(t.keys) { // the worse half has more than k better ones
		t.settle()
		t.n /= 2
		selectBest(t.keys, t.n)
		t.settled = t.n
	}
	t.keys[t.n] = keyOf(score, row)
	t.n++
	if t.ranked && score >= t.limit {
		t.count(score)
	}
}

// settleFew finds the best among those it had and those that came since.
func (t *top) settleFew() {
	for most := min(kernel.MostOrdered(), len(t.some)); t.settled < t.n; {
		n := copy(t.some[:], t.few[:t.held])
		least := keyOf(t.limit, math.MaxUint32)
		for ; t.settled < t.n && n < most; t.settled++ {
			t.some[n] = t.keys[t.settled]
			if t.some[n] >= least {
				n++
			}
		}
		kernel.Order(t.sorted[:n], t.some[:n])
		if t.held = copy(t.few[:t.k], t.sorted[:n]); t.held == t.k {
			t.limit = hitOf(t.few[t.k-1]).Score
		}
	}
}

// settle moves the limit up, where k is small, and makes the histogram, where there is to be one, as soon as there are k keys. It is called when
// a batch of rows has been offered.
func (t *top) settle() {
	if t.k <= fewest {
		t.settleFew()
		return
	}
	if !t.ranked && t.n >= t.k && t.k > fewest {
		t.rank()
	}
}

// rank makes the histogram anew.
func (t *top) rank() {
	selectBest(t.keys[:t.n], t.k)
	keys := t.keys[:t.k]
	least, best := keys[0], keys[0]
	for _, key := range keys {
		least, best = min(least, key), max(best, key)
	}
	t.limit = hitOf(least).Score
	t.low, t.scale = t.limit, bins/(hitOf(best).Score-t.limit)
	if !(t.scale <= math.MaxFloat32) {
		t.scale = 0
	}
	t.ranked, t.bin, t.above = true, 0, 0
	clear(t.counts[:])
	for _, key := range keys {
		t.add(hitOf(key).Score)
	}
}

// add puts a score in its bin. Bins are in the order of their scores: rounding keeps the order.
func (t *top) add(score float32) {
	bin := int(min(max(float32(score-t.low)*t.scale, 0), bins-1))
	if t.counts[bin] == 0 || score < t.least[bin] {
		t.least[bin] = score
	}
	t.counts[bin]++
	t.above++
}

// count adds a score that is not below the limit, and moves the limit up as far as k scores are not below it.
func (t *top) count(score float32) {
	t.add(score)
	for t.above-int(t.counts[t.bin]) >= t.k {
		t.above -= int(t.counts[t.bin])
		t.bin++
	}
	t.limit = t.least[t.bin]
	if t.above >= 2*t.k { // the scores have left the bins behind
		t.rank()
	}
}

// selectBest moves the k greatest keys to the front (Hoare, Find, CACM 4, 1961).
func selectBest(keys []uint64, k int) {
	for l, r := 0, len(keys)-1; l < r; {
		a, b, c := keys[l], keys[(l+r)/2], keys[r]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := l, r
		for i <= j {
			for keys[i] > pivot {
				i++
			}
			for keys[j] < pivot {
				j--
			}
			if i <= j {
				keys[i], keys[j] = keys[j], keys[i]
				i++
				j--
			}
		}
		switch {
		case k-1 <= j:
			r = j
		case k-1 >= i:
			l = i
		default:
			return
		}
	}
}

// narrow keeps the keys that may be among the best k.
func (t *top) narrow() {
	least := keyOf(t.limit, math.MaxUint32)
	n := 0
	for _, key := range t.keys[:t.n] {
		t.keys[n] = key
		if key >= least {
			n++
		}
	}
	t.n = n
}

// appendHits appends the hits, best first.
func (t *top) appendHits(dst []Hit) []Hit {
	t.narrow()
	if t.n <= kernel.MostOrdered() {
		kernel.Order(t.sorted[:t.n], t.keys[:t.n])
		for _, key := range t.sorted[:min(t.n, t.k)] {
			dst = append(dst, hitOf(key))
		}
		return dst
	}
	selectBest(t.keys[:t.n], t.k)
	keys := t.keys[:min(t.n, t.k)]
	keys = sortKeys(keys, t.sorted[:len(keys)], &t.counts)
	dst = slices.Grow(dst, len(keys))
	for i := len(keys) - 1; i >= 0; i-- {
		dst = append(dst, hitOf(keys[i]))
	}
	return dst
}
