package serve

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged/internal/testkit"
)

var everyonesLists = []string{"/v1/items/mug-1/similar?n=11", "/v1/items/mug-1/together?n=11", "/v1/items/nope/similar?n=11", "/v1/trending?n=11", "/v1/trending?country=GB&n=11", "/v1/popular?n=11", "/v1/trending?country=GB&category=home&n=11",
	"/v1/popular?category=home&n=11"}

// What is excluded for everyone is in no list that is for everyone.
func TestListsLeaveOutWhatIsExcludedForEveryone(t *testing.T) {
	plain := newFixture(t)
	rules := &oneDocument{t: t, text: `
rules:
- {name: recalled, exclude: {item: [mug-2, lamp-1]}}
- {name: for some, when: {country: GB}, exclude: {item: mug-3}}
- {name: here, when: {slot: hero}, exclude: {item: mug-4}}
- {name: for others, when: {if: not (country == "US")}, exclude: {item: mug-5}}
- {name: later, when: {from: 2026-03-01T13:00}, exclude: {item: mug-0}}
`}
	f := newFixture(t, func(c *Config) { c.Rules = rules })
	without := func(target string, gone ...string) {
		t.Helper()
		want := slices.DeleteFunc(strings.Fields(idsIn(plain.get(target).body)), func(id string) bool { return slices.Contains(gone, id) })
		for range 2 { // computed, and kept
			r := f.get(target)
			if got := strings.Fields(idsIn(r.body)); r.status != 200 || !slices.Equal(got, want) || !strings.Contains(r.body, `"rulesVersion"`) {
				t.Errorf("%s:\n%v, want\n%v in %s", target, got, want, r.body)
			}
			f.server.finished.cache.Wait()
		}
	}
	for _, target := range everyonesLists {
		without(target, "mug-2", "lamp-1")
	}
	f.now.Store(start.Add(time.Hour).UnixMilli())
	plain.now.Store(f.now.Load())
	for _, target := range everyonesLists {
		without(target, "mug-2", "lamp-1", "mug-0")
	}
	rules.text, rules.sets = `{"rules":[{"name":"only","only":{"category":"home/lam"}}]}`, nil // the next document
	for _, target := range everyonesLists {
		if got := idsIn(f.get(target).body); strings.Contains(got, "mug") || !strings.Contains(got, "lamp-1") {
			t.Errorf("%s: %s", target, got)
		}
	}
	rules.text, rules.sets = `{"rules":[{"name":"pinned","pin":{"item":"lamp-4"}}]}`, nil
	for _, target := range everyonesLists {
		if got, want := idsIn(f.get(target).body), idsIn(plain.get(target).body); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}

func TestStandingRulesAllocateNothing(t *testing.T) {
	f := newFixture(t, withRules(t, `{"rules":[{"name":"recalled","exclude":{"item":"mug-2"}}]}`))
	h := f.server.Handler()
	for _, target := range everyonesLists {
		var ctx fasthttp.RequestCtx
		prepareGet(&ctx, target)
		h(&ctx)
		f.server.finished.cache.Wait()
		testkit.Allocs(t, 0, func() { h(&ctx) })
	}
}
