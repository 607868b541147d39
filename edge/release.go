package edge

import (
	"bytes"
	"context"
	"fmt"

	"github.com/edged/edged/exchange"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/node"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
)

// openNode opens the releases held, if there are keys to trust.
func (e *Edge) openNode(ctx context.Context) error {
	if e.cfg.Trust == "" {
		return nil
	}
	trust, err := release.LoadTrust(e.cfg.FS, e.cfg.Trust)
	if err != nil {
		return err
	}
	from := origin.Origin(nowhere{})
	if e.cfg.Origin != "" {
		if from, err = origin.Open(e.cfg.FS, e.cfg.Origin); err != nil {
			return err
		}
	}
	fetch := exchange.NewPace(e.cfg.FetchRate, e.cfg.Clock)
	if err := e.openExchange(fetch); err != nil {
		return err
	}
	var peers node.Peers
	if e.exchange != nil {
		peers = e.exchange
	}
	e.node, err = node.Open(ctx, node.Config{
		FS: e.cfg.FS, Dir: e.cfg.Dir, Origin: from, Trust: trust, Peers: peers, Fetch: fetch, Poll: e.cfg.Poll,
		Name: e.cfg.Name, Zone: e.cfg.Gossip.Zone, Keep: e.cfg.Keep, Limits: e.cfg.Limits,
		Clock: e.cfg.Clock, Logger: e.cfg.Logger,
		BeforeSwap: e.prepare, OnSwap: func(*rank.Ranker) { e.wake() },
	})
	return err
}

// prepare works out what the overlay and rules make of a release that is about to be served: no request waits for it.
func (e *Edge) prepare(base *rank.Ranker) {
	if e.rules != nil { // else the node is being opened
		e.rules.For(e.overlay.of(base))
	}
}

// wake makes tick tell the others what is served now.
func (e *Edge) wake() {
	select {
	case e.swapped <- struct{}{}:
	default: // it is going to
	}
}

// nowhere is the origin of a node without one.
type nowhere struct{}

func (nowhere) Get(context.Context, string, int64) ([]byte, error) {
	return nil, fmt.Errorf("no origin is configured: %w", origin.ErrNotFound)
}

func (nowhere) Put(context.Context, string, []byte) error {
	return fmt.Errorf("no origin is configured")
}

func (nowhere) String() string { return "no origin" }

// adminKey reads the bearer key of the admin listener.
func (e *Edge) adminKey() ([]byte, error) {
	if e.cfg.AdminKeyFile == "" {
		return nil, nil
	}
	return readKey(e.cfg.FS, e.cfg.AdminKeyFile)
}

const (
	minKey = 16
	maxKey = 4 << 10
)

func readKey(fs vfs.FS, name string) ([]byte, error) {
	b, err := vfs.ReadFile(fs, name, maxKey)
	if err != nil {
		return nil, fmt.Errorf("adminKeyFile: %w", err)
	}
	key := bytes.TrimSpace(b)
	if len(key) < minKey {
		return nil, fmt.Errorf("adminKeyFile: %s: a key of %d bytes, want at least %d", name, len(key), minKey)
	}
	return key, nil
}
