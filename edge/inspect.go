package edge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/edged/edged/cluster"
	"github.com/edged/edged/exchange"
	"github.com/edged/edged/inspect"
	"github.com/edged/edged/node"
	"github.com/edged/edged/release"
	"github.com/edged/edged/serve"
)

// releases is what /v1/admin/releases shows.
func (e *Edge) releases() any { return e.node.Releases() }

// difference says what one release held changes beside another; 0 stands for the one served, and for the one before. Every byte of both is read, so
// that one question is answered at a time.
func (e *Edge) difference(ctx context.Context, now, before uint64, visitors int) (any, error) {
	if !e.inspecting.TryLock() {
		return nil, serve.ErrBusy
	}
	defer e.inspecting.Unlock()
	held := e.node.Releases()
	versionOf := func(version uint64, role string) (uint64, error) {
		i := slices.IndexFunc(held, func(h node.Held) bool {
			return h.Version == version && version != 0 || version == 0 && h.Role == role && h.Fault == ""
		})
		if i < 0 {
			return 0, fmt.Errorf("%w: release %s is not held", serve.ErrNotHeld, cmp.Or(strings.TrimPrefix(strconv.FormatUint(version, 10), "0"), role))
		}
		return held[i].Version, nil
	}
	var err error
	if now, err = versionOf(now, "current"); err == nil {
		before, err = versionOf(before, "previous")
	}
	if err != nil {
		return nil, err
	}
	trust, err := release.LoadTrust(e.cfg.FS, e.cfg.Trust)
	if err != nil {
		return nil, err
	}
	found, err := inspect.OpenRelease(ctx, e.cfg.FS, e.cfg.Dir, now, trust)
	if err != nil {
		return nil, err
	}
	other, err := inspect.OpenRelease(ctx, e.cfg.FS, e.cfg.Dir, before, trust)
	if err != nil {
		return nil, err
	}
	return found.Against(other, visitors), nil
}

// chunks says who has which pieces of a release.
type chunks struct {
	Release  string       `json:"release,omitempty"` // id, where this node has it
	Manifest string       `json:"manifest"`
	Pieces   int          `json:"pieces,omitempty"` // how many there are, the manifest's own among them; 0: this node doesn't know
	Rarest   int          `json:"rarest"`           // on how many nodes the rarest piece is, this one included
	Nodes    []chunksHeld `json:"nodes"`
}

// chunksHeld is what one node has.
type chunksHeld struct {
	Node    string `json:"node"`
	Self    bool   `json:"self"`
	Address string `json:"address,omitempty"` // of its exchange; empty: it answers nobody
	Wanting bool   `json:"wanting"`           // it is fetching the release
	Load    uint8  `json:"load"`              // of what it can send, in 255ths
	Count   int    `json:"count"`
	Have    string `json:"have"` // pieces by number, from 0: 0-34,36
}

// whoHas is what /v1/admin/chunks shows: what this node has, and what others said lately.
func (e *Edge) whoHas() any {
	list := []*chunks{}
	at := map[string]*chunks{}
	ids := map[string]string{}
	for _, h := range e.node.Releases() {
		ids[h.Manifest.Hex()] = h.Release
	}
	of := func(manifest string) *chunks {
		if at[manifest] == nil {
			at[manifest] = &chunks{Manifest: manifest, Release: ids[manifest], Nodes: []chunksHeld{}}
			list = append(list, at[manifest])
		}
		return at[manifest]
	}
	has := map[string][]func(int) bool{}
	for _, h := range e.node.Holdings() {
		manifest, own := h.Manifest.Hex(), h
		c := of(manifest)
		c.Pieces = len(own.Have)
		c.add(chunksHeld{Node: e.cfg.Name, Self: true, Address: e.address, Wanting: own.Wanting}, len(own.Have), func(i int) bool { return own.Have[i] })
		has[manifest] = append(has[manifest], func(i int) bool { return own.Have[i] })
	}
	for _, f := range e.heldElsewhere() {
		h, err := exchange.DecodeHolding(f.Value)
		if err != nil {
			continue
		}
		c := of(f.Key)
		c.add(chunksHeld{Node: f.Node, Address: h.Address, Wanting: h.Wanting, Load: h.Load}, c.Pieces, h.Has)
		has[f.Key] = append(has[f.Key], h.Has)
	}
	for _, c := range list {
		c.Rarest = rarest(has[c.Manifest], c.Pieces)
	}
	slices.SortFunc(list, func(a, b *chunks) int { return cmp.Compare(b.Release, a.Release) })
	return list
}

// heldElsewhere is what others said of their pieces, each node's latest run.
func (e *Edge) heldElsewhere() (list []cluster.Fact) {
	if e.gossip == nil {
		return nil
	}
	boots := map[string]uint64{}
	for _, m := range e.gossip.Members() {
		boots[m.Name] = m.Boot
	}
	for _, f := range e.gossip.Facts() {
		if f.Kind == kindHolding && f.Node != e.cfg.Name && boots[f.Node] == f.Boot {
			list = append(list, f)
		}
	}
	return list
}

func (c *chunks) add(h chunksHeld, pieces int, has func(int) bool) {
	var ranges []string
	for i := 0; i < pieces; i++ {
		from := i
		for i < pieces && has(i) {
			i++
		}
		switch h.Count += i - from; {
		case i == from+1:
			ranges = append(ranges, strconv.Itoa(from))
		case i > from:
			ranges = append(ranges, fmt.Sprintf("%d-%d", from, i-1))
		}
	}
	h.Have = strings.Join(ranges, ",")
	c.Nodes = append(c.Nodes, h)
}

// rarest is on how many nodes the piece is that the fewest have.
func rarest(has []func(int) bool, pieces int) int {
	least := len(has)
	for i := range pieces {
		n := 0
		for _, h := range has {
			if h(i) {
				n++
			}
		}
		least = min(least, n)
	}
	return least
}
