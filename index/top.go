package index

import (
	"math"
	"slices"

	"github.com/edged/edged"
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

	few   [fewest]uint64 // the k best scores, as keys have them, and their places here; the greatest number behind them
	held  int            // how many there are
	worst uint64         // the least of them, when there are k

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
	t.k, t.n, t.held, t.ranked = k, 0, 0, false
	t.limit = float32(math.Inf(-1))
	if k <= fewest {
		for i := range t.few {
			t.few[i] = math.MaxUint64
		}
	}
}

// dropped is the dot product of a row that is not going to be offered: no vectors have it.
const dropped = math.MinInt32

// expect raises the limit of an empty list to what k of the rows reach that are about to be offered: the k-th best of the best
// scores of 16 parts of them. Scores may turn out to be lower by less times the row's scale.
func (t *top) expect(q *quant.Query, dots []int32, scales []float32, less float32) {
	if t.k > fewest || len(dots) < 2*fewest {
		return
	}
	var best [fewest]uint32
	for i, dot := range dots {
		if dot == dropped {
			continue
		}
		score := q.Score(dot, scales[i])
		if less > 0 {
			score -= float32(less*scales[i]) + float32(math.Abs(float64(score))*1e-6)
		}
		b := &best[i%fewest]
		*b = max(*b, ordered(score))
	}
	for _, p := range network {
		x, y := best[p[0]%fewest], best[p[1]%fewest]
		best[p[0]%fewest], best[p[1]%fewest] = max(x, y), min(x, y)
	}
	t.limit = hitOf(uint64(best[t.k-1]) << 32).Score
}

// network sorts 16 numbers, the greatest first: Batcher's odd-even merge sort (Knuth, TAOCP 3, 5.2.2M).
var network = func() (pairs [][2]uint8) {
	for p := 1; p < fewest; p *= 2 {
		for k := p; k > 0; k /= 2 {
			for j := k % p; j+k < fewest; j += 2 * k {
				for i := range min(k, fewest-j-k) {
					if (i+j)/(2*p) == (i+j+k)/(2*p) {
						pairs = append(pairs, [2]uint8{uint8(i + j), uint8(i + j + k)})
					}
				}
			}
		}
	}
	return pairs
}()

// full reports whether there are k keys.
func (t *top) full() bool { return t.n >= t.k }

// offer puts in a hit. One below the limit is kept too: its score may not be the last word.
func (t *top) offer(score float32, row edged.Row) {
	if t.n == len(t.keys) { // the worse half has more than k better ones
		t.n /= 2
		selectBest(t.keys, t.n)
	}
	key := keyOf(score, row)
	t.keys[t.n] = key
	t.n++
	switch {
	case score < t.limit:
	case t.k <= fewest:
		t.offerFew(key)
	case t.ranked:
		t.count(score)
	}
}

// offerFew puts a score in the place of the worst.
func (t *top) offerFew(key uint64) {
	const places = fewest - 1
	at := uint64(t.held)
	if t.held == t.k {
		at = t.worst & places
	} else {
		t.held++
	}
	t.few[at] = key&^places | at
	if t.held == t.k {
		t.worst = t.leastOfFew()
		t.limit = hitOf(t.worst).Score
	}
}

func (t *top) leastOfFew() uint64 {
	f := &t.few
	a, b, c, d := min(f[0], f[1]), min(f[2], f[3]), min(f[4], f[5]), min(f[6], f[7])
	a, b, c, d = min(a, f[8]), min(b, f[9]), min(c, f[10]), min(d, f[11])
	a, b, c, d = min(a, f[12]), min(b, f[13]), min(c, f[14]), min(d, f[15])
	return min(a, b, c, d)
}

// settle makes the histogram, where there is to be one, as soon as there are k keys. It is called when a batch of rows has
// been offered.
func (t *top) settle() {
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
	if len(t.sorted) < len(t.keys) {
		t.sorted = make([]uint64, len(t.keys))
	}
	if t.n <= fewKeys {
		rankFew(t.sorted[:t.n], t.keys[:t.n])
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
