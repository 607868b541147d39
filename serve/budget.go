package serve

import (
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

// fasthttp makes room for a whole body when its head has come, and a caller may send the rest as slowly as the timeouts let him. So the bodies under
// way share a budget of bytes: what does not fit into it is refused before there is room for it.
type budget struct {
	limit int64 // of all bodies under way
	body  int64 // of one, which counts for those that don't say how long they are

	sum  atomic.Int64 // what bodies under way may take, and 1 for each refusal not told yet
	mu   sync.Mutex
	held map[*fasthttp.RequestHeader]int64 // of each; refusedBody: none
}

const (
	freeBody    = 4 << 10 // as small as what every connection has anyway; not counted
	refusedBody = 1
)

func newBudget(limit, body int64) *budget {
	return &budget{limit: limit, body: body, held: map[*fasthttp.RequestHeader]int64{}}
}

// admit is asked when a head has come.
func (b *budget) admit(h *fasthttp.RequestHeader) (cfg fasthttp.RequestConfig) {
	n := int64(h.ContentLength())
	if n == -1 { // chunked
		n = b.body
	}
	if n <= freeBody || n > b.body { // that one is refused for its length
		return cfg
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(h)
	if b.sum.Load()+n > b.limit {
		n, cfg.MaxRequestBodySize = refusedBody, 1
	}
	b.held[h] = n
	b.sum.Add(n)
	return cfg
}

// release gives back what a request had, and reports whether it was refused for want of room.
func (b *budget) release(h *fasthttp.RequestHeader) (refused bool) {
	if b.sum.Load() == 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.drop(h) == refusedBody
}

func (b *budget) drop(h *fasthttp.RequestHeader) int64 {
	n := b.held[h]
	delete(b.held, h)
	b.sum.Add(-n)
	return n
}
