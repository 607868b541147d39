package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/events"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
	"github.com/edged/edged/trend"
)

// shop is a publisher and the disk of everyone.
type shop struct {
	t     testing.TB
	fs    vfs.FS
	rules string // file of those that releases bring; empty: those of the release before
}

func newShop(t testing.TB) *shop {
	t.Helper()
	return newShopOn(t, vfs.NewMem())
}

func newShopOn(t testing.TB, fs vfs.FS) *shop {
	t.Helper()
	s := &shop{t: t, fs: fs}
	_, err := release.InitKeys(s.fs, "keys")
	s.must(err)
	return s
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// publish makes and publishes a release whose item ids begin with prefix, and returns its id.
func (s *shop) publish(prefix string) string {
	s.t.Helper()
	return s.publishWith(prefix, func(*model.Build) {})
}

// publishWith is publish of a release that is changed at last.
func (s *shop) publishWith(prefix string, change func(*model.Build)) string {
	s.t.Helper()
	rng := rand.New(rand.NewPCG(7, uint64(len(prefix))))
	b := model.Build{Meta: model.Meta{Dim: 8, Users: 10, A0: .1, Reg: .01, Nu: 1, Created: time.Now().Add(-time.Hour)}}
	for i := range 50 {
		id := fmt.Sprintf("%s-%03d", prefix, i)
		b.IDs, b.Items = append(b.IDs, id), append(b.Items, edged.Item{ID: id, Title: "The " + id})
		b.Popularity = append(b.Popularity, float32(50-i))
		for range b.Meta.Dim {
			b.Vectors = append(b.Vectors, rng.Float32()-.5)
		}
	}
	change(&b)
	var mb, cb bytes.Buffer
	s.must(errors.Join(b.WriteModel(&mb), b.WriteCatalogue(&cb)))
	m, err := model.Parse(mb.Bytes(), cb.Bytes())
	s.must(err)
	b.Checks = rank.MakeChecks(m, 3, 1)
	dir := "release-" + prefix
	s.must(s.fs.MkdirAll(dir))
	s.write(path.Join(dir, model.ModelFile), b.WriteModel)
	s.write(path.Join(dir, model.CatalogueFile), b.WriteCatalogue)
	s.write(path.Join(dir, publish.CardFile), func(w io.Writer) error { _, err := io.WriteString(w, "{}"); return err })
	r, err := publish.Run(s.t.Context(), s.publisher(dir))
	s.must(err)
	return release.Ref{Version: r.Version, Manifest: r.Manifest}.ID()
}

// publisher publishes a directory with the shop's rules.
func (s *shop) publisher(dir string) publish.Config {
	return publish.Config{FS: s.fs, Release: dir, Rules: s.rules, Origin: origin.NewDir(s.fs, "origin"), Keys: "keys", Force: true}
}

func (s *shop) write(name string, fill func(io.Writer) error) {
	s.t.Helper()
	var b bytes.Buffer
	s.must(errors.Join(fill(&b), vfs.WriteFile(s.fs, name, b.Bytes())))
}

func (s *shop) config(name string) Config {
	return Config{
		Name: name, Dir: "node-" + name, Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", FS: s.fs,
		Origin: "origin", Trust: "keys/trust.json", Poll: time.Minute,
		Gossip: Gossip{Off: true},
	}
}

// start starts a node that ends with the test.
func (s *shop) start(cfg Config) *Edge {
	s.t.Helper()
	e, err := Start(s.t.Context(), cfg)
	s.must(err)
	s.t.Cleanup(func() {
		if err := e.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return e
}

// cluster starts nodes that gossip.
func (s *shop) cluster(names ...string) []*Edge {
	s.t.Helper()
	var all []*Edge
	var seeds []string
	for _, name := range names {
		cfg := s.config(name)
		cfg.Gossip = Gossip{Listen: "127.0.0.1:0", KeyFile: "keys/gossip.key", Profile: "local", Seeds: seeds}
		e := s.start(cfg)
		all, seeds = append(all, e), append(seeds, e.GossipAddr())
	}
	return all
}

type answer struct {
	Release string
	Items   []struct{ ID, Source string }

	RulesVersion string
	Accepted     int
	Detail       string
}

// client of its own for each test, so that no idle connection outlives it.
func ask(t testing.TB, method, url, body string) (status int, a answer) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return 0, answer{Detail: err.Error()}
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		t.Errorf("%s: %v", url, err)
	}
	return resp.StatusCode, a
}

// until asks again and again until so is true.
func until(t testing.TB, what string, so func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		if time.Since(began) > 20*time.Second {
			t.Fatalf("waited in vain until %s", what)
		}
		<-tick.C
	}
	return time.Since(began)
}

