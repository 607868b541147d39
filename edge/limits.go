package edge

import (
	"cmp"
	"math"
	"runtime/debug"
)

// What a node takes at once follows from what it may have.
const (
	defaultConnections = 8192
	connectionBytes    = 48 << 10 // of one whose request arrives: its head has 32 KiB, the rest is buffers, stack and bookkeeping
	defaultBodies      = 64 << 20
	fewestConnections  = 64

	reserved = 256 // descriptors for everything else: files, gossip, fetching, the admin listener
)

// room is what a process may have; 0: nobody says.
type room struct {
	memory      int64 // bytes, as the collector keeps to
	descriptors uint64
}

func roomHere() room {
	r := room{memory: debug.SetMemoryLimit(-1), descriptors: descriptors()}
	if r.memory == math.MaxInt64 {
		r.memory = 0
	}
	return r
}

// connections is how many are open at once: as many as were asked for, or else as a quarter of the memory has room for; in either case no more
// than there are descriptors for.
func (r room) connections(asked int) int {
	n := cmp.Or(asked, defaultConnections)
	if asked == 0 && r.memory > 0 {
		n = min(n, max(int(r.memory/4/connectionBytes), fewestConnections))
	}
	if r.descriptors > 0 {
		n = min(n, int(max(int64(min(r.descriptors, math.MaxInt32))-reserved, int64(min(r.descriptors, math.MaxInt32))/2, 1)))
	}
	return n
}

// bodies is how many bytes of request bodies are under way at once.
func (r room) bodies() int64 {
	if r.memory == 0 {
		return defaultBodies
	}
	return min(defaultBodies, r.memory/8)
}
