package demo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/data"
	"github.com/edged/edged/rank"
)

const (
	asked     = 4  // visitors whose recommendations are told
	listed    = 5  // recommendations of each
	lookedAt  = 10 // items of a visitor the node is told of
	admirers  = 40 // visitors who suddenly like one product
	topOfList = 10 // where it must turn up
	liveVisit = 60 // visits made between the two releases
)

// story tells what the loop is for, and holds every step to what it promises.
func (d *demo) story(ctx context.Context) error {
	for _, part := range []func(context.Context) error{d.tellVisitors, d.tellStranger, d.tellTrending, d.bringBack, d.again} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	d.out.line("")
	d.out.line("All expectations were met, in %.1f s.", d.out.total().Seconds())
	return nil
}

func (d *demo) tellVisitors(ctx context.Context) error {
	d.out.title("Who is recommended what, and why")
	people := d.world.personas(asked, lookedAt)
	if len(people) == 0 {
		return errors.New("no visitor of the data has looked at anything")
	}
	for i, p := range people {
		p.Recent = p.Recent[:min(len(p.Recent), lookedAt)]
		c := d.nodes.clients[i%len(d.nodes.clients)]
		a, err := c.recommend(ctx, p.Recent, p.Country, listed)
		if err != nil {
			return err
		}
		d.tell(&p, c, a)
		if err := d.expectPersonal(&p, a); err != nil {
			return fmt.Errorf("%s for %s: %w", c.Name, p.ID, err)
		}
	}
	return nil
}

// expectPersonal: enough items, none twice, none seen, all of one release, each explained by what its score is made of.
func (d *demo) expectPersonal(p *persona, a *answer) error {
	if !fromHistory(a.Level) {
		return fmt.Errorf("level %q for somebody with %d known items, want personal or session", a.Level, len(p.Recent))
	}
	if err := d.expectItems(a, p.Recent); err != nil {
		return err
	}
	for _, it := range a.Items {
		if !fromHistory(it.Source) {
			continue
		}
		if it.Reason == nil || len(it.Reason.Items) == 0 {
			return fmt.Errorf("%s: no reason given", it.ID)
		}
		if sum := it.Reason.sum(); math.Abs(sum-it.Score) > 1e-3*max(1, math.Abs(it.Score)) {
			return fmt.Errorf("%s: the reason's parts sum to %g, the score is %g", it.ID, sum, it.Score)
		}
	}
	return nil
}

// fromHistory reports whether a level or a source rests on what the visitor did.
func fromHistory(s string) bool { return s == rank.SourcePersonal || s == rank.SourceSession }

func (d *demo) expectItems(a *answer, seen []string) error {
	left := len(d.world.shelf.products) - len(seen)
	if want := min(listed, left); len(a.Items) != want {
		return fmt.Errorf("%d items, want %d", len(a.Items), want)
	}
	if a.Release != d.release {
		return fmt.Errorf("answered from release %q, want %q", a.Release, d.release)
	}
	met := map[string]bool{}
	for _, it := range a.Items {
		if met[it.ID] || slices.Contains(seen, it.ID) {
			return fmt.Errorf("%s is there twice, or was seen already", it.ID)
		}
		met[it.ID] = true
	}
	return nil
}

// tell prints one visitor's answer.
func (d *demo) tell(p *persona, c *client, a *answer) {
	who := p.ID
	if p.Country != "" {
		who += " in " + p.Country
	}
	if p.Taste != "" {
		who += ", made to like: " + p.Taste
	}
	d.out.line("")
	d.out.line("  %s", who)
	var titles []string
	for _, id := range p.Recent[:min(len(p.Recent), 4)] {
		titles = append(titles, cut(d.world.shelf.title(id), 30))
	}
	if more := len(p.Recent) - len(titles); more > 0 {
		titles = append(titles, fmt.Sprintf("and %d more", more))
	}
	if len(titles) > 0 {
		d.out.line("    looked at  %s", strings.Join(titles, " · "))
	}
	d.out.line("    %s     level %s, release %s, %d µs", c.Name, a.Level, a.Release, a.TookUs)
	for i, it := range a.Items {
		d.out.line("      %d. %-36s %s", i+1, cut(d.world.shelf.title(it.ID), 36), d.why(&it))
	}
}

// why says a reason in words: the two past items that count most, with their parts; the sentence of the node where none does.
func (d *demo) why(it *pick) string {
	switch {
	case it.Reason == nil:
		return it.Source
	case len(it.Reason.Items) == 0:
		return it.Reason.Text
	}
	var causes []string
	for i, id := range it.Reason.Items[:min(len(it.Reason.Items), 2)] {
		causes = append(causes, fmt.Sprintf("%s (%.0f %%)", cut(d.world.shelf.title(id), 30), 100*it.Reason.part(i)))
	}
	return "because of " + strings.Join(causes, ", ")
}

