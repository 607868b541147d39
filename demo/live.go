package demo

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	offered = 12 // personas the page offers
	steady  = 5  // items behind a persona worth offering
)

// stayUp serves the storefront and lets visitors trickle in until ctx ends.
func (d *demo) stayUp(ctx context.Context) error {
	ln, err := listen(d.cfg.Listen)
	if err != nil {
		return err
	}
	w := d.world
	s := &storefront{shelf: w.shelf, picture: w.picture(), page: page{
		Name: w.name, Simulated: w.shop != nil, Nodes: d.nodes.addresses(), Countries: w.crowd.countries, Categories: w.shelf.categories,
		Visitors: w.personas(offered, steady)}}
	s.page.fill()
	server := s.server()
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	url := "http://" + ln.Addr().String() + "/"
	d.welcome(url)
	d.cfg.Ready(url)
	err = d.trickle(ctx, served)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if down := server.Shutdown(stop); down != nil {
		err = errors.Join(err, server.Close())
	}
	return err
}

func (d *demo) welcome(url string) {
	d.out.line("")
	d.out.line("  storefront   %s", url)
	for _, n := range d.nodes.addresses() {
		d.out.line("  %-12s %s", n.Name, n.URL)
	}
	d.out.line("")
	d.out.line("  curl '%s/v1/recommend?recent=%s&n=5&explain=true&fields=title'", d.nodes.clients[0].URL, d.world.shelf.products[0].ID)
	d.out.line("")
	d.out.line("Visitors trickle in and move what is trending. Ctrl-C ends it all.")
}

// trickle sends a visit to some node every second or so. A node that does not answer costs a visit, not the demo.
func (d *demo) trickle(ctx context.Context, served <-chan error) error {
	rng := rand.New(rand.NewPCG(d.cfg.Seed, 4))
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-served:
			if errors.Is(err, http.ErrServerClosed) {
				return nil
			}
			return err
		case <-next.C:
			c := d.nodes.clients[rng.IntN(len(d.nodes.clients))]
			if err := d.visit(ctx, c, rng); err != nil && ctx.Err() == nil {
				d.cfg.Logger.Warn("a simulated visit failed", "node", c.Name, "error", err)
			}
			next.Reset(time.Duration(300+rng.IntN(1400)) * time.Millisecond)
		}
	}
}

// visit sends one visit's events as if they had all just happened.
func (d *demo) visit(ctx context.Context, c *client, rng *rand.Rand) error {
	now := d.cfg.Clock()
	events := d.world.visits().Visit(now, rng)
	for i := range events {
		events[i].Time = now.UnixMilli()
	}
	return c.send(ctx, events)
}
