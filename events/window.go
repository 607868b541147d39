package events

import "crypto/sha256"

// key stands for an id in memory.
type key [16]byte

func keyOf(id string) key {
	h := sha256.Sum256([]byte(id))
	return key(h[:])
}

// window remembers the last ids, a bounded number of them.
type window struct {
	known map[key]struct{}
	ring  []key // in order of arrival
	next  int   // where the next goes
	limit int
}

func newWindow(limit int) *window { return &window{known: map[key]struct{}{}, limit: limit} }

func (w *window) has(k key) bool {
	_, ok := w.known[k]
	return ok
}

// add remembers k, which it does not know yet, and forgets the oldest if there are too many.
func (w *window) add(k key) {
	if len(w.ring) < w.limit {
		w.ring = append(w.ring, k)
	} else {
		delete(w.known, w.ring[w.next])
		w.ring[w.next] = k
		w.next = (w.next + 1) % w.limit
	}
	w.known[k] = struct{}{}
}
