package serve

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/rules"
)

// oneDocument is a Rules of one document.
type oneDocument struct {
	t    testing.TB
	text string
	sets map[*rank.Ranker]*rules.Set
}

func (d *oneDocument) For(r *rank.Ranker) *rules.Set {
	if set, ok := d.sets[r]; ok {
		return set
	}
	set, faults := rules.Compile([]byte(d.text), r.Model())
	if set == nil {
		d.t.Fatal(faults)
	}
	d.sets = map[*rank.Ranker]*rules.Set{r: set}
	return set
}

func withRules(t testing.TB, text string) func(*Config) {
	return func(c *Config) { c.Rules = &oneDocument{t: t, text: text} }
}

func idsIn(body string) string {
	var ids []string
	items, _, _ := strings.Cut(body, `],"level"`)
	for _, part := range strings.Split(items, `{"id":"`)[1:] {
		id, _, _ := strings.Cut(part, `"`)
		ids = append(ids, id)
	}
	return strings.Join(ids, " ")
}

func TestRulesHaveTheirSay(t *testing.T) {
	f := newFixture(t, withRules(t, `
rules:
- {name: recalled, exclude: {item: mug-2}}
- name: hero
  when: {slot: hero, country: GB, device: phone}
  pin: [{item: lamp-5, at: 1}, {item: lamp-4, at: 2}]
- name: lamps only
  when: {slot: lamps}
  only: {category: home/lam}
- name: gold
  when: {if: visitor.tier == "gold"}
  boost: {item: mug-4, by: 50}
`))
	plain := newFixture(t)
	ask := func(body string) response { return f.send("POST", "/v1/recommend", body).want(t, 200) }
	const recent = `"recent":["mug-1"],"n":3`
	if got := idsIn(plain.send("POST", "/v1/recommend", `{`+recent+`}`).body); !strings.Contains(got, "mug-2") {
		t.Fatalf("without rules: %s; the test wants mug-2 there", got)
	}
	if got := idsIn(ask(`{` + recent + `}`).body); strings.Contains(got, "mug-2") || len(strings.Fields(got)) != 3 {
		t.Errorf("recalled: %s", got)
	}
	// lamp-5 is not available: its pin falls away.
	r := ask(`{"recent":["mug-1","lamp-4"],"n":3,"slot":"hero","explain":true,"context":{"country":"GB","device":"phone"}}`)
	r.want(t, 200, `"rules":["recalled","hero"]`, `{"id":"lamp-4","score":0,"source":"pinned","reason":{"code":"pinned","pinned":"hero","text":"Chosen by the shop"}}`)
	if n := strings.Count(r.body, `"pinned":"`); n != 1 {
		t.Errorf("%d items say that they are pinned: %s", n, r.body)
	}
	found := ask(`{"recent":["mug-1"],"n":9,"goal":"any","exclude":["lamp-5"],"slot":"hero","explain":true,"context":{"country":"GB","device":"phone"}}`)
	if second := strings.SplitN(found.body, `},{"id":`, 3)[1]; !strings.HasPrefix(second, `"lamp-4"`) || !strings.Contains(second, `"code":"popular","pinned":"hero","text":"Popular with everybody"`) {
		t.Errorf("a pinned item that was found does not say so: %s", second)
	}
	if got := idsIn(r.body); strings.Contains(got, "lamp-5") || strings.Fields(got)[1] != "lamp-4" {
		t.Errorf("hero: %s", got)
	}
	if got := idsIn(ask(`{` + recent + `,"slot":"hero","context":{"country":"GB"}}`).body); strings.Contains(got, "lamp-4") {
		t.Errorf("on no phone: %s", got)
	}
	if got := idsIn(ask(`{"recent":["mug-1"],"n":9,"slot":"lamps"}`).body); strings.Contains(got, "mug") || len(strings.Fields(got)) != 5 {
		t.Errorf("lamps only: %s", got)
	}
	boosted := ask(`{` + recent + `,"explain":true,"context":{"tier":"gold"}}`)
	if got := idsIn(boosted.body); !strings.HasPrefix(got, "mug-4 ") {
		t.Errorf("boosted: %s", got)
	}
	if !strings.Contains(boosted.body, `"terms":{"rules":`) {
		t.Errorf("no term of rules: %s", boosted.body)
	}
	if got := idsIn(ask(`{` + recent + `,"exclude":["lamp-4"],"slot":"hero","context":{"country":"GB","device":"phone"}}`).body); strings.Contains(got, "lamp-4") {
		t.Errorf("pinned, though excluded by the request: %s", got)
	}
}

// Without rules that hold, an answer is what the ranker said, and the version of those that would have counted.
func TestNoRulesNoChange(t *testing.T) {
	f, plain := newFixture(t, withRules(t, "rules: [{name: a, when: {slot: x}, exclude: {brand: nobody}}]")), newFixture(t)
	for _, body := range []string{`{"recent":["mug-1","lamp-2"],"explain":true,"n":12}`, `{}`, `{"context":{"country":"GB"}}`} {
		got, want := f.send("POST", "/v1/recommend", body).body, plain.send("POST", "/v1/recommend", body).body
		got, version, _ := strings.Cut(got, `"rulesVersion":"`)
		got += version[min(len(version), len(`5d57fcd22fb61ef4",`)):]
		if _, got, _ := strings.Cut(got, `"items"`); got == "" || !strings.HasSuffix(want, got) {
			t.Errorf("%s:\n%s\n%s", body, got, want)
		}
	}
}

