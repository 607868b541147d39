package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/model"
	"github.com/edged/edged/profile"
	"github.com/edged/edged/rank"
)

func (f *fixture) scrape() string {
	var b bytes.Buffer
	f.server.cfg.Metrics.WritePrometheus(&b)
	return b.String()
}

func (f *fixture) wantMetric(line string) {
	f.t.Helper()
	if got := f.scrape(); !strings.Contains("\n"+got, "\n"+line+"\n") {
		f.t.Errorf("no line %q in\n%s", line, got)
	}
}

func TestMetrics(t *testing.T) {
	f := newFixture(t)
	f.get("/v1/recommend?recent=mug-1,nope")
	f.get("/v1/recommend?n=0")
	f.get("/v1/popular")
	f.get("/nowhere")
	f.post("/v1/events", "", `[{"id":"1","item":"mug-1","type":"view"},{"id":"1","item":"mug-1","type":"view"},{"item":""},{"item":"a","type":"view","time":1999999999}, 3]`)
	f.post("/v1/events", "", `{`)
	for _, line := range []string{
		`edged_http_requests_total{route="recommend",status="200"} 1`,
		`edged_http_requests_total{route="recommend",status="400"} 1`,
		`edged_http_requests_total{route="other",status="404"} 1`,
		`edged_http_requests_total{route="events",status="202"} 1`,
		`edged_http_request_duration_seconds_count{route="recommend"} 2`,
		`edged_answers_total{level="personal"} 1`,
		`edged_answers_total{level="global"} 1`,
		`edged_unknown_seeds_total 1`,
		`edged_events_accepted_total 2`,
		`edged_events_duplicate_total 1`,
		`edged_events_rejected_total{reason="invalid"} 1`,
		`edged_events_rejected_total{reason="future"} 1`,
		`edged_events_rejected_total{reason="malformed"} 2`,
		`edged_release_age_seconds 3600`,
		`edged_release_version 1`,
		`edged_kernels{variant="` + kernel.Active() + `"} 1`,
		`edged_panics_total 0`,
	} {
		f.wantMetric(line)
	}
}

// bomb is a Releases that panics.
type bomb struct{ releases }

func (*bomb) Current() *rank.Ranker { panic("boom: user-17") }

func TestPanicIsA500(t *testing.T) {
	var log bytes.Buffer
	armed := &bomb{}
	f := newFixture(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	f.server.cfg.Releases = armed
	checkRefusal(t, f.get("/v1/popular"), 500, "internal error")
	f.server.cfg.Releases = &f.releases
	if r := f.get("/v1/popular"); r.status != 200 {
		t.Errorf("%d after a panic", r.status)
	}
	f.wantMetric("edged_panics_total 1")
	f.wantMetric("edged_http_requests_in_progress 0")
	if !strings.Contains(log.String(), "BUG: panic in a handler") {
		t.Errorf("log: %s", log.String())
	}
}

func TestConcurrencyLimit(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	f := newFixture(t, func(c *Config) {
		c.MaxConcurrency = 1
		c.Events = func(_ context.Context, batch []edged.Event) ([]bool, error) {
			close(entered)
			<-leave
			return make([]bool, len(batch)), nil
		}
	})
	done := make(chan response)
	go func() { done <- f.post("/v1/events", "", `{"item":"a","type":"view"}`) }()
	<-entered
	r := f.get("/v1/popular")
	checkRefusal(t, r, 503, "more than 1 requests at once")
	if r.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
	}
	if r := f.get("/healthz/live"); r.status != 200 {
		t.Errorf("a busy node is not live: %d", r.status)
	}
	close(leave)
	if r := <-done; r.status != 202 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := f.get("/v1/popular"); r.status != 200 {
		t.Errorf("%d after the load", r.status)
	}
}

// Shutdown waits for what is being worked on.
func TestShutdownDrains(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	f := newFixture(t, func(c *Config) {
		c.Events = func(_ context.Context, batch []edged.Event) ([]bool, error) {
			close(entered)
			<-leave
			return make([]bool, len(batch)), nil
		}
	})
	answered := make(chan response, 1)
	go func() { answered <- f.post("/v1/events", "", `{"item":"a","type":"view"}`) }()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- f.server.Shutdown(context.Background()) }()
	select {
	case err := <-stopped:
		t.Fatalf("Shutdown returned with a request in progress: %v", err)
	case <-f.served: // the listener is closed
	}
	close(leave)
	if r := <-answered; r.status != 202 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestShutdownGivesUpWithItsContext(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	f := newFixture(t, func(c *Config) {
		c.Events = func(_ context.Context, batch []edged.Event) ([]bool, error) {
			close(entered)
			<-leave
			return make([]bool, len(batch)), nil
		}
	})
	done := make(chan response, 1)
	go func() { done <- f.post("/v1/events", "", `{"item":"a","type":"view"}`) }()
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	close(leave)
	<-done
}

