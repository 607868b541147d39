package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
)

func gathered(events ...edged.Event) *crowd {
	g := gathering{recent: map[string]*trail{}, popularity: map[string]int{}, countries: map[string]int{}}
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
