package demo

import (
	"cmp"
	"context"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/data"
)

// persona is a visitor of the data, for people to look through the eyes of.
type persona struct {
	ID      string   `json:"id"`
	Taste   string   `json:"taste,omitempty"`
	Country string   `json:"country,omitempty"`
	Recent  []string `json:"recent"` // distinct, newest first
}

const (
	maxPersonas = 400 // remembered, to make live visits from
	maxKept     = 20  // items of each
)

// crowd is what the events say about people and products, gathered in one walk over the data.
type crowd struct {
	personas   []persona // in an order that has nothing to do with their ids or times
	popularity map[string]int
	countries  []string // busiest first
}

// gather reads all events. A visitor is remembered where the hash of its id falls among the smallest, which picks the
// same ones whatever the order of the events.
func gather(ctx context.Context, dir *data.Dir) (*crowd, error) {
	g := newGathering()
	if err := dir.Events(ctx, 0, 0, g.add); err != nil {
		return nil, err
	}
	return g.crowd(), nil
}

type gathering struct {
	recent     map[string]*trail // of the remembered
	order      []remembered      // the same, by hash and id
	popularity map[string]int
	countries  map[string]int
}

func newGathering() *gathering {
	return &gathering{recent: map[string]*trail{}, popularity: map[string]int{}, countries: map[string]int{}}
}

// remembered is a visitor in the order that decides who is.
type remembered struct {
	hash uint64
	id   string
}

func (r remembered) compare(o remembered) int {
	return cmp.Or(cmp.Compare(r.hash, o.hash), cmp.Compare(r.id, o.id))
}

// trail of a visitor; nil of one whose hash is not among the smallest so far, and so never will be.
func (g *gathering) trail(id string) *trail {
	if t := g.recent[id]; t != nil {
		return t
	}
	r := remembered{mixed(id), id}
	at, _ := slices.BinarySearchFunc(g.order, r, remembered.compare)
	if at == maxPersonas {
		return nil
	}
	if g.order = slices.Insert(g.order, at, r); len(g.order) > maxPersonas {
		delete(g.recent, g.order[maxPersonas].id)
		g.order = g.order[:maxPersonas]
	}
	t := new(trail)
	g.recent[id] = t
	return t
}

// trail is what one visitor met, oldest first.
type trail struct {
	country string
	items   []step
}

type step struct {
	time int64
	item string
}

func (g *gathering) add(e *edged.Event) error {
	g.popularity[e.Item]++
	if c := e.Context[edged.Country]; c != "" {
		g.countries[c]++
	}
	if e.User == "" || e.Type == edged.Return || e.Type == edged.Impression || e.Type == edged.Dismiss {
		return nil
	}
	t := g.trail(e.User)
	if t == nil {
		return nil
	}
	if c := e.Context[edged.Country]; c != "" {
		t.country = c
	}
	t.items = append(t.items, step{e.Time, e.Item})
	if len(t.items) >= 8*maxKept {
		t.trim()
	}
	return nil
}

// trim keeps the newest step of each of the last maxKept items.
func (t *trail) trim() {
	slices.SortStableFunc(t.items, func(a, b step) int { return cmp.Compare(a.time, b.time) })
	seen := map[string]bool{}
	var kept []step
	for i := len(t.items) - 1; i >= 0 && len(kept) < maxKept; i-- {
		if s := t.items[i]; !seen[s.item] {
			seen[s.item] = true
			kept = append(kept, s)
		}
	}
	slices.Reverse(kept)
	t.items = kept
}

func (g *gathering) crowd() *crowd {
	c := &crowd{popularity: g.popularity}
	for _, r := range g.order {
		t := g.recent[r.id]
		t.trim()
		p := persona{ID: r.id, Country: t.country}
		for _, s := range slices.Backward(t.items) {
			p.Recent = append(p.Recent, s.item)
		}
		c.personas = append(c.personas, p)
	}
	for code := range g.countries {
		c.countries = append(c.countries, code)
	}
	slices.SortFunc(c.countries, func(a, b string) int {
		return cmp.Or(cmp.Compare(g.countries[b], g.countries[a]), cmp.Compare(a, b))
	})
	return c
}

// mixed spreads ids evenly: FNV, whose last bytes move only its low bits, then the finisher of splitmix64.
func mixed(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// sample returns up to n personas with at least some items behind them; where there are too few such, any.
func (c *crowd) sample(n, atLeast int) []persona {
	var out []persona
	for _, enough := range []bool{true, false} {
		for _, p := range c.personas {
			if len(out) < n && len(p.Recent) > 0 && (len(p.Recent) >= atLeast) == enough {
				out = append(out, p)
			}
		}
	}
	return out
}

// Visit makes up a visit from what a random visitor of the data did before: the stand-in for live visitors where the shop is not
// simulated. Nobody's id is used.
func (c *crowd) Visit(at time.Time, rng *rand.Rand) []edged.Event {
	if len(c.personas) == 0 {
		return nil
	}
	p := &c.personas[rng.IntN(len(c.personas))]
	visit := edged.Event{Session: session(rng), Type: edged.View, Time: at.UnixMilli(), Channel: "web"}
	if p.Country != "" {
		visit.Context = map[string]string{edged.Country: p.Country}
	}
	var events []edged.Event
	for n := 1 + rng.IntN(4); n > 0 && len(p.Recent) > 0; n-- {
		visit.Item, visit.Time = p.Recent[rng.IntN(len(p.Recent))], visit.Time+1
		events = append(events, visit)
	}
	return events
}

func session(rng *rand.Rand) string {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	b := []byte("live-")
	for range 12 {
		b = append(b, letters[rng.IntN(len(letters))])
	}
	return string(b)
}
