package serve

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A deadline of the runtime costs a timer each time it is set, and a look at the clock, and fasthttp sets three for every request.
// Connections here write down when they are to end, by the time the watch looked at the clock last; once in a while the watch looks at
// all of them, and ends the reads and writes that are late. A deadline is kept to within two ticks of the watch, and never ends early.

// timeouts say how long a peer may take: for a request, from its first byte or the beginning of the connection on; to take an answer, or a part
// of it; and between an answer and the next request. 0: for ever.
type timeouts struct{ read, write, idle time.Duration }

// expired stands in a deadline's place once the watch has ended what it was for.
const expired = -1

// waiting is the lowest bit of a read's deadline while a connection waits for a request of which nothing has come. Others are even.
const waiting = 1

// lastLook is how long a connection whose wait is ended is read from still.
const lastLook = 10 * time.Millisecond

// watchedConn is a connection whose deadlines a watch keeps.
type watchedConn struct {
	net.Conn
	watch       *watch
	read, write deadline
	linger      atomic.Bool
	budget      *budget // nil: bodies are not counted
	hold        hold
	spare       bool // it is one too many

	// Of the goroutine that serves it:
	asked  bool // something was read since something was written
	idle   bool // something was written, and nothing read since
	within bool // a body is under way: what is written is no answer yet
}

// begin is told of a head behind which a body comes: until end, the time of the request runs on, whatever is written (an answer to the request
// before it, or 100 Continue).
func (c *watchedConn) begin() {
	c.within, c.asked = true, true
	if c.idle {
		c.idle = false
		_ = c.read.set(c.watch.after(c.requestTime()), c.Conn.SetReadDeadline) // the next read tells what is wrong
	}
}

// requestTime is how long a request may take to come.
func (c *watchedConn) requestTime() time.Duration {
	if read := c.watch.timeouts.read; !c.spare || read > 0 && read < spareTime {
		return read
	}
	return spareTime
}

// end is told when a request was worked on, before its answer is written.
func (c *watchedConn) end() {
	if c.within {
		c.within, c.hold.short = false, false
		c.budget.release(c)
	}
}

// Read tells the end of a connection within a request from the one between two: fasthttp passes over io.EOF wherever it comes, and what was
// taken for the request would never be given back.
func (c *watchedConn) Read(b []byte) (int, error) {
	if c.idle {
		if err := c.read.set(c.watch.after(c.watch.timeouts.idle)|waiting, c.Conn.SetReadDeadline); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Read(b)
	if !c.asked && n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		n, err = c.lastLook(b)
	}
	if !c.asked && n > 0 {
		c.idle = false
		if late := c.read.set(c.watch.after(c.requestTime()), c.Conn.SetReadDeadline); late != nil {
			return n, late
		}
	}
	if c.asked = c.asked || n > 0; c.asked && err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// lastLook reads what came just before the wait for a request was ended.
func (c *watchedConn) lastLook(b []byte) (int, error) {
	if err := c.Conn.SetReadDeadline(time.Now().Add(lastLook)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *watchedConn) Write(b []byte) (int, error) {
	if !c.within {
		c.asked, c.idle = false, true
	}
	if err := c.write.set(c.watch.after(c.watch.timeouts.write), c.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
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

// wake ends a wait for a request.
func (d *deadline) wake(tell func(time.Time) error) {
	at := d.at.Load()
	if at <= 0 || at&waiting == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at.CompareAndSwap(at, expired) {
		_ = tell(time.Unix(1, 0))
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
	timeouts timeouts
	tick     time.Duration
	began    time.Time
	looked   atomic.Int64 // when it looked at the clock last, in nanoseconds since it began

	lingering atomic.Int64 // connections that are closed but for what their peer still sends

	mu      sync.Mutex
	conns   map[*watchedConn]struct{}
	running bool
}

// newWatch makes a watch that looks often enough for the shortest timeout.
func newWatch(t timeouts) *watch {
	w := &watch{timeouts: t, tick: 250 * time.Millisecond, began: time.Now(), conns: map[*watchedConn]struct{}{}}
	for _, t := range []time.Duration{t.read, t.write, t.idle} {
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
	return max(2, int64(t.Sub(w.began))&^waiting)
}

// after is the moment when something ends that may take so long; it is never too early.
func (w *watch) after(timeout time.Duration) int64 {
	if timeout <= 0 {
		return math.MaxInt64 &^ waiting
	}
	return (w.looked.Load() + int64(timeout+w.tick)) &^ waiting
}

// look looks at the clock.
func (w *watch) look() int64 {
	now := int64(time.Since(w.began))
	w.looked.Store(now)
	return now
}

// add begins to look after a connection, whose first request may take as long as any, and returns how many there are.
func (w *watch) add(c *watchedConn) int {
	w.look()
	c.read.at.Store(w.after(w.timeouts.read) | waiting)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[c] = struct{}{}
	if !w.running {
		w.running = true
		go w.run()
	}
	return len(w.conns)
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
	for range ticker.C {
		now := w.look()
		if list = w.list(list[:0]); len(list) == 0 {
			return
		}
		for _, c := range list {
			c.check(now)
		}
		clear(list)
	}
}

// settle ends what waits for a request, after a last look, and returns when no connection is left or ctx ends.
func (w *watch) settle(ctx context.Context) {
	ticker := time.NewTicker(lastLook)
	defer ticker.Stop()
	for list := w.open(nil); len(list) > 0; list = w.open(list[:0]) {
		for _, c := range list {
			c.read.wake(c.Conn.SetReadDeadline)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// list is what there is to watch; nothing ends the watch.
func (w *watch) list(dst []*watchedConn) []*watchedConn {
	w.mu.Lock()
	defer w.mu.Unlock()
	dst = w.openLocked(dst)
	w.running = len(dst) > 0
	return dst
}

// open is every connection there is.
func (w *watch) open(dst []*watchedConn) []*watchedConn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.openLocked(dst)
}

func (w *watch) openLocked(dst []*watchedConn) []*watchedConn {
	for c := range w.conns {
		dst = append(dst, c)
	}
	return dst
}
