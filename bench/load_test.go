package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged/internal/testkit"
)

// shop is a node by the letter of its API: it refuses what is not in it and counts the rest.
type shop struct {
	ids    []string
	known  map[string]bool
	meddle func(*fasthttp.RequestCtx) bool // answers in the shop's place

	mu     sync.Mutex
	counts map[string]int
	recent map[int]int // length of the recent list → requests
	events map[string]bool
	faults []string
}

func newShop(ids ...string) *shop {
	s := &shop{ids: ids, known: map[string]bool{}, counts: map[string]int{}, recent: map[int]int{}, events: map[string]bool{}}
	for _, id := range ids {
		s.known[id] = true
	}
	return s
}

// open serves the shop until the test ends.
func (s *shop) open(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &fasthttp.Server{Handler: s.serve, Logger: silent{}}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Shutdown(), <-done); err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

func (s *shop) serve(ctx *fasthttp.RequestCtx) {
	if s.meddle != nil && s.meddle(ctx) {
		return
	}
	kind, err := s.read(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[kind]++
	if err != nil {
		s.faults = append(s.faults, fmt.Sprintf("%s %s: %v", ctx.Method(), ctx.RequestURI(), err))
		ctx.SetStatusCode(400)
		return
	}
	if kind == "events" {
		ctx.SetStatusCode(202)
	}
	var list []map[string]string
	for _, id := range s.ids {
		list = append(list, map[string]string{"id": id})
	}
	body, _ := json.Marshal(map[string]any{"items": list})
	ctx.SetBody(body)
}

func (s *shop) read(ctx *fasthttp.RequestCtx) (kind string, err error) {
	u, err := url.ParseRequestURI(string(ctx.RequestURI()))
	if err != nil {
		return "?", err
	}
	path := u.EscapedPath()
	switch {
	case path == "/v1/recommend" && ctx.IsGet():
		var ids []string
		if r := u.Query().Get("recent"); r != "" {
			ids = strings.Split(r, ",")
		}
		return "recommendGet", s.list(ids)
	case path == "/v1/recommend" && ctx.IsPost():
		var body struct {
			User   string
			Recent []string
			N      int
		}
		if err := strict(ctx.PostBody(), &body); err != nil || body.N != 10 || body.User == "" {
			return "recommendPost", fmt.Errorf("body %s: %v", ctx.PostBody(), err)
		}
		return "recommendPost", s.list(body.Recent)
	case strings.HasPrefix(path, "/v1/items/") && strings.HasSuffix(path, "/similar"):
		id, err := url.PathUnescape(strings.TrimSuffix(strings.TrimPrefix(path, "/v1/items/"), "/similar"))
		if err != nil || !s.known[id] {
			return "similar", fmt.Errorf("item %q: %v", id, err)
		}
		return "similar", nil
	case path == "/v1/trending" && u.Query().Get("country") != "":
		return "trending", nil
	case path == "/v1/popular":
		return "popular", nil
	case path == "/v1/events" && ctx.IsPost():
		return "events", s.event(ctx.PostBody())
	}
	return "?", errors.New("no such endpoint")
}

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func (s *shop) list(ids []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent[len(ids)]++
	for _, id := range ids {
		if !s.known[id] {
			return fmt.Errorf("item %q", id)
		}
	}
	return nil
}

func (s *shop) event(b []byte) error {
	var e struct {
		ID, User, Session, Type, Item string
		Time                          int64
		Context                       map[string]string
	}
	if err := strict(b, &e); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.events[e.ID] || e.Context["country"] == "" || e.Type != "view" || !s.known[e.Item] || !strings.HasPrefix(e.Session, e.User+"-") {
		return fmt.Errorf("event %s", b)
	}
	s.events[e.ID] = true
	return nil
}

// quick is a short run.
func quick(url string) LoadConfig {
	return LoadConfig{
		URL: url, Rate: 1000, Duration: time.Second, Warmup: -1, Timeout: 3 * time.Second, Connections: 4,
		Arrivals: "constant", Seed: 1, Users: 50, Countries: []string{"GB", "DE"}, NoYardstick: true,
	}
}

func load(t *testing.T, cfg LoadConfig) LoadReport {
	t.Helper()
	report, err := RunLoad(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

var oddIDs = []string{"85123A", "a/b", "ü %41?#&", `q"uo\te`, "plus+", "comma,inside", "..", "."}

func TestTrafficIsWhatTheAPITakes(t *testing.T) {
	s := newShop(oddIDs...)
	cfg := quick(s.open(t))
	cfg.Mix = DefaultMix
	report := load(t, cfg)
	if len(s.faults) > 0 {
		t.Fatalf("%d bad requests, such as %s", len(s.faults), s.faults[0])
	}
	if report.Requests != 999 || report.Errors != 0 || report.Statuses["202"] == 0 {
		t.Errorf("%d requests, %d errors, statuses %v", report.Requests, report.Errors, report.Statuses)
	}
	s.counts["popular"]-- // the one that learnt the ids
	for kind, share := range report.Mixture {
		got := float64(s.counts[kind])
		if int64(got) != report.ByKind[kind].Requests {
			t.Errorf("%s: %v served, %d reported", kind, got, report.ByKind[kind].Requests)
		}
		if kind != "recommendGet" && kind != "recommendPost" && math.Abs(got/999-share) > .04 {
			t.Errorf("%s: share %.3f, want %.3f", kind, got/999, share)
		}
	}
	if s.recent[0] == 0 || s.recent[recentItems] == 0 || s.recent[recentItems+1] > 0 {
		t.Errorf("lengths of recent lists: %v; sessions should begin empty and grow to %d", s.recent, recentItems)
	}
}

func TestZipf(t *testing.T) {
	s := newShop("a", "b", "c", "d", "e", "f")
	cfg := quick("http://unused")
	cfg.EnsureDefaults()
	items, err := newCatalogue(s.ids, nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := newTraffic(&cfg, items, (&runner{}).rand(0), time.Unix(0, 0))
	var counts [6]int
	for range 20_000 {
		counts[tr.what.Uint64()]++
	}
	for i := 1; i < len(counts); i++ {
		if counts[i] >= counts[i-1] || counts[i] == 0 {
			t.Errorf("item counts %v do not fall", counts)
		}
	}
	if ratio := float64(counts[0]) / float64(counts[1]); math.Abs(ratio-math.Pow(2, 1.1)) > .2 {
		t.Errorf("first to second is %.2f, want 2^1.1", ratio)
	}
}

func TestSameSeedSameTraffic(t *testing.T) {
	items, err := newCatalogue(oddIDs)
	if err != nil {
		t.Fatal(err)
	}
	cfg := quick("http://unused")
	cfg.Mix = Mix{RecommendGet: 1, Similar: 1, Trending: 1}
	cfg.EnsureDefaults()
	draw := func(seed uint64) (all string) {
		tr := newTraffic(&cfg, items, (&runner{cfg: LoadConfig{Seed: seed}}).rand(1), time.Unix(0, 0))
		var j job
		for range 100 {
			tr.fill(&j)
			all += string(j.uri) + "\n"
		}
		return all
	}
	if draw(7) != draw(7) || draw(7) == draw(8) {
		t.Error("traffic does not follow the seed")
	}
}

// The same as in virtual time, through real sockets: 300 ms in which nobody is answered are 30 % of a second's callers.
func TestRealStall(t *testing.T) {
	s := newShop("a", "b")
	release := make(chan struct{})
	var once sync.Once
	begin := time.Now().Add(400 * time.Millisecond)
	s.meddle = func(*fasthttp.RequestCtx) bool {
		if time.Now().After(begin) {
			once.Do(func() { time.AfterFunc(300*time.Millisecond, func() { close(release) }) })
			<-release
		}
		return false
	}
	report := load(t, quick(s.open(t)))
	if report.Errors != 0 || report.Requests != 999 {
		t.Errorf("%d of %d failed: %v", report.Errors, report.Requests, report.ErrorsByClass)
	}
	near(t, "p90", report.P90Us, 100*time.Millisecond, 2*time.Second)
	near(t, "max", report.MaxUs, 290*time.Millisecond, 2*time.Second)
	if report.Service.P90Us > report.P90Us/2 {
		t.Errorf("p90 of service is %v µs: it should hide the stall that p90 %v µs shows", report.Service.P90Us, report.P90Us)
	}
}

func TestErrorsByClass(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	cases := map[string]func(*fasthttp.RequestCtx){
		ClassStatus:  func(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(503) },
		ClassTimeout: func(*fasthttp.RequestCtx) { <-hang },
		ClassClosed:  func(ctx *fasthttp.RequestCtx) { ctx.Conn().Close() },
		ClassWrong:   func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("wrong") },
	}
	for class, answer := range cases {
		s := newShop("a")
		s.meddle = func(ctx *fasthttp.RequestCtx) bool {
			if string(ctx.Path()) == "/v1/popular" {
				return false
			}
			answer(ctx)
			return true
		}
		cfg := quick(s.open(t))
		cfg.Rate, cfg.Duration, cfg.Timeout = 50, 200*time.Millisecond, 200*time.Millisecond
		cfg.Mix = Mix{Similar: 1}
		cfg.Check = func(kind Kind, body []byte) error {
			if kind != Similar || string(body) == "wrong" {
				return errors.New("wrong")
			}
			return nil
		}
		report := load(t, cfg)
		if report.Requests != 9 || report.Errors != 9 || report.ErrorsByClass[class] != 9 || report.Achieved != 0 || !report.Behind {
			t.Errorf("%s: %d requests, errors %v, achieved %v, behind %v", class, report.Requests, report.ErrorsByClass, report.Achieved, report.Behind)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := quick("http://" + ln.Addr().String())
	ln.Close()
	if _, err := RunLoad(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "learn item ids") {
		t.Errorf("without ids: %v", err)
	}
	cfg.Items, cfg.Rate, cfg.Peak, cfg.Pairs, cfg.PairDuration = []string{"a"}, 50, true, 1, 50*time.Millisecond
	report := load(t, cfg)
	if report.ErrorsByClass[ClassRefused] != report.Requests || report.Requests == 0 || report.Peak.Target.Median != 0 {
		t.Errorf("%d requests, errors %v, peak %v", report.Requests, report.ErrorsByClass, report.Peak)
	}
}

func TestPeakAndYardstick(t *testing.T) {
	s := newShop("a", "b")
	cfg := quick(s.open(t))
	cfg.Rate, cfg.NoYardstick, cfg.Duration = 0, false, 200*time.Millisecond
	cfg.Peak, cfg.Pairs, cfg.PairDuration = true, 3, 50*time.Millisecond
	var steps []string
	cfg.Progress = func(s string) { steps = append(steps, s) }
	report := load(t, cfg)
	p := report.Peak
	if len(p.Target.All) != 3 || len(p.Yardstick.All) != 3 || len(p.Ratio.All) != 3 || p.Target.Median <= 0 || p.Errors != 0 {
		t.Errorf("peak %+v", p)
	}
	if report.Rate != p.Target.Median/2 || report.Yardstick.Rate != p.Yardstick.Median/2 {
		t.Errorf("rates %v and %v are not half of the peaks %v and %v", report.Rate, report.Yardstick.Rate, p.Target.Median, p.Yardstick.Median)
	}
	y := report.Yardstick
	if y.Path != YardstickPath || y.Requests == 0 || y.Errors != 0 || y.P99Us <= 0 || y.Achieved <= 0 {
		t.Errorf("yardstick %+v", y)
	}
	if len(steps) != 5 {
		t.Errorf("steps %q", steps)
	}
}

// A process's time at the peak: this one's, which serves and drives, and is busy with it.
func TestPeakTakesProcessorTime(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	s := newShop("a", "b")
	cfg := quick(s.open(t))
	cfg.Rate, cfg.Duration, cfg.Peak, cfg.Pairs, cfg.PairDuration, cfg.PID = 0, 50*time.Millisecond, true, 2, 100*time.Millisecond, os.Getpid()
	p := load(t, cfg).Peak.Processors
	if p == nil || len(p.Target.Us.All) != 2 || p.Target.Us.Min <= 0 || p.Target.Busy.Min <= 0 || len(p.Yardstick.Us.All) != 0 {
		t.Errorf("%+v", p)
	}
}

func TestYardstickElsewhere(t *testing.T) {
	y, err := StartYardstick("")
	if err != nil {
		t.Fatal(err)
	}
	s := newShop("a")
	cfg := quick(s.open(t))
	cfg.NoYardstick, cfg.YardstickURL, cfg.Duration = false, y.URL(), 50*time.Millisecond
	if r := load(t, cfg).Yardstick; r.Errors != 0 || r.Requests == 0 || r.Path != YardstickPath {
		t.Errorf("yardstick %+v", r)
	}
	cfg.YardstickURL += "/other"
	if r := load(t, cfg).Yardstick; r.Errors != r.Requests || r.Path != "/other" {
		t.Errorf("a wrong path: %+v", r)
	}
	if err := errors.Join(y.Close(), y.Close()); err != nil {
		t.Error(err)
	}
	if _, err := StartYardstick("256.0.0.1:1"); err == nil {
		t.Error("an impossible address was taken")
	}
}

func TestCancelBreaksOff(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	s := newShop("a")
	ctx, cancel := context.WithCancel(t.Context())
	s.meddle = func(c *fasthttp.RequestCtx) bool {
		if string(c.Path()) == "/v1/popular" {
			return false
		}
		cancel()
		<-hang
		return true
	}
	cfg := quick(s.open(t))
	cfg.Mix, cfg.Timeout, cfg.Duration = Mix{Similar: 1}, time.Minute, time.Hour
	start := time.Now()
	_, err := RunLoad(ctx, cfg)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %v to stop, requests of a minute were waited for", took)
	}
}

func TestValidateNamesAllFaults(t *testing.T) {
	cfg := LoadConfig{
		URL: "ftp://x", YardstickURL: "x", Rate: -1, Duration: -1, Warmup: 48 * time.Hour, Timeout: time.Hour, Connections: -1, Arrivals: "odd",
		Users: -1, UserSkew: 1, ItemSkew: .5, N: 501, Pairs: -1, PairDuration: time.Hour, Mix: Mix{Similar: -1},
	}
	_, err := RunLoad(t.Context(), cfg)
	if err == nil {
		t.Fatal("taken")
	}
	for _, name := range []string{
		`url: "ftp://x"`, `yardstickUrl: "x"`, "rate: -1", "duration: -1ns", "warmup: 48h", "timeout: 1h", "connections: -1", `arrivals: "odd"`, "users: -1",
		"userSkew: 1", "itemSkew: 0.5", "n: 501", "pairs: -1", "pairDuration: 1h", "mix: similar: -1",
	} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
	if err := (Mix{Similar: math.NaN()}).validate(); err == nil {
		t.Error("a weight that is no number was taken")
	}
	if err := (Mix{}).validate(); err == nil {
		t.Error("no weights were taken")
	}
}

func TestSpread(t *testing.T) {
	if s := newSpread([]float64{5, 1, 3, 9}); s.Median != 4 || s.Min != 1 || s.Max != 9 || s.All[0] != 5 {
		t.Errorf("even: %+v", s)
	}
	if s := newSpread([]float64{5, 1, 3}); s.Median != 3 {
		t.Errorf("odd: %+v", s)
	}
	if s := newSpread(nil); s.Median != 0 || s.All == nil {
		t.Errorf("none: %+v", s)
	}
}

// The keys other programs read, and the table people do.
func TestReportForms(t *testing.T) {
	l := Latencies{100.4, 200, 300, 400, 500}
	r := LoadReport{
		URL: "http://node", Rate: 1000, Offered: 1000.3, Achieved: 900, Behind: true, Requests: 10_000, Errors: 3, Latencies: l, Service: l,
		Seconds: 10, Connections: 64, Arrivals: "poisson", ErrorsByClass: map[string]int64{ClassTimeout: 2, ClassStatus: 1},
		Statuses: map[string]int64{"200": 9997, "503": 1}, Mixture: Mix{Similar: 1, Events: 3}.shares(),
		ByKind:    map[string]KindReport{"similar": {2500, 1, l}, "events": {7500, 2, l}},
		Yardstick: &YardstickReport{YardstickPath, 1000, 999.6, 10_000, 0, l},
		Peak: &PeakReport{Pairs: 3, Seconds: 2, Target: newSpread([]float64{20_000, 21_000, 19_000}),
			Yardstick: newSpread([]float64{40_000, 41_000, 42_000}), Ratio: newSpread([]float64{.5, .512, .452}),
			Processors: &Processors{Target: Processor{newSpread([]float64{48, 46, 50}), newSpread([]float64{.98, .97, .99})}}},
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "report.json", append(b, '\n'))
	var table bytes.Buffer
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "report.txt", table.Bytes())
}
