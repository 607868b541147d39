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
		w := newWatch(time.Second)
		c := &watchedConn{Conn: near, watch: w}
		w.add(c)
		var b [1]byte
		read := func(after time.Duration) (error, time.Duration) {
			began := time.Now()
			if err := c.SetReadDeadline(time.Now().Add(after)); err != nil {
				t.Fatal(err)
			}
			_, err := c.Read(b[:])
			return err, time.Since(began)
		}
		for range 2 { // the second finds the mark of the first
			err, took := read(time.Second)
			if !errors.Is(err, os.ErrDeadlineExceeded) || took < time.Second || took > time.Second+w.tick {
				t.Errorf("%v after %v", err, took)
			}
		}
		go func() { time.Sleep(500 * time.Millisecond); far.Write([]byte("x")) }()
		if err, took := read(time.Second); err != nil || took != 500*time.Millisecond {
			t.Errorf("%v after %v: a connection that was late once stays late", err, took)
		}
		if err := c.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(b[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %v", err)
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