// tellStranger: somebody unknown gets a lower level, not an error.
func (d *demo) tellStranger(ctx context.Context) error {
	p, c := persona{ID: "somebody new", Country: d.busiest()}, d.nodes.clients[0]
	a, err := c.recommend(ctx, nil, p.Country, listed)
	if err != nil {
		return err
	}
	d.tell(&p, c, a)
	if fromHistory(a.Level) {
		return fmt.Errorf("%s for somebody new: level %q", c.Name, a.Level)
	}
	if err := d.expectItems(a, nil); err != nil {
		return fmt.Errorf("%s for somebody new: %w", c.Name, err)
	}
	return nil
}

// busiest is the country most events come from, "" where the data has none.
func (d *demo) busiest() string {
	if len(d.world.crowd.countries) == 0 {
		return ""
	}
	return d.world.crowd.countries[0]
}

// tellTrending sends the first node visitors who all like one quiet product, and waits for the last node to have heard.
func (d *demo) tellTrending(ctx context.Context) error {
	d.out.title("Events sent to one node move what is trending on another")
	near, far, country := d.nodes.clients[0], d.nodes.clients[len(d.nodes.clients)-1], d.busiest()
	before, err := far.trending(ctx, country, edged.MaxN)
	if err != nil {
		return err
	}
	id := d.quiet(before)
	if err := d.sendLive(ctx, near, d.admire(id, country)); err != nil {
		return err
	}
	place := 0
	took, err := d.await(ctx, far.Name+" shows "+id+" trending", func() (bool, error) {
		a, err := far.trending(ctx, country, topOfList)
		if err != nil {
			return false, err
		}
		place = 1 + slices.IndexFunc(a.Items, func(it pick) bool { return it.ID == id })
		return place > 0, nil
	})
	if err != nil {
		return err
	}
	d.out.line("")
	d.out.line("  %d visitors%s look at %q through %s.", admirers, in(country), d.world.shelf.title(id), near.Name)
	d.out.line("  %.1f s later it is number %d of what is trending%s on %s.", took.Seconds(), place, in(country), far.Name)
	return nil
}

func in(country string) string {
	if country == "" {
		return ""
	}
	return " in " + country
}

// quiet is a product that trends nowhere near the top: from the unpopular end, the first that the list does not start with.
func (d *demo) quiet(before *answer) string {
	top := map[string]bool{}
	for _, it := range before.Items[:min(len(before.Items), 3*topOfList)] {
		top[it.ID] = true
	}
	products := d.world.shelf.products
	for i := len(products) * 3 / 4; i < len(products); i++ {
		if !top[products[i].ID] {
			return products[i].ID
		}
	}
	return products[len(products)-1].ID
}

// admire makes visitors who look at one product and put it into the basket.
func (d *demo) admire(id, country string) []edged.Event {
	now := d.cfg.Clock().UnixMilli()
	var events []edged.Event
	for range admirers {
		e := edged.Event{Session: session(d.rng), Item: id, Type: edged.View, Time: now, Channel: "web"}
		if country != "" {
			e.Context = map[string]string{edged.Country: country}
		}
		cart := e
		cart.Type = edged.Cart
		events = append(events, e, cart)
	}
	return events
}

// sendLive sends events and remembers how many the nodes owe.
func (d *demo) sendLive(ctx context.Context, c *client, events []edged.Event) error {
	if err := c.send(ctx, events); err != nil {
		return err
	}
	d.owed += int64(len(events))
	return nil
}

// bringBack lets visitors come by all nodes, then imports the nodes' event logs: every accepted event, each once.
func (d *demo) bringBack(ctx context.Context) error {
	d.out.title("The events come back, and train the next release")
	d.out.line("")
	d.out.step = d.cfg.Clock()
	for i := range liveVisit {
		events := d.world.visits().Visit(d.cfg.Clock().Add(-time.Duration(i)*time.Minute), d.rng)
		events = slices.DeleteFunc(events, func(e edged.Event) bool { return e.Time > d.cfg.Clock().UnixMilli() })
		if err := d.sendLive(ctx, d.nodes.clients[i%len(d.nodes.clients)], events); err != nil {
			return err
		}
	}
	opts := data.ImportOptions{Clock: d.cfg.Clock}
	r, err := data.Import(ctx, d.world.dir, nil, d.logs(), opts)
	if err != nil {
		return err
	}
	if r.Events != d.owed {
		return fmt.Errorf("the nodes accepted %d events, their logs gave back %s", d.owed, r.String())
	}
	again, err := data.Import(ctx, d.world.dir, nil, d.logs(), opts)
	if err != nil {
		return err
	}
	if again.Events != 0 || again.Duplicates != d.owed {
		return fmt.Errorf("reading the logs again should change nothing: %s", again.String())
	}
	d.out.done("import", "all %s events the nodes accepted, from their logs; read twice, none twice", count(d.owed))
	return nil
}

// again trains on old and new events and publishes; all nodes must serve it.
func (d *demo) again(ctx context.Context) error {
	old := d.release
	if err := d.train(ctx); err != nil {
		return err
	}
	if err := d.publish(ctx); err != nil {
		return err
	}
	took, err := d.awaitRelease(ctx)
	if err != nil {
		return err
	}
	if d.release == old {
		return fmt.Errorf("release %s was published twice", old)
	}
	d.out.done("nodes", "all %d serve %s %.1f s after it was published", len(d.nodes.clients), d.release, took.Seconds())
	return nil
}
