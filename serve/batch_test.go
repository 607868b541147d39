package serve

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged/internal/testkit"
)

// page is an answer to a batch, as far as tests look at it.
type page struct {
	Answers []struct {
		RecommendationID string
		Level            string
		Missing          []string
		Items            []struct{ ID string }
	}
}

func (f *fixture) page(body string) (p page) {
	f.t.Helper()
	r := f.send("POST", "/v1/recommend/batch", body).want(f.t, 200)
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		f.t.Fatal(err)
	}
	return p
}

func TestNoItemInTwoSlots(t *testing.T) {
	f := newFixture(t, withRules(t, `rules: [{name: top, when: {slot: hero}, pin: {item: lamp-4}}, {name: too, when: {slot: list}, pin: {item: lamp-4}}]`))
	p := f.page(`{"recent":["mug-1","unknown"],"slots":[{"slot":"hero","n":3},{"slot":"list","n":4},{"n":20}]}`)
	if len(p.Answers) != 3 || p.Answers[0].Items[0].ID != "lamp-4" {
		t.Fatalf("%+v", p)
	}
	var all, ids []string
	for i, a := range p.Answers {
		ids = append(ids, a.RecommendationID)
		for _, it := range a.Items {
			all = append(all, it.ID)
		}
		if want := map[bool]int{true: 1}[i == 0]; len(a.Missing) != want {
			t.Errorf("answer %d: missing %v", i, a.Missing)
		}
	}
	slices.Sort(all)
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != 3 {
		t.Errorf("%d ids of answers, want 3", n)
	}
	// All there are: twelve, one not available, one seen.
	if n := len(all); n != 10 || len(slices.Compact(all)) != 10 {
		t.Errorf("%d items: %v", n, all)
	}
	single, _, _ := strings.Cut(f.send("POST", "/v1/recommend", `{"recent":["mug-1"],"slot":"hero","n":3}`).body, `],"level"`)
	for _, it := range p.Answers[0].Items {
		if !strings.Contains(single, it.ID) {
			t.Errorf("the first slot has %s, alone it has %s", it.ID, single)
		}
	}
}

func TestBatchFaults(t *testing.T) {
	f := newFixture(t)
	for body, want := range map[string]string{
		`{}`:                                      `slots: missing`,
		`{"slots":[]}`:                            `slots: missing`,
		`{"slots":[{"slot":"a"}],"n":3}`:          `unknown key`,
		`{"slots":[{"slots":1}]}`:                 `slots[0].slots: unknown key`,
		`{"slots":[{"n":0}]}`:                     `slots[0].n: `,
		`{"slots":[{"n":300},{"n":300}]}`:         `slots[1].n: more than 500 items`,
		`{"slots":{"slot":"a"}}`:                  `slots: want an array`,
		`{"slots":[{"slot":"a"}],"slots":[]}`:     `slots: given twice`,
		`{"slots":[{"slot":"a"}]} x`:              `malformed`,
		`{"slots":[` + many(17, `{"n":1}`) + `]}`: `more than 16 slots`,
	} {
		f.send("POST", "/v1/recommend/batch", body).want(t, 400, want)
	}
	f.send("GET", "/v1/recommend/batch", "").want(t, 405)
}

func many(n int, s string) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }

func TestPostsAllocateNothing(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Clock = func() time.Time { return start } })
	h := f.server.Handler()
	var ctx fasthttp.RequestCtx
	prepareGet(&ctx, "/v1/recommend/batch")
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.SetBodyString(`{"recent":["mug-1"],"context":{"country":"GB"},"slots":[{"slot":"a","n":3},{"slot":"b","n":3}]}`)
	testkit.Allocs(t, 0, func() { h(&ctx) })
	if ctx.Response.StatusCode() != 200 {
		t.Fatalf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
	}
	prepareGet(&ctx, "/v1/recommend")
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.SetBodyString(`{"recent":["mug-1",{"item":"lamp-1","type":"view","time":1700000000}],"n":3,"exclude":["mug-0"],"timeoutMs":50,"slot":"a","context":{"country":"GB","device":"phone"}}`)
	testkit.Allocs(t, 0, func() { h(&ctx) })
	if ctx.Response.StatusCode() != 200 {
		t.Fatalf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
	}
}
