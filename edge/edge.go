package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/edged/edged/cluster"
	"github.com/edged/edged/events"
	"github.com/edged/edged/exchange"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/node"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/serve"
	"github.com/edged/edged/trend"
)

// Edge is a running node. All methods are safe for concurrent use.
type Edge struct {
	cfg    Config
	boot   uint64
	set    *metrics.Set
	log    *events.Log
	node   *node.Node // nil without trusted keys
	trends *trend.Store
	rules  *rulebook
	gaps   []string // in the words that count
	server *serve.Server
	gossip *cluster.Cluster // nil without gossip

	overlay    *overlays
	inspecting sync.Mutex // held while releases are compared

	public, admin net.Listener // admin: nil where there is none
	adminServer   *http.Server

	exchange    *exchange.Exchange // nil without gossip
	pieces      net.Listener       // nil where it can't listen
	pieceServer *http.Server
	address     string // of pieces, as others are told

	gossipKeys [][]byte // in use; of follow alone once it runs
	keysFault  string   // of the key file, told already

	swapped chan struct{} // a release was swapped, gossip ought to say so
	stop    context.CancelFunc
	work    sync.WaitGroup // until stop
	serving sync.WaitGroup // until the listeners are closed

	ending sync.Once
	ended  chan struct{}
	mu     sync.Mutex
	faults []error
}

// Run runs a node until ctx ends, which is no error, or a listener fails.
func Run(ctx context.Context, cfg Config) error {
	e, err := Start(ctx, cfg)
	if err != nil {
		return err
	}
	return e.Wait()
}

// Start starts a node and returns when its listeners accept. It ends with ctx, or by Close.
func Start(ctx context.Context, cfg Config) (*Edge, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	e := &Edge{
		cfg: cfg, boot: uint64(cfg.Clock().UnixMilli()), set: metrics.NewSet(),
		swapped: make(chan struct{}, 1), ended: make(chan struct{}), stop: func() {},
	}
	if err := e.assemble(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("edge: %w", err), e.dismantle())
	}
	e.start(ctx)
	return e, nil
}

// assemble opens everything that can fail.
func (e *Edge) assemble(ctx context.Context) (err error) {
	if err := e.cfg.FS.MkdirAll(e.cfg.Dir); err != nil {
		return err
	}
	if err := e.openLog(); err != nil {
		return err
	}
	if err := errors.Join(e.openOverlay(), e.openNode(ctx)); err != nil {
		return err
	}
	e.trends = trend.New(trend.Options{Node: e.cfg.Name, Boot: e.boot, Clock: e.cfg.Clock, Visitors: e.cfg.TrendVisitors, Publish: e.publishTrend})
	if err := e.newServer(); err != nil {
		return err
	}
	if e.public, err = net.Listen("tcp", e.cfg.Listen); err != nil {
		return err
	}
	if e.cfg.Admin != Off {
		if e.admin, err = e.listenAdmin(); err != nil {
			return err
		}
	}
	return e.joinCluster()
}

// openLog opens the event log. On a disk that can only be read there is none, and events are refused: what a node holds is served all the same.
func (e *Edge) openLog() (err error) {
	e.log, err = events.Open(e.cfg.FS, path.Join(e.cfg.Dir, "events"), events.Options{Clock: e.cfg.Clock, Logger: e.cfg.Logger})
	if vfs.ReadOnly(err) {
		e.cfg.Logger.Error("events can't be kept, and are refused", "error", err, "do", "make the directory writable and start the node again")
		return nil
	}
	return err
}

func (e *Edge) newServer() (err error) {
	key, err := e.adminKey()
	if err != nil {
		return err
	}
	room := roomHere()
	most := room.connections(e.cfg.MaxConnections)
	e.cfg.Logger.Info("connections are limited", "most", most, "asked", e.cfg.MaxConnections, "descriptors", room.descriptors, "memory", room.memory)
	cfg := serve.Config{
		MaxConnections: most, BodyBudget: room.bodies(),
		Releases: e, Trends: e.trends, Origins: e.cfg.AllowOrigins, MaxConcurrency: e.cfg.MaxConcurrency,
		Clock: e.cfg.Clock, Metrics: e.set, Logger: e.cfg.Logger,
		Admin: serve.Admin{Key: key, Members: e.members, Overlay: e.overlay},
	}
	if e.log != nil {
		cfg.Events = e.log.Append
	}
	if err := errors.Join(e.addVisitors(&cfg), e.openRules()); err != nil {
		return err
	}
	cfg.Rules, cfg.Admin.Rules = e.rules, e.rules.status
	if cfg.Words, err = e.words(); err != nil {
		return err
	}
	if e.node != nil {
		cfg.Admin.Status, cfg.Admin.Rollback = e.status, e.node.Rollback
		cfg.Admin.Releases, cfg.Admin.Chunks, cfg.Admin.Difference = e.releases, e.whoHas, e.difference
		cfg.Fault = func(error) { e.node.Suspect() }
	}
	if e.server, err = serve.New(cfg); err != nil {
		return err
	}
	e.adminServer = &http.Server{Handler: e.server.AdminHandler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, ErrorLog: slog.NewLogLogger(e.cfg.Logger.Handler(), slog.LevelWarn)}
	e.measure()
	e.measureExchange()
	return nil
}

