package exchange

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Piece is bytes that their SHA-256 proves.
type Piece struct {
	Hash [32]byte
	Size int64
}

// Tuning bounds a Planner. The zero value of each field means its default.
type Tuning struct {
	Parallel int           // requests to peers at once, default 6
	PerPeer  int           // of them to one peer, default 2
	Origin   int           // requests to the origin at once when alone, default 4; fewer, the more nodes share the work
	Patience time.Duration // without progress for so long, a node loses its turn at the origin; default 5 s
}

func (t *Tuning) ensureDefaults() {
	t.Parallel, t.PerPeer, t.Origin = cmp.Or(t.Parallel, 6), cmp.Or(t.PerPeer, 2), cmp.Or(t.Origin, 4)
	t.Patience = cmp.Or(t.Patience, 5*time.Second)
}

const (
	maxWrong     = 3 // wrong pieces after which a peer is shunned
	maxFails     = 3 // failures in a row after which a peer counts as having nothing, and the origin as away
	firstPause   = 100 * time.Millisecond
	longestPause = 10 * time.Second
	idlePatience = 6 // times Patience: with nothing to do for so long, a node takes its turn out of turn
)

// Peer is what is known of another node and one release.
type Peer struct {
	Name    string
	Zone    string
	Load    uint8            // of what it can send, in 255ths
	Wanting bool             // it is at work on the release, and can ask the origin for it
	Guess   bool             // nothing was heard of it: it is taken to be about to begin
	Turn    uint64           // other than before when it has said something since; 0: not known
	Has     func(i int) bool // the i-th piece of the release
}

// Request is a piece to be asked of a peer, or of the origin.
type Request struct {
	Piece Piece
	Peer  string // "": the origin
	piece int
}

// Outcome is how a request ended.
type Outcome int

// Outcomes.
const (
	Got     Outcome = iota
	Missing         // it does not have it
	Busy            // it has enough to do
	Wrong           // what it gave is not the piece
	Failed          // it could not be reached, or broke off
)

// Ledger counts the wrong pieces of each peer, over releases.
type Ledger map[string]int

func (l Ledger) shunned(peer string) bool { return l[peer] >= maxWrong }

// Planner decides for one node and one release which piece to ask of whom. It is not safe for concurrent use.
type Planner struct {
	cfg    Tuning
	self   string
	zone   string
	random *rand.Rand
	ledger Ledger

	pieces  []wanted
	left    int // not held
	peers   map[string]*peer
	sources source // the origin
	busy    int    // requests to peers

	began map[int]time.Time // requests to the origin, by piece
	slow  time.Duration     // what the last one took

	crew   string // who shares the work at the origin, as mine was computed for
	active time.Time
	small  bool // too little to wait for anybody
	err    error
}

// smallFetch is how much every node may ask the origin for by itself.
const smallFetch = 64 << 10

// wanted is a piece on its way.
type wanted struct {
	Piece
	index   int // in the release
	held    bool
	asked   bool
	mine    bool // at the origin it is this node's turn
	holders int
}

// source is whom pieces come from.
type source struct {
	inFlight int
	fails    int
	until    time.Time // not asked before
}

type peer struct {
	Peer
	source
	has   []bool // by wanted piece
	count int
	gone  bool      // it failed so often that it counts as having nothing
	moved time.Time // when it last had more
}

// NewPlanner plans for the pieces of order, a release's, that want names. Chance comes from random alone.
func NewPlanner(cfg Tuning, self, zone string, order, want []Piece, ledger Ledger, random *rand.Rand) *Planner {
	cfg.ensureDefaults()
	p := &Planner{cfg: cfg, self: self, zone: zone, random: random, ledger: ledger, peers: map[string]*peer{}, crew: "?", began: map[int]time.Time{}}
	at := make(map[[32]byte]int, len(order))
	for i, piece := range order {
		at[piece.Hash] = i
	}
	for _, piece := range want {
		index, ok := at[piece.Hash]
		if !ok {
			index = -1
		}
		p.pieces = append(p.pieces, wanted{Piece: piece, index: index})
	}
	var size int64
	for _, piece := range want {
		size += piece.Size
	}
	p.left, p.small = len(p.pieces), size <= smallFetch
	return p
}

// Done reports whether every piece is held, or why it never will be.
func (p *Planner) Done() (bool, error) { return p.left == 0, p.err }

// Left is the number of pieces not held.
func (p *Planner) Left() int { return p.left }

// Reaches reports whether the origin answers this node.
func (p *Planner) Reaches() bool { return p.sources.fails == 0 }

