package exchange

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// Config says how a node exchanges pieces. Name, Keys and Read are required.
type Config struct {
	Cluster string // the same on all nodes
	Name    string // of this node
	Zone    string
	Keys    [][]byte // of the cluster, 32 bytes each: the first makes tickets, all are taken
	Read    func(hash [32]byte) ([]byte, error)

	Sends  int   // answers at once, default 8
	Rate   int64 // bytes a second sent to other nodes; 0: no limit
	Fetch  *Pace // of what peers send; nil: no limit
	Tuning Tuning
	Clock  func() time.Time
}

// timeouts of a request to a peer: a piece is a quarter of a megabyte.
const (
	dialTimeout    = 2 * time.Second
	requestTimeout = 30 * time.Second
)

// Exchange fetches pieces from peers and gives them. All methods are safe for concurrent use.
type Exchange struct {
	cfg    Config
	keys   *keys
	server *Server
	client *http.Client

	mu     sync.Mutex
	zones  map[string]string            // live members
	peers  map[[32]byte]map[string]said // by release and name
	ledger Ledger
	away   bool // the origin did not answer lately
	news   chan struct{}
	heard  uint64
	from   Counts
}

// said is what a peer said last.
type said struct {
	Holding
	until time.Time
	turn  uint64 // what the same peer says later has another
}

// Counts says where pieces came from.
type Counts struct {
	Peers, PeerBytes, Origin, OriginBytes, Wrong uint64
}

// Rotate replaces the keys, while pieces travel: the first makes tickets from now on, all are taken.
func (x *Exchange) Rotate(keys [][]byte) error { return x.keys.rotate(keys) }

// New makes an Exchange; it opens nothing.
func New(cfg Config) (*Exchange, error) {
	cfg.Sends = cmp.Or(cfg.Sends, 8)
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	k, err := newKeys(cfg.Cluster, cfg.Keys)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &Exchange{
		cfg: cfg, keys: k, server: newServer(k, cfg.Clock, cfg.Read, cfg.Sends, cfg.Rate),
		client: &http.Client{
			Timeout:       requestTimeout,
			Transport:     &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, DisableCompression: true, MaxResponseHeaderBytes: 4 << 10},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		zones: map[string]string{}, peers: map[[32]byte]map[string]said{}, ledger: Ledger{}, news: make(chan struct{}),
	}, nil
}

// Server answers other nodes.
func (x *Exchange) Server() *Server { return x.server }

// Close lets go of idle connections. Fetches end with their contexts.
func (x *Exchange) Close() { x.client.CloseIdleConnections() }

// Counts says where pieces came from so far.
func (x *Exchange) Counts() Counts {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.from
}

// Reaches reports whether the origin answered when it was last asked for a piece.
func (x *Exchange) Reaches() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return !x.away
}

// maxReleases bounds what is remembered: of peers that are honest two or three releases are heard of.
const maxReleases = 16

// Hear takes what a peer says of a release, until it is over.
func (x *Exchange) Hear(peer string, release [32]byte, value []byte, until time.Time) error {
	h, err := DecodeHolding(value)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.forget()
	if x.peers[release] == nil {
		if len(x.peers) >= maxReleases {
			return fmt.Errorf("holding: of more than %d releases", maxReleases)
		}
		x.peers[release] = map[string]said{}
	}
	x.heard++
	x.peers[release][peer] = said{h, until, x.heard}
	x.tell()
	return nil
}

// Members says who is alive, by name with the zone. Others are not asked.
func (x *Exchange) Members(zones map[string]string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	same := len(zones) == len(x.zones)
	for name, zone := range zones {
		if old, ok := x.zones[name]; !ok || old != zone {
			same = false
		}
	}
	if x.zones = zones; !same {
		x.tell()
	}
}

// forget drops what is over. The caller holds mu.
func (x *Exchange) forget() {
	now := x.cfg.Clock()
	for release, peers := range x.peers {
		for name, one := range peers {
			if !now.Before(one.until) {
				delete(peers, name)
			}
		}
		if len(peers) == 0 {
			delete(x.peers, release)
		}
	}
}

// tell wakes the fetches. The caller holds mu.
func (x *Exchange) tell() {
	close(x.news)
	x.news = make(chan struct{})
}

// Origin gets a piece where nobody else has it; missing tells from other errors that it is not there at all.
type Origin struct {
	Get     func(ctx context.Context, p Piece) ([]byte, error)
	Missing func(error) bool
}

// fetch is one Fetch.
type fetch struct {
	*Exchange
	release [32]byte
	plan    *Planner
	origin  Origin
	got     func(Piece, []byte) error
	ends    chan end
}

type end struct {
	Request
	how   Outcome
	cause error
	fatal error // of got
}

