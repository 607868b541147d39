package serve

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/profile"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/trend"
)

// start is when tests begin; the release is an hour old then.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// shop is a model of twelve items in two tastes: mugs lie along the first axis, lamps along the second.
func shop(t testing.TB, prefix string, change ...func(*model.Build)) *model.Model {
	t.Helper()
	m, c := shopFiles(t, prefix, change...)
	opened, err := model.Parse(m, c)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// shopFiles writes the shop's two files.
func shopFiles(t testing.TB, prefix string, change ...func(*model.Build)) (modelFile, catalogueFile []byte) {
	t.Helper()
	no := false
	b := &model.Build{Meta: model.Meta{
		Dim: 8, Users: 40, Created: start.Add(-time.Hour), A0: .1, Reg: .01, Nu: 1,
		EventWeights: map[string]float64{"view": 1, "purchase": 2, "impression": 0}, HalfLifeDays: 14,
	}}
	for i := range 12 {
		id := fmt.Sprintf("%slamp-%d", prefix, i)
		if i >= 6 {
			id = fmt.Sprintf("%smug-%d", prefix, i-6)
		}
		vector := make([]float32, 8)
		vector[i/6] = 1 - float32(i%6)/10
		vector[2+i%6] = .2
		b.IDs = append(b.IDs, id)
		b.Vectors = append(b.Vectors, vector...)
		b.Popularity = append(b.Popularity, float32(20-i))
		b.Items = append(b.Items, edged.Item{ID: id, Title: "The " + id, Price: float64(i) + .5, Categories: []string{"home/" + id[:3]}})
		first := edged.Row(i / 6 * 6)
		b.Neighbours = append(b.Neighbours, first+edged.Row((i+1)%6), first+edged.Row((i+2)%6))
		b.NeighbourScores = append(b.NeighbourScores, .9, .8)
	}
	b.Items[5].Available = &no
	b.Items[3].Title = "A \"lamp\" \u2028 <☕>"
	b.Trends = []model.Trend{{Rows: []edged.Row{7, 8}, Scores: []float32{3, 2}}, {Setting: edged.Setting{Country: "GB"}, Rows: []edged.Row{1, 9}, Scores: []float32{5, 4}}}
	for _, f := range change {
		f(b)
	}
	var m, c bytes.Buffer
	if err := errors.Join(b.WriteModel(&m), b.WriteCatalogue(&c)); err != nil {
		t.Fatal(err)
	}
	return m.Bytes(), c.Bytes()
}

// releases is a Releases that tests swap.
type releases struct{ atomic.Pointer[rank.Ranker] }

func (r *releases) Current() *rank.Ranker { return r.Load() }

// sink is an EventSink in memory.
type sink struct {
	mu     sync.Mutex
	events []edged.Event
	seen   map[string]bool
	err    error
}

func (s *sink) append(_ context.Context, batch []edged.Event) ([]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	fresh := make([]bool, len(batch))
	for i := range batch {
		fresh[i] = batch[i].ID == "" || !s.seen[batch[i].ID]
		if s.seen[batch[i].ID] = true; fresh[i] {
			s.events = append(s.events, batch[i])
		}
	}
	return fresh, nil
}

// fixture is a server on a listener in memory, with everything it may use.
type fixture struct {
	t        testing.TB
	server   *Server
	ln       *fasthttputil.InmemoryListener
	releases releases
	sink     sink
	trends   *trend.Store
	profiles *profile.Store
	now      atomic.Int64
	notReady error
	status   map[string]any
	rollback error
	served   chan struct{} // closed when Serve returned
}

func (f *fixture) clock() time.Time { return time.UnixMilli(f.now.Load()).UTC() }

func newFixture(t testing.TB, change ...func(*Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, ln: fasthttputil.NewInmemoryListener(), served: make(chan struct{})}
	f.sink.seen = map[string]bool{}
	f.now.Store(start.UnixMilli())
	f.trends = trend.New(trend.Options{Node: "a", Boot: 1, Clock: f.clock, Visitors: 1})
	f.profiles = profile.New(profile.Options{Clock: f.clock})
	f.publish("1-aaaa", 1, "")
	f.status = map[string]any{"release": "1-aaaa"}
	cfg := Config{
		Releases: &f.releases, Events: f.sink.append, Trends: f.trends, Profiles: f.profiles,
		Ready: func() error { return f.notReady }, Clock: f.clock, Rand: rand.New(rand.NewPCG(1, 2)), Metrics: metrics.NewSet(),
		Admin: Admin{
			Status:   func() any { return f.status },
			Rollback: func() error { return f.rollback },
			Members:  func() any { return []string{"a", "b"} },
			Overlay:  f.overlaid(),
		},
	}
	for _, change := range change {
		change(&cfg)
	}
	var err error
	if f.server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	var served error
	go func() {
		defer close(f.served)
		served = f.server.Serve(f.ln)
	}()
	t.Cleanup(func() {
		if err := f.server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if <-f.served; served != nil {
			t.Error(served)
		}
	})
	return f
}

// publish makes another release the current one; its item ids begin with prefix.
func (f *fixture) publish(id string, version uint64, prefix string, change ...func(*model.Build)) {
	f.releases.Store(rank.New(shop(f.t, prefix, change...), rank.Release{ID: id, Version: version, Created: start.Add(-time.Hour)}))
}

// response is what came back over the wire.
type response struct {
	status int
	header http.Header
	body   string
}

// raw sends bytes on a connection of their own and reads one answer.
func (f *fixture) raw(request string) response {
	f.t.Helper()
	conn, err := f.ln.Dial()
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	return f.exchange(conn, bufio.NewReader(conn), request)
}

func (f *fixture) exchange(conn net.Conn, r *bufio.Reader, request string) response {
	f.t.Helper()
	go func() { _, _ = io.WriteString(conn, request) }()
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		f.t.Fatalf("%.80q: %v", request, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatalf("%.80q: %v", request, err)
	}
	if resp.Close { // which net/http takes out of the header
		resp.Header.Set("Connection", "close")
	}
	return response{resp.StatusCode, resp.Header, string(body)}
}

func (f *fixture) get(target string) response {
	f.t.Helper()
	return f.raw("GET " + target + " HTTP/1.1\r\nHost: edge\r\n\r\n")
}

func (f *fixture) post(target, contentType, body string) response {
	f.t.Helper()
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: edge\r\nContent-Length: %d\r\n", target, len(body))
	if contentType != "" {
		head += "Content-Type: " + contentType + "\r\n"
	}
	return f.raw(head + "\r\n" + body)
}
