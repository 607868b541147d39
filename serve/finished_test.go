package serve

import (
	"regexp"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/words"
)

// differs is what differs from answer to answer.
var differs = regexp.MustCompile(`"recommendationId":"[0-9a-f]+"|"tookUs":\d+|"releaseAgeMs":\d+`)

func (f *fixture) kept() (list []*entry) {
	f.server.finished.cache.Wait()
	f.server.finished.cache.IterValues(func(e *entry) bool { list = append(list, e); return false })
	return list
}

// ask returns an answer without what differs each time, and whether it was kept.
func (f *fixture) ask(target string) (body, etag string, kept bool) {
	f.t.Helper()
	f.server.finished.cache.Wait()
	before := f.server.metrics.kept.Get()
	r := f.get(target)
	if r.status != 200 {
		f.t.Fatalf("%s: %d %s", target, r.status, r.body)
	}
	return differs.ReplaceAllString(r.body, ""), r.header.Get("ETag"), f.server.metrics.kept.Get() > before
}

func TestKeptAnswersAreTheComputedOnes(t *testing.T) {
	f := newFixture(t, withWords(t, germanWords), withRules(t, "rules:\n- {name: austrians, when: {if: visitor.language == \"de-AT\"}, exclude: {item: mug-2}}\n"))
	f.post("/v1/events", "", `[{"item":"mug-3","type":"view","user":"a","context":{"country":"GB"}}]`)
	f.trends.Flush()
	for _, target := range []string{
		"/v1/trending?country=GB&n=4", "/v1/trending?window=24h&fields=title", "/v1/popular?n=3", "/v1/items/mug-1/similar?n=3",
		"/v1/items/nope/similar", "/v1/recommend?n=4", "/v1/recommend?country=GB&explain=true&slot=hero&fields=title,price",
		"/v1/recommend?n=4&language=de", "/v1/recommend?n=4&language=de-AT&explain=true&country=GB", "/v1/recommend?n=4&language=it&explain=true&country=GB",
	} {
		body, etag, kept := f.ask(target)
		if kept {
			t.Errorf("%s: kept before it was asked", target)
		}
		again, tag, kept := f.ask(target)
		if !kept || again != body || tag != etag {
			t.Errorf("%s: kept %v:\n%s %s\n%s %s", target, kept, body, etag, again, tag)
		}
	}
	changes := []struct {
		name   string
		change func()
		target string
	}{
		{"another release", func() { f.publish("2-bbbb", 2, "x-") }, "/v1/popular?n=3"},
		{"a new trend", func() {
			f.post("/v1/events", "", `[{"item":"x-mug-2","type":"purchase","user":"b","context":{"country":"GB"}}]`)
			f.trends.Flush()
		}, "/v1/trending?country=GB&n=4"},
		{"a minute later", func() { f.now.Add(61_000) }, "/v1/popular?n=3"},
	}
	for _, c := range changes {
		f.ask(c.target)
		before, _, _ := f.ask(c.target)
		c.change()
		after, _, kept := f.ask(c.target)
		if kept || (after == before) != (c.name == "a minute later") {
			t.Errorf("%s: kept %v:\n%s\n%s", c.name, kept, before, after)
		}
	}
}

// Nothing is kept of an answer that follows from a person, and nothing a person said.
func TestNothingPersonalIsKept(t *testing.T) {
	f := newFixture(t)
	f.post("/v1/events", "", `[{"item":"mug-1","type":"view","user":"ann"},{"item":"mug-1","type":"view","session":"s-1"}]`)
	for _, body := range []string{
		`{"user":"ann"}`, `{"session":"s-1"}`, `{"user":"nobody-knows"}`, `{"recent":["mug-1"]}`, `{"recent":["unknown"]}`, `{"exclude":["mug-1"]}`, `{"exclude":["unknown"]}`,
		`{"context":{"tier":"gold"}}`, `{"context":{"language":"de","tier":"gold"}}`, `{"slots":[{"n":2}]}`,
	} {
		target := "/v1/recommend"
		if body[2] == 's' && body[3] == 'l' {
			target = "/v1/recommend/batch"
		}
		if r := f.post(target, "", body); r.status != 200 {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
	f.get("/v1/recommend?recent=mug-1")
	f.get("/v1/items/mug-1")
	tokens := newFixture(t, withTokens(t))
	token := tokens.send("POST", "/v1/events", viewMug, "Edged-Profile: new").header.Get("Edged-Profile")
	tokens.send("GET", "/v1/recommend", "", "Edged-Profile: "+token).want(t, 200)
	for _, fx := range []*fixture{f, tokens} {
		for _, e := range fx.kept() {
			t.Errorf("kept: %q: %s", e.key, e.before)
		}
	}
	if f.get("/v1/popular"); len(f.kept()) != 1 {
		t.Error("the test looks where nothing is ever kept")
	}
}

// TestKeptAnswersKeepNoRelease: an answer that nobody asks for again holds nothing large, and counts as long as what it was made of is there.
func TestKeptAnswersKeepNoRelease(t *testing.T) {
	f := newFixture(t, withRules(t, "rules:\n- {name: gone, exclude: {item: mug-1}}\n"))
	f.get("/v1/popular")
	list := f.kept()
	if len(list) != 1 {
		t.Fatalf("%d kept", len(list))
	}
	if m := &list[0].made; m.basis.ranker != nil || m.basis.rules != nil || m.basis.standing != nil || m.ranker.Value() != f.releases.Load() || m.standing.Value() == nil {
		t.Errorf("%+v", m)
	}
	now := basis{ranker: f.releases.Load(), rules: list[0].made.rules.Value(), standing: list[0].made.standing.Value(), words: f.server.words.Load()}
	if !list[0].made.is(&now) {
		t.Error("not what it was made of")
	}
	for name, change := range map[string]func(*basis){
		"release": func(b *basis) { b.ranker = new(rank.Ranker) }, "no rules": func(b *basis) { b.rules = nil }, "none standing": func(b *basis) { b.standing = nil },
		"country": func(b *basis) { b.country = "GB" }, "words": func(b *basis) { b.words = words.English() },
	} {
		other := now
		if change(&other); list[0].made.is(&other) {
			t.Errorf("%s: taken for the same", name)
		}
	}
	if left := f.server.standings.last.Load(); left == nil {
		t.Error("nothing stands")
	}
}

func TestKeptAnswersAllocateNothing(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Clock = time.Now })
	f.trends.Add(&edged.Event{Item: "mug-1", Type: edged.View, User: "u", Time: start.UnixMilli()})
	f.trends.Flush()
	h := f.server.Handler()
	for _, target := range []string{"/v1/trending?n=5", "/v1/popular?n=5", "/v1/trending?category=home/mug&n=5", "/v1/popular?category=home/mug&n=5", "/v1/items/mug-1/similar?n=3", "/v1/recommend?n=5&country=GB"} {
		var ctx fasthttp.RequestCtx
		prepareGet(&ctx, target)
		h(&ctx)
		f.server.finished.cache.Wait()
		before := f.server.metrics.kept.Get()
		testkit.Allocs(t, 0, func() { h(&ctx) })
		if ctx.Response.StatusCode() != 200 || f.server.metrics.kept.Get() == before {
			t.Errorf("%s: %d, not kept", target, ctx.Response.StatusCode())
		}
	}
}
