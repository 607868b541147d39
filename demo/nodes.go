package demo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/edged/edged/edge"
)

const (
	nodeCount = 3
	nodePoll  = 500 * time.Millisecond
	patience  = 20 * time.Second // for what should take a second or two
)

// nodes are the running edge nodes and a client to each.
type nodes struct {
	edges   []*edge.Edge
	clients []*client
}

func (n *nodes) addresses() []address {
	list := make([]address, len(n.clients))
	for i, c := range n.clients {
		list[i] = c.address
	}
	return list
}

func (n *nodes) close() error {
	var errs []error
	for _, e := range n.edges {
		errs = append(errs, e.Close())
	}
	return errors.Join(errs...)
}

func (d *demo) nodeDir(name string) string { return d.path(nodesDir, name) }

// logs are the nodes' event logs.
func (d *demo) logs() []string {
	var list []string
	for _, c := range d.nodes.clients {
		list = append(list, filepath.Join(d.nodeDir(c.Name), "events"))
	}
	return list
}

// startNodes starts them one after the other, each told of those before it, and waits until all serve the release.
func (d *demo) startNodes(ctx context.Context) error {
	d.nodes = new(nodes)
	var seeds []string
	for i := range nodeCount {
		e, err := d.startNode(ctx, fmt.Sprintf("edge-%d", i+1), seeds)
		if err != nil {
			return err
		}
		d.nodes.edges = append(d.nodes.edges, e)
		seeds = append(seeds, e.GossipAddr())
	}
	took, err := d.awaitRelease(ctx)
	if err != nil {
		return err
	}
	d.out.done("nodes", "%d of them gossip on loopback and serve %s after %.1f s", nodeCount, d.release, took.Seconds())
	return nil
}

func (d *demo) startNode(ctx context.Context, name string, seeds []string) (*edge.Edge, error) {
	cfg := edge.Config{
		Name: name, Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Dir: d.nodeDir(name), FS: d.fs,
		Origin: d.path(originDir), Trust: d.path(keysDir, "trust.json"), Poll: nodePoll, Profile: "request",
		Logger: d.cfg.Logger.With("node", name), Clock: d.cfg.Clock,
		TrendVisitors: 1, // whoever looks at the demo is often alone, and may see what a click moves
	}
	cfg.Gossip.Listen, cfg.Gossip.Seeds = "127.0.0.1:0", seeds
	cfg.Gossip.KeyFile, cfg.Gossip.Profile = d.path(keysDir, "gossip.key"), "local"
	e, err := edge.Start(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	d.nodes.clients = append(d.nodes.clients, newClient(address{Name: name, URL: "http://" + e.Addr()}))
	return e, nil
}

// awaitRelease waits until every node answers from the release published last, and says how long that took.
func (d *demo) awaitRelease(ctx context.Context) (time.Duration, error) {
	return d.await(ctx, "all nodes serve release "+d.release, func() (bool, error) {
		for _, c := range d.nodes.clients {
			a, err := c.recommend(ctx, nil, "", 1)
			if err != nil || a.Release != d.release {
				return false, err
			}
		}
		return true, nil
	})
}

// await asks again and again until something is so. An answer that fails counts as not yet; the last is told if it never comes.
func (d *demo) await(ctx context.Context, what string, so func() (bool, error)) (time.Duration, error) {
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := so()
		if ok {
			return time.Since(began), nil
		}
		if time.Since(began) > patience {
			return 0, fmt.Errorf("waited %v in vain until %s (last answer: %w)", patience, what, orElse(err))
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
	}
}

var errNotYet = errors.New("not yet")

func orElse(err error) error {
	if err == nil {
		return errNotYet
	}
	return err
}
