package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/model"
	"github.com/edged/edged/overlay"
)

// admin asks the admin listener and decodes the answer.
func admin(t testing.TB, e *Edge, method, path, body string, into any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+e.AdminAddr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
		}
	}
	return resp.StatusCode
}

// shows reports whether an item is among the popular ones of a node.
func shows(t testing.TB, e *Edge, id string) bool {
	t.Helper()
	_, a := ask(t, "GET", "http://"+e.Addr()+"/v1/popular?n=50", "")
	for _, it := range a.Items {
		if it.ID == id {
			return true
		}
	}
	return false
}

// What one node is told is not available comes in no answer of any node, finished ones included, whatever restarts and releases follow.
func TestOverlayReachesAll(t *testing.T) {
	s := newShop(t)
	id := s.publish("a")
	nodes := s.cluster("one", "two", "three")
	until(t, "all serve", func() bool { return serves(t, nodes[0], id) && serves(t, nodes[1], id) && serves(t, nodes[2], id) })
	until(t, "all know each other", func() bool { return len(nodes[0].gossip.Members()) == 3 && len(nodes[2].gossip.Members()) == 3 })
	for range 3 { // the answers are kept now
		for _, e := range nodes {
			if !shows(t, e, "a-000") {
				t.Fatal("the item is not shown to begin with")
			}
		}
	}
	var result struct{ Written, Older int }
	if status := admin(t, nodes[1], "POST", "/v1/admin/overlay", `{"entries":[{"id":"a-000","available":false}]}`, &result); status != 200 || result.Written != 1 {
		t.Fatalf("%d %+v", status, result)
	}
	if shows(t, nodes[1], "a-000") {
		t.Error("the node that was told shows it")
	}
	took := until(t, "nobody shows it", func() bool { return !shows(t, nodes[0], "a-000") && !shows(t, nodes[2], "a-000") })
	t.Logf("all know after %v", took)
	if took > 2*time.Second {
		t.Errorf("all knew after %v only", took)
	}
	s.publish("a") // the same items under another version
	for _, e := range nodes {
		s.must(e.node.Check(t.Context()))
		if shows(t, e, "a-000") {
			t.Error("it is shown again with the next release")
		}
	}
	if status := admin(t, nodes[2], "POST", "/v1/admin/overlay", `{"entries":[{"id":"a-000","remove":true}]}`, &result); status != 200 || result.Written != 1 {
		t.Fatalf("%d %+v", status, result)
	}
	until(t, "all show it again", func() bool {
		return shows(t, nodes[0], "a-000") && shows(t, nodes[1], "a-000") && shows(t, nodes[2], "a-000")
	})
}

// A node that was away hears what was written meanwhile, and one that comes back alone knows what it knew.
func TestOverlayOfANodeThatWasAway(t *testing.T) {
	s := newShop(t)
	id := s.publish("a")
	first := s.config("one")
	first.Gossip = Gossip{Listen: "127.0.0.1:0", KeyFile: "keys/gossip.key", Profile: "local"}
	one := s.start(first)
	second := s.config("two")
	second.Gossip = first.Gossip
	second.Gossip.Seeds = []string{one.GossipAddr()}
	two, err := Start(t.Context(), second)
	s.must(err)
	until(t, "both serve", func() bool { return serves(t, one, id) && serves(t, two, id) })
	admin(t, two, "POST", "/v1/admin/overlay", `{"entries":[{"id":"a-001","available":false}]}`, nil)
	until(t, "one knows", func() bool { return !shows(t, one, "a-001") })
	s.must(two.Close())
	admin(t, one, "POST", "/v1/admin/overlay", `{"entries":[{"id":"a-002","available":false},{"id":"a-001","available":true}]}`, nil)
	alone := second
	alone.Gossip = Gossip{Off: true}
	lone, err := Start(t.Context(), alone)
	s.must(err)
	if shows(t, lone, "a-001") || !shows(t, lone, "a-002") {
		t.Error("alone it does not know what it knew")
	}
	s.must(lone.Close())
	again := s.start(second)
	until(t, "it hears what was written meanwhile", func() bool { return shows(t, again, "a-001") && !shows(t, again, "a-002") })
	var a, b struct{ Version string }
	admin(t, one, "GET", "/v1/admin/overlay", "", &a)
	admin(t, again, "GET", "/v1/admin/overlay", "", &b)
	if a.Version != b.Version || a.Version == "" {
		t.Errorf("versions %q and %q", a.Version, b.Version)
	}
}

