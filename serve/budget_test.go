package serve

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/edged/edged"
)

// Callers who send heads of large bodies and nothing more take no more memory than the budget; others are told to come again, small bodies and
// GETs get through, and what was taken is given back when it ends, well or not.
func TestBodiesShareABudget(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.BodyBudget = 3 * edged.MaxBody })
	halves := make([]net.Conn, 3)
	for i, head := range []string{fmt.Sprint("Content-Length: ", edged.MaxBody), fmt.Sprint("Content-Length: ", edged.MaxBody), "Transfer-Encoding: chunked"} {
		conn, err := f.ln.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "POST /v1/events HTTP/1.1\r\nHost: edge\r\n"+head+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		halves[i] = conn
	}
	f.eventually("three bodies are under way", func() bool { return f.server.budget.sum.Load() > 2*edged.MaxBody })
	full := `{"item":"mug-1","type":"view"}` + strings.Repeat(" ", edged.MaxBody-100)
	r := f.post("/v1/events", "", full)
	checkRefusal(t, r, 503, "bodies under way take all the room there is for them")
	if r.header.Get("Retry-After") != "1" {
		t.Errorf("%v", r.header)
	}
	checkRefusal(t, f.raw("POST /v1/events HTTP/1.1\r\nHost: edge\r\nExpect: 100-continue\r\nContent-Length: 1048000\r\n\r\n"), 503, "all the room")
	checkRefusal(t, f.raw("POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n80000\r\n"), 503, "all the room")
	small := "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"
	if r := f.raw(small); r.status != 202 {
		t.Errorf("a small chunked body: %d %s", r.status, r.body)
	}
	if r := f.post("/v1/events", "", viewMug); r.status != 202 {
		t.Errorf("a small body: %d %s", r.status, r.body)
	}
	checkRefusal(t, f.post("/v1/events", "", strings.Repeat(" ", edged.MaxBody+1)), 413, "larger than")

	body := viewMug + strings.Repeat(" ", edged.MaxBody-len(viewMug))
	if _, err := io.WriteString(halves[0], body); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(halves[0]).ReadString('\n'); err != nil || !strings.Contains(line, "202") {
		t.Errorf("%q %v", line, err)
	}
	for _, conn := range halves[1:] {
		_ = conn.Close()
	}
	f.eventually("all is given back", func() bool { return f.server.budget.sum.Load() == 0 })
	if r := f.post("/v1/events", "", full); r.status != 202 {
		t.Errorf("afterwards: %d %s", r.status, r.body)
	}
}

func (f *fixture) eventually(what string, so func() bool) {
	f.t.Helper()
	began, tick := time.Now(), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !so() {
		if time.Since(began) > 20*time.Second {
			f.t.Fatalf("waited in vain until %s", what)
		}
		<-tick.C
	}
}

// brokenConn has something to read, and takes nothing.
type brokenConn struct {
	net.Conn
	said io.Reader
	addr net.Addr
}

func (c *brokenConn) Read(b []byte) (int, error) { return c.said.Read(b) }
func (c *brokenConn) Write([]byte) (int, error)  { return 0, errors.New("broken pipe") }
func (c *brokenConn) Close() error               { return nil }
func (c *brokenConn) LocalAddr() net.Addr        { return c.addr }
func (c *brokenConn) RemoteAddr() net.Addr       { return c.addr }

func from(address string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(address)} }

// What a connection had is given back when it ends, also where fasthttp tells nobody that its request has: the word to go on can't be written, or a
// large answer to the request before it went out while its own body came.
func TestWhatNobodyAnsweredIsGivenBack(t *testing.T) {
	f := newFixture(t)
	for _, said := range []string{
		"POST /v1/events HTTP/1.1\r\nHost: edge\r\nExpect: 100-continue\r\nContent-Length: 1048576\r\n\r\n",
		"POST /v1/events HTTP/1.1\r\nHost: edge\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET /openapi.json HTTP/1.1\r\nHost: edge\r\n\r\nPOST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: 1048576\r\n\r\n",
	} {
		conn := &watchedConn{Conn: &brokenConn{said: strings.NewReader(said), addr: from("192.0.2.1")}, watch: f.server.watch, budget: f.server.budget}
		_ = f.server.http.ServeConn(conn)
		if sum := f.server.budget.sum.Load(); sum != 0 || len(f.server.budget.peers) != 0 {
			t.Errorf("%q: %d bytes are held for ever", said, sum)
		}
	}
}

