package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/rank"
)

// victim is a node that is killed again and again, and its origin, a web server that says what was fetched.
type victim struct {
	*shop
	rng     *rand.Rand
	dirs    []string // releases by what they hold: one more than a node keeps, so that each that comes is fetched whole
	version uint64   // published
	counts  killCounts

	mu     sync.Mutex
	before map[string]bool // what earlier lives of the node asked for, of the newest release
	now    map[string]bool // what this one asks for
	again  int             // of now what an earlier one had asked for
}

type killCounts struct{ kills, starting, installing, serving, answers, events, most, refetched int }

// TestKills ends a node by kill -9 at any moment: while it starts, while it installs one release after the other, while it serves. Each
// time it comes back by itself, answers wholly from the release it had or the new one, and asks for one piece at most that it had asked
// for before. No event it acknowledged is lost. EDGED_KILLS says how often.
func TestKills(t *testing.T) {
	kills := 6
	if text := os.Getenv("EDGED_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		t.Skip("starts processes")
	}
	v := newVictim(t)
	defer v.serveOrigin().Close()
	v.publish()
	var acked []string
	for v.counts.kills < kills {
		acked = append(acked, v.live()...)
	}
	v.finally(acked)
	c := v.counts
	t.Logf("%d kills, %d while it started, %d while it installed, %d while it served; %d releases, %d answers, all whole; %d pieces asked for again, %d at most after one kill; %d events acknowledged, none lost",
		c.kills, c.starting, c.installing, c.serving, v.version, c.answers, c.refetched, c.most, c.events)
	if c.most > 1 {
		t.Errorf("%d pieces were asked for again after one kill", c.most)
	}
}

func newVictim(t *testing.T) *victim {
	v := &victim{shop: newShop(t), rng: rand.New(rand.NewPCG(3, 3))}
	for content := range 4 {
		v.dirs = append(v.dirs, v.path(fmt.Sprintf("content-%d", content)))
		writeContent(t, v.dirs[content], content)
	}
	return v
}

// writeContent is a release of a dozen pieces whose titles say what it is.
func writeContent(t *testing.T, dir string, content int) {
	rng := rand.New(rand.NewPCG(uint64(content), 5))
	b := model.Build{Meta: model.Meta{Dim: 64, Users: 10, A0: .1, Reg: .01, Nu: 1, Created: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}}
	for i := range 8000 {
		id := itemID(i)
		b.IDs, b.Popularity = append(b.IDs, id), append(b.Popularity, float32(1+i%50))
		b.Items = append(b.Items, edged.Item{ID: id, Title: fmt.Sprintf("content %d", content), Description: fmt.Sprintf("%x", rng.Uint64())})
		for range b.Meta.Dim {
			b.Vectors = append(b.Vectors, rng.Float32()-.5)
		}
	}
	writeBuild(t, dir, &b)
}

// writeBuild writes a release directory, with questions to check itself by.
func writeBuild(t *testing.T, dir string, b *model.Build) {
	t.Helper()
	var m, c bytes.Buffer
	err := errors.Join(b.WriteModel(&m), b.WriteCatalogue(&c), os.MkdirAll(dir, 0o755))
	if err == nil {
		var read *model.Model
		if read, err = model.Parse(m.Bytes(), c.Bytes()); err == nil {
			b.Checks = rank.MakeChecks(read, 3, 1)
			m.Reset()
			err = b.WriteModel(&m)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, model.ModelFile), m.Bytes())
	writeFile(t, filepath.Join(dir, model.CatalogueFile), c.Bytes())
	writeFile(t, filepath.Join(dir, "card.json"), []byte("{}"))
}

// serveOrigin shows the origin slowly enough to be killed between two pieces.
func (v *victim) serveOrigin() *httptest.Server {
	files := http.FileServer(http.Dir(v.path("origin")))
	return v.listen(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/chunks/") {
			v.asked(r.URL.Path)
			time.Sleep(5 * time.Millisecond)
		}
		files.ServeHTTP(w, r)
	})
}

func (v *victim) listen(h http.HandlerFunc) *httptest.Server {
	server := httptest.NewServer(h)
	v.seed = server.URL
	return server
}

func (v *victim) asked(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.before[name] && !v.now[name] {
		v.again++
	}
	v.now[name] = true
}