// Prices, boosts and new items said on one node count on another: in fields, filters, order, lists; new ones can be asked about, and a release
// that has them takes over.
func TestOverlayOfAllKinds(t *testing.T) {
	s := newShop(t)
	id := s.publish("a")
	nodes := s.cluster("one", "two")
	until(t, "both serve", func() bool { return serves(t, nodes[0], id) && serves(t, nodes[1], id) })
	const body = `{"entries":[{"id":"a-040","price":12.5,"boost":100},{"id":"b-001","item":{"title":"The a-001","price":3,"brand":"new"}},{"id":"b-002","price":4}],"ttl":"1h"}`
	var result struct{ Written int }
	if status := admin(t, nodes[0], "POST", "/v1/admin/overlay", body, &result); status != 200 || result.Written != 4 {
		t.Fatalf("%d %+v", status, result)
	}
	url := "http://" + nodes[1].Addr()
	first := func(path string) string {
		_, a := ask(t, "GET", url+path, "")
		if len(a.Items) == 0 {
			return ""
		}
		return a.Items[0].ID
	}
	until(t, "the boosted item is first", func() bool { return first("/v1/popular") == "a-040" })
	for path, want := range map[string]string{
		"/v1/recommend?filter=price%20%3E%2010":           "a-040",
		"/v1/recommend?filter=price%20%3C%2010":           "b-001",
		"/v1/recommend?filter=brand%20%3D%3D%20%22new%22": "b-001",
	} {
		until(t, path+" begins with "+want, func() bool { return first(path) == want }) // entries come in packets of their own
	}
	var item struct {
		ID     string
		Fields struct {
			Title string
			Price float64
		}
	}
	for id, price := range map[string]float64{"a-040": 12.5, "b-001": 3} {
		resp, err := http.Get(url + "/v1/items/" + id)
		s.must(err)
		s.must(errors.Join(json.NewDecoder(resp.Body).Decode(&item), resp.Body.Close()))
		if item.ID != id || item.Fields.Price != price || item.Fields.Title == "" {
			t.Errorf("%+v", item)
		}
	}
	if status, a := ask(t, "GET", url+"/v1/items/b-001/similar?n=3", ""); status != 200 || len(a.Items) != 3 {
		t.Errorf("similar to the new item: %d %+v", status, a)
	}
	if status, a := ask(t, "POST", url+"/v1/recommend", `{"recent":["b-001"],"n":50}`); status != 200 || len(a.Items) != 50 {
		t.Errorf("after the new item: %d, %d items", status, len(a.Items))
	}
	effects := func() string {
		var page struct {
			List []struct{ ID, Field, Effect string }
		}
		admin(t, nodes[1], "GET", "/v1/admin/overlay", "", &page)
		return fmt.Sprint(page.List)
	}
	if got, want := effects(), "[{a-040 boost active} {a-040 price active} {b-001 item active} {b-002 price unknownItem}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.publish("b") // it has b-001
	for _, e := range nodes {
		s.must(e.node.Check(t.Context()))
	}
	if got, want := effects(), "[{a-040 boost unknownItem} {a-040 price unknownItem} {b-001 item inRelease} {b-002 price active}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := first("/v1/recommend?filter=price%20%3C%2010"); got != "b-002" {
		t.Errorf("%q is below 10", got)
	}
}

// A release made with the overlay takes its entries over; rolled back, they count again.
func TestOverlayThatIsFoldedIn(t *testing.T) {
	s := newShop(t)
	id := s.publish("a")
	e := s.start(s.config("one"))
	until(t, "it serves", func() bool { return serves(t, e, id) })
	admin(t, e, "POST", "/v1/admin/overlay", `{"entries":[{"id":"a-001","available":false},{"id":"a-002","available":false}]}`, nil)
	req, err := http.Get("http://" + e.AdminAddr() + "/v1/admin/overlay/file")
	s.must(err)
	file, err := io.ReadAll(req.Body)
	s.must(errors.Join(err, req.Body.Close()))
	entries, err := overlay.DecodeFile(file)
	s.must(err)
	admin(t, e, "POST", "/v1/admin/overlay", `{"entries":[{"id":"a-002","available":false}]}`, nil) // said again since
	no := false
	s.publishWith("a", func(b *model.Build) {
		b.Items[1].Available = &no
		for i := range entries {
			b.Folded = append(b.Folded, model.Folded{Key: entries[i].Key(), Stamp: entries[i].Stamp, Node: entries[i].Node})
		}
	})
	s.must(e.node.Check(t.Context()))
	effects := func() string {
		var page struct{ List []struct{ ID, Effect string } }
		admin(t, e, "GET", "/v1/admin/overlay", "", &page)
		return fmt.Sprint(page.List)
	}
	if got, want := effects(), "[{a-001 inRelease} {a-002 active}]"; got != want || shows(t, e, "a-001") || shows(t, e, "a-002") {
		t.Errorf("%s, want %s", got, want)
	}
	s.must(e.node.Rollback())
	if got, want := effects(), "[{a-001 active} {a-002 active}]"; got != want || shows(t, e, "a-001") {
		t.Errorf("rolled back: %s, want %s", got, want)
	}
}