// SetPeer takes note of what a peer has now.
func (p *Planner) SetPeer(now time.Time, info Peer) {
	if info.Name == p.self || p.ledger.shunned(info.Name) {
		return
	}
	one := p.peers[info.Name]
	if one == nil {
		one = &peer{has: make([]bool, len(p.pieces)), moved: now}
		p.peers[info.Name] = one
	}
	if one.Guess && !info.Guess {
		one.moved = now
	}
	same := info.Turn != 0 && info.Turn == one.Turn && !one.gone
	one.Peer = info
	if same || one.fails >= maxFails && now.Before(one.until) {
		return
	}
	one.gone = false
	before := one.count
	for k := range p.pieces {
		i := p.pieces[k].index
		p.sayHas(one, k, i >= 0 && info.Has(i))
	}
	if one.count > before {
		one.moved = now
	}
}

func (p *Planner) sayHas(one *peer, k int, has bool) {
	if one.has[k] == has {
		return
	}
	step := 1
	if !has {
		step = -1
	}
	one.has[k], one.count, p.pieces[k].holders = has, one.count+step, p.pieces[k].holders+step
}

// RemovePeer forgets a peer. Requests to it may still end.
func (p *Planner) RemovePeer(name string) {
	if one := p.peers[name]; one != nil {
		p.clear(one)
		delete(p.peers, name)
	}
}

func (p *Planner) clear(one *peer) {
	for k := range one.has {
		p.sayHas(one, k, false)
	}
}

