package serve

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A deadline of the runtime costs a timer each time it is set, and fasthttp sets three for every request. Connections here write down
// when they are to end; once in a while a watch looks at all of them, and ends the reads and writes that are late. A deadline is
// kept to within a tick of the watch.

// expired stands in a deadline's place once the watch has ended what it was for.
const expired = -1

// watchedConn is a connection whose deadlines a watch keeps.
type watchedConn struct {
	net.Conn
	watch       *watch
	read, write deadline
	linger      atomic.Bool
	asked       bool // something was read since something was written; of the goroutine that serves it
}

// Read tells the end of a connection within a request from the one between two: fasthttp passes over io.EOF wherever it comes, and what was
// taken for the request would never be given back.
func (c *watchedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.asked = c.asked || n > 0; c.asked && err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (c *watchedConn) Write(b []byte) (int, error) {
	c.asked = false
	return c.Conn.Write(b)
}

// deadline is a moment in nanoseconds since the watch began, by the clock that never jumps; 0 for none, or expired.
type deadline struct {
	at atomic.Int64
	mu sync.Mutex // of what is told to the connection below
}

// set writes a deadline down; one that has ended takes its mark off the connection, by tell.
func (d *deadline) set(at int64, tell func(time.Time) error) error {
	if d.at.Swap(at) != expired {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return tell(time.Time{})
}

// check ends what is late.
func (d *deadline) check(now int64, tell func(time.Time) error) {
	at := d.at.Load()
	if at <= 0 || at > now {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at.CompareAndSwap(at, expired) {
		_ = tell(time.Unix(1, 0)) // a connection that is closed needs no deadline
	}
}

func (c *watchedConn) SetReadDeadline(t time.Time) error {
	return c.read.set(c.watch.moment(t), c.Conn.SetReadDeadline)
}

func (c *watchedConn) SetWriteDeadline(t time.Time) error {
	return c.write.set(c.watch.moment(t), c.Conn.SetWriteDeadline)
}

func (c *watchedConn) check(now int64) {
	c.read.check(now, c.Conn.SetReadDeadline)
	c.write.check(now, c.Conn.SetWriteDeadline)
}

// watch looks after connections as long as there are any.
type watch struct {
	tick  time.Duration
	began time.Time

	mu      sync.Mutex
	conns   map[*watchedConn]struct{}
	running bool
}

// newWatch makes a watch that looks often enough for the shortest timeout.
func newWatch(timeouts ...time.Duration) *watch {
	w := &watch{tick: 250 * time.Millisecond, began: time.Now(), conns: map[*watchedConn]struct{}{}}
	for _, t := range timeouts {
		if t > 0 {
			w.tick = max(min(w.tick, t/4), time.Millisecond)
		}
	}
	return w
}

func (w *watch) moment(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(1, int64(t.Sub(w.began)))
}

func (w *watch) add(c *watchedConn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[c] = struct{}{}
	if !w.running {
		w.running = true
		go w.run()
	}
}

func (w *watch) remove(c *watchedConn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
}

func (w *watch) run() {
	ticker := time.NewTicker(w.tick)
	defer ticker.Stop()
	var list []*watchedConn
	for now := range ticker.C {
		if list = w.list(list[:0]); len(list) == 0 {
			return
		}
		for _, c := range list {
			c.check(int64(now.Sub(w.began)))
		}
		clear(list)
	}
}

// list is what there is to watch; nothing ends the watch.
func (w *watch) list(dst []*watchedConn) []*watchedConn {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		dst = append(dst, c)
	}
	w.running = len(dst) > 0
	return dst
}
