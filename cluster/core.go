package cluster

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// CoreConfig bounds a Core. The zero value of each limit means its default.
type CoreConfig struct {
	Node      string // this process
	Boot      uint64
	MaxUrgent int        // facts per node of kinds below Bulk, default 256
	MaxBulk   int        // facts per node of kinds from Bulk on, default 2,048
	MaxShared int        // facts of shared kinds, default 20,480
	MaxNodes  int        // other nodes facts are held of, default 1,024
	Members   func() int // size of the cluster, for the number of times a message is repeated; default 1
}

func (c *CoreConfig) ensureDefaults() {
	c.MaxUrgent = cmp.Or(c.MaxUrgent, 256)
	c.MaxBulk = cmp.Or(c.MaxBulk, 2048)
	c.MaxShared = cmp.Or(c.MaxShared, 20480)
	c.MaxNodes = cmp.Or(c.MaxNodes, 1024)
	if c.Members == nil {
		c.Members = func() int { return 1 }
	}
}

// Core is the store of facts and its merge: a state machine with neither goroutine nor socket nor clock. Its time is what its
// caller says, in Unix milliseconds. It is not safe for concurrent use.
//
// Merging keeps, of each (node, kind, boot, key), the fact with the highest sequence number, and of each node and class of kinds
// the facts ranked highest by (boot, seq) up to the limit. It commutes, associates and is idempotent: a fact that falls out has
// as many others above it as the limit allows, and those can only rise. The same would not hold of a limit in bytes. Over
// MaxNodes the nodes with the latest boots stay; there the laws hold only once all have heard all, which exchanges of state bring about.
// Of shared kinds it keeps, of each (kind, key), the newest write (Fact.Newer), and of all of them the newest up to the limit.
type Core struct {
	cfg    CoreConfig
	seq    uint64
	nodes  map[string]*nodeFacts
	shared map[factKey]*Fact
	sums   sums  // of shared
	owed   *debt // nil: nothing
	out    outbox
	turn   int // which node a state that doesn't fit begins with
}

// nodeFacts are what is known of one node, over all its boots.
type nodeFacts struct {
	facts  [classes]map[factKey]*Fact
	latest uint64 // boot
}

// NewCore returns an empty Core.
func NewCore(cfg CoreConfig) *Core {
	cfg.ensureDefaults()
	return &Core{cfg: cfg, nodes: map[string]*nodeFacts{}, shared: map[factKey]*Fact{}, out: newOutbox(cfg.Members)}
}

// Set says something new of this process, for as long as ttl.
func (c *Core) Set(now int64, kind uint8, key string, value []byte, ttl time.Duration) (Fact, error) {
	if ttl < time.Millisecond || ttl > MaxTTL {
		return Fact{}, fmt.Errorf("fact of kind %d: lasts %v, want 1ms to %v", kind, ttl, MaxTTL)
	}
	f := Fact{
		Kind: kind, Node: c.cfg.Node, Boot: c.cfg.Boot, Key: strings.Clone(key), Seq: c.seq + 1,
		Expires: now + ttl.Milliseconds(), Value: bytes.Clone(value),
	}
	if err := f.check(); err != nil {
		return Fact{}, err
	}
	if f.shared() || kind == kindSums {
		return Fact{}, fmt.Errorf("fact of kind %d: shared or of sums, and not one node's to say", kind)
	}
	c.seq = f.Seq
	c.put(&f)
	c.out.push(&f)
	return f, nil
}

// Share takes a write of a shared kind from this process, made now or held from an earlier run, and reports whether it was news. What was
// made now is gossiped; what is old travels by states.
func (c *Core) Share(now int64, f Fact, fresh bool) (news bool, err error) {
	if !f.shared() {
		return false, fmt.Errorf("fact of kind %d: not shared", f.Kind)
	}
	if err := cmp.Or(f.check(), f.checkTime(now)); err != nil {
		return false, err
	}
	if !c.newerShared(&f) {
		return false, nil
	}
	f.Value = bytes.Clone(f.Value)
	if !c.putShared(&f) {
		return false, nil
	}
	if fresh {
		c.out.push(&f)
	}
	return true, nil
}

// newerShared reports whether a write is newer than the one held, if any is.
func (c *Core) newerShared(f *Fact) bool {
	held := c.shared[f.id()]
	return held == nil || f.Newer(held)
}

// putShared stores a write that is newer than the one held, and reports whether there was room for it.
func (c *Core) putShared(f *Fact) bool {
	c.dropShared(c.shared[f.id()])
	c.shared[f.id()] = f
	if c.sums.flip(f); len(c.shared) > c.cfg.MaxShared {
		c.dropShared(oldest(c.shared))
	}
	return c.shared[f.id()] == f
}

