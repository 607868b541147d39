package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// simulation is a network in the time of synctest: whole nodes run on it, the library with them, packets and streams sealed as ever. Packets
// take a while and get lost, streams take a while; where it is cut neither comes through.
type simulation struct {
	t     *testing.T
	loss  float64
	delay time.Duration

	mu    sync.Mutex
	hosts map[string]*host
	side  map[string]int // of the cut, by address

	sent, lost atomic.Int64
}

// host is one node's end of the network.
type host struct {
	sim  *simulation
	addr *net.TCPAddr

	packets chan parcel
	streams chan net.Conn
	done    chan struct{}
	once    sync.Once
}

type parcel struct {
	b    []byte
	from net.Addr
}

func newSimulation(t *testing.T, loss float64) *simulation {
	return &simulation{t: t, loss: loss, delay: 20 * time.Millisecond, hosts: map[string]*host{}, side: map[string]int{}}
}

// cut keeps the addresses for which apart is true from the others.
func (s *simulation) cut(addresses []string, apart func(i int) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.side)
	for i, a := range addresses {
		if apart(i) {
			s.side[a] = 1
		}
	}
}

func (s *simulation) heal() { s.cut(nil, nil) }

// to finds the host at an address, if it can be reached.
func (s *simulation) to(from, addr string) *host {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.side[from] != s.side[addr] {
		return nil
	}
	return s.hosts[addr]
}

// end is the wire of one node.
type end struct {
	sim  *simulation
	addr string
}

func (e end) listen(string) (net.Listener, net.PacketConn, error) {
	at := netip.MustParseAddrPort(e.addr)
	h := &host{
		sim: e.sim, addr: net.TCPAddrFromAddrPort(at),
		packets: make(chan parcel, 4096), streams: make(chan net.Conn), done: make(chan struct{}),
	}
	e.sim.mu.Lock()
	defer e.sim.mu.Unlock()
	e.sim.hosts[e.addr] = h
	return streamEnd{h}, packetEnd{h}, nil
}

func (e end) dial(ctx context.Context, addr string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := wait(ctx, 3*e.sim.delay); err != nil { // of the handshake
		return nil, err
	}
	h := e.sim.to(e.addr, addr)
	if h == nil {
		return nil, errors.Join(wait(ctx, timeout), errors.New("no route"))
	}
	mine, theirs := net.Pipe()
	select {
	case h.streams <- named{theirs, e.addr}:
		return named{mine, addr}, nil
	case <-h.done:
	case <-ctx.Done():
	}
	return nil, errors.Join(mine.Close(), theirs.Close(), errors.New("refused"))
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// named is a connection that knows where it leads.
type named struct {
	net.Conn
	remote string
}

func (n named) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(n.remote))
}

func (h *host) close() error {
	h.once.Do(func() {
		close(h.done)
		h.sim.mu.Lock()
		defer h.sim.mu.Unlock()
		delete(h.sim.hosts, h.addr.String())
	})
	return nil
}

type streamEnd struct{ *host }

func (s streamEnd) Accept() (net.Conn, error) {
	select {
	case c := <-s.streams:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}
func (s streamEnd) Close() error   { return s.close() }
func (s streamEnd) Addr() net.Addr { return s.addr }

type packetEnd struct{ *host }

func (p packetEnd) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case one := <-p.packets:
		return copy(b, one.b), one.from, nil
	case <-p.done:
		return 0, nil, net.ErrClosed
	}
}

func (p packetEnd) WriteTo(b []byte, addr net.Addr) (int, error) {
	p.sim.sent.Add(1)
	if rand.Float64() < p.sim.loss {
		p.sim.lost.Add(1)
		return len(b), nil
	}
	one := parcel{slices.Clone(b), net.UDPAddrFromAddrPort(p.addr.AddrPort())}
	time.AfterFunc(p.sim.delay/2+rand.N(p.sim.delay), func() {
		to := p.sim.to(p.addr.String(), addr.String())
		if to == nil {
			return
		}
		select {
		case to.packets <- one:
		default: // as a full buffer does
		}
	})
	return len(b), nil
}

func (p packetEnd) Close() error                     { return p.close() }
func (p packetEnd) LocalAddr() net.Addr              { return net.UDPAddrFromAddrPort(p.addr.AddrPort()) }
func (p packetEnd) SetDeadline(time.Time) error      { return nil }
func (p packetEnd) SetReadDeadline(time.Time) error  { return nil }
func (p packetEnd) SetWriteDeadline(time.Time) error { return nil }

// swarm is some nodes on a simulation; the first three are the seeds of all.
type swarm struct {
	*simulation
	nodes     []*Cluster
	addresses []string
	heard     []sync.Map // by node: key of a fact → time it came
}

const seedCount = 3

func (s *simulation) swarm(size int) *swarm {
	w := &swarm{simulation: s, heard: make([]sync.Map, size)}
	for i := range size {
		w.addresses = append(w.addresses, fmt.Sprintf("10.0.%d.%d:7946", i/250, 1+i%250))
	}
	for i := range size {
		w.nodes = append(w.nodes, w.start(i, 1))
	}
	return w
}

