package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// job is one request, reused. The body is sent where isPost.
type job struct {
	kind   Kind
	isPost bool
	at     time.Time // intended start
	limit  time.Time // when it has failed
	uri    []byte    // path and query
	body   []byte
}

func (j *job) get(k Kind)  { j.kind, j.isPost, j.uri, j.body = k, false, j.uri[:0], j.body[:0] }
func (j *job) post(k Kind) { j.kind, j.isPost, j.uri, j.body = k, true, j.uri[:0], j.body[:0] }

// Classes of failure.
const (
	ClassStatus  = "status"  // an answer that is not 2xx
	ClassTimeout = "timeout" // no answer in time
	ClassRefused = "refused" // nobody listens
	ClassClosed  = "closed"  // the connection went away
	ClassWrong   = "wrong"   // LoadConfig.Check did not like the answer
	ClassOther   = "other"
)

// outcome is how a request ended: class empty if well. status is 0 without an answer.
type outcome struct {
	class  string
	status int
}

// client sends jobs to one host, over connections it can break off.
type client struct {
	http    *fasthttp.HostClient
	base    string // scheme, host and path before a job's
	headers map[string]string
	check   func(Kind, []byte) error
	timeout time.Duration

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

// maxAnswer is more than 500 items with all their fields are likely to need.
const maxAnswer = 16 << 20

func newClient(cfg *LoadConfig, base string) (*client, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	c := &client{base: strings.TrimRight(base, "/"), headers: cfg.Headers, check: cfg.Check, timeout: cfg.Timeout, conns: map[net.Conn]struct{}{}}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if u.Port() != "" {
		port = u.Port()
	}
	c.http = &fasthttp.HostClient{
		Addr: net.JoinHostPort(u.Hostname(), port), IsTLS: u.Scheme == "https", Name: "edged-bench",
		MaxConns: cfg.Connections + 1, MaxIdemponentCallAttempts: 1, MaxResponseBodySize: maxAnswer,
		DialTimeout: c.dial, DisablePathNormalizing: true, RetryIfErr: neverRetry,
	}
	return c, nil
}

// neverRetry: a retry would hide a failure, or count an event twice.
func neverRetry(*fasthttp.Request, int, error) (resetTimeout, retry bool) { return false, false }

func (c *client) dial(addr string, timeout time.Duration) (net.Conn, error) {
	if timeout <= 0 {
		timeout = c.timeout
	}
	conn, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	c.conns[conn] = struct{}{}
	return &trackedConn{Conn: conn, c: c}, nil
}

type trackedConn struct {
	net.Conn
	c *client
}

func (t *trackedConn) Close() error {
	t.c.mu.Lock()
	delete(t.c.conns, t.Conn)
	t.c.mu.Unlock()
	return t.Conn.Close()
}

// close breaks off what is under way; the client fails from then on.
func (c *client) close() {
	c.mu.Lock()
	c.closed = true
	for conn := range c.conns {
		conn.Close()
	}
	c.mu.Unlock()
	c.http.CloseIdleConnections()
}

// do sends a job and waits for the answer, until the job's limit.
func (c *client) do(j *job) outcome {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.SetRequestURI(c.base + string(j.uri))
	if j.isPost {
		req.Header.SetMethod(fasthttp.MethodPost)
		req.Header.SetContentType("application/json")
		req.SetBodyRaw(j.body)
	}
	for k, v := range c.headers {
		req.Header.Set(k, v)
	}
	if err := c.http.DoDeadline(req, resp, j.limit); err != nil {
		return outcome{class: classOf(err)}
	}
	status := resp.StatusCode()
	switch {
	case status < 200 || status > 299:
		return outcome{class: ClassStatus, status: status}
	case c.check != nil && c.check(j.kind, resp.Body()) != nil:
		return outcome{class: ClassWrong, status: status}
	}
	return outcome{status: status}
}

func classOf(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return ClassRefused
	case errors.Is(err, fasthttp.ErrTimeout), errors.As(err, &timeout) && timeout.Timeout():
		return ClassTimeout
	case errors.Is(err, fasthttp.ErrConnectionClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return ClassClosed
	}
	return ClassOther
}

// popular asks the node for the ids of its most popular items.
func (c *client) popular(ctx context.Context) ([]string, error) {
	defer context.AfterFunc(ctx, c.close)()
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.SetRequestURI(c.base + "/v1/popular?n=500")
	for k, v := range c.headers {
		req.Header.Set(k, v)
	}
	if err := c.http.DoTimeout(req, resp, c.timeout); err != nil {
		return nil, err
	}
	if status := resp.StatusCode(); status != fasthttp.StatusOK {
		return nil, fmt.Errorf("GET /v1/popular: status %d", status)
	}
	var answer struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	if err := json.Unmarshal(resp.Body(), &answer); err != nil {
		return nil, fmt.Errorf("GET /v1/popular: %w", err)
	}
	ids := make([]string, len(answer.Items))
	for i, it := range answer.Items {
		ids[i] = it.ID
	}
	return ids, nil
}
