package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func withInspection(c *Config) {
	c.Admin.Rules = func() any { return map[string]any{"version": "v"} }
	c.Admin.Releases = func() any {
		return []map[string]any{{"manifest": "sha256:00", "role": "current", "components": []any{}}}
	}
	c.Admin.Chunks = func() any { return []map[string]any{{"manifest": "00", "rarest": 1, "nodes": []any{}}} }
	c.Admin.Difference = func(_ context.Context, now, before uint64, visitors int) (any, error) {
		switch now {
		case 8:
			return nil, ErrBusy
		case 9:
			return nil, fmt.Errorf("%w: release 9", ErrNotHeld)
		}
		return map[string]any{"before": before, "now": visitors, "figures": []any{}, "added": 0, "removed": 0, "sections": []any{}}, nil
	}
}

func TestAdminInspection(t *testing.T) {
	f := newFixture(t, withInspection)
	for target, want := range map[string]struct {
		status int
		says   string
	}{
		"/v1/admin/releases/difference?against=7&visitors=3": {200, `"before": 7`},
		"/v1/admin/releases/difference?release=8":            {503, "another question"},
		"/v1/admin/releases/difference?release=9":            {404, "release 9"},
		"/v1/admin/releases/difference?release=x":            {400, "release: want a whole number"},
		"/v1/admin/releases/difference?visitors=101":         {400, "visitors: want a whole number from 0 to 100"},
		"/v1/admin/releases/difference?from=1":               {400, "from: unknown query parameter"},
		"/v1/admin/releases":                                 {200, `"role": "current"`},
		"/v1/admin/chunks":                                   {200, `"rarest": 1`},
		"/openapi.json":                                      {200, `"openapi": "3.1.0"`},
	} {
		w := f.admin("GET", target, "", "")
		if w.Code != want.status || !strings.Contains(w.Body.String(), want.says) {
			t.Errorf("%s: %d %.200s", target, w.Code, w.Body)
		}
	}
}

// The document and the admin listener say the same: every route is in it, every operation answers as its schema says.
func TestAdminDocument(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(adminDocument, &doc); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, withInspection)
	var routes, operations []string
	for _, r := range f.server.adminRoutes() {
		routes = append(routes, r.pattern)
	}
	paths := doc["paths"].(map[string]any)
	for path, methods := range paths {
		for method := range methods.(map[string]any) {
			operations = append(operations, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(routes)
	slices.Sort(operations)
	if !slices.Equal(routes, operations) {
		t.Errorf("routes\n%q, in the document\n%q", routes, operations)
	}
	c := &checker{doc}
	check := func(method, target, body string) {
		path, _, _ := strings.Cut(target, "?")
		w := f.admin(method, target, "", body)
		operation := paths[path].(map[string]any)[strings.ToLower(method)].(map[string]any)
		checkAnswered(t, c, method+" "+target, operation["responses"], w)
	}
	check("POST", "/v1/admin/overlay", `{"entries":[{"id":"a","available":false,"price":2,"boost":3},{"id":"n","item":{"title":"t"},"ttl":"1h"}],"time":"2026-03-01T09:00:00Z"}`)
	check("POST", "/v1/admin/overlay", `{"entries":[{"id":"a"}]}`)
	check("POST", "/v1/admin/release", `{"action":"rollback"}`)
	for _, path := range []string{"release", "releases", "releases/difference", "releases/difference?release=9", "chunks", "rules", "overlay", "overlay?n=1", "overlay?n=x"} {
		check("GET", "/v1/admin/"+path, "")
	}
}

func checkAnswered(t *testing.T, c *checker, what string, responses any, w *httptest.ResponseRecorder) {
	t.Helper()
	list, _ := responses.(map[string]any)
	response := list[fmt.Sprint(w.Code)]
	if response == nil && w.Code >= http.StatusBadRequest {
		response = list["default"]
	}
	content, _ := c.resolve(response)["content"].(map[string]any)
	media, _ := content[w.Header().Get("Content-Type")].(map[string]any)
	if media == nil {
		t.Errorf("%s: %d %s is not in the document", what, w.Code, w.Header().Get("Content-Type"))
		return
	}
	var v any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	for _, fault := range c.faults(what, media["schema"], v) {
		t.Error(fault)
	}
}