func (w *swarm) start(i int, boot uint64) *Cluster {
	w.t.Helper()
	c, err := Start(Config{
		Name: fmt.Sprintf("n%03d", i), Boot: boot, Bind: w.addresses[i], Seeds: w.addresses[:min(seedCount, len(w.addresses))], Keys: [][]byte{testKey},
		wire:   end{w.simulation, w.addresses[i]},
		OnFact: func(f Fact) { w.heard[i].LoadOrStore(f.Key, time.Now()) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *swarm) close() {
	var all sync.WaitGroup
	for _, c := range w.nodes {
		all.Go(func() {
			if err := c.Close(); err != nil {
				w.t.Error(err)
			}
		})
	}
	all.Wait()
	<-time.After(time.Minute) // the library's probes run out by themselves
}

// agree lets time pass until each of the nodes holds exactly these for alive, and says how long that took.
func (w *swarm) agree(most time.Duration, nodes []*Cluster) time.Duration {
	w.t.Helper()
	var want []string
	for _, c := range nodes {
		want = append(want, c.cfg.Name)
	}
	slices.Sort(want)
	begin := time.Now()
	for {
		wrong := ""
		for _, c := range nodes {
			var names []string
			for _, m := range c.Members() {
				names = append(names, m.Name)
			}
			if !slices.Equal(names, want) {
				wrong = fmt.Sprintf("%s sees %d of %d", c.cfg.Name, len(names), len(want))
				break
			}
		}
		took := time.Since(begin)
		if wrong == "" {
			return took
		}
		if took > most {
			w.t.Fatalf("after %v %s", took, wrong)
		}
		<-time.After(100 * time.Millisecond)
	}
}

// say has a node say something, and lists when the others heard it, in order. One that has not within the time is an error.
func (w *swarm) say(i int, key string, within time.Duration, among []int) (took []time.Duration) {
	w.t.Helper()
	begin := time.Now()
	if err := w.nodes[i].Set(1, key, []byte("release 7"), time.Hour); err != nil {
		w.t.Fatal(err)
	}
	for time.Since(begin) < within {
		<-time.After(50 * time.Millisecond)
		took = took[:0]
		for _, j := range among {
			if at, ok := w.heard[j].Load(key); ok {
				took = append(took, at.(time.Time).Sub(begin))
			}
		}
		if len(took) == len(among) {
			break
		}
	}
	if len(took) < len(among) {
		w.t.Fatalf("%d of %d heard %s within %v", len(took), len(among), key, within)
	}
	slices.Sort(took)
	return took
}

func others(n, but int) (list []int) {
	for i := range n {
		if i != but {
			list = append(list, i)
		}
	}
	return list
}

// long tells quick runs from those that measure what is promised.
func long() bool { return os.Getenv("EDGED_LONG") != "" }

// TestSimulatedSpread: what one node says reaches all, by gossip, within a second for 99 of 100, though every tenth packet is lost.
func TestSimulatedSpread(t *testing.T) {
	size, rounds := 40, 5
	if long() {
		size, rounds = 200, 20
	}
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, .1)
		w := s.swarm(size)
		defer w.close()
		joined := w.agree(time.Minute, w.nodes)
		<-time.After(5 * time.Second)
		var all []time.Duration
		for r := range rounds {
			i := r * 7 % size
			all = append(all, w.say(i, fmt.Sprint("round", r), 30*time.Second, others(size, i))...)
			<-time.After(time.Second)
		}
		slices.Sort(all)
		p99 := all[len(all)*99/100]
		t.Logf("%d nodes found each other in %v; %d facts: median %v, p99 %v, last %v; %d of %d packets lost", size, joined, len(all), all[len(all)/2], p99, all[len(all)-1],
			s.lost.Load(), s.sent.Load())
		if p99 > time.Second {
			t.Errorf("p99 %v, want at most 1 s", p99)
		}
	})
}

// TestSimulatedKill: a fifth of the nodes die at once; the others know it within 20 seconds, with every tenth packet lost.
func TestSimulatedKill(t *testing.T) {
	size := 30
	if long() {
		size = 200
	}
	synctest.Test(t, func(t *testing.T) {
		w := newSimulation(t, .1).swarm(size)
		defer w.close()
		w.agree(time.Minute, w.nodes)
		<-time.After(5 * time.Second)
		dead := func(i int) bool { return i%5 == 4 }
		w.cut(w.addresses, dead) // to the others they are gone without a word
		var alive []*Cluster
		for i, c := range w.nodes {
			if !dead(i) {
				alive = append(alive, c)
			}
		}
		took := w.agree(20*time.Second, alive)
		t.Logf("%d of %d nodes died: the views were equal after %v", size-len(alive), size, took)
	})
}

// TestSimulatedPartition: halves that have long given each other up are one again within 30 seconds after the cut ends, and know what each
// said meanwhile.
func TestSimulatedPartition(t *testing.T) {
	sizes, cuts := []int{3, 10}, []time.Duration{10 * time.Second, 3 * time.Minute}
	if long() {
		sizes, cuts = []int{3, 10, 30, 100}, []time.Duration{5 * time.Second, time.Minute, 15 * time.Minute, 3 * time.Hour}
	}
	for _, size := range sizes {
		for _, length := range cuts {
			t.Run(fmt.Sprint(size, " nodes ", length), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { partition(t, size, length) })
			})
		}
	}
}

func partition(t *testing.T, size int, length time.Duration) {
	w := newSimulation(t, .02).swarm(size)
	defer w.close()
	w.agree(time.Minute, w.nodes)
	half := size / 2
	w.cut(w.addresses, func(i int) bool { return i < half })
	<-time.After(length)
	for i, key := range map[int]string{0: "of one", size - 1: "of the other"} {
		if err := w.nodes[i].Set(1, key, []byte("x"), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	w.heal()
	took := w.agree(30*time.Second, w.nodes)
	begin := time.Now()
	for _, missing := 0, true; missing; {
		missing = false
		for _, c := range w.nodes {
			missing = missing || len(c.Facts()) < 2
		}
		if missing && time.Since(begin)+took > 30*time.Second {
			t.Fatal("what was said during the cut is not known everywhere 30 s after it")
		}
		<-time.After(100 * time.Millisecond)
	}
	t.Logf("%d nodes, cut for %v: one again %v after it, with all that was said after %v", size, length, took, took+time.Since(begin))
}
