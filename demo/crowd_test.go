package demo

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
)

func gathered(events ...edged.Event) *crowd {
	g := newGathering()
	for i := range events {
		if err := g.add(&events[i]); err != nil {
			panic(err)
		}
	}
	return g.crowd()
}

func event(user, item, country string, at int64) edged.Event {
	return edged.Event{User: user, Item: item, Type: edged.View, Time: at, Context: map[string]string{edged.Country: country}}
}

func TestCrowdRemembersNewestFirst(t *testing.T) {
	returned := event("u", "r", "DE", 9)
	returned.Type = edged.Return
	c := gathered(event("u", "b", "DE", 3), event("u", "a", "DE", 1), event("u", "b", "DE", 2), event("u", "c", "FR", 4), event("", "a", "DE", 5), returned)
	if len(c.personas) != 1 {
		t.Fatalf("%d personas, want 1", len(c.personas))
	}
	if got := strings.Join(c.personas[0].Recent, " "); got != "c b a" {
		t.Errorf("recent %q, want c b a", got)
	}
	if c.popularity["a"] != 2 || c.popularity["b"] != 2 || strings.Join(c.countries, " ") != "DE FR" {
		t.Errorf("popularity %v, countries %v", c.popularity, c.countries)
	}
}

func TestCrowdForgetsOldItemsOfBusyVisitors(t *testing.T) {
	var events []edged.Event
	for i := range 1000 {
		events = append(events, event("u", fmt.Sprint(i), "", int64(i)))
	}
	c := gathered(events...)
	if r := c.personas[0].Recent; len(r) != maxKept || r[0] != "999" || r[maxKept-1] != fmt.Sprint(1000-maxKept) {
		t.Errorf("recent %v", r)
	}
}

// Of many visitors those with the smallest hashes, whole, whoever came first; of the others nothing is held.
func TestCrowdHoldsTheSmallestHashesAlone(t *testing.T) {
	const visitors = 3000
	ids := make([]string, visitors)
	for i := range ids {
		ids[i] = fmt.Sprint("visitor-", i)
	}
	smallest := slices.SortedFunc(slices.Values(ids), func(a, b string) int { return cmp.Compare(mixed(a), mixed(b)) })
	largest := slices.Clone(smallest)
	slices.Reverse(largest)
	for name, order := range map[string][]string{"as made": ids, "largest hashes first": largest} {
		g := newGathering()
		for round := range 3 {
			for _, id := range order {
				e := event(id, fmt.Sprint("item-", round), "DE", int64(round))
				if err := g.add(&e); err != nil {
					t.Fatal(err)
				}
				if len(g.recent) > maxPersonas {
					t.Fatalf("%s: %d trails held", name, len(g.recent))
				}
			}
		}
		c := g.crowd()
		if len(c.personas) != maxPersonas || c.popularity["item-1"] != visitors {
			t.Fatalf("%s: %d personas, popularity %v", name, len(c.personas), c.popularity)
		}
		for i, p := range c.personas {
			if p.ID != smallest[i] || len(p.Recent) != 3 {
				t.Fatalf("%s: persona %d is %+v, want %s with three items", name, i, p, smallest[i])
			}
		}
	}
}

func TestCrowdSamplesTheExperiencedFirst(t *testing.T) {
	c := gathered(event("one", "a", "", 1), event("two", "a", "", 1), event("two", "b", "", 2))
	if s := c.sample(1, 2); len(s) != 1 || s[0].ID != "two" {
		t.Errorf("sample %v, want two", s)
	}
	if s := c.sample(5, 2); len(s) != 2 || s[1].ID != "one" {
		t.Errorf("sample %v, want two and one", s)
	}
}

func TestCrowdVisitsNameNobody(t *testing.T) {
	c := gathered(event("secret", "a", "DE", 1))
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		for _, e := range c.Visit(time.UnixMilli(1e12), rng) {
			if err := e.Validate(); err != nil || e.User != "" || strings.Contains(e.Session, "secret") || e.Item != "a" {
				t.Fatalf("%+v: %v", e, err)
			}
		}
	}
	if events := new(crowd).Visit(time.Now(), rng); events != nil {
		t.Errorf("a visit by nobody: %v", events)
	}
}
