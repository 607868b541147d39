package serve

import (
	"strings"
	"testing"
)

// A level says how the first item was found that no rule put there, in the answer as in the metric.
func TestLevels(t *testing.T) {
	f := newFixture(t, withRules(t, `
rules:
- {name: hero, when: {slot: hero}, pin: {item: lamp-4, at: 1}}
- {name: both, when: {slot: both}, pin: [{item: mug-1, at: 1}, {item: lamp-4, at: 2}], only: {item: [mug-1, lamp-4]}}
- {name: here, when: {slot: here}, pin: {item: lamp-1, at: 1}, only: {item: lamp-1}}
- {name: alone, when: {slot: alone}, pin: {item: lamp-4, at: 1}, only: {item: lamp-4}}
- {name: nothing, when: {slot: nothing}, only: {item: mug-1}, exclude: {item: mug-1}}
`))
	levels := []string{"personal", "session", "segment", "regional", "global", "static"}
	counts := func() (list [6]uint64) {
		for i, c := range f.server.metrics.levels {
			list[i] = c.Get()
		}
		return list
	}
	for _, test := range []struct{ name, target, body, level, first string }{
		{"what a visitor did", "/v1/recommend", `{"recent":["mug-1"]}`, "personal", "personal"},
		{"a pin before it", "/v1/recommend", `{"recent":["mug-1"],"n":3,"slot":"hero"}`, "personal", "pinned"},
		{"nothing but a pin", "/v1/recommend", `{"recent":["mug-1","lamp-4"],"slot":"alone"}`, "global", "pinned"},
		{"a pin of all that was found", "/v1/recommend", `{"recent":["lamp-1"],"slot":"alone"}`, "personal", "personal"},
		{"pins, of which one was found", "/v1/recommend", `{"recent":["lamp-1"],"slot":"both"}`, "personal", "personal"},
		{"of a country, a pin of all that was found", "/v1/recommend", `{"slot":"here","context":{"country":"GB"}}`, "regional", "trend"},
		{"nothing at all", "/v1/recommend", `{"recent":["mug-1"],"slot":"nothing"}`, "static", ""},
		{"nobody", "/v1/recommend", `{}`, "global", "trend"},
		{"nobody, and a pin", "/v1/recommend", `{"slot":"hero"}`, "global", "popular"},
		{"nobody, of a country", "/v1/recommend", `{"context":{"country":"GB"}}`, "regional", "trend"},
		{"nobody, of a country, and a pin", "/v1/recommend", `{"context":{"country":"GB"},"slot":"hero","n":3}`, "regional", "pinned"},
		{"a pin of what was found", "/v1/recommend", `{"recent":["mug-1"],"slot":"hero","n":12}`, "personal", "popular"},
		{"of a country, a pin of what was found", "/v1/recommend", `{"context":{"country":"GB"},"slot":"hero","n":12}`, "regional", "popular"},
		{"around an item", "/v1/items/mug-1/similar", "", "session", "similar"},
		{"around an unknown one", "/v1/items/nope/similar", "", "global", "popular"},
		{"popular", "/v1/popular", "", "global", "popular"},
		{"trending in a country", "/v1/trending?country=GB", "", "regional", "trend"},
	} {
		want, method := counts(), "GET"
		for i := range levels {
			if levels[i] == test.level {
				want[i]++
			}
		}
		if test.body != "" {
			method = "POST"
		}
		r := f.send(method, test.target, test.body).want(t, 200, `"level":"`+test.level+`"`)
		_, source, _ := strings.Cut(r.body, `"source":"`)
		if source, _, _ = strings.Cut(source, `"`); source != test.first {
			t.Errorf("%s: first %q, want %q", test.name, source, test.first)
		}
		if got := counts(); got != want {
			t.Errorf("%s: %v answers by level, want %v", test.name, got, want)
		}
	}
}