func (c *Core) dropShared(f *Fact) {
	if f != nil {
		c.sums.flip(f)
		delete(c.shared, f.id())
	}
}

func oldest(facts map[factKey]*Fact) *Fact {
	var low *Fact
	for _, f := range facts {
		if low == nil || f.olderThan(low) {
			low = f
		}
	}
	return low
}

func (f *Fact) olderThan(o *Fact) bool {
	d := f.compareWrite(o)
	return d < 0 || d == 0 && f.before(o)
}

// Step takes one gossiped message. A fact that is news is returned, and passed on.
func (c *Core) Step(now int64, msg []byte) (news []Fact, err error) {
	f, err := decodeMessage(msg)
	if err != nil {
		return nil, err
	}
	if err := f.checkTime(now); err != nil {
		return nil, err
	}
	return c.learn(nil, &f), nil
}

// Merge takes another node's State and returns what was news in it. Facts in it that are over are passed by; the error counts those
// that are wrong. A malformed state is taken up to where it is malformed: each fact stands for itself.
func (c *Core) Merge(now int64, state []byte) (news []Fact, err error) {
	wrong := 0
	var theirs *Fact
	err = walkState(state, func(f *Fact) {
		switch e := f.checkTime(now); {
		case e == nil && f.Kind == kindSums:
			theirs = f
		case e == nil:
			news = c.learn(news, f)
		case e != errExpired:
			wrong++
		}
	})
	if theirs != nil {
		c.hearSums(theirs)
	}
	if err == nil && wrong > 0 {
		err = fmt.Errorf("state: %d facts expire too late: check the sender's clock", wrong)
	}
	return news, err
}

// learn puts a fact of another, if it is news, and passes it on.
func (c *Core) learn(news []Fact, f *Fact) []Fact {
	if f.Kind == kindSums {
		return news // of a state alone
	}
	if f.shared() {
		return c.learnShared(news, f)
	}
	if f.Node == c.cfg.Node && f.Boot == c.cfg.Boot {
		c.reclaim(f)
		return news
	}
	if !c.newer(f) {
		return news
	}
	kept := *f
	kept.Value = bytes.Clone(f.Value)
	if !c.put(&kept) {
		return news
	}
	c.out.push(&kept)
	return append(news, kept)
}

func (c *Core) learnShared(news []Fact, f *Fact) []Fact {
	if !c.newerShared(f) {
		return news
	}
	kept := *f
	kept.Value = bytes.Clone(f.Value)
	if !c.putShared(&kept) {
		return news
	}
	c.out.push(&kept)
	return append(news, kept)
}

// reclaim answers what another heard in this process's name: after a restart under an old boot number, or from a forger. The own
// facts are said again with sequence numbers above it.
func (c *Core) reclaim(f *Fact) {
	if f.Seq <= c.seq {
		return
	}
	c.seq = f.Seq
	for _, own := range c.own() {
		again := *own
		c.seq++
		again.Seq = c.seq
		c.put(&again)
		c.out.push(&again)
	}
}

// own lists this run's facts in the order they were said.
func (c *Core) own() []*Fact {
	var list []*Fact
	if n := c.nodes[c.cfg.Node]; n != nil {
		n.each(func(f *Fact) {
			if f.Boot == c.cfg.Boot {
				list = append(list, f)
			}
		})
	}
	slices.SortFunc(list, func(a, b *Fact) int { return a.rank().compare(b.rank()) })
	return list
}

func (c *Core) newer(f *Fact) bool {
	n := c.nodes[f.Node]
	if n == nil {
		return true
	}
	held := n.facts[f.class()][f.id()]
	return held == nil || held.Seq < f.Seq
}

// put stores a fact that is newer than the one held, and reports whether there was room for it.
func (c *Core) put(f *Fact) bool {
	n := c.nodes[f.Node]
	if n == nil {
		n = &nodeFacts{}
		c.nodes[f.Node] = n
	}
	n.put(f, c.limit(f.class()))
	if len(c.nodes) > c.cfg.MaxNodes+1 {
		c.evictNode()
	}
	return c.nodes[f.Node] == n && n.facts[f.class()][f.id()] == f
}

func (c *Core) limit(cl class) int {
	if cl == bulk {
		return c.cfg.MaxBulk
	}
	return c.cfg.MaxUrgent
}

// evictNode drops the other node with the earliest latest boot.
func (c *Core) evictNode() {
	var last string
	var lowest rank
	for name, n := range c.nodes {
		if name == c.cfg.Node {
			continue
		}
		r := rank{boot: n.latest}
		if d := r.compare(lowest); last == "" || d < 0 || d == 0 && name < last {
			last, lowest = name, r
		}
	}
	delete(c.nodes, last)
}

