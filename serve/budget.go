package serve

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/valyala/fasthttp"
)

// fasthttp makes room for a whole body, or a whole chunk of one, when its head has come, and a caller may send the rest as slowly as the timeouts
// let him. So the bodies under way share a budget of bytes: what does not fit into it is refused before there is room for it. What a request has of
// it is its connection's, which gives it back with the answer, or when it ends.
type budget struct {
	limit int64 // of all bodies under way
	share int64 // of those that one address sends, which may be a proxy's
	body  int64 // of one

	sum   atomic.Int64 // what bodies under way may take
	mu    sync.Mutex
	peers map[netip.Addr]int64 // of sum, by who sends them
}

// hold is what the request under way on a connection has of the budget.
type hold struct {
	bytes int64 // with the budget's mu
	peer  netip.Addr
	short bool // it got less than it may need; of the goroutine that serves the connection
}

const (
	freeBody = 4 << 10 // as small as what every connection has anyway; not counted
	chunked  = -1      // what fasthttp says of a body that does not tell its length, and
	noBody   = -2      // of no body
)

func newBudget(limit, body int64) *budget {
	return &budget{limit: limit, share: max(limit/4, body), body: body, peers: map[netip.Addr]int64{}}
}

// admit is asked when a head has come. Who waits for a word before he sends a body that is refused gets the refusal, and not that word.
func (b *budget) admit(h *fasthttp.RequestHeader) (cfg fasthttp.RequestConfig) {
	n := int64(h.ContentLength())
	if n == 0 || n == noBody {
		return cfg
	}
	c, ok := connOf(h).(*watchedConn)
	if !ok {
		return cfg
	}
	c.begin()
	switch {
	case n > b.body: // refused for its length
		h.Del("Expect")
	case n == chunked:
		if got := b.take(c, n); got < b.body {
			c.hold.short, cfg.MaxRequestBodySize = true, int(max(got, freeBody))
		}
	case n > freeBody && b.take(c, n) < n:
		c.hold.short, cfg.MaxRequestBodySize = true, 1
		h.Del("Expect")
	}
	return cfg
}

// take gives a body that says its length all of it or nothing. One that does not gets as much as any may have where there is room for eight of
// those, and an eighth of the room there is where not: however many there are, small ones get through.
func (b *budget) take(c *watchedConn, n int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(c)
	room, peer := b.limit-b.sum.Load(), peerOf(c.RemoteAddr())
	if peer.IsValid() {
		room = min(room, b.share-b.peers[peer])
	}
	if n == chunked {
		n = min(b.body, room/8)
	}
	if n <= freeBody || n > room {
		return 0
	}
	c.hold.bytes, c.hold.peer = n, peer
	b.sum.Add(n)
	b.peers[peer] += n
	return n
}

// release gives back what the request under way on a connection had.
func (b *budget) release(c *watchedConn) {
	if b == nil || b.sum.Load() == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(c)
}

func (b *budget) drop(c *watchedConn) {
	n, peer := c.hold.bytes, c.hold.peer
	if n == 0 {
		return
	}
	c.hold.bytes = 0
	b.sum.Add(-n)
	if b.peers[peer] -= n; b.peers[peer] == 0 {
		delete(b.peers, peer)
	}
}

// peerOf is the address of a caller, of IPv6 the network, which one caller may have all of; none where it has no such address.
func peerOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap()
	if addr.Is6() {
		network, _ := addr.Prefix(64)
		return network.Addr()
	}
	return addr
}

// connOf is the connection that a head came over. HeaderReceived is told of the head alone, and no other hook of fasthttp comes between head and
// body: ConnState knows the connection and no head, ExpectHandler is for 100-continue, a streamed body is another way to read every request. But the
// head is a part of the RequestCtx, whose connection can be asked for. TestHeadsLieInTheirRequest fails where a fasthttp lays them out otherwise, or
// tells of a copy: then this reads what is not there, and must not be served with.
func connOf(h *fasthttp.RequestHeader) net.Conn {
	const place = unsafe.Offsetof(fasthttp.RequestCtx{}.Request) + unsafe.Offsetof(fasthttp.Request{}.Header)
	return (*fasthttp.RequestCtx)(unsafe.Add(unsafe.Pointer(h), -int(place))).Conn()
}
