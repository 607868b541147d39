package serve

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A request that is refused before its body was read leaves bytes in the socket. Closing such a connection makes the
// kernel send a reset, which can overtake the answer: the caller sees "connection reset" instead of the 413. So a
// connection marked to linger stops writing, reads on for a little, and closes then.
const (
	lingerBytes = 16 << 20
	lingerTime  = time.Second
)

// lingerListener wraps what it accepts in lingerConn. It may be closed more than once.
type lingerListener struct {
	net.Listener
	close func() error
}

func newLingerListener(ln net.Listener) *lingerListener {
	return &lingerListener{ln, sync.OnceValue(ln.Close)}
}

func (l *lingerListener) Close() error { return l.close() }

func (l *lingerListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lingerConn{Conn: c}, nil
}

// lingerConn is a connection that may be marked before it is closed.
type lingerConn struct {
	net.Conn
	linger atomic.Bool
}

func (c *lingerConn) Close() error {
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
