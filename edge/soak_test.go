package edge

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edged/edged/bench"
	"github.com/edged/edged/internal/vfs"
)

// editions knows the prefix of the ids of each release, whose rules have one of its own items first.
type editions struct{ sync.Map }

// soakPin is the item that rules have first.
const soakPin = "-040"

// publish publishes a release and rules that go with it.
func (e *editions) publish(s *shop, prefix string) (id string) {
	s.t.Helper()
	s.rules = "rules-" + prefix
	s.must(vfs.WriteFile(s.fs, s.rules, pinRule(prefix+soakPin)))
	id = s.publish(prefix)
	e.Store(id, prefix+"-")
	return id
}

// check reports an answer that is not wholly of the release it names.
func (e *editions) check(kind bench.Kind, body []byte) error {
	var a struct {
		Release, RulesVersion string
		Items                 []struct{ ID string }
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return err
	}
	prefix, ok := e.Load(a.Release)
	if !ok || len(a.Items) == 0 {
		return fmt.Errorf("%v: %d items of release %q", kind, len(a.Items), a.Release)
	}
	for _, it := range a.Items {
		if !strings.HasPrefix(it.ID, prefix.(string)) {
			return fmt.Errorf("%v: %s in an answer of release %s", kind, it.ID, a.Release)
		}
	}
	if kind == bench.RecommendGet || kind == bench.RecommendPost {
		if want := strings.TrimSuffix(prefix.(string), "-") + soakPin; a.Items[0].ID != want || a.RulesVersion == "" {
			return fmt.Errorf("%v: %s first by rules %q, not %s, in an answer of release %s", kind, a.Items[0].ID, a.RulesVersion, want, a.Release)
		}
	}
	return nil
}

// memory is what the process holds, sampled as it runs.
type memory struct{ live []float64 }

func (m *memory) sample() {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	m.live = append(m.live, float64(s[0].Value.Uint64()))
}

// thirds are the means of the first and the last third.
func (m *memory) thirds() (first, last float64) {
	n := max(len(m.live)/3, 1)
	mean := func(list []float64) (sum float64) {
		for _, x := range list {
			sum += x / float64(len(list))
		}
		return sum
	}
	return mean(m.live[:n]), mean(m.live[len(m.live)-n:])
}

// Releases are swapped under a node at half of its peak: no request fails, no answer mixes two releases or has rules of another, memory does not grow.
// EDGED_SOAK says for how long, with up to five swaps a second; without it there is a short one. EDGED_SOAK_EVERY is another time between two
// swaps, EDGED_SOAK_LOAD another part of the peak.
func TestSwapSoak(t *testing.T) {
	duration, every, least := time.Second, 100*time.Millisecond, 1
	if text := os.Getenv("EDGED_SOAK"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
		every = 200 * time.Millisecond
	}
	share := .5
	if text := os.Getenv("EDGED_SOAK_EVERY"); text != "" {
		var err error
		if every, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	if text := os.Getenv("EDGED_SOAK_LOAD"); text != "" {
		var err error
		if share, err = strconv.ParseFloat(text, 64); err != nil {
			t.Fatal(err)
		}
	}
	if duration > time.Second {
		least = int(duration/every) / 2
	}
	t.Chdir(t.TempDir())
	s := newShopOn(t, vfs.OS)
	known := &editions{}
	known.publish(s, "a")
	e := s.start(s.config("one"))
	until(t, "it serves", func() bool { return e.Current() != nil })

	load := bench.LoadConfig{
		URL: "http://" + e.Addr(), Duration: duration, Connections: 16, NoYardstick: true, Check: known.check,
		Timeout: time.Minute, // other work may stop the machine for a while: p99 says how long they waited
		Mix:     bench.Mix{RecommendGet: .5, RecommendPost: .2, Similar: .2, Trending: .05, Popular: .05},
	}
	for i := range 50 {
		load.Items = append(load.Items, fmt.Sprintf("b-%03d", i))
	}
	load.Rate = cmp.Or(share*peakOf(t, load), 100)
	var report bench.LoadReport
	var err error
	var held memory
	loading, loaded := context.WithCancel(t.Context())
	go func() {
		defer loaded()
		report, err = bench.RunLoad(t.Context(), load)
	}()
	swaps := s.swap(loading, e, known, every, &held)
	<-loading.Done()
	s.must(err)
	first, last := held.thirds()
	t.Logf("%d swaps, %d requests at %.0f/s, %d failed %v, p99 %.0f µs, p99.9 %.0f µs; live heap %.1f MB in the first third, %.1f MB in the last",
		swaps, report.Requests, report.Achieved, report.Errors, report.ErrorsByClass, report.P99Us, report.P999Us, first/1e6, last/1e6)
	if report.Errors > 0 || report.Requests == 0 || swaps < least {
		t.Errorf("%d of %d requests failed, %d swaps", report.Errors, report.Requests, swaps)
	}
	if last > 1.1*first+4e6 {
		t.Errorf("the live heap grew from %.0f to %.0f bytes", first, last)
	}
}

// peakOf is how many requests a second the node answers when it is never left alone.
func peakOf(t *testing.T, cfg bench.LoadConfig) float64 {
	t.Helper()
	cfg.Peak, cfg.Pairs, cfg.PairDuration = true, 1, time.Second
	cfg.Rate, cfg.Duration, cfg.Warmup = 100, 100*time.Millisecond, -1
	report, err := bench.RunLoad(t.Context(), cfg)
	if err = errors.Join(err); err != nil || report.Errors+report.Peak.Errors > 0 {
		t.Fatalf("%v, %+v", err, report.ErrorsByClass)
	}
	return report.Peak.Target.Median
}

// swap publishes two releases in turns until ctx ends.
func (s *shop) swap(ctx context.Context, e *Edge, known *editions, every time.Duration, held *memory) (swaps int) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return swaps
		case <-ticker.C:
		}
		id := known.publish(s, []string{"b", "a"}[swaps%2])
		if err := e.node.Check(s.t.Context()); err != nil {
			s.t.Error(err)
			return swaps
		}
		if got := e.Current().Release().ID; got != id {
			s.t.Errorf("release %s is served, published was %s", got, id)
		}
		swaps++
		held.sample()
	}
}
