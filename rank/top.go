package rank

import (
	"math"

	"github.com/edged/edged"
)

// candidate is a row with its score, its place among the candidates, and what its vector scores.
type candidate struct {
	score float32
	row   edged.Row
	place int
	near  float32
}

// before reports whether c comes before o: by score, equal ones by row.
func (c *candidate) before(o *candidate) bool {
	return c.score > o.score || c.score == o.score && c.row < o.row
}

// top keeps the best k candidates: a heap with the worst of them on top.
type top struct {
	k    int
	heap []candidate
}

func (t *top) reset(k int) { *t = top{k: k, heap: t.heap[:0]} }

// worst returns the score that a candidate must reach to be good enough, −∞ while there is room.
func (t *top) worst() float32 {
	if len(t.heap) < t.k {
		return float32(math.Inf(-1))
	}
	return t.heap[0].score
}

// offer puts in a candidate that is good enough.
func (t *top) offer(c candidate) {
	switch {
	case len(t.heap) < t.k:
		t.heap = append(t.heap, c)
		t.up()
	case t.k > 0 && c.before(&t.heap[0]):
		t.heap[0] = c
		t.down()
	}
}

// up moves the last candidate to its place.
func (t *top) up() {
	h := t.heap
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[parent].before(&h[i]) {
			return
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}

// down moves the first candidate to its place.
func (t *top) down() {
	h := t.heap
	for i := 0; ; {
		worst := 2*i + 1
		if worst >= len(h) {
			return
		}
		if right := worst + 1; right < len(h) && h[worst].before(&h[right]) {
			worst = right
		}
		if !h[i].before(&h[worst]) {
			return
		}
		h[i], h[worst] = h[worst], h[i]
		i = worst
	}
}

// sorted returns the candidates, best first. Nothing may be offered afterwards.
func (t *top) sorted() []candidate {
	all := t.heap
	for n := len(all) - 1; n > 0; n-- {
		all[0], all[n] = all[n], all[0] // the worst of those left goes behind them
		t.heap = all[:n]
		t.down()
	}
	t.heap = all
	return all
}
