package cluster

import (
	"fmt"

	"github.com/hashicorp/memberlist"
)

// maxMembers bounds the members the library is told of; restarted nodes count twice for a while.
const maxMembers = maxExchange / 2

// delegate is what the library calls. It calls Notify… of members while it holds its own lock, so those touch the roster alone.
type delegate struct{ *Cluster }

// metaFormat leads a member's metadata: format, then the zone.
const metaFormat = 1

// NodeMeta is what is told of this node with its address.
func (d *delegate) NodeMeta(int) []byte { return append([]byte{metaFormat}, d.cfg.Zone...) }

func decodeMeta(meta []byte) (zone string, err error) {
	if len(meta) < 1 || meta[0] != metaFormat || len(meta) > 1+maxZone {
		return "", fmt.Errorf("metadata of %d bytes: not in format %d", len(meta), metaFormat)
	}
	return string(meta[1:]), nil
}

// NotifyMsg takes a gossiped message, or what another found missing here.
func (d *delegate) NotifyMsg(msg []byte) {
	if len(msg) > 0 && msg[0] == partFormat {
		d.learn(func(core *Core, now int64) ([]Fact, error) { return core.Merge(now, msg[1:]) })
		return
	}
	d.learn(func(core *Core, now int64) ([]Fact, error) { return core.Step(now, msg) })
}

// GetBroadcasts yields what is to be gossiped.
func (d *delegate) GetBroadcasts(overhead, limit int) [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.core.Outbox(overhead, limit)
}

// LocalState is this side of an exchange: all there is for who joins, else sums of what is shared.
func (d *delegate) LocalState(join bool) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if join {
		return d.core.State()
	}
	return d.core.Brief(d.now())
}

// MergeRemoteState is the other side's.
func (d *delegate) MergeRemoteState(state []byte, _ bool) {
	d.learn(func(core *Core, now int64) ([]Fact, error) { return core.Merge(now, state) })
	d.pay()
}

// pay sends what another lacks, one at a time: what is left out comes up again with the next exchange.
func (d *delegate) pay() {
	d.mu.Lock()
	member, part := d.core.Owed()
	d.mu.Unlock()
	d.news.Lock()
	defer d.news.Unlock()
	if part == nil || d.ctx.Err() != nil || !d.paying.CompareAndSwap(false, true) {
		return
	}
	d.wg.Go(func() {
		defer d.paying.Store(false)
		if err := d.sendPart(member, part); err != nil {
			d.cfg.Logger.Debug("gossip: what another lacks was not sent", "to", member, "error", err)
		}
	})
}

func (d *delegate) sendPart(member string, part []byte) error {
	lib := d.library.Load()
	if lib == nil || d.ctx.Err() != nil {
		return d.ctx.Err()
	}
	for _, n := range lib.Memberlist.Members() {
		if n.Name == member {
			return lib.SendReliable(n, append([]byte{partFormat}, part...))
		}
	}
	return nil // it has gone
}

// NotifyJoin tells of a member that is alive.
func (d *delegate) NotifyJoin(n *memberlist.Node) { d.roster.put(n, d.self()) }

// NotifyLeave tells of one that is not any more.
func (d *delegate) NotifyLeave(n *memberlist.Node) { d.roster.drop(n) }

// NotifyUpdate tells of changed metadata.
func (d *delegate) NotifyUpdate(n *memberlist.Node) { d.roster.put(n, d.self()) }

func (d *delegate) self() string { return memberName(d.cfg.Name, d.cfg.Boot) }

// NotifyAlive refuses members whose names aren't ours, and more of them than there may be.
func (d *delegate) NotifyAlive(n *memberlist.Node) error {
	if _, _, err := splitMember(n.Name); err != nil {
		return err
	}
	if _, err := decodeMeta(n.Meta); err != nil {
		return err
	}
	if d.roster.len() >= maxMembers {
		return fmt.Errorf("more than %d members", maxMembers)
	}
	return nil
}

// NotifyMerge refuses nothing: each member of an exchange is judged by NotifyAlive.
func (d *delegate) NotifyMerge([]*memberlist.Node) error { return nil }
