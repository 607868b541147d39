package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged/rank"
	"github.com/edged/edged/trend"
	"github.com/edged/edged/words"
)

// Server answers the public listener. All methods are safe for concurrent use.
type Server struct {
	cfg       Config
	http      fasthttp.Server
	metrics   *meters
	guard     guards
	words     atomic.Pointer[words.Set]
	ids       idSource
	calls     sync.Pool
	scratches sync.Pool // of *rank.Scratch
	working   atomic.Int64
	draining  atomic.Bool
	watch     *watch
	finished  *finished
	standings standings
	budget    *budget
	turns     *turns

	mu        sync.Mutex
	listeners []*listener
	stopped   bool
}

// New returns a Server that listens nowhere yet.
func New(cfg Config) (*Server, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	s := &Server{cfg: cfg, turns: newTurns(turnsHere()), watch: newWatch(timeouts{cfg.ReadTimeout, cfg.WriteTimeout, cfg.IdleTimeout})}
	s.guard.Store(newGuard(&s.cfg, cfg.Keys, cfg.Tokens))
	s.words.Store(cfg.Words)
	var err error
	if s.finished, err = newFinished(); err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	s.budget = newBudget(cfg.BodyBudget, int64(cfg.MaxBody))
	s.metrics = newMeters(s, cfg.Metrics)
	s.ids.init(cfg.Rand)
	s.scratches.New = func() any { return new(rank.Scratch) }
	s.calls.New = func() any {
		c := &call{names: names{}, hosts: names{}, clock: s.cfg.Clock}
		c.reset()
		return c
	}
	s.http = fasthttp.Server{
		Handler:                      s.handle,
		ErrorHandler:                 s.unreadable,
		HeaderReceived:               s.budget.admit,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		SecureErrorLogMessage:        true,
		Concurrency:                  cfg.MaxConnections + 3*spareConnections, // the listener sees to it; fasthttp counts those that linger, and that end, for a little longer
		ReadBufferSize:               32 << 10,                                // the longest request line and headers
		MaxRequestBodySize:           cfg.MaxBody,
		LazyRequestTime:              true,
		Logger:                       silent{},
	}
	return s, nil
}

// silent takes fasthttp's own log lines, which quote what callers sent.
type silent struct{}

func (silent) Printf(string, ...any) {}

// Handler returns the handler of the public listener, for tests and for embedding in another fasthttp server. It looks at headers as they
// were read: those set on a Request afterwards are not seen.
func (s *Server) Handler() fasthttp.RequestHandler { return s.handle }

// Serve answers ln until Shutdown, then returns nil. After Shutdown it closes ln and returns at once.
func (s *Server) Serve(ln net.Listener) error {
	l := newListener(ln, s)
	if s.track(l) {
		return l.Close()
	}
	if err := s.http.Serve(l); err != nil {
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	}
	return nil
}

// track remembers a listener for Shutdown, which fasthttp does too late for a Shutdown that comes early. It reports
// whether Shutdown has come already.
func (s *Server) track(l *listener) (stopped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
	return s.stopped
}

// closeListeners makes every Serve, also one that has hardly begun, return.
func (s *Server) closeListeners() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for _, l := range s.listeners {
		_ = l.Close() // fasthttp closes it again, and tells
	}
}

// Drain makes the node say that it is not ready, so that balancers look elsewhere. It keeps answering, and says with each answer that the
// connection ends with it: a caller that goes on meanwhile comes back on a connection it knows to be new.
func (s *Server) Drain() { s.draining.Store(true) }

// Shutdown stops accepting, lets every request that has come be answered, and returns when no connection is left or ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	s.closeListeners()
	defer s.finished.cache.Close()
	s.watch.settle(ctx)
	if err := s.http.ShutdownWithContext(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve: drain: %w", err)
	}
	return nil
}

// handle answers one request.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	c := s.calls.Get().(*call)
	c.ctx, c.start = ctx, s.cfg.Clock()
	c.scratch = s.scratches.Get().(*rank.Scratch)
	c.guard = s.guard.Load()
	var path []byte
	path, c.asks = target(ctx)
	route, id := match(path)
	conn, _ := ctx.Conn().(*watchedConn)
	if conn != nil && conn.spare {
		ctx.SetConnectionClose()
	}
	p := s.guarded(c, route, id)
	if p != nil {
		s.refuse(c, p)
	} else {
		s.answer(c)
	}
	if c.ended.IsZero() {
		c.ended = s.cfg.Clock()
	}
	if s.draining.Load() {
		ctx.SetConnectionClose()
	}
	s.metrics.done(route, ctx.Response.StatusCode(), c.took())
	if conn != nil {
		conn.end()
	}
	s.scratches.Put(c.scratch)
	c.scratch = nil
	if c.release(); !c.oversized() {
		s.calls.Put(c)
	}
}