func TestRulesAllocateNothing(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Clock = func() time.Time { return start } }, withRules(t, `
rules:
- {name: a, when: {slot: hero, days: [sun, mon], if: visitor.tier != "x"}, boost: {item: mug-4, by: 2}, cap: {category: 4}}
- {name: b, pin: {item: lamp-4, at: 2}, exclude: {where: price < 1}}
`))
	h := f.server.Handler()
	for _, change := range [][]func(*model.Build){nil, {withBlends}} {
		f.publish("2-bbbb", 2, "", change...)
		var ctx fasthttp.RequestCtx
		prepareGet(&ctx, "/v1/recommend?recent=mug-1,lamp-1&n=5&country=GB&fields=title&explain=true&slot=hero")
		testkit.Allocs(t, 0, func() { h(&ctx) })
		if !strings.Contains(string(ctx.Response.Body()), `"rules":["a","b"]`) {
			t.Errorf("%s", ctx.Response.Body())
		}
	}
}

func TestWishesAllocateNothing(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Clock = func() time.Time { return start } }, withRules(t, "rules: [{name: a, cap: {category: 4}}]"))
	h := f.server.Handler()
	m, c := bazaarFiles(t, 1000)
	opened, err := model.Parse(m, c)
	if err != nil {
		t.Fatal(err)
	}
	f.releases.Store(rank.New(opened, rank.Release{ID: "2-bbbb", Version: 2}))
	for _, wish := range []string{
		"filter=price%20%3C%2030%20and%20brand%20!=%20%22brand1%22", "boost=2:%22sale%22%20in%20tags&boost=.5:price%20%3E%2050", "diversity=.4", "capBrand=2", "explore=.3", "minRelevance=.2",
		"filter=price%20%3C%2030&boost=2:%22sale%22%20in%20tags&diversity=.4&capCategory=2&capBrand=3&explore=.3",
	} {
		var ctx fasthttp.RequestCtx
		prepareGet(&ctx, "/v1/recommend?recent=b00001,b00041,b00081&n=10&country=GB&explain=true&"+wish)
		testkit.Allocs(t, 0, func() { h(&ctx) })
		if ids := idsIn(string(ctx.Response.Body())); len(strings.Fields(ids)) < 2 {
			t.Errorf("%s: %s", wish, ctx.Response.Body())
		}
	}
}

// Where rules let few items through, these come, as many as there are, and of a filter that says the same the same ones.
func TestFewItemsLetThroughCome(t *testing.T) {
	said := map[string]string{
		`only: {where: "price > 92"}`:                                      `price > 92`,
		`only: [{brand: brand2, category: c3}, {where: "price == 3"}]`:     `brand == "brand2" and "c3" in categories or price == 3`,
		`exclude: {where: "price < 92"}`:                                   `not (price < 92)`,
		`only: {where: "price > 80"}, exclude: {tag: [sale, gift]}`:        `price > 80 and not (tags in ["sale", "gift"])`,
		`only: {where: "price > 90"}, cap: {brand: 500}, diversity: 0.001`: `price > 90`,
	}
	for i, r := range []*rank.Ranker{bazaar(t, 3000), bazaar(t, 3000, withoutBlends)} {
		for rule, filter := range said {
			f := newFixture(t, withRules(t, "rules:\n- {name: a, when: {slot: ruled}, "+rule+"}\n"))
			f.releases.Store(r)
			list := func(wishes string) []string {
				ids := strings.Fields(idsIn(f.send("POST", "/v1/recommend", `{"recent":["b00001","b00047","b00100"],"n":500`+wishes+`}`).want(t, 200).body))
				slices.Sort(ids)
				return ids
			}
			want := list(fmt.Sprintf(`,"filter":%q`, filter))
			if len(want) < 20 || len(want) > 400 {
				t.Fatalf("%s: %d items: the test wants some", filter, len(want))
			}
			if got := list(`,"slot":"ruled"`); !slices.Equal(got, want) {
				t.Errorf("shop %d, %s: %d items, by a filter %d", i, rule, len(got), len(want))
			}
			if got := list(`,"slot":"ruled","filter":"price < 97"`); len(got) == 0 || !slices.Equal(got, list(fmt.Sprintf(`,"filter":%q`, "("+filter+") and price < 97"))) {
				t.Errorf("shop %d, %s beside a filter: %d items", i, rule, len(got))
			}
			if ids := strings.Fields(idsIn(f.get("/v1/recommend?recent=b00001&n=3&slot=ruled").body)); len(ids) != 3 {
				t.Errorf("shop %d, %s: %v", i, rule, ids)
			}
		}
	}
}