func serves(t testing.TB, e *Edge, id string) bool {
	status, a := ask(t, "GET", "http://"+e.Addr()+"/v1/recommend?n=1", "")
	return status == 200 && a.Release == id
}

// Three nodes that poll once a minute: only gossip can be as fast as this.
func TestReleaseReachesAll(t *testing.T) {
	s := newShop(t)
	first := s.publish("a")
	nodes := s.cluster("one", "two", "three")
	until(t, "all serve the first release", func() bool {
		return serves(t, nodes[0], first) && serves(t, nodes[1], first) && serves(t, nodes[2], first)
	})
	until(t, "all know each other", func() bool {
		return len(nodes[0].gossip.Members()) == 3 && len(nodes[1].gossip.Members()) == 3 && len(nodes[2].gossip.Members()) == 3
	})
	second := s.publish("b")
	if err := nodes[0].node.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := until(t, "all serve the second release", func() bool {
		return serves(t, nodes[0], second) && serves(t, nodes[1], second) && serves(t, nodes[2], second)
	})
	t.Logf("all serve it after %v", took)
}

func TestEventMovesTrendsElsewhere(t *testing.T) {
	s := newShop(t)
	id := s.publish("a")
	nodes := s.cluster("one", "two", "three")
	until(t, "all serve", func() bool { return serves(t, nodes[0], id) && serves(t, nodes[1], id) && serves(t, nodes[2], id) })
	buys := func(item, visitor string, at *Edge) {
		event := fmt.Sprintf(`{"item":%q,"type":"purchase","user":%q,"context":{"country":"GB"}}`, item, visitor)
		if status, a := ask(t, "POST", "http://"+at.Addr()+"/v1/events", event); status != 202 || a.Accepted != 1 {
			t.Fatalf("%d %+v", status, a)
		}
	}
	for i := range trend.DefaultVisitors { // the first node hears of all but the first, the second of all but the last
		for k, node := range nodes[:2] {
			if i != k*(trend.DefaultVisitors-1) {
				buys("a-031", fmt.Sprint("visitor-", i), node)
			}
			if i < trend.DefaultVisitors-1 { // of these there is one too few, though they are heard twice; shown, it would come first
				buys("a-030", fmt.Sprint("visitor-", i), node)
			}
		}
	}
	for _, target := range []string{"/v1/trending?n=1", "/v1/trending?n=1&country=GB", "/v1/recommend?n=1&country=GB"} {
		took := until(t, target+" shows it everywhere", func() bool {
			for _, e := range nodes {
				_, a := ask(t, "GET", "http://"+e.Addr()+target, "")
				if len(a.Items) != 1 || a.Items[0].ID != "a-031" || a.Items[0].Source != "live" {
					return false
				}
			}
			return true
		})
		t.Logf("%s after %v", target, took)
	}
}

// Without origin, peers, keys or release a node takes events and says that it is not ready.
func TestAlone(t *testing.T) {
	s := newShop(t)
	cfg := s.config("alone")
	cfg.Origin, cfg.Trust = "", ""
	e := s.start(cfg)
	url := "http://" + e.Addr()
	for _, target := range []string{"/v1/recommend", "/v1/popular", "/healthz/ready"} {
		if status, a := ask(t, "GET", url+target, ""); status != 503 || a.Detail != "no release is held yet" {
			t.Errorf("%s: %d %+v", target, status, a)
		}
	}
	if status, _ := ask(t, "POST", url+"/v1/events", `{"item":"a","type":"view"}`); status != 202 {
		t.Errorf("events: %d", status)
	}
	if status, _ := ask(t, "GET", url+"/healthz/live", ""); status != 200 {
		t.Errorf("live: %d", status)
	}
	if status, _ := ask(t, "GET", "http://"+e.AdminAddr()+"/v1/admin/cluster", ""); status != 200 {
		t.Errorf("cluster: %d", status)
	}
}

// A node starts from what it holds, with the origin away, and goes on to know the events it had.
func TestRestartFromTheLocalCopy(t *testing.T) {
	s := newShop(t)
	id := s.publish("a")
	e, err := Start(t.Context(), s.config("one"))
	s.must(err)
	until(t, "it serves", func() bool { return serves(t, e, id) })
	const event = `{"id":"e-1","item":"a-001","type":"view"}`
	if status, _ := ask(t, "POST", "http://"+e.Addr()+"/v1/events", event); status != 202 {
		t.Fatalf("events: %d", status)
	}
	s.must(e.Close())
	s.must(s.fs.RemoveAll("origin"))
	again := s.start(s.config("one"))
	if !serves(t, again, id) {
		t.Error("it does not serve what it holds")
	}
	if fresh, err := again.log.Append(t.Context(), []edged.Event{{ID: "e-1", Item: "a-001", Type: "view", Time: 1}}); err != nil || fresh[0] {
		t.Errorf("the event is new to it: %v, %v", fresh, err)
	}
}

