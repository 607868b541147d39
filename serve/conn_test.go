package serve

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestDeadlinesOfWatchedConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		w := newWatch(timeouts{read: 2 * time.Second, write: time.Second, idle: 5 * time.Second})
		c := &watchedConn{Conn: near, watch: w}
		w.add(c)
		var b [1]byte
		late := func(what string, after time.Duration, do func([]byte) (int, error)) {
			t.Helper()
			began := time.Now()
			if _, err := do(b[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v", what, err)
			}
			if took := time.Since(began); took < after || took > after+2*w.tick+lastLook {
				t.Errorf("%s: ended after %v, want %v", what, took, after)
			}
		}
		sent := func(after time.Duration) {
			t.Helper()
			began := time.Now()
			go func() { time.Sleep(after); far.Write([]byte("x")) }()
			if n, err := c.Read(b[:]); n != 1 || err != nil || time.Since(began) != after {
				t.Errorf("%d, %v after %v, what was sent after %v", n, err, time.Since(began), after)
			}
		}
		answer := func() {
			t.Helper()
			go far.Read(make([]byte, 1))
			if _, err := c.Write([]byte("y")); err != nil {
				t.Errorf("answer: %v", err)
			}
		}
		late("the first request", 2*time.Second, c.Read)
		for range 2 { // the second finds the marks of the first
			answer() // takes away the mark of what was late once it is set anew
			sent(4500 * time.Millisecond)
			late("the rest of a request", 2*time.Second, c.Read)
			answer()
			late("the next request", 5*time.Second, c.Read)
			late("an answer", time.Second, c.Write)
			answer()
			sent(0)
			c.begin()
			answer() // no answer, but the word to go on
			late("a body", 2*time.Second, c.Read)
			c.end()
			answer() // to a request before this one
			c.begin()
			late("a body that was read with the request before", 2*time.Second, c.Read)
			c.end()
		}
		if err := errors.Join(c.SetReadDeadline(time.Time{}), c.Close(), far.Close()); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * w.tick)
		synctest.Wait()
		if w.running {
			t.Error("nothing is left to watch, and the watch goes on")
		}
	})
}

func TestLatencyBuckets(t *testing.T) {
	var l latency
	for d, place := range map[time.Duration]int{0: 0, 10 * time.Microsecond: 0, 10*time.Microsecond + 1: 1, 20 * time.Microsecond: 1,
		20*time.Microsecond + 1: 2, 40 * time.Microsecond: 2, 41 * time.Microsecond: 3, time.Hour: latencyBuckets} {
		before := l.buckets[place].Load()
		if l.add(d); l.buckets[place].Load() != before+1 {
			t.Errorf("%v is not in bucket %d", d, place)
		}
	}
}