// Peers lists the names of the peers known.
func (p *Planner) Peers() []string {
	names := make([]string, 0, len(p.peers))
	for name := range p.peers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Next lists the requests to begin now. Each is to be answered by one call of End.
func (p *Planner) Next(now time.Time) []Request {
	if p.active.IsZero() || p.busy+p.sources.inFlight > 0 {
		p.active = now
	}
	p.share(now)
	var list []Request
	for p.err == nil {
		r, ok := p.atOrigin(now)
		if !ok {
			r, ok = p.atPeer(now)
		}
		if !ok {
			break
		}
		list = append(list, r)
	}
	if len(list) > 0 {
		p.active = now
	}
	return list
}

// atPeer picks the rarest piece that a peer can be asked for, and of its holders the nearest.
func (p *Planner) atPeer(now time.Time) (Request, bool) {
	if p.busy >= p.cfg.Parallel {
		return Request{}, false
	}
	ready := p.ready(now)
	if len(ready) == 0 {
		return Request{}, false
	}
	best, from := -1, (*peer)(nil)
	for i, start := 0, p.random.IntN(len(p.pieces)); i < len(p.pieces); i++ {
		k := (start + i) % len(p.pieces)
		w := &p.pieces[k]
		if w.held || w.asked || w.holders == 0 || best >= 0 && w.holders >= p.pieces[best].holders {
			continue
		}
		if holder := nearest(ready, k); holder != nil {
			best, from = k, holder
		}
	}
	if best < 0 {
		return Request{}, false
	}
	from.inFlight++
	p.busy++
	return p.ask(best, from.Name), true
}

// ready lists the peers that can be asked now, nearest first: of this zone, asked for little, with little to do.
func (p *Planner) ready(now time.Time) []*peer {
	var list []*peer
	for _, name := range p.Peers() {
		if one := p.peers[name]; one.count > 0 && one.inFlight < p.cfg.PerPeer && !now.Before(one.until) {
			list = append(list, one)
		}
	}
	p.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	far := func(one *peer) int {
		if one.Zone == p.zone {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b *peer) int {
		return cmp.Or(far(a)-far(b), a.inFlight-b.inFlight, int(a.Load)-int(b.Load))
	})
	return list
}

func nearest(ready []*peer, k int) *peer {
	for _, one := range ready {
		if one.has[k] {
			return one
		}
	}
	return nil
}

func (p *Planner) ask(k int, from string) Request {
	p.pieces[k].asked = true
	return Request{Piece: p.pieces[k].Piece, Peer: from, piece: k}
}

// atOrigin picks a piece that no peer has and whose turn at the origin is this node's.
func (p *Planner) atOrigin(now time.Time) (Request, bool) {
	most := max(1, p.cfg.Origin/(1+p.wanting(now)))
	if p.sources.inFlight >= most || now.Before(p.sources.until) || len(p.pieces) == 0 {
		return Request{}, false
	}
	outOfTurn := p.small || now.Sub(p.active) >= idlePatience*p.patience(now)
	for i, start := 0, p.random.IntN(len(p.pieces)); i < len(p.pieces); i++ {
		k := (start + i) % len(p.pieces)
		if w := &p.pieces[k]; !w.held && !w.asked && w.holders == 0 && (w.mine || outOfTurn) {
			p.sources.inFlight++
			p.began[k] = now
			return p.ask(k, ""), true
		}
	}
	return Request{}, false
}

// takesTurns reports whether a peer shares the work at the origin: it wants the release and makes progress.
func (p *Planner) takesTurns(one *peer, now time.Time) bool {
	if one.Guess {
		return one.Wanting && now.Sub(one.moved) < p.cfg.Patience/4
	}
	return one.Wanting && now.Sub(one.moved) < p.patience(now)
}

// patience is longer where the origin is slow: what it takes for this node it takes for others.
func (p *Planner) patience(now time.Time) time.Duration {
	slow := p.slow
	for _, began := range p.began {
		slow = max(slow, now.Sub(began))
	}
	return max(p.cfg.Patience, 3*slow)
}

func (p *Planner) wanting(now time.Time) (n int) {
	for _, one := range p.peers {
		if p.takesTurns(one, now) {
			n++
		}
	}
	return n
}

// share computes whose turn each piece is, when those who share the work are others than before. A piece is the turn of whoever has
// the highest hash with it (rendezvous hashing: Thaler and Ravishankar, 1998): one who leaves gives up its own pieces alone.
func (p *Planner) share(now time.Time) {
	var crew []string
	for _, name := range p.Peers() {
		if p.takesTurns(p.peers[name], now) {
			crew = append(crew, name)
		}
	}
	key := fmt.Sprintf("%q", crew)
	if key == p.crew {
		return
	}
	p.crew = key
	for k := range p.pieces {
		p.pieces[k].mine = highest(p.self, crew, &p.pieces[k].Hash)
	}
}

func highest(self string, crew []string, piece *[32]byte) bool {
	own := turn(self, piece)
	for _, name := range crew {
		if t := turn(name, piece); t > own || t == own && name > self {
			return false
		}
	}
	return true
}

func turn(name string, piece *[32]byte) uint64 {
	d := xxhash.New()
	_, _ = d.WriteString(name)
	_, _ = d.Write(piece[:])
	return d.Sum64()
}

// End says how a request ended; cause is why it did not succeed.
func (p *Planner) End(now time.Time, r Request, how Outcome, cause error) {
	w := &p.pieces[r.piece]
	w.asked = false
	if how == Got && !w.held {
		w.held = true
		p.left--
	}
	if r.Peer == "" {
		p.endOrigin(now, r, how, cause)
		return
	}
	p.busy--
	one := p.peers[r.Peer]
	if how == Wrong {
		p.ledger[r.Peer]++
	}
	if one == nil {
		return
	}
	one.inFlight = max(0, one.inFlight-1)
	switch how {
	case Got:
		one.fails = 0
	case Missing:
		p.sayHas(one, r.piece, false)
	case Busy:
		one.until = now.Add(p.jitter(2 * firstPause))
	case Wrong, Failed:
		p.fault(now, one)
	}
	if p.ledger.shunned(r.Peer) {
		p.RemovePeer(r.Peer)
	}
}

func (p *Planner) fault(now time.Time, one *peer) {
	p.pause(now, &one.source)
	if one.fails >= maxFails {
		p.clear(one)
		one.gone = true
	}
}

// pause lets a source rest, twice as long after each failure.
func (p *Planner) pause(now time.Time, s *source) {
	s.fails++
	s.until = now.Add(p.jitter(min(firstPause<<min(s.fails-1, 20), longestPause)))
}

func (p *Planner) jitter(d time.Duration) time.Duration {
	return d/2 + time.Duration(p.random.Int64N(int64(d)))
}

// endOrigin notes how the origin answered. What it does not have, or has damaged, nobody else can give.
func (p *Planner) endOrigin(now time.Time, r Request, how Outcome, cause error) {
	p.sources.inFlight--
	p.slow = now.Sub(p.began[r.piece])
	delete(p.began, r.piece)
	switch {
	case how == Got:
		p.sources.fails = 0
		return
	case how == Missing || how == Wrong:
		p.sources.until = now.Add(p.jitter(firstPause))
		if p.pieces[r.piece].holders == 0 {
			p.err = &Error{r.Piece, cause}
		}
		return
	}
	if p.pause(now, &p.sources); p.sources.fails >= maxFails && !p.hope() {
		p.err = &Error{r.Piece, cause}
	}
}

// hope reports whether a peer has a piece that is missing here.
func (p *Planner) hope() bool {
	return slices.ContainsFunc(p.pieces, func(w wanted) bool { return !w.held && w.holders > 0 })
}

// Wake is when Next is to be asked again though nothing happened.
func (p *Planner) Wake(now time.Time) time.Time {
	wake := now.Add(p.cfg.Patience / 4)
	for _, one := range p.peers {
		if one.until.After(now) && one.until.Before(wake) {
			wake = one.until
		}
	}
	if p.sources.until.After(now) && p.sources.until.Before(wake) {
		wake = p.sources.until
	}
	return wake
}

// Error says which piece cannot be had.
type Error struct {
	Piece Piece
	Err   error
}

func (e *Error) Error() string { return fmt.Sprintf("piece %x: %v", e.Piece.Hash[:4], e.Err) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }
