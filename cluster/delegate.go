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

// NotifyMsg takes a gossiped message.
func (d *delegate) NotifyMsg(msg []byte) {
	d.learn(func(core *Core, now int64) ([]Fact, error) { return core.Step(now, msg) })
}

// GetBroadcasts yields what is to be gossiped.
func (d *delegate) GetBroadcasts(overhead, limit int) [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.core.Outbox(overhead, limit)
}

// LocalState is this side of an exchange.
func (d *delegate) LocalState(bool) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.core.State()
}

// MergeRemoteState is the other side's.
func (d *delegate) MergeRemoteState(state []byte, _ bool) {
	d.learn(func(core *Core, now int64) ([]Fact, error) { return core.Merge(now, state) })
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
