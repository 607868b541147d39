package cluster

import (
	"fmt"

	"github.com/hashicorp/memberlist"
)

// maxMembers bounds the members the library is told of; restarted nodes count twice for a while.
const maxMembers = maxExchange / 2

// delegate is what the library calls. It calls Notify… of members while it holds its own lock, so those only count.
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

// NotifyJoin counts a member that is alive.
func (d *delegate) NotifyJoin(*memberlist.Node) { d.members.Add(1) }

// NotifyLeave counts one that is not any more.
func (d *delegate) NotifyLeave(*memberlist.Node) { d.members.Add(-1) }

// NotifyUpdate of metadata changes no count.
func (d *delegate) NotifyUpdate(*memberlist.Node) {}

// NotifyAlive refuses members whose names aren't ours, and more of them than there may be.
func (d *delegate) NotifyAlive(n *memberlist.Node) error {
	if _, _, err := splitMember(n.Name); err != nil {
		return err
	}
	if _, err := decodeMeta(n.Meta); err != nil {
		return err
	}
	if int(d.members.Load()) >= maxMembers {
		return fmt.Errorf("more than %d members", maxMembers)
	}
	return nil
}

// NotifyMerge refuses nothing: each member of an exchange is judged by NotifyAlive.
func (d *delegate) NotifyMerge([]*memberlist.Node) error { return nil }