// guarded runs the handler under the concurrency limit and turns a panic into a problem.
func (s *Server) guarded(c *call, route int, id []byte) (p *problem) {
	defer func() {
		if r := recover(); r != nil {
			s.metrics.panics.Inc()
			s.cfg.Logger.Error("BUG: panic in a handler", "route", routeTable[route].name, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			p = problemOf(errors.New("panic"))
		}
	}()
	if n := s.working.Add(1); n > int64(s.cfg.MaxConcurrency) && !routeTable[route].always {
		s.working.Add(-1)
		return unavailable("more than %d requests at once", s.cfg.MaxConcurrency)
	}
	defer s.working.Add(-1)
	if conn, ok := c.ctx.Conn().(*watchedConn); ok && conn.spare && !routeTable[route].always {
		return s.crowded()
	}
	return s.dispatch(c, route, id)
}

func (s *Server) dispatch(c *call, route int, id []byte) *problem {
	ctx := c.ctx
	if p := checkHTTP(ctx, &c.heads); p != nil {
		ctx.SetConnectionClose()
		return p
	}
	r := &routeTable[route]
	if route == routeOther {
		return withStatus(http.StatusNotFound, "nothing is at this path; GET /openapi.json names what is")
	}
	if ctx.IsOptions() {
		return c.guard.cors.preflight(c, r)
	}
	h := r.handlerFor(ctx)
	if h == nil {
		p := withStatus(http.StatusMethodNotAllowed, "%s can't be used here; use %s", quote(ctx.Method()), r.allow())
		p.allow = r.allow()
		return p
	}
	if !ctx.IsPost() && !ctx.IsPut() && len(ctx.Request.Body()) > 0 {
		return bad("a %s request takes no body", ctx.Method())
	}
	if !r.open {
		if p := s.identify(c); p != nil {
			return p
		}
	}
	if len(id) > 0 {
		if p := c.pathID(id); p != nil {
			return p.at("id")
		}
	}
	return h(s, c)
}

func (c *call) pathID(raw []byte) (p *problem) {
	if c.id, p = c.unescape(raw, false); p == nil {
		p = checkID(c.id, 1)
	}
	return p
}

// answer writes c.out with the headers its kind of answer has.
func (s *Server) answer(c *call) {
	h := &c.ctx.Response.Header
	c.guard.cors.headers(h, c.heads.origin)
	s.giveToken(c)
	c.ctx.SetStatusCode(c.status)
	if c.status == http.StatusNoContent {
		return
	}
	h.SetContentType(c.contentType)
	s.cacheHeaders(c)
	if c.timed {
		s.timing(c)
	}
	if len(c.etag) > 0 && matchesETag(c.heads.noneMatch, c.etag) {
		c.ctx.SetStatusCode(http.StatusNotModified)
		return
	}
	c.ctx.SetBody(c.out)
}

// refuse writes a problem.
func (s *Server) refuse(c *call, p *problem) {
	c.guard.cors.headers(&c.ctx.Response.Header, c.heads.origin)
	c.out = p.append(c.out[:0])
	writeProblem(c.ctx, p, c.out)
}

func writeProblem(ctx *fasthttp.RequestCtx, p *problem, body []byte) {
	h := &ctx.Response.Header
	ctx.SetStatusCode(p.status)
	h.SetContentType("application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	if p.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="edged"`)
	}
	ctx.SetBody(body)
}

// internal logs what went wrong and says nothing about it to the caller.
func (s *Server) internal(c *call, what string, err error) *problem {
	s.cfg.Logger.Error(what, "error", err)
	return problemOf(err)
}

// unreadableRelease is internal for what the release should have said.
func (s *Server) unreadableRelease(c *call, what string, err error) *problem {
	s.fault(c, err)
	return s.internal(c, what, err)
}

// fault tells of a fault in the release, once per request.
func (s *Server) fault(c *call, err error) {
	if !c.faulty {
		c.faulty = true
		s.cfg.Fault(err)
	}
}

// load takes the current release, and words, for the rest of the call.
func (s *Server) load(c *call) *problem {
	if c.ranker = s.cfg.Releases.Current(); c.ranker == nil {
		return unavailable("no release is held yet")
	}
	c.words = s.words.Load()
	return nil
}

// trendList is the list of what is trending now in a window, for a country or, where "" is given, everywhere.
func (s *Server) trendList(country, window string) *trend.List {
	if s.cfg.Trends == nil {
		return nil
	}
	return s.cfg.Trends.Top(country, window)
}

// deadline is the moment by which an answer must be ready, zero for never.
func (c *call) deadline() time.Time {
	if c.req.timeout == 0 {
		return time.Time{}
	}
	return c.start.Add(c.req.timeout)
}
