// Package clustertest is a simulated network of cluster cores, in virtual time: what a test does to it always comes out the same.
//
// One tick is 100 ms. In a tick every live node gossips what waits in its outbox to up to three others, one packet each, and every tenth
// tick it exchanges states with one of them. Packets and exchanges between nodes that a partition keeps apart are lost, and
// packets besides with the probability of Drop. Membership is not simulated: a node tries all that ever were, as one that rejoins its
// seeds does.
package clustertest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/edged/edged/cluster"
)

// The pace of the simulation.
const (
	Tick         = 100 * time.Millisecond
	exchangeEach = 10 // ticks
	fanout       = 3
	packetRoom   = 1300
	overhead     = 3
)

// Node is one simulated process.
type Node struct {
	Name  string
	Boot  uint64
	Core  *cluster.Core
	Alive bool
	Heard []cluster.Fact // news, in order
	side  int            // of the partition
}

// Network holds the nodes. It is not safe for concurrent use.
type Network struct {
	Drop  float64 // probability that a packet is lost
	Limit cluster.CoreConfig
	Sent  int // packets
	now   int64
	ticks int
	rng   *rand.Rand
	nodes []*Node
}

// New returns an empty network whose chances follow from seed.
func New(seed uint64) *Network {
	return &Network{now: 1_000_000, rng: rand.New(rand.NewPCG(seed, 0))}
}

// Add starts a node.
func (w *Network) Add(name string) *Node {
	n := &Node{Name: name}
	w.nodes = append(w.nodes, n)
	w.start(n)
	return n
}

func (w *Network) start(n *Node) {
	cfg := w.Limit
	n.Boot++
	n.Alive = true
	n.Heard = nil
	cfg.Node, cfg.Boot, cfg.Members = n.Name, n.Boot, func() int { return len(w.nodes) }
	n.Core = cluster.NewCore(cfg)
}

// Node finds a node by name.
func (w *Network) Node(name string) (*Node, error) {
	for _, n := range w.nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("no node %q", name)
}

// Nodes lists all nodes in the order they were added.
func (w *Network) Nodes() []*Node { return w.nodes }

// Kill stops a node; all it held is lost.
func (w *Network) Kill(n *Node) { n.Alive = false }

// Restart brings a node back, empty, under its next boot.
func (w *Network) Restart(n *Node) { w.start(n) }

// Partition keeps the named nodes and the others apart.
func (w *Network) Partition(names ...string) {
	for _, n := range w.nodes {
		n.side = 0
		if slices.Contains(names, n.Name) {
			n.side = 1
		}
	}
}

// Heal ends all partitions.
func (w *Network) Heal() { w.Partition() }

// Set says something on a node.
func (w *Network) Set(n *Node, kind uint8, key, value string, ttl time.Duration) error {
	_, err := n.Core.Set(w.now, kind, key, []byte(value), ttl)
	return err
}

// Share writes on a node what is of nobody, under a stamp.
func (w *Network) Share(n *Node, kind uint8, key, value string, stamp cluster.Stamp) (cluster.Fact, error) {
	f := cluster.Fact{
		Kind: kind, Node: n.Name, Key: key, Seq: stamp, Value: []byte(value),
		Expires: cluster.MillisOf(stamp) + cluster.MaxTTL.Milliseconds(),
	}
	_, err := n.Core.Share(w.now, f, true)
	return f, err
}

// Now is the network's time in Unix milliseconds.
func (w *Network) Now() int64 { return w.now }

// Step lets one tick pass.
func (w *Network) Step() error {
	w.now += Tick.Milliseconds()
	w.ticks++
	for i, n := range w.nodes {
		if !n.Alive {
			continue
		}
		n.Core.Tick(w.now)
		if err := w.gossip(n); err != nil {
			return err
		}
		if (w.ticks+i)%exchangeEach == 0 {
			if err := w.exchange(n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Network) gossip(n *Node) error {
	for _, to := range w.others(n, fanout) {
		packet := n.Core.Outbox(overhead, packetRoom)
		if len(packet) == 0 {
			return nil
		}
		w.Sent++
		if !w.reaches(n, to) || w.rng.Float64() < w.Drop {
			continue
		}
		for _, msg := range packet {
			news, err := to.Core.Step(w.now, msg)
			if err != nil {
				return fmt.Errorf("%s to %s: %w", n.Name, to.Name, err)
			}
			to.Heard = append(to.Heard, news...)
		}
	}
	return nil
}

// exchange is what the library does by a stream: both sides send first, then merge.
func (w *Network) exchange(n *Node) error {
	for _, to := range w.others(n, 1) {
		if !w.reaches(n, to) {
			continue
		}
		mine, theirs := n.Core.State(), to.Core.State()
		for _, side := range []struct {
			node  *Node
			state []byte
		}{{to, mine}, {n, theirs}} {
			news, err := side.node.Core.Merge(w.now, side.state)
			if err != nil {
				return fmt.Errorf("exchange of %s and %s: %w", n.Name, to.Name, err)
			}
			side.node.Heard = append(side.node.Heard, news...)
		}
	}
	return nil
}

func (w *Network) reaches(from, to *Node) bool { return to.Alive && from.side == to.side }

func (w *Network) others(n *Node, most int) []*Node {
	var list []*Node
	for _, i := range w.rng.Perm(len(w.nodes)) {
		if w.nodes[i] != n && len(list) < most {
			list = append(list, w.nodes[i])
		}
	}
	return list
}

// Agree reports whether all live nodes hold the same facts.
func (w *Network) Agree() bool {
	var first []cluster.Fact
	for _, n := range w.nodes {
		if !n.Alive {
			continue
		}
		facts := n.Core.Facts()
		if first == nil {
			first = facts
		}
		if !slices.EqualFunc(first, facts, same) {
			return false
		}
	}
	return true
}

func same(a, b cluster.Fact) bool {
	return a.Node == b.Node && a.Boot == b.Boot && a.Kind == b.Kind && a.Key == b.Key && a.Seq == b.Seq && string(a.Value) == string(b.Value)
}

// Settle lets time pass until all agree, and reports how many ticks that took.
func (w *Network) Settle(most int) (ticks int, err error) {
	for ticks = 0; ticks < most; ticks++ {
		if w.Agree() {
			return ticks, nil
		}
		if err := w.Step(); err != nil {
			return ticks, err
		}
	}
	return ticks, fmt.Errorf("no agreement after %d ticks", most)
}
