// Package trend keeps what is trending: exponentially decayed counters by item and country, merged between nodes.
//
// A counter with half-life h that was raised by w₁, w₂, … at t₁, t₂, … reads, at time t,
//
//	value(t) = Σ wᵢ · 2^(−(t−tᵢ)/h)
//
// which is kept exactly as one number and the time it refers to: value(t) = value(ref) · 2^(−(t−ref)/h). Every
// cell (item, country) has one such counter for each window.
//
// # Merging
//
// Adding up decayed counts when they arrive would count a repeated message twice. So each process (node, boot) owns
// its cells and is the only one to raise them; others keep the newest copy of each (newer replaces older, by reference time,
// then by value), and sums are taken on reading. Applying copies commutes, associates and is idempotent. The cells of a process
// that has gone, or has been restarted under a new boot, are kept and decay until they are below the floor.
//
// # Visitors
//
// What one visitor looks at in a small country is nobody's business. So an item is listed from Options.Visitors distinct visitors on, whom
// every cell counts: it keeps that many of the newest who raised it, as keyed hashes with times to about a minute. On reading, the cells of all processes are
// laid together, so that a visitor whom several heard counts once (the key is the same on all nodes, Store.Rekey); whoever is nobody in
// particular counts as none. A visitor counts in a window for 4 half-lives. What he added is a sixteenth by then: a score is that of the visitors
// who are counted, not of one who came now and others of long ago. And Options.Floor keeps a cell for longer than that (log₂ 1/0.05 = 4.3 half-lives
// after a single view), so that nobody is forgotten who still counts.
//
// This hides who is among few. It does not hide that somebody came to what is listed already, nor hold against who invents visitors.
//
// # Invariants
//
//   - T1: a cell's reference time never goes back, and at one reference time its values never fall; a cell that is evicted and
//     comes back does so at a later time. Visitors at one reference time, with the same values and under the same key, only become more or
//     newer. Hence "newer replaces older" needs nothing but the cell itself.
//   - T2: no counter is negative, infinite or NaN, whatever was received.
//   - T3: memory is bounded: cells per process, visitors per cell, processes, voices, entries per list.
//   - T4: the country "" of a list is the sum over all countries, those of visitors without one included, but for what T5 leaves out; it has no
//     cells of its own.
//   - T5: what a list, or the difference of two lists of a window and one moment, says of an item is made of at least Options.Visitors visitors' events: a
//     country lists what so many had there, all countries the sum of those and, where so many had the item in the others together, of these. So an item
//     is in the list of all countries just when so many had it in all together. The difference of two moments is made of what came in between, which
//     may be of one.
package trend

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/edged/edged"
)

const (
	maxWindows    = 4   // counters per cell
	maxList       = 500 // entries of a list: edged.MaxN
	maxCountryLen = 64  // a longer country counts as none
	maxSkew       = 5 * time.Minute

	// MaxVisitors is the largest Options.Visitors.
	MaxVisitors = 64
	// DefaultVisitors is what statistical offices often ask of a cell before they publish it: whoever is one of an item's visitors, or knows one, or invents a few, still can't tell
	// who the others are.
	DefaultVisitors = 5

	countFor = 4 // half-lives that a visitor counts for
)

// Options say how a Store counts. The zero value of each field means its default.
type Options struct {
	Node       string                         // name of this process's node
	Boot       uint64                         // which run of it, larger in later runs
	Clock      func() time.Time               // default time.Now
	MaxCells   int                            // cells per process, default 2,048; the smallest are evicted
	MaxPeers   int                            // other processes, default 256; the smallest is evicted
	MaxVoices  int                            // visitors' voices remembered, default 65,536
	MaxPublish int                            // cells published by one Flush, default 64, largest change first
	Floor      float64                        // a cell whose every counter is below is dropped, default 0.05
	HalfLives  map[string]time.Duration       // by window, at most 4 (the shortest ones); default 1h, 24h, 7d
	Weights    map[edged.EventType]float64    // default DefaultWeights; a type that isn't named weighs nothing
	Visitors   int                            // an item is listed from so many distinct visitors on, at most MaxVisitors, default DefaultVisitors; 1: always
	Voice      time.Duration                  // one voice per visitor and item in this long, default 1h
	Publish    func(key string, value []byte) // tells the other nodes of a cell; nil: nobody is told
}

// DefaultWeights are what one event adds to a counter. Impressions, returns and dismissals add nothing.
var DefaultWeights = map[edged.EventType]float64{
	edged.View: 1, edged.Click: 1, edged.Cart: 3, edged.Like: 3, edged.Purchase: 5,
}

