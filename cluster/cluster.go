package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// Cluster is this process's part in a cluster. All methods are safe for concurrent use. It owns its goroutines and sockets until
// Close, which ends them all.
type Cluster struct {
	cfg   Config
	ring  *keyring
	count counters

	mu   sync.Mutex // guards core; held briefly, never while calling out
	core *Core

	news sync.Mutex // held while merging and telling OnFact, so that news is told in order

	library atomic.Pointer[library] // nil while there is no address to listen on
	roster  roster

	paying atomic.Bool // what another lacks is being sent
	flood  chan struct{}
	sends  chan struct{} // one for each stream of a flood

	unreachable map[string]bool // seeds it was said of; of joinLoop alone

	ctx    context.Context // ends at Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	closed sync.Once
}

// library is what listens.
type library struct {
	*memberlist.Memberlist
	transport *transport
	left      sync.Mutex // Leave and Shutdown exclude each other: the one after the other panics
	shut      bool
}

// Start takes part in a cluster. It errs only where the Config is wrong: a node that can't listen, or reaches no seed, works alone and
// tries again in the background.
func Start(cfg Config) (*Cluster, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	ring, err := newKeyring(cfg.Cluster, cfg.Keys, cfg.Clock)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	c := &Cluster{cfg: cfg, ring: ring, unreachable: map[string]bool{}, flood: make(chan struct{}, 1), sends: make(chan struct{}, floodStreams)}
	c.core = NewCore(CoreConfig{Node: cfg.Name, Boot: cfg.Boot, MaxNodes: cfg.MaxNodes, Members: c.size})
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if err := c.listen(); err != nil {
		cfg.Logger.Error("gossip: works alone, and tries again", "error", err)
	}
	c.wg.Go(c.expireLoop)
	c.wg.Go(c.joinLoop)
	c.wg.Go(c.floodLoop)
	return c, nil
}

// listen opens the sockets and hands them to the library.
func (c *Cluster) listen() error {
	t, err := listen(c.cfg.wire, c.cfg.Bind, c.ring, &c.count)
	if err != nil {
		return err
	}
	if err := t.setAdvertise(c.cfg.Advertise); err != nil {
		return errors.Join(err, t.Shutdown())
	}
	m := c.cfg.libraryConfig()
	d := &delegate{c}
	m.Transport, m.Delegate, m.Events, m.Alive, m.Merge = t, d, d, d, d
	m.BindPort, m.AdvertisePort = t.port(), t.port()
	list, err := memberlist.Create(m)
	if err != nil {
		return errors.Join(fmt.Errorf("start gossip: %w", err), t.Shutdown())
	}
	c.library.Store(&library{Memberlist: list, transport: t})
	return nil
}

// size is the number of live members, at least this one.
func (c *Cluster) size() int { return max(1, c.roster.len()) }

// now is the clock in Unix milliseconds.
func (c *Cluster) now() int64 { return c.cfg.Clock().UnixMilli() }

// Set says something new of this process: it replaces what was said under the same kind and key, and lasts for ttl, unless it is
// said again. The value is copied.
func (c *Cluster) Set(kind uint8, key string, value []byte, ttl time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.core.Set(c.now(), kind, key, value, ttl)
	return err
}

// Share spreads a write of a shared kind: one made now (fresh), or one that is held from an earlier run. OnFact is not told of it. Held writes
// are for the moments after Start, before others' are heard: whichever comes first, the newer one stays.
func (c *Cluster) Share(f Fact, fresh bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.core.Share(c.now(), f, fresh)
	c.mayFlood()
	return err
}

// Facts lists all that is held, own facts included.
func (c *Cluster) Facts() []Fact {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.core.Facts()
}

// learn runs a merge and tells what was news in it.
func (c *Cluster) learn(merge func(core *Core, now int64) ([]Fact, error)) {
	c.news.Lock()
	defer c.news.Unlock()
	if c.ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	facts, err := merge(c.core, c.now())
	c.mayFlood()
	c.mu.Unlock()
	if err != nil && !errors.Is(err, errExpired) {
		c.count.refuse(err)
	}
	c.count.learned.Add(uint64(len(facts)))
	for _, f := range facts {
		c.cfg.OnFact(f)
	}
}

// Members lists the live nodes by name, this one included; of a node that is back, its latest run alone.
func (c *Cluster) Members() []Member {
	if list := c.roster.list(); len(list) > 0 {
		return list
	}
	return []Member{{Name: c.cfg.Name, Boot: c.cfg.Boot, Zone: c.cfg.Zone, Self: true}}
}

// Addr is the address listened on, or "" while there is none.
func (c *Cluster) Addr() string {
	if lib := c.library.Load(); lib != nil {
		return lib.transport.tcp.Addr().String()
	}
	return ""
}

// Rotate replaces the keys: the first seals from now on, all open. To change a key without a gap, add the new one as the second
// everywhere, then make it the first everywhere, then drop the old one.
func (c *Cluster) Rotate(keys [][]byte) error {
	if err := c.ring.rotate(keys); err != nil {
		return fmt.Errorf("cluster: rotate: %w", err)
	}
	return nil
}

// Stats counts.
func (c *Cluster) Stats() Stats {
	s := Stats{Members: len(c.Members()), Listening: c.library.Load() != nil}
	c.count.fill(&s)
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Facts, s.FactNodes = c.core.Len()
	s.Waiting = c.core.out.waiting()
	return s
}

// Leave tells the others that this node goes on purpose, waiting at most timeout for the word to get out. Close is still to be called.
func (c *Cluster) Leave(timeout time.Duration) error {
	lib := c.library.Load()
	if lib == nil {
		return nil
	}
	lib.left.Lock()
	defer lib.left.Unlock()
	if lib.shut {
		return nil
	}
	if err := lib.Memberlist.Leave(cmp.Or(timeout, time.Second)); err != nil {
		return fmt.Errorf("cluster: leave: %w", err)
	}
	return nil
}

// Close ends all goroutines and sockets; once it returns, OnFact is not called any more. To the others the node has died, unless it
// left before. OnFact must not call it.
func (c *Cluster) Close() error {
	var err error
	c.closed.Do(func() {
		c.news.Lock() // none begins to pay after it
		c.cancel()
		c.news.Unlock()
		if lib := c.library.Load(); lib != nil {
			err = lib.close()
		}
		c.wg.Wait()
		if lib := c.library.Load(); lib != nil { // it may have come while the loops ended
			err = errors.Join(err, lib.close())
		}
		c.news.Lock() // waits for an OnFact that is under way
		defer c.news.Unlock()
	})
	return err
}

func (l *library) close() error {
	_ = l.transport.Shutdown() // first: it ends whatever holds up a Leave
	l.left.Lock()
	defer l.left.Unlock()
	l.shut = true
	return l.Memberlist.Shutdown()
}

// expireLoop forgets what is over.
func (c *Cluster) expireLoop() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.mu.Lock()
			c.core.Tick(c.now())
			c.mu.Unlock()
		case <-c.ctx.Done():
			return
		}
	}
}
