package cluster

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"time"
)

const (
	firstRetry    = 250 * time.Millisecond // nodes that start together find each other within the second
	maxBackoff    = 10 * time.Second
	resolveBudget = 3 * time.Second
)

// joinLoop keeps this node in touch with its seeds, at once and for ever: the library itself never again looks for nodes it has
// held for dead for a while, and so two halves of a cluster would stay apart when the wire between them is whole again.
func (c *Cluster) joinLoop() {
	base := profiles[c.cfg.Profile].rejoin
	retry := firstRetry
	for {
		wait := base
		if c.attend() {
			retry = firstRetry
		} else {
			wait = retry
			retry = min(2*retry, max(base, maxBackoff))
		}
		select {
		case <-time.After(jitter(wait)):
		case <-c.ctx.Done():
			return
		}
	}
}

// jitter spreads waits over ±25 %, so that nodes that started together don't knock together.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1)
}

// attend listens, if that failed before, and joins the seeds that are missing. It reports whether nothing is left to be done.
func (c *Cluster) attend() bool {
	lib := c.library.Load()
	if lib == nil {
		if err := c.listen(); err != nil {
			c.cfg.Logger.Warn("gossip: still works alone", "error", err)
			return false
		}
		lib = c.library.Load()
		c.cfg.Logger.Info("gossip: listening", "address", c.Addr())
	}
	all := true
	for _, seed := range c.cfg.Seeds {
		if c.ctx.Err() != nil {
			return false
		}
		if err := c.join(lib, seed); err != nil {
			all = false
			c.count.joinFailures.Add(1)
			c.warnOnce(seed, err)
			continue
		}
		delete(c.unreachable, seed)
	}
	return all
}

// warnOnce says that a seed can't be joined, once until it can.
func (c *Cluster) warnOnce(seed string, err error) {
	if c.unreachable[seed] {
		return
	}
	c.unreachable[seed] = true
	oneLine := strings.Join(strings.Fields(err.Error()), " ") // the library lists errors over several lines
	c.cfg.Logger.Warn("gossip: can't join a seed, will try again", "seed", seed, "error", oneLine)
}

// join exchanges states with a seed, unless it is a member, or this node itself.
func (c *Cluster) join(lib *library, seed string) error {
	addrs, err := c.resolve(seed)
	if err != nil {
		return err
	}
	known := c.roster.addresses()
	known[lib.transport.tcp.Addr().String()] = true
	for _, addr := range addrs {
		if known[addr] {
			return nil
		}
	}
	var errs []error
	for _, addr := range addrs {
		if _, err := lib.Join([]string{addr}); err == nil {
			c.count.joins.Add(1)
			c.cfg.Logger.Info("gossip: joined", "seed", seed)
			return nil
		} else {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// resolve looks a seed up anew each time: names may move.
func (c *Cluster) resolve(seed string) ([]string, error) {
	host, port, err := net.SplitHostPort(seed)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.ctx, resolveBudget)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	list := make([]string, 0, len(ips))
	for _, ip := range ips {
		list = append(list, net.JoinHostPort(ip.Unmap().String(), port))
	}
	return list, nil
}
