package serve

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
)

func (f *fixture) admin(method, target, key, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:8081"
	if key != "" {
		r.Header.Set("Authorization", key)
	}
	w := httptest.NewRecorder()
	f.server.AdminHandler().ServeHTTP(w, r)
	return w
}

func TestAdmin(t *testing.T) {
	f := newFixture(t)
	f.get("/v1/popular")
	for _, test := range []struct {
		method, target, body string
		status               int
		says                 string
	}{
		{"GET", "/metrics", "", 200, `edged_http_requests_total{route="popular",status="200"} 1`},
		{"GET", "/metrics", "", 200, "process_resident_memory_bytes"},
		{"GET", "/v1/admin/release", "", 200, `"release": "1-aaaa"`},
		{"GET", "/v1/admin/cluster", "", 200, `"b"`},
		{"GET", "/debug/pprof/", "", 200, "goroutine"},
		{"POST", "/v1/admin/release", `{"action":"rollback"}`, 200, `"release": "1-aaaa"`},
		{"POST", "/v1/admin/release", `{"action":"explode"}`, 400, `action: want \"rollback\", got \"explode\"`},
		{"POST", "/v1/admin/release", `{"act":"rollback"}`, 400, "act: unknown key; known: action"},
		{"POST", "/v1/admin/release", `{}`, 400, "action: want"},
		{"POST", "/v1/admin/release", `{`, 400, "malformed JSON at byte 1"},
		{"POST", "/v1/admin/release", strings.Repeat(" ", maxAdminBody+1), 413, "larger than 65536 bytes"},
		{"DELETE", "/v1/admin/release", "", 405, "can't be used here"},
		{"GET", "/v1/recommend", "", 404, "nothing is at this path"},
		{"GET", "/", "", 404, "nothing is at this path"},
	} {
		w := f.admin(test.method, test.target, "", test.body)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.says) {
			t.Errorf("%s %s %.40s: %d, want %d saying %q:\n%.300s", test.method, test.target, test.body, w.Code, test.status, test.says, w.Body)
		}
	}
	if w := f.admin("DELETE", "/v1/admin/release", "", ""); w.Header().Get("Allow") != "GET, POST" {
		t.Errorf("Allow: %s", w.Header().Get("Allow"))
	}
	f.rollback = errors.New("no previous release is held")
	if w := f.admin("POST", "/v1/admin/release", "", `{"action":"rollback"}`); w.Code != 409 || !strings.Contains(w.Body.String(), "no previous release") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAdminKey(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Admin.Key = []byte("a key with spaces") })
	for key, want := range map[string]int{
		"Bearer a key with spaces": 200, "": 401, "Bearer ": 401, "Bearer a key": 401, "a key with spaces": 401,
		"Basic a key with spaces": 401, "bearer a key with spaces": 200, "Bearer a key with spaces2": 401,
	} {
		w := f.admin("GET", "/metrics", key, "")
		if w.Code != want {
			t.Errorf("Authorization %q: %d, want %d", key, w.Code, want)
		}
		if want == 401 && (w.Header().Get("WWW-Authenticate") == "" || strings.Contains(w.Body.String(), "edged_")) {
			t.Errorf("Authorization %q: %v %s", key, w.Header(), w.Body)
		}
	}
}

func TestAdminOffersOnlyWhatItHas(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Admin = Admin{} })
	for _, target := range []string{"/v1/admin/release", "/v1/admin/cluster"} {
		if w := f.admin("GET", target, "", ""); w.Code != 404 {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
}

// TestAdminKeepsPagesOut sends what a browser would send for a page of another site.
func TestAdminKeepsPagesOut(t *testing.T) {
	open, keyed := newFixture(t), newFixture(t, func(c *Config) { c.Admin.Key = []byte("key") })
	rolled := 0
	for _, f := range []*fixture{open, keyed} {
		f.server.cfg.Admin.Rollback = func() error { rolled++; return nil }
	}
	for _, test := range []struct {
		f            *fixture
		host, origin string
		want         int
	}{
		{open, "localhost:8081", "", 200},
		{open, "[::1]:8081", "http://[::1]:8081", 200},
		{open, "127.0.0.1", "http://evil.example", 403},
		{open, "rebound.example:8081", "", 403},
		{open, "rebound.example", "http://rebound.example", 403},
		{keyed, "edge.example", "", 200},
		{keyed, "edge.example", "http://evil.example", 403},
	} {
		r := httptest.NewRequest("POST", "/v1/admin/release", strings.NewReader(`{"action":"rollback"}`))
		r.Host = test.host
		r.Header.Set("Authorization", "Bearer key")
		if test.origin != "" {
			r.Header.Set("Origin", test.origin)
		}
		w := httptest.NewRecorder()
		before := rolled
		test.f.server.AdminHandler().ServeHTTP(w, r)
		if w.Code != test.want || (rolled > before) != (test.want == 200) {
			t.Errorf("Host %s, Origin %q: %d, rolled back %v; want %d", test.host, test.origin, w.Code, rolled > before, test.want)
		}
	}
}