func (n *nodeFacts) put(f *Fact, limit int) {
	n.latest = max(n.latest, f.Boot)
	facts := n.facts[f.class()]
	if facts == nil {
		facts = map[factKey]*Fact{}
		n.facts[f.class()] = facts
	}
	if facts[f.id()] = f; len(facts) > limit {
		delete(facts, lowest(facts).id())
	}
}

func lowest(facts map[factKey]*Fact) *Fact {
	var low *Fact
	for _, f := range facts {
		if low == nil || f.rank().compare(low.rank()) < 0 || f.rank() == low.rank() && f.before(low) {
			low = f
		}
	}
	return low
}

// before breaks ties of rank, which honest nodes never make, so that all decide alike.
func (f *Fact) before(o *Fact) bool {
	return cmp.Or(cmp.Compare(f.Kind, o.Kind), strings.Compare(f.Key, o.Key)) < 0
}

func (n *nodeFacts) each(do func(*Fact)) {
	for _, facts := range n.facts {
		for _, f := range facts {
			do(f)
		}
	}
}

// Tick forgets what is over.
func (c *Core) Tick(now int64) {
	if !c.Floods() {
		c.out.old()
	}
	for _, f := range c.shared {
		if f.Expires <= now {
			c.dropShared(f)
		}
	}
	for name, n := range c.nodes {
		left := 0
		for _, facts := range n.facts {
			for key, f := range facts {
				if f.Expires <= now {
					delete(facts, key)
				}
			}
			left += len(facts)
		}
		if left == 0 {
			delete(c.nodes, name)
		}
	}
}

// Outbox takes waiting messages that fit into limit bytes, each costing overhead more.
func (c *Core) Outbox(overhead, limit int) [][]byte { return c.out.take(overhead, limit) }

// Floods reports whether more of shared kinds is new than packets carry soon.
func (c *Core) Floods() bool { return c.out.large || len(c.out.news) > floodFrom }

// Flood takes what is new of shared kinds, as states.
func (c *Core) Flood() (parts [][]byte) {
	s := stateWriter{b: appendStateHeader(nil, 0)}
	for _, m := range c.out.news {
		if len(s.b)+len(m.body) > maxState {
			parts = append(parts, s.done())
			s = stateWriter{b: appendStateHeader(nil, 0)}
		}
		s.b, s.count = append(s.b, m.body[1:]...), s.count+1 // without the format of a message
	}
	c.out.old()
	return append(parts, s.done())
}

// State is what this node knows, for another to merge: the urgent kinds of all nodes first, then the shared, then the bulk; as much as fits, a
// different part each time when not all does.
func (c *Core) State() []byte {
	return c.fill(stateWriter{b: appendStateHeader(nil, 0)}, urgent, shared, bulk)
}

// fill appends the facts of classes to a state.
func (c *Core) fill(s stateWriter, list ...class) []byte {
	names := c.names()
	c.turn++
	for _, cl := range list {
		if cl == shared {
			s.add(c.shared)
			continue
		}
		for i := range names {
			s.add(c.nodes[names[(i+c.turn)%len(names)]].facts[cl])
		}
	}
	return s.done()
}

// stateWriter appends facts as long as they fit.
type stateWriter struct {
	b     []byte
	count int
}

// done is the state.
func (s *stateWriter) done() []byte {
	appendStateHeader(s.b[:0], s.count)
	return s.b
}

func (s *stateWriter) add(facts map[factKey]*Fact) {
	for _, f := range facts {
		if len(s.b)+f.wireLen() <= maxState {
			s.b = appendFact(s.b, f)
			s.count++
		}
	}
}

func (c *Core) names() []string {
	names := make([]string, 0, len(c.nodes))
	for name := range c.nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Facts lists what is held, by node, boot, kind and key.
func (c *Core) Facts() []Fact {
	var list []Fact
	for _, n := range c.nodes {
		n.each(func(f *Fact) { list = append(list, *f) })
	}
	for _, f := range c.shared {
		list = append(list, *f)
	}
	slices.SortFunc(list, func(a, b Fact) int {
		return cmp.Or(strings.Compare(a.Node, b.Node), cmp.Compare(a.Boot, b.Boot), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Key, b.Key))
	})
	return list
}

// Len counts facts, and the nodes they are of.
func (c *Core) Len() (facts, nodes int) {
	for _, n := range c.nodes {
		for _, m := range n.facts {
			facts += len(m)
		}
	}
	return facts + len(c.shared), len(c.nodes)
}
