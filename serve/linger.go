package serve

import (
	"fmt"
	"io"
	"net"
	"net/http"
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
	s *Server
}

func newListener(ln net.Listener, s *Server) *listener { return &listener{s.Patient(ln), s} }

// Connections beyond MaxConnections are not kept: a few of them may ask one thing, and quickly, so that the node can say that it lives; everything
// else is answered with a 503, and so are, unheard, those beyond these.
const (
	spareConnections = 64
	spareTime        = time.Second
)

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		conn := &watchedConn{Conn: c, watch: l.s.watch, budget: l.s.budget}
		n := l.s.watch.add(conn)
		if n > l.s.cfg.MaxConnections+spareConnections {
			l.s.turnAway(conn)
			continue
		}
		if n > l.s.cfg.MaxConnections {
			conn.spare = true
			conn.read.at.Store(l.s.watch.after(spareTime))
		}
		return conn, nil
	}
}

// turnAway refuses a connection for which there is no room at all.
func (s *Server) turnAway(conn *watchedConn) {
	p := s.crowded()
	body := p.append(nil)
	_ = conn.Conn.SetWriteDeadline(time.Now().Add(leastPause)) // whoever accepts can't wait; its buffers are empty
	_, _ = fmt.Fprintf(conn.Conn, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: application/problem+json\r\nCache-Control: no-store\r\nRetry-After: %d\r\nContent-Length: %d\r\n\r\n%s",
		p.status, http.StatusText(p.status), p.retryAfter, len(body), body)
	_ = conn.Close()
	s.metrics.done(routeOther, p.status, 0)
}

func (s *Server) crowded() *problem {
	return unavailable("more than %d connections at once", s.cfg.MaxConnections)
}

// mayLinger reports whether there is room for one more connection that lingers: they count towards no limit, but take a descriptor each.
func (w *watch) mayLinger() bool {
	if w.lingering.Add(1) <= spareConnections {
		return true
	}
	w.lingering.Add(-1)
	return false
}

func (c *watchedConn) Close() error {
	c.watch.remove(c)
	c.budget.release(c)
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || !c.linger.Swap(false) || !c.watch.mayLinger() {
		return c.Conn.Close()
	}
	defer c.watch.lingering.Add(-1)
	if err := half.CloseWrite(); err == nil {
		if err := c.Conn.SetReadDeadline(time.Now().Add(lingerTime)); err == nil {
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes) // whatever comes is not wanted
		}
	}
	return c.Conn.Close()
}
