package demo

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/edged/edged"
)

const hostile = `</script><img src=x onerror=alert(1)> "quoted" & more`

func testShelf() *shelf {
	return newShelf([]edged.Item{
		{ID: "a", Title: "Blue Mug", Brand: "Keel", Categories: []string{"Kitchen/Tea/Mug", "Style/folk"}, Price: 7.5, Currency: "EUR"},
		{ID: "b", Title: "Red Mug", Categories: []string{"Kitchen/Tea/Mug"}},
		{ID: "c/d e", Title: hostile, Categories: []string{"Home/Walls"}},
		{ID: "d"},
	}, map[string]int{"b": 3, "a": 3, "d": 9})
}

func serveShop(t *testing.T) *httptest.Server {
	t.Helper()
	s := &storefront{shelf: testShelf(), page: page{Name: "Test & Co", Nodes: []address{{"edge-1", "http://127.0.0.1:1234"}}},
		picture: func(id string) ([]byte, bool) { return []byte("<svg/>"), id == "a" }}
	s.page.fill()
	server := httptest.NewServer(s.handler())
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func TestStorefrontServesThePageUnderAPolicy(t *testing.T) {
	server := serveShop(t)
	for path, typ := range map[string]string{"/": "text/html", "/shop.js": "javascript", "/edged.js": "javascript", "/style.css": "text/css",
		"/icon.svg": "image/svg+xml", "/img/a.svg": "image/svg+xml", "/config.json": "application/json", "/products": "application/json"} {
		res, body := get(t, server.URL+path)
		if res.StatusCode != 200 || !strings.Contains(res.Header.Get("Content-Type"), typ) || body == "" {
			t.Errorf("%s: status %d, type %q, %d bytes", path, res.StatusCode, res.Header.Get("Content-Type"), len(body))
		}
		policy := res.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "http://127.0.0.1:1234") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
	}
	for _, path := range []string{"/nothing", "/img/b.svg", "/img/a", "/img/..%2fa.svg", "/products/nothing", "/assets/"} {
		if res, _ := get(t, server.URL+path); res.StatusCode != 404 {
			t.Errorf("%s: status %d, want 404", path, res.StatusCode)
		}
	}
}

func TestConfigHasListsForThePage(t *testing.T) {
	_, body := get(t, serveShop(t).URL+"/config.json")
	want := `{"name":"Test \u0026 Co","simulated":false,"nodes":[{"name":"edge-1","url":"http://127.0.0.1:1234"}],"countries":[],"categories":[],"visitors":[]}`
	if body != want {
		t.Errorf("config\n%s\nwant\n%s", body, want)
	}
}

func TestProducts(t *testing.T) {
	server := serveShop(t)
	for query, want := range map[string]string{
		"":                       "d a b c/d e", // by popularity, then id
		"?q=mug":                 "a b",
		"?q=MUG+keel":            "a",
		"?category=Kitchen":      "a b",
		"?category=Style":        "", // the first path alone is where a product stands
		"?n=1&offset=2":          "b",
		"?q=onerror":             "c/d e",
		"?q=mug&category=Home":   "",
		"?offset=99":             "",
		"?q=%3Cscript%3Enothing": "",
	} {
		var page struct{ Items []product }
		_, body := get(t, server.URL+"/products"+query)
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		var ids []string
		for _, p := range page.Items {
			ids = append(ids, p.ID)
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	for _, query := range []string{"?n=x", "?n=-1", "?n=201", "?offset=-1"} {
		if res, _ := get(t, server.URL+"/products"+query); res.StatusCode != 400 {
			t.Errorf("%s: status %d, want 400", query, res.StatusCode)
		}
	}
	var p product
	if _, body := get(t, server.URL+"/products/c%2Fd%20e"); json.Unmarshal([]byte(body), &p) != nil || p.Title != hostile {
		t.Errorf("product with an odd id: %s", body)
	}
}

func TestClientSpeaksToANode(t *testing.T) {
	fake, c := startFake(t, testShelf())
	a, err := c.recommend(t.Context(), []string{"a"}, "DE", 5)
	if err != nil || !fromHistory(a.Level) {
		t.Fatalf("%+v, %v", a, err)
	}
	var many []edged.Event
	for range batch + 1 {
		many = append(many, edged.Event{Item: "a", Type: edged.View, Time: 1, Session: "s"})
	}
	if err := c.send(t.Context(), many); err != nil || len(fake.events) != len(many) {
		t.Errorf("sent %d of %d events: %v", len(fake.events), len(many), err)
	}
	gone := newClient(address{"gone", "http://127.0.0.1:1"})
	if _, err := gone.trending(t.Context(), "", 1); err == nil || !strings.Contains(err.Error(), "ask gone") {
		t.Errorf("error of a node that is not there: %v", err)
	}
}

func TestReasonParts(t *testing.T) {
	if r := (reason{Shares: []float64{.6, -.1}, Rest: .2, Terms: terms{Popular: -.1, Repeat: .3, Past: .1}}); math.Abs(r.sum()-1) > 1e-9 || math.Abs(r.part(0)-.5) > 1e-9 {
		t.Errorf("sum %g, want 1; part %g, want .5", r.sum(), r.part(0))
	}
	r := reason{Shares: []float64{.6, .2, -.1}, Rest: .2}
	if p := r.part(0); p < .599 || p > .601 {
		t.Errorf("first part %g, want .6", p)
	}
	if r.part(2) != 0 || r.part(7) != 0 {
		t.Errorf("parts %g and %g, want 0: one speaks against, one is not there", r.part(2), r.part(7))
	}
	if p := (&reason{Shares: []float64{.6}, Terms: terms{Repeat: -.1, Past: -.3}}).part(0); p != 1 {
		t.Errorf("part %g of all that speaks for it, want 1: what speaks against is no part of that", p)
	}
	if s := r.sum(); s < .899 || s > .901 {
		t.Errorf("sum %g, want .9", s)
	}
}

func TestPrintedTitlesCannotCommandTheTerminal(t *testing.T) {
	if got := plain("a\x1b[2Jb\r\u009b\u202e"); strings.ContainsAny(got, "\x1b\r\u009b\u202e") {
		t.Errorf("%q", got)
	}
	for n, want := range map[int]string{5: "5", 1234: "1,234", 94424: "94,424", 1234567: "1,234,567", -1234: "-1,234"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %q", n, got)
		}
	}
}