// EnsureDefaults fills in what is not set.
func (o *Options) EnsureDefaults() {
	o.MaxCells = cmp.Or(max(o.MaxCells, 0), 2048)
	o.MaxPeers = cmp.Or(max(o.MaxPeers, 0), 256)
	o.MaxVoices = cmp.Or(max(o.MaxVoices, 0), 1<<16)
	o.MaxPublish = cmp.Or(max(o.MaxPublish, 0), 64)
	o.Floor = cmp.Or(max(o.Floor, 0), 0.05)
	o.Visitors = min(cmp.Or(max(o.Visitors, 0), DefaultVisitors), MaxVisitors)
	o.Voice = cmp.Or(max(o.Voice, 0), time.Hour)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.HalfLives == nil {
		o.HalfLives = map[string]time.Duration{"1h": time.Hour, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour}
	}
	if o.Weights == nil {
		o.Weights = DefaultWeights
	}
}

// Store counts this process's events, holds the other processes' cells and the lists made of both.
// All methods are safe for concurrent use; Top neither locks nor allocates.
type Store struct {
	opts    Options
	windows []window
	lists   atomic.Pointer[lists]

	mu      sync.Mutex
	own     cells
	peers   map[process]cells
	dirty   map[cellKey]struct{} // own cells that changed since they were published
	voices  voices
	namer   namer
	rekeyed int64 // when the key changed under which visitors had been heard, Unix milliseconds
	sums    sums
	hidden  int       // of what is counted, what the lists of countries leave out for want of visitors
	changed bool      // some cell changed since the lists were built
	built   time.Time // when the lists were built

	publishing sync.Mutex // one Flush at a time, so that cells are published in the order of their reference times
}

type process struct {
	node string
	boot uint64
}

type window struct {
	name     string
	halfLife time.Duration
}

// New returns an empty Store.
func New(o Options) *Store {
	o.EnsureDefaults()
	return &Store{
		opts:    o,
		windows: sortedWindows(o.HalfLives),
		own:     cells{},
		peers:   map[process]cells{},
		dirty:   map[cellKey]struct{}{},
		sums:    newSums(),
		namer:   newNamer(randomKey()),
		voices:  voices{max: o.MaxVoices, span: o.Voice.Milliseconds(), seed: maphash.MakeSeed()},
	}
}

// sortedWindows orders windows by half-life, shortest first, and leaves out those beyond the limit or without a length.
func sortedWindows(halfLives map[string]time.Duration) []window {
	var list []window
	for name, h := range halfLives {
		if h >= time.Second && h <= maxHalfLife {
			list = append(list, window{name, h})
		}
	}
	slices.SortFunc(list, func(a, b window) int {
		if a.halfLife != b.halfLife {
			return int(a.halfLife/time.Second) - int(b.halfLife/time.Second)
		}
		return strings.Compare(a.name, b.name)
	})
	return list[:min(len(list), maxWindows)]
}

// since is from when on a visitor counts, by window.
func since(windows []window, now int64) (from [maxWindows]uint32) {
	for i, w := range windows {
		from[i] = coarse(windows, now-countFor*w.halfLife.Milliseconds())
	}
	return from
}

// oldest is from when on a visitor counts in the longest window.
func oldest(windows []window, now int64) uint32 {
	return since(windows, now)[max(len(windows)-1, 0)]
}

// Rekey sets the secret under which visitors are hashed: the same on all nodes that are to count together, unknown to others. Before, it
// is drawn at random. Who was counted under another key counts no more, for he may be counted again.
func (s *Store) Rekey(secret []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opts.Clock().UnixMilli()
	if s.voices.len() > 0 {
		s.rekeyed = now
	}
	s.namer, s.changed = newNamer(secret), true
	for _, c := range s.own {
		c.add(s.windows, 0, max(now, c.ref+1)) // later than any copy under the key before, whatever the ids of the keys (T1)
		c.crowd = nil
	}
}