// Fetch brings the pieces want, of a release whose pieces are order, each verified (X1), to got, one call at a time for each piece and several
// at once. It ends when all are there, when one cannot be had (Error), when got does not take one, or with ctx.
func (x *Exchange) Fetch(ctx context.Context, release [32]byte, order, want []Piece, from Origin, got func(Piece, []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &fetch{Exchange: x, release: release, origin: from, got: got, ends: make(chan end)}
	x.mu.Lock()
	f.plan = NewPlanner(x.cfg.Tuning, x.cfg.Name, x.cfg.Zone, order, want, x.ledger, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	x.mu.Unlock()
	return f.run(ctx, cancel)
}

func (f *fetch) run(ctx context.Context, cancel func()) (err error) {
	running := 0
	defer func() {
		for cancel(); running > 0; running-- {
			<-f.ends
		}
	}()
	for {
		news, requests, wake, done, err := f.turn()
		if done || err != nil {
			return err
		}
		for _, r := range requests {
			running++
			go f.ask(ctx, r)
		}
		timer := time.NewTimer(wake)
		select {
		case e := <-f.ends:
			running--
			err = f.end(e)
		case <-news:
		case <-timer.C:
		case <-ctx.Done():
			err = ctx.Err()
		}
		timer.Stop()
		if err != nil {
			return err
		}
	}
}

// turn tells the planner who is there and asks what to do. The planner is touched under mu, since the ledger is shared.
func (f *fetch) turn() (news chan struct{}, requests []Request, wake time.Duration, done bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.cfg.Clock()
	f.seePeers(now)
	requests = f.plan.Next(now)
	f.away = !f.plan.Reaches()
	done, err = f.plan.Done()
	return f.news, requests, f.plan.Wake(now).Sub(now), done, err
}

func (f *fetch) seePeers(now time.Time) {
	f.forget()
	heard := f.peers[f.release]
	for _, name := range f.plan.Peers() {
		if _, alive := f.zones[name]; !alive {
			f.plan.RemovePeer(name)
		}
	}
	for name, zone := range f.zones {
		one, ok := heard[name]
		if !ok {
			one.Wanting = true // it will hear of the release as this node did
		}
		f.plan.SetPeer(now, Peer{
			Name: name, Zone: zone, Load: one.Load, Wanting: one.Wanting, Guess: !ok, Turn: one.turn,
			Has: func(i int) bool { return one.Address != "" && one.Has(i) },
		})
	}
}

func (f *fetch) end(e end) error {
	if e.fatal != nil {
		return &Error{e.Piece, e.fatal}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count(e)
	f.plan.End(f.cfg.Clock(), e.Request, e.how, e.cause)
	return nil
}

func (f *fetch) count(e end) {
	switch {
	case e.how == Wrong:
		f.from.Wrong++
	case e.how == Got && e.Peer == "":
		f.from.Origin++
		f.from.OriginBytes += uint64(e.Piece.Size)
	case e.how == Got:
		f.from.Peers++
		f.from.PeerBytes += uint64(e.Piece.Size)
	}
}

// ask makes a request, and hands on what came when it is right.
func (f *fetch) ask(ctx context.Context, r Request) {
	e := end{Request: r}
	var b []byte
	if r.Peer == "" {
		b, e.how, e.cause = f.fromOrigin(ctx, r.Piece)
	} else {
		b, e.how, e.cause = f.paced(ctx, r)
	}
	if e.how == Got {
		e.how, e.cause = verify(r.Piece, b)
	}
	if e.how == Got || e.how == Wrong && r.Peer == "" {
		err := f.got(r.Piece, b) // it says what is wrong with what the origin gave
		if e.how == Got {
			e.fatal = err
		} else if err != nil {
			e.cause = err
		}
	}
	f.ends <- e
}

func verify(p Piece, b []byte) (Outcome, error) {
	if int64(len(b)) != p.Size {
		return Wrong, fmt.Errorf("%d bytes, want %d", len(b), p.Size)
	}
	if sha256.Sum256(b) != p.Hash {
		return Wrong, errors.New("other bytes than its hash says")
	}
	return Got, nil
}

func (f *fetch) fromOrigin(ctx context.Context, p Piece) ([]byte, Outcome, error) {
	b, err := f.origin.Get(ctx, p)
	switch {
	case err == nil:
		return b, Got, nil
	case f.origin.Missing(err):
		return nil, Missing, err
	}
	return nil, Failed, err
}

// paced asks a peer when it is the piece's turn.
func (f *fetch) paced(ctx context.Context, r Request) ([]byte, Outcome, error) {
	if err := f.cfg.Fetch.Wait(ctx, r.Piece.Size); err != nil {
		return nil, Failed, err
	}
	b, how, err := f.fromPeer(ctx, r)
	if how == Busy || how == Missing {
		f.cfg.Fetch.Return(r.Piece.Size)
	}
	return b, how, err
}

func (f *fetch) fromPeer(ctx context.Context, r Request) ([]byte, Outcome, error) {
	f.mu.Lock()
	address := f.peers[f.release][r.Peer].Address
	f.mu.Unlock()
	if address == "" {
		return nil, Missing, fmt.Errorf("peer %s went", r.Peer)
	}
	b, how, err := f.get(ctx, address, r.Piece)
	if err != nil {
		err = fmt.Errorf("peer %s: %w", r.Peer, err)
	}
	return b, how, err
}

// get asks a node for a piece. An answer that is too long or not sealed by the cluster is wrong.
func (x *Exchange) get(ctx context.Context, address string, p Piece) ([]byte, Outcome, error) {
	path := fmt.Sprintf("%s%x", piecePath, p.Hash)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return nil, Failed, err
	}
	ticket := x.keys.ticket(x.cfg.Clock(), path)
	req.Header.Set("Authorization", ticket)
	resp, err := x.client.Do(req)
	if err != nil {
		return nil, Failed, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, Missing, errors.New("not there")
	case http.StatusServiceUnavailable:
		return nil, Busy, errors.New("busy")
	default:
		return nil, Failed, fmt.Errorf("answers %s", resp.Status)
	}
	sealed := make([]byte, p.Size+overhead+1)
	n, err := io.ReadFull(resp.Body, sealed)
	if err == nil {
		return nil, Wrong, fmt.Errorf("more than %d bytes", p.Size)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, Failed, err
	}
	b, err := x.keys.open(ticket, sealed[:n])
	if err != nil {
		return nil, Wrong, err
	}
	return b, Got, nil
}