func TestRollbackByAdmin(t *testing.T) {
	s := newShop(t)
	first := s.publish("a")
	cfg := s.config("one")
	s.must(vfs.WriteFile(s.fs, "admin.key", []byte("a-long-enough-key\n")))
	cfg.AdminKeyFile = "admin.key"
	e := s.start(cfg)
	until(t, "it serves the first", func() bool { return serves(t, e, first) })
	second := s.publish("b")
	s.must(e.node.Check(t.Context()))
	if !serves(t, e, second) {
		t.Fatal("it does not serve the second")
	}
	url := "http://" + e.AdminAddr() + "/v1/admin/release"
	if status, _ := ask(t, "POST", url, `{"action":"rollback"}`); status != 401 {
		t.Errorf("without the key: %d", status)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(`{"action":"rollback"}`))
	s.must(err)
	req.Header.Set("Authorization", "Bearer a-long-enough-key")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	s.must(err)
	body, err := io.ReadAll(resp.Body)
	s.must(errors.Join(err, resp.Body.Close()))
	if resp.StatusCode != 200 || !strings.Contains(string(body), `"pinned": true`) || !serves(t, e, first) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// What a node acknowledged before its end is in its log, whatever is going on while it ends.
func TestNothingAcknowledgedIsLostAtTheEnd(t *testing.T) {
	s := newShop(t)
	ctx, cancel := context.WithCancel(t.Context())
	cfg := s.config("one")
	e, err := Start(ctx, cfg)
	s.must(err)
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	var senders sync.WaitGroup
	enough := make(chan struct{})
	for w := range 3 {
		senders.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d", w, i)
				status, _ := ask(t, "POST", "http://"+e.Addr()+"/v1/events", fmt.Sprintf(`{"id":%q,"item":"a","type":"view"}`, id))
				if status != 202 {
					return
				}
				mu.Lock()
				acknowledged[id] = true
				if len(acknowledged) == 50 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	cancel()
	s.must(e.Wait())
	senders.Wait()
	log, err := events.Open(s.fs, path.Join(cfg.Dir, "events"), events.Options{})
	s.must(err)
	defer log.Close()
	for id := range acknowledged {
		fresh, err := log.Append(t.Context(), []edged.Event{{ID: id, Item: "a", Type: "view", Time: 1}})
		s.must(err)
		if fresh[0] {
			t.Errorf("event %s was acknowledged and is lost", id)
		}
	}
}

func TestStartFailsCleanly(t *testing.T) {
	s := newShop(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	defer taken.Close()
	cfg := s.config("one")
	cfg.Listen = taken.Addr().String()
	if _, err := Start(t.Context(), cfg); err == nil {
		t.Fatal("started on a port that is taken")
	}
	cfg.Listen = "127.0.0.1:0"
	s.start(cfg) // every lock was given back
}

func TestConfigFaultsComeTogether(t *testing.T) {
	cfg := Config{
		Listen: "nowhere", Admin: "0.0.0.0:1", Origin: "o", Profile: "cookie", Poll: -1, MaxConcurrency: -1,
		Gossip: Gossip{Seeds: []string{"x"}},
	}
	cfg.EnsureDefaults()
	err := cfg.Validate()
	for _, want := range []string{"name:", "dir:", "listen:", "adminKeyFile:", "trust:", "profile:", "poll,", "maxConcurrency:", "gossip.keyFile:", "gossip.seeds:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	for addr, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, ":1": false, "0.0.0.0:1": false, "10.0.0.1:1": false, "edge:1": false} {
		if loopback(addr) != want {
			t.Errorf("loopback(%s) = %v", addr, !want)
		}
	}
}

func TestListeningEverywhereNeedsAnAddressToTell(t *testing.T) {
	for listen, want := range map[string]bool{"0.0.0.0:7946": true, ":7946": true, "[::]:7946": true, "127.0.0.1:7946": false, "10.0.0.5:7946": false} {
		cfg := Config{Name: "a", Dir: "d", Gossip: Gossip{Listen: listen, KeyFile: "k"}}
		cfg.EnsureDefaults()
		if err := cfg.Validate(); (err != nil) != want {
			t.Errorf("%s: %v", listen, err)
		}
		cfg.Gossip.Advertise = "10.0.0.5:7946"
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s with an address: %v", listen, err)
		}
	}
}

func TestShortAdminKey(t *testing.T) {
	s := newShop(t)
	s.must(vfs.WriteFile(s.fs, "admin.key", []byte("short\n")))
	cfg := s.config("one")
	cfg.AdminKeyFile = "admin.key"
	if _, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "a key of 5 bytes, want at least 16") {
		t.Errorf("%v", err)
	}
}