// Current is the release to answer from, overlay and all; nil while none is held.
func (e *Edge) Current() *rank.Ranker {
	base := e.base()
	if base == nil {
		return nil
	}
	return e.overlay.of(base)
}

// base is the release as it was published.
func (e *Edge) base() *rank.Ranker {
	if e.node == nil {
		return nil
	}
	return e.node.Current()
}

// start lets everything run.
func (e *Edge) start(ctx context.Context) {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	if e.pieces != nil {
		e.address = e.exchangeAddr()
	}
	e.serving.Go(func() { e.check("public listener", e.server.Serve(e.public)) })
	if e.admin != nil {
		e.serving.Go(func() { e.check("admin listener", e.adminServer.Serve(e.server.Patient(e.admin))) })
	}
	if e.pieces != nil {
		e.serving.Go(func() { e.checkExchange(e.pieceServer.Serve(e.server.Patient(e.pieces))) })
	}
	if e.node != nil {
		e.work.Go(func() { _ = e.node.Run(work) }) // ends with the context, whose error it returns
	}
	e.work.Go(func() { e.tick(work) })
	for _, f := range e.followed() {
		e.work.Go(func() { e.follow(work, f) })
	}
	e.work.Go(func() { e.overlay.run(work) })
	context.AfterFunc(ctx, e.end)
	e.cfg.Logger.Info("node is up", "public", e.Addr(), "admin", e.AdminAddr(), "gossip", e.GossipAddr())
}

// check notes the failure of a listener, which ends the node.
func (e *Edge) check(what string, err error) {
	if err == nil || errors.Is(err, http.ErrServerClosed) {
		return
	}
	e.fault(fmt.Errorf("edge: %s: %w", what, err))
	go e.end()
}

// checkExchange notes the end of the exchange's listener, which ends nothing else.
func (e *Edge) checkExchange(err error) {
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		e.cfg.Logger.Error("gives no pieces to other nodes any more", "error", err)
	}
}

func (e *Edge) fault(err error) {
	if err == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = append(e.faults, err)
}

// Close ends the node in order and returns what went wrong, in its life or at its end.
func (e *Edge) Close() error {
	e.end()
	return e.Wait()
}

// Wait waits until the node has ended and returns what went wrong.
func (e *Edge) Wait() error {
	<-e.ended
	e.mu.Lock()
	defer e.mu.Unlock()
	return errors.Join(e.faults...)
}

// end ends the node, once.
func (e *Edge) end() {
	e.ending.Do(func() {
		e.server.Drain()
		e.linger()
		ctx, cancel := context.WithTimeout(context.Background(), e.cfg.DrainTimeout)
		defer cancel()
		e.fault(e.server.Shutdown(ctx))
		e.trends.Flush()
		e.fault(e.dismantle())
		e.cfg.Logger.Info("node has ended")
		close(e.ended)
	})
}

// linger goes on answering for DrainDelay, for balancers to see that the node is not ready.
func (e *Edge) linger() {
	if e.cfg.DrainDelay <= 0 {
		return
	}
	timer := time.NewTimer(e.cfg.DrainDelay)
	defer timer.Stop()
	<-timer.C
}

// leaveTimeout bounds how long the others are told that this node goes.
const leaveTimeout = time.Second

// dismantle closes what is open, the event log first: what it has acknowledged is durable, what it is writing becomes so.
func (e *Edge) dismantle() error {
	var faults []error
	if e.log != nil {
		faults = append(faults, e.log.Close())
	}
	if e.gossip != nil {
		if err := e.gossip.Leave(leaveTimeout); err != nil {
			e.cfg.Logger.Warn("the others will have to notice that this node has gone", "error", err)
		}
		faults = append(faults, e.gossip.Close())
	}
	e.stop()
	e.work.Wait()
	if e.node != nil {
		faults = append(faults, e.node.Close())
	}
	for _, server := range []*http.Server{e.adminServer, e.pieceServer} {
		if server != nil {
			faults = append(faults, server.Close())
		}
	}
	if e.exchange != nil {
		e.exchange.Close()
	}
	for _, ln := range []net.Listener{e.public, e.admin, e.pieces} {
		if ln == nil {
			continue
		}
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			faults = append(faults, err)
		}
	}
	e.serving.Wait()
	return errors.Join(faults...)
}

// Addr is the address of the public listener.
func (e *Edge) Addr() string { return e.public.Addr().String() }

// AdminAddr is the address of the admin listener, "" where there is none.
func (e *Edge) AdminAddr() string {
	if e.admin == nil {
		return ""
	}
	return e.admin.Addr().String()
}

// GossipAddr is the address gossip listens on, "" where it doesn't.
func (e *Edge) GossipAddr() string {
	if e.gossip == nil {
		return ""
	}
	return e.gossip.Addr()
}
