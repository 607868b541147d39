package cluster

import (
	"math/rand/v2"
	"time"

	"github.com/hashicorp/memberlist"
)

// Packets carry some 14 facts, to 4 nodes each 100 ms: a thousand shared ones at once would take seconds, and those that fit into none would wait for an exchange of
// states. So where many are new, or a large one is, a node sends them all to some members by streams, too; they do the same with
// what was news to them.
const (
	floodFrom    = 16                     // within about a second: fewer are everywhere soon
	floodMembers = 6                      // at random; of all nodes e⁻⁶ are told by none, and hear by the next exchange
	floodStreams = 4 * floodMembers       // at once: members that don't answer hold up no flood, but get none
	floodGather  = 20 * time.Millisecond  // for what is written together to be sent together
	floodPause   = 200 * time.Millisecond // after one: a steady stream of writes is not one of connections
)

// mayFlood wakes floodLoop if there is something for it. The caller holds mu.
func (c *Cluster) mayFlood() {
	if !c.core.Floods() {
		return
	}
	select {
	case c.flood <- struct{}{}:
	default: // it is going to
	}
}

func (c *Cluster) floodLoop() {
	for {
		select {
		case <-c.flood:
		case <-c.ctx.Done():
			return
		}
		select {
		case <-time.After(floodGather):
		case <-c.ctx.Done():
			return
		}
		c.floodTo(c.someMembers(floodMembers)) // where there is nobody, exchanges carry it later
		select {
		case <-time.After(floodPause):
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *Cluster) floodTo(list []*memberlist.Node) {
	c.mu.Lock()
	var parts [][]byte
	if c.core.Floods() {
		parts = c.core.Flood()
	}
	c.mu.Unlock()
	for _, part := range parts {
		c.count.floods.Add(1)
		msg := append([]byte{partFormat}, part...)
		for _, n := range list {
			select {
			case c.sends <- struct{}{}:
				c.wg.Go(func() { c.send(n, msg) })
			default: // it hears by the next exchange
			}
		}
	}
}

func (c *Cluster) send(n *memberlist.Node, msg []byte) {
	defer func() { <-c.sends }()
	if err := c.library.Load().SendReliable(n, msg); err != nil {
		c.cfg.Logger.Debug("gossip: news were not sent", "to", n.Name, "error", err)
	}
}

// someMembers draws other members.
func (c *Cluster) someMembers(n int) (list []*memberlist.Node) {
	lib := c.library.Load()
	if lib == nil {
		return nil
	}
	self := memberName(c.cfg.Name, c.cfg.Boot)
	for _, m := range lib.Memberlist.Members() {
		if m.Name != self {
			list = append(list, m)
		}
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(len(list), n)]
}