func TestCORS(t *testing.T) {
	f := newFixture(t)
	if got := f.get("/v1/popular").header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("by default %q", got)
	}
	if got := f.get("/v1/popular?n=0").header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("on an error %q: a page could not read why", got)
	}
	f = newFixture(t, func(c *Config) { c.Origins = []string{"https://shop.example", "https://m.shop.example"} })
	ask := func(origin string) response {
		return f.raw("OPTIONS /v1/events HTTP/1.1\r\nHost: edge\r\nOrigin: " + origin + "\r\nAccess-Control-Request-Method: POST\r\n\r\n")
	}
	for origin, want := range map[string]string{"https://m.shop.example": "https://m.shop.example", "https://evil.example": "", "null": "", "https://shop.example.evil": ""} {
		r := ask(origin)
		if got := r.header.Get("Access-Control-Allow-Origin"); got != want || r.header.Get("Vary") != "Origin" || r.status != 204 {
			t.Errorf("origin %s: %d, allowed %q, Vary %q", origin, r.status, got, r.header.Get("Vary"))
		}
		if r.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Error("credentials allowed")
		}
	}
}

func TestWithoutSinkTrendsAndProfiles(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Events, c.Trends, c.Profiles, c.Ready = nil, nil, nil, nil })
	checkRefusal(t, f.post("/v1/events", "", `{"item":"a","type":"view"}`), 503, "takes no events")
	if r := f.get("/v1/trending"); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := f.post("/v1/recommend", "", `{"user":"u"}`); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := f.get("/healthz/ready"); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestConfigFaultsComeTogether(t *testing.T) {
	_, err := New(Config{Origins: []string{"null"}, MaxConcurrency: -1, MaxBody: -1, ReadTimeout: -1})
	for _, want := range []string{"releases", "allowOrigins", "maxConcurrency", "maxBody", "timeouts"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

// The newest 200 count: by place, or by time where all have one.
func TestOnlyTheNewestCount(t *testing.T) {
	f := newFixture(t)
	var recent, timed []string
	for i := range edged.MaxRecent {
		recent = append(recent, fmt.Sprintf("%q", fmt.Sprint("unknown-", i)))
		timed = append(timed, fmt.Sprintf(`{"item":"unknown-%d","time":%d}`, i, 1_700_000_000+i))
	}
	for _, test := range []struct {
		name, recent string
		missing      int
		level        string
	}{
		{"200 and an older one", strings.Join(recent, ",") + `,"mug-1"`, 200, "global"},
		{"199 and an older one", strings.Join(recent[1:], ",") + `,"mug-1"`, 199, "personal"},
		{"last and newest", strings.Join(timed, ",") + `,{"item":"mug-1","time":1800000000}`, 199, "personal"},
		{"last and oldest", strings.Join(timed, ",") + `,{"item":"mug-1","time":1600000000}`, 200, "global"},
	} {
		var got struct {
			Missing []string
			Level   string
		}
		r := f.post("/v1/recommend", "", `{"recent":[`+test.recent+`]}`)
		if err := json.Unmarshal([]byte(r.body), &got); err != nil {
			t.Fatalf("%s: %d %s: %v", test.name, r.status, r.body, err)
		}
		if len(got.Missing) != test.missing || got.Level != test.level {
			t.Errorf("%s: %d missing, level %s; want %d, %s", test.name, len(got.Missing), got.Level, test.missing, test.level)
		}
	}
}

// Events outlive the request whose buffers they were read from.
func TestNullTimesAreNow(t *testing.T) {
	f := newFixture(t)
	body := `[{"item":"mug-1","type":"view","time":null},{"time": null ,"item":"mug-2","type":"view"},{"item":"mug-3","type":"view","time":null,"time":5}]`
	f.send("POST", "/v1/events", body).want(t, 202, `"accepted":2,"rejected":[{"index":2,`)
	for i, item := range []string{"mug-1", "mug-2"} {
		if e := f.sink.events[i]; e.Item != item || e.Time != f.clock().UnixMilli() {
			t.Errorf("%+v", e)
		}
	}
}

// Of a purchase and a return the newer counts, as in what is remembered.
func TestTheNewestOfPurchaseAndReturn(t *testing.T) {
	f := newFixture(t)
	for recent, level := range map[string]string{
		`{"item":"mug-1","type":"return","time":2000},{"item":"mug-1","type":"purchase","time":1000}`:   "global",
		`{"item":"mug-1","type":"return","time":1000},{"item":"mug-1","type":"purchase","time":2000}`:   "personal",
		`{"item":"mug-1","type":"dismiss","time":1000},{"item":"mug-1","type":"view","time":2000}`:      "personal",
		`{"item":"mug-1","type":"return","time":1000},{"item":"mug-1","type":"impression","time":2000}`: "global",
	} {
		r := f.send("POST", "/v1/recommend", `{"n":12,"goal":"any","recent":[`+recent+`]}`).want(t, 200, `"level":"`+level+`"`)
		if has := strings.Contains(r.body, `"id":"mug-1"`); has != (level == "personal") {
			t.Errorf("%s: mug-1 there %v: %s", recent, has, r.body)
		}
	}
}

func TestEventsAreCopies(t *testing.T) {
	f := newFixture(t)
	h := f.server.Handler()
	var ctx fasthttp.RequestCtx
	body := []byte(`{"user":"first","item":"mug-1","type":"view","context":{"country":"GB"}}`)
	call := func(body []byte) {
		ctx.Request.Reset()
		ctx.Response.Reset()
		ctx.Request.SetRequestURI("/v1/events")
		ctx.Request.Header.SetHost("edge")
		ctx.Request.Header.SetMethod("POST")
		ctx.Request.SetBodyRaw(body)
		h(&ctx)
	}
	call(body)
	for i := range body {
		body[i] = 'x'
	}
	call([]byte(`{"user":"secnd","item":"mug-2","type":"cart"}`))
	e := f.sink.events[0]
	if e.User != "first" || e.Item != "mug-1" || e.Type != "view" || e.Context["country"] != "GB" {
		t.Errorf("%+v", e)
	}
}

// Logs hold no ids, whatever goes wrong.
func TestLogsHoldNoIDs(t *testing.T) {
	var log bytes.Buffer
	f := newFixture(t, func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	f.sink.err = errors.New("disk full")
	f.post("/v1/events", "", `{"user":"secret-user","session":"secret-session","item":"secret-item","type":"view"}`)
	f.post("/v1/recommend", "", `{"user":"secret-user","recent":["secret-item"]}`)
	f.post("/v1/recommend", "", `{"user":"secret-user","n":"x"}`)
	f.raw("BROKEN secret-user\r\n\r\n")
	if !strings.Contains(log.String(), "disk full") || strings.Contains(log.String(), "secret") {
		t.Errorf("log: %s", log.String())
	}
}

// Every answer belongs wholly to one release, whatever is swapped meanwhile: its items, their fields, its missing ids
// and its name all agree.
func TestReleaseSwapsUnderLoad(t *testing.T) {
	f := newFixture(t)
	rankers := [2]*rank.Ranker{
		rank.New(shop(t, "a-"), rank.Release{ID: "1-a", Version: 1, Created: start}),
		rank.New(shop(t, "b-"), rank.Release{ID: "2-b", Version: 2, Created: start}),
	}
	f.releases.Store(rankers[0])
	const requests = 400
	var load, swaps sync.WaitGroup
	stop := make(chan struct{})
	swaps.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				f.releases.Store(rankers[i%2])
			}
		}
	})
	targets := []string{
		"/v1/recommend?recent=a-mug-1,b-mug-1&fields=title&n=12", "/v1/items/a-mug-1/similar?n=9&fields=title",
		"/v1/popular?fields=title&n=12", "/v1/trending?fields=title&n=12",
	}
	h := f.server.Handler()
	for w := range 4 {
		load.Go(func() {
			var ctx fasthttp.RequestCtx
			for i := range requests {
				prepareGet(&ctx, targets[(i+w)%len(targets)])
				h(&ctx)
				if err := ofOneRelease(&ctx); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	load.Wait()
	close(stop)
	swaps.Wait()
}

func ofOneRelease(ctx *fasthttp.RequestCtx) error {
	var a struct {
		Release string
		Missing []string
		Items   []struct {
			ID     string
			Fields struct{ Title string }
		}
	}
	body := ctx.Response.Body()
	if err := json.Unmarshal(body, &a); err != nil {
		return fmt.Errorf("%d %s: %w", ctx.Response.StatusCode(), body, err)
	}
	prefix := a.Release[len(a.Release)-1:] + "-"
	for _, it := range a.Items {
		if !strings.HasPrefix(it.ID, prefix) || it.Fields.Title != "The "+it.ID && !strings.HasPrefix(it.Fields.Title, "A ") {
			return fmt.Errorf("release %s: item %s, %s", a.Release, it.ID, it.Fields.Title)
		}
	}
	for _, id := range a.Missing {
		if strings.HasPrefix(id, prefix) {
			return fmt.Errorf("release %s: %s is missing", a.Release, id)
		}
	}
	if len(a.Items) < 9 {
		return fmt.Errorf("release %s: %d items", a.Release, len(a.Items))
	}
	return nil
}

func prepareGet(ctx *fasthttp.RequestCtx, target string) {
	ctx.Request.Reset()
	ctx.Response.Reset()
	ctx.Request.SetRequestURI(target)
	ctx.Request.Header.SetHost("edge")
}

// overWire makes a request what it is once it was read from bytes: its header lines are there.
func overWire(t testing.TB, req *fasthttp.Request) {
	t.Helper()
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	if err := errors.Join(req.Write(w), w.Flush()); err != nil {
		t.Fatal(err)
	}
	req.Reset()
	if err := req.Read(bufio.NewReader(&b)); err != nil {
		t.Fatal(err)
	}
}

func TestRecommendAllocatesNothing(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Clock = time.Now })
	h := f.server.Handler()
	var ctx fasthttp.RequestCtx
	prepareGet(&ctx, "/v1/recommend?recent=mug-1,lamp-1&n=5&country=GB&fields=title,price&explain=true&exclude=mug-2")
	for _, change := range [][]func(*model.Build){nil, {withBlends}} {
		f.publish("2-bbbb", 2, "", change...)
		testkit.Allocs(t, 0, func() { h(&ctx) })
		if ctx.Response.StatusCode() != 200 {
			t.Errorf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
		}
	}
}

// Whom the node remembers is looked up without a copy of the name, however long it is.
func TestRememberedVisitorsAllocateNothing(t *testing.T) {
	store := profile.New(profile.Options{})
	f := newFixture(t, func(c *Config) { c.Clock, c.Profiles = time.Now, store })
	name := strings.Repeat("v", 60)
	for _, e := range []edged.Event{{User: name}, {Session: name}} {
		e.Item, e.Type, e.Time = "mug-1", edged.View, time.Now().UnixMilli()
		store.Add(&e)
	}
	h := f.server.Handler()
	for _, field := range []string{"user", "session"} {
		var ctx fasthttp.RequestCtx
		prepareGet(&ctx, "/v1/recommend")
		ctx.Request.Header.SetMethod("POST")
		ctx.Request.Header.SetContentType("application/json")
		ctx.Request.SetBodyString(`{"` + field + `":"` + name + `","n":5}`)
		overWire(t, &ctx.Request)
		testkit.Allocs(t, 0, func() {
			ctx.Response.Reset()
			h(&ctx)
		})
		if ctx.Response.StatusCode() != 200 || !bytes.Contains(ctx.Response.Body(), []byte(`"level":"personal"`)) {
			t.Errorf("%s: %d %s", field, ctx.Response.StatusCode(), ctx.Response.Body())
		}
	}
}

func BenchmarkRecommend(b *testing.B) {
	f := newFixture(b, func(c *Config) { c.Clock = time.Now })
	h := f.server.Handler()
	for _, target := range []string{"/v1/recommend?recent=mug-1,lamp-1&n=5", "/v1/trending?n=5", "/healthz/live"} {
		b.Run(target, func(b *testing.B) {
			var ctx fasthttp.RequestCtx
			prepareGet(&ctx, target)
			b.ReportAllocs()
			for b.Loop() {
				h(&ctx)
			}
		})
	}
}
