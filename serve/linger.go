package serve

import (
	"io"
	"net"
	"sync"
	"time"
)

// A request that is refused before its body was read leaves bytes in the socket. Closing such a connection makes the
// kernel send a reset, which can overtake the answer: the caller sees "connection reset" instead of the 413. So a
// connection marked to linger stops writing, reads on for a little, and closes then.
const (
	lingerBytes = 16 << 20
	lingerTime  = time.Second
)

// listener wraps what it accepts in watched connections. It may be closed more than once.
type listener struct {
	net.Listener
	close  func() error
	watch  *watch
	budget *budget
}

func newListener(ln net.Listener, w *watch, b *budget) *listener {
	return &listener{ln, sync.OnceValue(ln.Close), w, b}
}

func (l *listener) Close() error { return l.close() }

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	conn := &watchedConn{Conn: c, watch: l.watch, budget: l.budget}
	l.watch.add(conn)
	return conn, nil
}

func (c *watchedConn) Close() error {
	c.watch.remove(c)
	c.budget.release(c)
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || !c.linger.Swap(false) {
		return c.Conn.Close()
	}
	if err := half.CloseWrite(); err == nil {
		if err := c.Conn.SetReadDeadline(time.Now().Add(lingerTime)); err == nil {
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes) // whatever comes is not wanted
		}
	}
	return c.Conn.Close()
}
