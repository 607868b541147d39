package serve

import (
	"bufio"
	"context"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// While a node drains, each of its answers says that the connection ends, and whoever waits still may ask once more: nothing is lost that was
// sent before a connection was said to end.
func TestDrainAnnouncesTheEndOfConnections(t *testing.T) {
	f := newFixture(t)
	var ready, done sync.WaitGroup
	drained := make(chan struct{})
	for i := range 16 {
		ready.Add(1)
		done.Go(func() {
			conn, err := f.ln.Dial()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			r := bufio.NewReader(conn)
			ask := func() response {
				return f.exchange(conn, r, "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: 30\r\n\r\n"+`{"item":"mug-1","type":"view"}`)
			}
			if got := ask(); got.status != 202 || got.header.Get("Connection") != "" {
				t.Errorf("before: %d %v", got.status, got.header)
			}
			ready.Done()
			if i%2 == 0 {
				<-drained // one that says nothing while the node begins to drain
			}
			for tries := 0; ; tries++ {
				got := ask()
				if got.status != 202 {
					t.Errorf("%d %s", got.status, got.body)
				}
				if got.header.Get("Connection") == "close" {
					return
				}
				select {
				case <-drained:
					if tries > 0 && i%2 == 0 {
						t.Error("an answer of a draining node lets the connection stand")
						return
					}
				default:
				}
			}
		})
	}
	ready.Wait()
	f.server.Drain()
	close(drained)
	done.Wait()
	if r := f.get("/v1/popular"); r.status != 200 || r.header.Get("Connection") != "close" {
		t.Errorf("a new connection: %d %v", r.status, r.header)
	}
	if r := f.get("/nowhere"); r.status != 404 || r.header.Get("Connection") != "close" {
		t.Errorf("a refusal: %d %v", r.status, r.header)
	}
}

// Shutdown ends connections that wait, and at once.
func TestShutdownEndsIdleConnections(t *testing.T) {
	f := newFixture(t)
	conns := make([]net.Conn, 3)
	for i := range conns {
		conn, err := f.ln.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns[i] = conn
	}
	f.exchange(conns[0], bufio.NewReader(conns[0]), "GET /v1/popular HTTP/1.1\r\nHost: edge\r\n\r\n") // the others have asked nothing
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := f.server.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// lateConn has its first byte only after a read of it was ended.
type lateConn struct {
	net.Conn
	ended chan struct{}
	reads int
}

func (c *lateConn) Read(b []byte) (int, error) {
	if c.reads++; c.reads == 1 {
		<-c.ended
		return 0, os.ErrDeadlineExceeded
	}
	return copy(b, "x"), nil
}

func (c *lateConn) SetReadDeadline(t time.Time) error {
	if t.Equal(time.Unix(1, 0)) {
		close(c.ended)
	}
	return nil
}

func (c *lateConn) Close() error { return nil }

// What lies in the socket when the wait for it is ended is read all the same.
func TestAWaitEndsWithALastLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(timeouts{read: 2 * time.Second, write: time.Second, idle: 5 * time.Second})
		c := &watchedConn{Conn: &lateConn{ended: make(chan struct{})}, watch: w}
		w.add(c)
		ctx, cancel := context.WithCancel(t.Context())
		settled := make(chan struct{})
		go func() { defer close(settled); w.settle(ctx) }()
		var b [1]byte
		if n, err := c.Read(b[:]); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		synctest.Wait()
		if at := c.read.at.Load(); at&waiting != 0 || at <= 0 {
			t.Errorf("a request that has begun is taken for none: %d", at)
		}
		cancel()
		<-settled
		_ = c.Close()
		time.Sleep(2 * w.tick)
	})
}