// Add counts one event. An event from the future counts as of now; strings are copied.
func (s *Store) Add(e *edged.Event) {
	weight := s.opts.Weights[e.Type]
	if !(weight > 0) || weight > maxValue || e.Time <= 0 || e.Item == "" || len(e.Item) > edged.MaxIDLen {
		return
	}
	now := s.opts.Clock().UnixMilli()
	at := min(e.Time, now)
	who := visitorOf(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	key := cellKey{countryOf(e), e.Item}
	if weight = s.voices.gain(who, e.Item, weight, at); weight > 0 || who != "" && s.own[key] != nil && s.recounts(now) {
		s.raise(key, who, weight, at, now)
	}
}

// recounts reports whether a visitor may have spoken under another key, and be silent under this one for as long as a voice holds: he is counted again,
// and adds nothing.
func (s *Store) recounts(now int64) bool { return now-s.rekeyed < 2*s.opts.Voice.Milliseconds() }

// visitorOf names whoever an event is of, "" for nobody in particular.
func visitorOf(e *edged.Event) string { return cmp.Or(e.User, e.Session) }

func (s *Store) raise(key cellKey, who string, weight float64, at, now int64) {
	c := s.own[key]
	if c == nil {
		if len(s.own) >= s.opts.MaxCells {
			s.evictOwn(now)
		}
		key = cellKey{strings.Clone(key.country), strings.Clone(key.item)}
		c = &cell{ref: now}
		s.own[key] = c
	}
	c.add(s.windows, weight, at)
	if c.key = s.namer.id; who != "" && s.opts.Visitors > 1 {
		c.crowd.add(s.namer.name(who, key.item, coarse(s.windows, at)), s.opts.Visitors)
	}
	c.pending += weight
	s.dirty[key] = struct{}{}
	s.changed = true
}

func (s *Store) evictOwn(now int64) {
	for _, key := range s.own.evict(s.windows, now) {
		delete(s.dirty, key)
	}
}

// countryOf is the event's country, or "" where it has none that could be a key.
func countryOf(e *edged.Event) string {
	c := e.Context[edged.Country]
	if len(c) > maxCountryLen || strings.IndexByte(c, 0) >= 0 || !utf8.ValidString(c) {
		return ""
	}
	return c
}

// Apply takes another process's cell. A cell that is malformed, or lies in the future, is an error and changes nothing;
// an older copy than the one held is no error and changes nothing either.
func (s *Store) Apply(node string, boot uint64, key string, value []byte) error {
	if node == s.opts.Node && boot == s.opts.Boot {
		return nil // what this process counted itself it knows best
	}
	k, err := parseKey(key)
	if err != nil {
		return err
	}
	now := s.opts.Clock().UnixMilli()
	c, err := decodeCell(value, s.windows, s.opts.Visitors, now)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replace(process{node, boot}, k, c, now)
	return nil
}

func (s *Store) replace(p process, key cellKey, c cell, now int64) {
	peer := s.peer(p, now)
	held := peer[key]
	if held != nil {
		if !c.newerThan(held) {
			return
		}
		held.ref, held.value, held.key, held.crowd = c.ref, c.value, c.key, c.crowd
	} else {
		if len(peer) >= s.opts.MaxCells {
			peer.evict(s.windows, now)
		}
		peer[key] = &c
	}
	s.changed = true
}

// peer returns the cells of p, evicting the process with the smallest sum where there are too many.
func (s *Store) peer(p process, now int64) cells {
	peer, ok := s.peers[p]
	if ok {
		return peer
	}
	if len(s.peers) >= s.opts.MaxPeers {
		delete(s.peers, s.smallestPeer(now))
	}
	peer = cells{}
	p.node = strings.Clone(p.node)
	s.peers[p] = peer
	return peer
}

func (s *Store) smallestPeer(now int64) process {
	var smallest process
	least := -1.0
	for p, peer := range s.peers {
		if sum := peer.sum(s.windows, now); least < 0 || sum < least || sum == least && p.node < smallest.node {
			smallest, least = p, sum
		}
	}
	return smallest
}

// Flush publishes own cells that changed, and rebuilds the lists when something changed or enough has decayed.
// Its owner calls it a few times a second.
func (s *Store) Flush() {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	if s.opts.Publish != nil {
		for _, u := range s.takeUpdates() {
			s.opts.Publish(u.key.String(), u.value)
		}
	}
	s.rebuild()
}

type update struct {
	key     cellKey
	pending float64
	value   []byte
}

// takeUpdates encodes the changed cells with the largest changes, and leaves the others for the next time.
func (s *Store) takeUpdates() []update {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]update, 0, len(s.dirty))
	for key := range s.dirty {
		list = append(list, update{key: key, pending: s.own[key].pending})
	}
	slices.SortFunc(list, func(a, b update) int {
		switch {
		case a.pending != b.pending && a.pending > b.pending:
			return -1
		case a.pending != b.pending:
			return 1
		}
		return a.key.compare(b.key)
	})
	list = list[:min(len(list), s.opts.MaxPublish)]
	for i := range list {
		c := s.own[list[i].key]
		c.pending = 0
		list[i].value = appendCell(nil, c, s.windows)
		delete(s.dirty, list[i].key)
	}
	return list
}

// Stats are sizes at one moment.
type Stats struct {
	Cells  int // own cells
	Peers  int // other processes
	Remote int // cells of those
	Items  int // items in countries, as of the last Flush: what the cells of all processes are of
	Hidden int // of those, the ones that no list of their country has for want of visitors
	Voices int
}

// Stats counts what is held.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Cells: len(s.own), Peers: len(s.peers), Items: len(s.sums.totals), Hidden: s.hidden, Voices: s.voices.len()}
	for _, peer := range s.peers {
		st.Remote += len(peer)
	}
	return st
}
