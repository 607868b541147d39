package serve

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// What comes beyond the limit of connections is told to come again, in the form that every refusal has; probes get through.
func TestTooManyConnections(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.MaxConnections = 2 })
	keep := func() net.Conn {
		t.Helper()
		conn, err := f.ln.Dial()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	open := func() int {
		w := f.server.watch
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.conns)
	}
	first, _ := keep(), keep()
	f.eventually("two are open", func() bool { return open() == 2 })
	for range 3 {
		r := f.get("/v1/popular")
		checkRefusal(t, r, 503, "more than 2 connections at once")
		if r.header.Get("Retry-After") != "1" || r.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%v", r.header)
		}
	}
	spare := keep()
	said := bufio.NewReader(spare)
	if r := f.exchange(spare, said, "GET /healthz/ready HTTP/1.1\r\nHost: edge\r\n\r\n"); r.status != 200 {
		t.Errorf("%d %v", r.status, r.body)
	}
	if _, err := said.ReadByte(); err != io.EOF {
		t.Errorf("it goes on: %v", err)
	}
	for range 2 {
		if r := f.exchange(first, bufio.NewReader(first), "GET /v1/popular HTTP/1.1\r\nHost: edge\r\n\r\n"); r.status != 200 {
			t.Errorf("on an old connection: %d %s", r.status, r.body)
		}
	}
	f.eventually("the others are closed", func() bool { return open() == 2 })
	for range spareConnections {
		keep()
	}
	f.eventually("all are open", func() bool { return open() == 2+spareConnections })
	resp, err := http.ReadResponse(bufio.NewReader(keep()), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := response{resp.StatusCode, resp.Header, string(body)}
	checkRefusal(t, r, 503, "more than 2 connections at once")
	if r.header.Get("Retry-After") != "1" {
		t.Errorf("%v", r.header)
	}
}

// TestFewLinger: connections that linger take a descriptor and count towards no limit, so they are few.
func TestFewLinger(t *testing.T) {
	w := newWatch(timeouts{})
	for range spareConnections {
		if !w.mayLinger() {
			t.Fatal("too early")
		}
	}
	if w.mayLinger() || w.lingering.Load() != spareConnections {
		t.Errorf("%d linger", w.lingering.Load())
	}
	w.lingering.Add(-1)
	if !w.mayLinger() {
		t.Error("one has gone")
	}
}

// TestSpareTime: a connection beyond the limit has a second for its request, also once a byte of that has come.
func TestSpareTime(t *testing.T) {
	for _, c := range []struct {
		spare      bool
		read, want time.Duration
	}{{false, 10 * time.Second, 10 * time.Second}, {false, 0, 0}, {true, 10 * time.Second, spareTime}, {true, 0, spareTime}, {true, spareTime / 2, spareTime / 2}} {
		conn := &watchedConn{watch: newWatch(timeouts{read: c.read}), spare: c.spare}
		if got := conn.requestTime(); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
