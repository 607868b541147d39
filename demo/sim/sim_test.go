package sim

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
)

func small(seed uint64) *Shop { return New(Config{Seed: seed, Products: 400, Visitors: 200, Days: 30}) }

func eventsOf(t *testing.T, s *Shop) []edged.Event {
	t.Helper()
	events, err := s.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// More products than words make titles.
func TestTitlesNeverRunOut(t *testing.T) {
	defer func(all []kind) { kinds = all }(kinds)
	kinds = kinds[:1] // of which 6,240 titles can be made
	const products = 7000
	titles := make(map[string]bool, products)
	for _, p := range New(Config{Seed: 1, Products: products, Visitors: 1, Days: 1}).products {
		titles[p.title] = true
	}
	if len(titles) != products {
		t.Errorf("%d titles of %d products", len(titles), products)
	}
}

func TestEventsHearTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if events, err := small(1).Events(ctx); !errors.Is(err, context.Canceled) || events != nil {
		t.Errorf("%d events, error %v", len(events), err)
	}
}

func TestOneSeedOneShop(t *testing.T) {
	a, b, other := small(1), small(1), small(2)
	if !reflect.DeepEqual(a.Items(), b.Items()) || !reflect.DeepEqual(eventsOf(t, a), eventsOf(t, b)) {
		t.Fatal("the same seed gave two shops")
	}
	if reflect.DeepEqual(eventsOf(t, a), eventsOf(t, other)) {
		t.Fatal("two seeds gave one shop")
	}
	at := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	if x, y := a.Visit(at, rand.New(rand.NewPCG(1, 2))), b.Visit(at, rand.New(rand.NewPCG(1, 2))); !reflect.DeepEqual(x, y) {
		t.Fatal("the same visit twice differs")
	}
}

func TestDefaultSizeIsLikeAShop(t *testing.T) {
	s := New(Config{Seed: 1})
	events := eventsOf(t, s)
	if n := len(events); n < 80_000 || n > 120_000 {
		t.Errorf("%d events, want 80,000 to 120,000", n)
	}
	if n := len(s.Items()); n != 2400 {
		t.Errorf("%d items, want 2400", n)
	}
	seen, users, types := map[string]int{}, map[string]bool{}, map[edged.EventType]int{}
	for i := range events {
		seen[events[i].Item]++
		users[events[i].User] = true
		types[events[i].Type]++
	}
	if len(users) != 1500 || len(seen) < 2200 {
		t.Errorf("%d users at %d items, want 1500 at 2200 or more", len(users), len(seen))
	}
	if v, c, p := types[edged.View], types[edged.Cart], types[edged.Purchase]; !(v > 4*c && c > p && p > 5000) {
		t.Errorf("no funnel: %d views, %d carts, %d purchases", v, c, p)
	}
}

func TestItemsAndEventsAreValid(t *testing.T) {
	s := small(3)
	published, titles := map[string]int64{}, map[string]bool{}
	for _, it := range s.Items() {
		if err := it.Validate(); err != nil {
			t.Fatalf("item %s: %v", it.ID, err)
		}
		if titles[it.Title] {
			t.Errorf("two products are called %q", it.Title)
		}
		titles[it.Title], published[it.ID] = true, it.Published
	}
	last := int64(0)
	for _, e := range eventsOf(t, s) {
		if err := e.Validate(); err != nil {
			t.Fatalf("%+v: %v", e, err)
		}
		if e.Time < last || e.Time < s.start || e.Time >= s.end {
			t.Fatalf("event at %d after %d, outside %d to %d or out of order", e.Time, last, s.start, s.end)
		}
		if e.Time < published[e.Item] {
			t.Fatalf("%s seen before it was published", e.Item)
		}
		last = e.Time
	}
}

// Somebody who knew each visitor's hidden taste would find the last week's views in few cells; that share is what a model can learn.
func TestTasteIsThereToBeLearned(t *testing.T) {
	s := New(Config{Seed: 4, Visitors: 400})
	hits, all := 0, 0
	for _, e := range eventsOf(t, s) {
		if e.Type != edged.View || e.Time < s.end-7*day {
			continue
		}
		all++
		if s.tasteful(&e) {
			hits++
		}
	}
	if share := float64(hits) / float64(all); share < .3 || share > .8 {
		t.Errorf("%.2f of the views are of the visitor's own occasion and style, want .3 to .8", share)
	}
}

// tasteful: the product belongs to the visitor's main occasion and style, 1 in 55 products or so by chance.
func (s *Shop) tasteful(e *edged.Event) bool {
	var v *visitor
	for i := range s.visitors {
		if s.visitors[i].id == e.User {
			v = &s.visitors[i]
		}
	}
	p := s.products[s.byID[e.Item]]
	return p.style == largest(v.style) && strings.Contains(
		strings.Join(occasions[largest(v.wants(e.Time))].kinds, " "), kinds[p.kind].slug)
}

func TestCountriesDiffer(t *testing.T) {
	s := New(Config{Seed: 5})
	share := map[string][2]float64{} // country → views of nordic, all views
	for _, e := range eventsOf(t, s) {
		c := share[e.Context[edged.Country]]
		if styles[s.products[s.byID[e.Item]].style].slug == "nordic" {
			c[0]++
		}
		c[1]++
		share[e.Context[edged.Country]] = c
	}
	se, fr := share["SE"][0]/share["SE"][1], share["FR"][0]/share["FR"][1]
	if se < 1.5*fr {
		t.Errorf("nordic has %.3f of the views in SE and %.3f in FR: no regional preference", se, fr)
	}
}

func TestTaste(t *testing.T) {
	s := small(1)
	if words, ok := s.Taste("visitor-0001"); !ok || !strings.HasSuffix(words, " style") {
		t.Errorf("taste %q, %v", words, ok)
	}
	if _, ok := s.Taste("nobody"); ok {
		t.Error("nobody has a taste")
	}
}

func TestEveryKindHasAPictureAndAnOccasion(t *testing.T) {
	used := map[string]bool{}
	for _, o := range occasions {
		for _, k := range o.kinds {
			if _, ok := kindIndex[k]; !ok {
				t.Errorf("occasion %q wants %q, which is no kind", o.name, k)
			}
			used[k] = true
		}
	}
	for _, k := range kinds {
		if len(shapes[k.slug]) == 0 || !used[k.slug] {
			t.Errorf("%s: %d parts drawn, in an occasion: %v", k.slug, len(shapes[k.slug]), used[k.slug])
		}
	}
	for _, st := range styles {
		if _, ok := patterns[st.pattern]; !ok {
			t.Errorf("style %s has no pattern %q", st.slug, st.pattern)
		}
	}
}

func TestPicturesAreSVGAndStay(t *testing.T) {
	a, b := small(1), small(1)
	distinct := map[string]bool{}
	for _, it := range a.Items()[:100] {
		svg, ok := a.Picture(it.ID)
		again, _ := b.Picture(it.ID)
		if !ok || string(svg) != string(again) {
			t.Fatalf("%s: picture missing or not the same twice", it.ID)
		}
		wellFormed(t, it.ID, svg)
		distinct[string(svg)] = true
	}
	if len(distinct) != 100 {
		t.Errorf("%d distinct pictures of 100 products", len(distinct))
	}
	if _, ok := a.Picture("nothing"); ok {
		t.Error("a picture of nothing")
	}
}

func wellFormed(t *testing.T, id string, svg []byte) {
	t.Helper()
	if len(svg) > 12<<10 {
		t.Errorf("%s: %d bytes of picture", id, len(svg))
	}
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
	}
}