func TestOneAddressHasAShareOfTheBudget(t *testing.T) {
	b := newBudget(16<<20, 1<<20)
	conn := func(address string) *watchedConn {
		return &watchedConn{Conn: &brokenConn{addr: from(address)}, budget: b}
	}
	var all []*watchedConn
	take := func(address string, n, want int64) {
		t.Helper()
		c := conn(address)
		if got := b.take(c, n); got != want {
			t.Errorf("%s: %d bytes of %d, want %d", address, got, n, want)
		}
		all = append(all, c)
	}
	for _, address := range []string{"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.2"} {
		for range 4 {
			take(address, 1<<20, 1<<20)
		}
		take(address, 1<<20, 0)
	}
	take("2001:db8::2", 1<<20, 0) // of the same network
	take("192.0.2.2", 1<<20, 0)
	take("2001:db8:0:1::", 1<<20, 1<<20)
	for _, c := range all {
		b.release(c)
	}
	if b.sum.Load() != 0 || len(b.peers) != 0 {
		t.Errorf("%d bytes held, %v", b.sum.Load(), b.peers)
	}
}

// However many bodies are under way that don't tell their lengths, they take no more than an address may, and most of them something.
func TestChunkedBodiesShareWhatIsLeft(t *testing.T) {
	b := newBudget(64<<20, 1<<20)
	sum, least := int64(0), int64(1<<20)
	for i := range 1000 {
		got := b.take(&watchedConn{Conn: &brokenConn{addr: from("192.0.2.1")}, budget: b}, chunked)
		if sum += got; got > least || i < 8 && got != 1<<20 || i < 40 && got < 16<<10 {
			t.Fatalf("%d: %d bytes after %d", i, got, least)
		}
		least = got
	}
	if sum > 16<<20 || sum < 15<<20 {
		t.Errorf("%d bytes", sum)
	}
}

// A body that was waited for has the time of its request, not that between two; one that is refused is not waited for.
func TestExpectedBodies(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.ReadTimeout, c.IdleTimeout = 50*time.Millisecond, time.Hour })
	conn, err := f.ln.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /v1/events HTTP/1.1\r\nHost: edge\r\nExpect: 100-continue\r\nContent-Length: 8000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn) // until the node ends it
	if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 4") {
		t.Errorf("%s %v", all, err)
	}
	checkRefusal(t, f.raw("POST /v1/events HTTP/1.1\r\nHost: edge\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n"), 413, "larger than 1048576 bytes")
}

// connOf takes a head for a part of its RequestCtx. This looks at that by reflection first, and then at every head that a server tells of:
// of one connection after another, which use each other's RequestCtx again, of requests one after another, and of several at once.
func TestHeadsLieInTheirRequest(t *testing.T) {
	const otherwise = "fasthttp tells HeaderReceived of another head than that of its RequestCtx: see connOf, and do not serve with this version"
	request, _ := reflect.TypeFor[fasthttp.RequestCtx]().FieldByName("Request")
	header, _ := reflect.TypeFor[fasthttp.Request]().FieldByName("Header")
	if request.Type != reflect.TypeFor[fasthttp.Request]() || header.Type != reflect.TypeFor[fasthttp.RequestHeader]() || len(request.Index)+len(header.Index) != 2 {
		t.Fatal(otherwise)
	}
	var told sync.Map // heads that are being read
	heads := 0
	ln := fasthttputil.NewInmemoryListener()
	server := fasthttp.Server{
		HeaderReceived: func(h *fasthttp.RequestHeader) (cfg fasthttp.RequestConfig) { told.Store(h, true); return cfg },
		Handler: func(ctx *fasthttp.RequestCtx) {
			_, ok := told.LoadAndDelete(&ctx.Request.Header)
			if !ok {
				t.Error(otherwise)
			} else if connOf(&ctx.Request.Header) != ctx.Conn() {
				t.Error("connOf: another connection than the request's")
			}
		},
	}
	served := make(chan error)
	go func() { served <- server.Serve(ln) }()
	for range 3 {
		conns := make([]net.Conn, 4)
		for i := range conns {
			conn, err := ln.Dial()
			if err != nil {
				t.Fatal(err)
			}
			conns[i] = conn
		}
		for range 2 {
			for _, conn := range conns {
				fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: 5000\r\n\r\n", strings.Repeat("x", 5000))
				if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
					t.Fatalf("%q %v", line, err)
				}
				heads++
			}
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
	if err := errors.Join(server.Shutdown(), <-served); err != nil || heads != 24 {
		t.Error(heads, err)
	}
}