func (v *victim) publish() {
	v.t.Helper()
	o := origin.NewDir(vfs.OS, v.path("origin"))
	r, err := publish.Run(v.t.Context(), publish.Config{Release: v.dirs[v.version%4], Origin: o, Keys: v.path("keys"), Force: true})
	if err != nil {
		v.t.Fatal(err)
	}
	v.version = r.Version
	v.mu.Lock()
	defer v.mu.Unlock()
	v.before, v.now = map[string]bool{}, map[string]bool{}
}

// live is one life of the node: it returns the events acknowledged in it.
func (v *victim) live() (acked []string) {
	v.t.Helper()
	n := v.start()
	if v.rng.IntN(4) == 0 {
		time.Sleep(time.Duration(v.rng.IntN(60)) * time.Millisecond)
		v.counts.starting++
		v.kill(n)
		return nil
	}
	served := v.awaitAnswer(n)
	if served != v.version && served+1 != v.version {
		v.t.Fatalf("release %d is served, %d was published last", served, v.version)
	}
	if id := fmt.Sprintf("event-%d", v.counts.kills); v.event(n, id) {
		acked = append(acked, id)
	}
	if served == v.version {
		v.publish()
	}
	end := time.Now().Add(time.Duration(v.rng.IntN(600)) * time.Millisecond)
	for ; time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		now := v.awaitAnswer(n)
		if now != served && now != v.version {
			v.t.Fatalf("release %d after %d, published was %d", now, served, v.version)
		}
		served = now
	}
	if served == v.version {
		v.counts.serving++
	} else {
		v.counts.installing++
	}
	v.kill(n)
	return acked
}

func (v *victim) start() *runningNode {
	n := &runningNode{t: v.t, name: "victim", listen: freeAddress(v.t), shop: v.shop, log: new(bytes.Buffer)}
	n.cmd = command("serve", "--name", n.name, "--listen", n.listen, "--admin", "off", "--dir", v.path("node"), "--keep", "2", "--poll", "100ms",
		"--origin", v.seed, "--trust", v.path("keys/trust.json"))
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	if err := n.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	return n
}

// kill ends a life; what it asked for counts as asked for.
func (v *victim) kill(n *runningNode) {
	n.kill()
	v.counts.kills++
	v.mu.Lock()
	defer v.mu.Unlock()
	v.counts.most, v.counts.refetched = max(v.counts.most, v.again), v.counts.refetched+v.again
	for name := range v.now {
		v.before[name] = true
	}
	v.now, v.again = map[string]bool{}, 0
}

// answer asks for items and wants all of one release, the one that is named.
func (v *victim) answer(n *runningNode) (version uint64, err error) {
	var a answerBody
	if err := n.get("/v1/recommend?n=8&fields=title&recent="+itemID(v.rng.IntN(8000)), &a); err != nil {
		return 0, err
	}
	text, _, _ := strings.Cut(a.Release, "-")
	if version, err = strconv.ParseUint(text, 10, 64); err != nil || len(a.Items) != 8 {
		return 0, fmt.Errorf("%d items of release %q", len(a.Items), a.Release)
	}
	for _, it := range a.Items {
		if want := fmt.Sprintf("content %d", (version-1)%4); it.Fields.Title != want {
			v.t.Fatalf("release %s answers with %q, want %q", a.Release, it.Fields.Title, want)
		}
	}
	v.counts.answers++
	return version, nil
}

// awaitAnswer is patient: machines stand still now and then, and then no answer is in time.
func (v *victim) awaitAnswer(n *runningNode) (version uint64) {
	v.t.Helper()
	n.await("answer", time.Minute, func() (err error) { version, err = v.answer(n); return err })
	return version
}

func (v *victim) event(n *runningNode, id string) bool {
	status, _ := n.ask(http.MethodPost, "/v1/events", fmt.Sprintf(`{"id":%q,"item":%q,"type":"view","user":"u"}`, id, itemID(1)))
	return status == http.StatusAccepted
}

// finally lets the node come to the newest release, and brings its events home.
func (v *victim) finally(acked []string) {
	v.t.Helper()
	n := v.start()
	n.await("the newest release", time.Minute, func() error {
		if at, err := v.answer(n); err != nil || at != v.version {
			return fmt.Errorf("release %d, %w", at, err)
		}
		return nil
	})
	n.stop()
	v.counts.events = len(acked)
	out := v.edged("import", "events", "--data", v.path("home"), v.path("node/events"))
	if rows := strings.Fields(out); !strings.Contains(strings.Join(rows, " "), fmt.Sprintf("events %d duplicates 0 dropped 0", len(acked))) {
		v.t.Errorf("%d events were acknowledged; imported:\n%s", len(acked), out)
	}
}
