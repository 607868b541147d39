package edge

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/edged/edged/cluster"
	"github.com/edged/edged/release"
)

// Kinds of facts. Numbers are for ever: nodes of different versions gossip with each other.
const (
	kindRollout uint8 = 1              // value: version of the newest accepted rollout (u64 big-endian), hash of the manifest served
	kindHolding uint8 = 2              // key: hash of a manifest in hex; value: which of its pieces the node has (exchange/WIRE.md)
	kindOverlay       = cluster.Shared // an entry of package overlay, of nobody (overlay/FORMAT.md)
	kindTrend         = cluster.Bulk   // key and value: a cell of package trend
)

const (
	rolloutSize = 8 + len(release.Hash{})
	rolloutTTL  = time.Hour
	trendTTL    = 24 * time.Hour // those who come later than that learn nothing of it from gossip

	tickEvery  = 250 * time.Millisecond
	repeatEach = rolloutTTL / 4 // the rollout is said again, before it is forgotten
)

func (e *Edge) joinCluster() error {
	g := &e.cfg.Gossip
	if !g.on() {
		return nil
	}
	keys, err := release.LoadGossipKeys(e.cfg.FS, g.KeyFile)
	if err != nil {
		return err
	}
	if err := e.useGossipKeys(keys); err != nil {
		return err
	}
	e.gossip, err = cluster.Start(cluster.Config{
		Cluster: g.Cluster, Name: e.cfg.Name, Boot: e.boot, Bind: g.Listen, Advertise: g.Advertise, Seeds: g.Seeds,
		Keys: keys, Zone: g.Zone, Profile: g.Profile, OnFact: e.hear, Logger: e.cfg.Logger, Clock: e.cfg.Clock,
	})
	if err == nil {
		e.overlay.restore()
	}
	return err
}

// useGossipKeys notes the keys in use. Visitors are counted under a key that follows from the one that seals, and so is the same on all nodes.
func (e *Edge) useGossipKeys(keys [][]byte) error {
	if len(e.gossipKeys) == 0 || !bytes.Equal(e.gossipKeys[0], keys[0]) {
		key, err := hkdf.Key(sha256.New, keys[0], nil, "edged trend visitors 1\x00"+e.cfg.Gossip.Cluster, 32)
		if err != nil {
			return fmt.Errorf("gossip: the key that visitors are counted under: %w", err)
		}
		e.trends.Rekey(key)
	}
	e.gossipKeys = keys
	return nil
}

// followGossipKeys takes the key file's keys when they are others than before: a key is rotated while nodes run. A file that cannot be
// used changes nothing, which is told once.
func (e *Edge) followGossipKeys(seen look) {
	var keys [][]byte
	err := seen.err
	if err == nil {
		keys, err = release.ParseGossipKeys(e.cfg.Gossip.KeyFile, seen.text)
	}
	if err == nil && slices.EqualFunc(keys, e.gossipKeys, bytes.Equal) {
		e.keysFault = ""
		return
	}
	if err == nil {
		err = e.gossip.Rotate(keys)
	}
	if err == nil && e.exchange != nil {
		err = e.exchange.Rotate(keys)
	}
	if err == nil {
		err = e.useGossipKeys(keys)
	}
	if err == nil {
		e.cfg.Logger.Info("gossip: keys were changed", "keys", len(keys))
	} else if err.Error() != e.keysFault {
		e.keysFault = err.Error()
		e.cfg.Logger.Error("gossip: keys stay as they were", "error", err)
	}
}

// hear takes a fact of another node. A wrong rumour costs a look at the origin or a place in a trend, never more.
func (e *Edge) hear(f cluster.Fact) {
	switch f.Kind {
	case kindRollout:
		if e.node != nil && len(f.Value) == rolloutSize {
			e.node.Nudge(binary.BigEndian.Uint64(f.Value))
		}
	case kindHolding:
		e.hearHolding(f)
	case kindOverlay:
		e.overlay.hear(f)
	case kindTrend:
		if err := e.trends.Apply(f.Node, f.Boot, f.Key, f.Value); err != nil {
			e.cfg.Logger.Debug("gossip: a cell is refused", "from", f.Node, "error", err)
		}
	}
}

// publishTrend tells the others of a changed cell.
func (e *Edge) publishTrend(key string, value []byte) {
	if e.gossip == nil {
		return
	}
	if err := e.gossip.Set(kindTrend, key, value, trendTTL); err != nil {
		e.cfg.Logger.Warn("gossip: a cell can't be told", "error", err)
	}
}

// tick does what is due a few times a second, until ctx ends.
func (e *Edge) tick(ctx context.Context) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	var told rumour
	boasts := map[release.Hash]boast{}
	for {
		told = e.announce(told)
		e.announceHoldings(boasts)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			e.trends.Flush()
		case <-e.swapped:
		}
		e.rules.prepare()
	}
}

// rumour is what was told of the rollout, and when.
type rumour struct {
	version  uint64
	manifest release.Hash
	at       time.Time
}

// announce tells the others which rollout this node follows, when that has changed or might be forgotten.
func (e *Edge) announce(told rumour) rumour {
	if e.gossip == nil || e.node == nil {
		return told
	}
	s, now := e.node.Status(), e.cfg.Clock()
	same := s.Rollout == told.version && s.Manifest == told.manifest
	if s.Rollout == 0 || same && now.Sub(told.at) < repeatEach {
		return told
	}
	value := append(binary.BigEndian.AppendUint64(nil, s.Rollout), s.Manifest[:]...)
	if err := e.gossip.Set(kindRollout, "", value, rolloutTTL); err != nil {
		e.cfg.Logger.Warn("gossip: the rollout can't be told", "error", err)
	}
	return rumour{s.Rollout, s.Manifest, now}
}
