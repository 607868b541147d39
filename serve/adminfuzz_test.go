package serve

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/overlay"
)

// changesRoom is what reading n bytes of a request to the admin listener may allocate.
func changesRoom(n int) int { return 32*n + 16<<10 }

// Whatever an operator sends is taken as JSON that says what the changes say, or refused with a problem; the memory it takes is in
// proportion.
func FuzzAdminBody(f *testing.F) {
	for _, s := range []string{
		`{"entries":[{"id":"a","available":false,"price":2.5,"boost":1.5,"ttl":"36h","time":"2026-11-27T10:00:00Z"}]}`,
		`{"entries":[{"id":"n","item":{"title":"Red mug","categories":["home"],"price":3}},{"id":"b","remove":true},{"id":"c","price":null}],"ttl":"1h"}`,
		`{"action":"rollback"}`, `{"entries":[`, `{"entries":[{"id":"\ud800"}]}`, `{"entries":[{"item":` + strings.Repeat("[", 100),
		`{"entries":[` + strings.TrimSuffix(strings.Repeat(`{"id":"a","boost":1},`, overlay.MaxChanges+1), ",") + `]}`,
		`{"entries":[` + strings.TrimSuffix(strings.Repeat(`{"id":"a","item":{}},`, overlay.MaxChanges), ",") + `]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var changes []overlay.Change
		var p *problem
		testkit.Bounded(t, changesRoom(len(body)), func() { changes, p = parseChanges(body) })
		if p == nil {
			checkChanges(t, body, changes)
		}
		testkit.Bounded(t, changesRoom(len(body)), func() { p = parseAction(body) })
		if p == nil && !json.Valid(body) {
			t.Fatalf("an action, and no JSON: %q", body)
		}
	})
}

func checkChanges(t *testing.T, body []byte, changes []overlay.Change) {
	t.Helper()
	if !json.Valid(body) || len(changes) == 0 || len(changes) > overlay.MaxChanges {
		t.Fatalf("%d changes of %q", len(changes), body)
	}
	for i := range changes {
		c := &changes[i]
		if edged.ValidID(c.ID) != nil || !c.All && !c.Says() || c.All && c.Says() || c.TTL < 0 || c.TTL > overlay.Remember {
			t.Fatalf("%+v", c)
		}
		if c.Item != nil && c.Item.ID != c.ID {
			t.Fatalf("item %q of %q", c.Item.ID, c.ID)
		}
	}
}

// Any request to the admin listener is answered: with what was asked for or a problem, never with a fault of ours.
func FuzzAdminRequest(f *testing.F) {
	for _, s := range [][3]string{
		{"GET", "/v1/admin/overlay?after=a&n=3", ""}, {"POST", "/v1/admin/overlay", `{"entries":[{"id":"a","available":false}]}`},
		{"POST", "/v1/admin/release", `{"action":"rollback"}`}, {"GET", "/v1/admin/releases/difference?release=1&against=0&visitors=2", ""},
		{"GET", "/v1/admin/overlay?n=%zz;", ""}, {"PUT", "/v1/admin/nothing", "x"}, {"GET", "/v1/admin/release", ""}, {"GET", "//", ""},
	} {
		f.Add(s[0], s[1], []byte(s[2]))
	}
	fx := newFixture(f, withInspection)
	handler := fx.server.AdminHandler()
	f.Fuzz(func(t *testing.T, method, target string, body []byte) {
		if strings.Contains(target, "pprof") {
			return // a profile takes its time
		}
		r, err := http.NewRequest(method, "http://127.0.0.1", bytes.NewReader(body))
		if err != nil {
			return
		}
		path, query, _ := strings.Cut(target, "?")
		r.URL.Path, r.URL.RawQuery = "/"+strings.TrimPrefix(path, "/"), query
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		typ := w.Header().Get("Content-Type")
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable || w.Code >= 400 && typ != "application/problem+json" {
			t.Fatalf("%s %q: %d with %s: %s", method, target, w.Code, typ, w.Body)
		}
		if strings.HasSuffix(typ, "json") && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s %q: no JSON: %q", method, target, w.Body)
		}
	})
}
