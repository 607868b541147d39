package serve

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/profile"
	"github.com/edged/edged/rank"
)

type operation struct {
	Parameters []struct {
		Name, In string
		Ref      string `json:"$ref"`
	}
	Responses map[string]struct {
		Ref string `json:"$ref"`
	}
}

type schema struct {
	Properties map[string]schema
	Required   []string
	Enum       []string
	Maximum    int
	MaxLength  int
	MaxItems   int
	Default    any
}

type document struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct {
		Parameters map[string]struct{ Name, In string }
		Schemas    map[string]schema
	}
}

func readDocument(t *testing.T) (doc document) {
	t.Helper()
	if err := json.Unmarshal(openAPIDocument, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// The document names exactly the routes there are, with exactly their methods.
func TestDocumentNamesTheRoutes(t *testing.T) {
	doc := readDocument(t)
	want := map[string][]string{}
	for _, r := range routeTable[:routeOther] {
		if r.get != nil {
			want[r.pattern] = append(want[r.pattern], "get")
		}
		if r.post != nil {
			want[r.pattern] = append(want[r.pattern], "post")
		}
		if r.put != nil {
			want[r.pattern] = append(want[r.pattern], "put")
		}
		if r.remove != nil {
			want[r.pattern] = append(want[r.pattern], "delete")
		}
		slices.Sort(want[r.pattern])
	}
	got := map[string][]string{}
	for path, operations := range doc.Paths {
		got[path] = slices.Sorted(maps.Keys(operations))
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the document names %v, the routes are %v", got, want)
	}
	for i, r := range routeTable[:routeOther] {
		if found, _ := match([]byte(strings.Replace(r.pattern, "{id}", "x", 1))); found != i {
			t.Errorf("%s leads to %s", r.pattern, routeTable[found].name)
		}
	}
}

func TestDocumentNamesTheParameters(t *testing.T) {
	doc := readDocument(t)
	for path, known := range map[string][]string{
		"/v1/recommend": recommendParams, "/v1/items/{id}/similar": similarParams, "/v1/items/{id}/together": similarParams, "/v1/items/{id}": itemParams,
		"/v1/trending": trendingParams, "/v1/popular": popularParams,
	} {
		var got []string
		for _, p := range doc.Paths[path]["get"].Parameters {
			if p.Ref != "" {
				c := doc.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
				p.Name, p.In = c.Name, c.In
			}
			if p.In == "query" {
				got = append(got, p.Name)
			}
		}
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(known)); !slices.Equal(got, want) {
			t.Errorf("%s: the document names %v, known are %v", path, got, want)
		}
	}
}

func TestDocumentNamesKeysAndLimits(t *testing.T) {
	s := readDocument(t).Components.Schemas
	check := func(what string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s: the document says %v, the code %v", what, got, want)
		}
	}
	keys := func(m map[string]schema) string { return strings.Join(slices.Sorted(maps.Keys(m)), " ") }
	sorted := func(list []string) string { return strings.Join(slices.Sorted(slices.Values(list)), " ") }
	check("keys of a request", keys(s["request"].Properties), sorted(recommendKeys))
	check("catalogue fields", keys(s["fields"].Properties), sorted(catalogueFields))
	check("keys of a batch", keys(s["batch"].Properties), sorted(batchKeys))
	check("slots", s["batch"].Properties["slots"].MaxItems, maxSlots)
	check("keys of limits", keys(s["limits"].Properties), sorted(profileKeys))
	check("depth", s["limits"].Properties["depth"].Maximum, profile.MaxHeld)
	check("days", s["limits"].Properties["days"].Maximum, maxDays)
	check("n", s["n"].Maximum, edged.MaxN)
	check("default n", s["n"].Default, float64(defaultN))
	check("timeoutMs", s["timeoutMs"].Maximum, maxTimeout)
	check("id", s["id"].MaxLength, edged.MaxIDLen)
	check("exclude", s["request"].Properties["exclude"].MaxItems, maxExclude)
	check("fields", s["request"].Properties["fields"].MaxItems, maxFields)
	var levels []string
	for l := rank.Personal; l <= rank.Static; l++ {
		levels = append(levels, l.String())
	}
	check("levels", strings.Join(s["answer"].Properties["level"].Enum, " "), strings.Join(levels, " "))
}

// Every answer has the keys the document requires, and no others.
func TestAnswersHaveTheDocumentedKeys(t *testing.T) {
	s := readDocument(t).Components.Schemas
	f := newFixture(t)
	for _, target := range []string{"/v1/recommend?recent=mug-1&explain=true&fields=title", "/v1/popular?fields=*", "/v1/trending", "/v1/items/mug-1/similar", "/v1/items/mug-1/together"} {
		var answer map[string]json.RawMessage
		if err := json.Unmarshal([]byte(f.get(target).body), &answer); err != nil {
			t.Fatal(err)
		}
		hasKeys(t, target, answer, s["answer"])
		var items []map[string]json.RawMessage
		if err := json.Unmarshal(answer["items"], &items); err != nil || len(items) == 0 {
			t.Fatalf("%s: items %s: %v", target, answer["items"], err)
		}
		for _, it := range items {
			hasKeys(t, target, it, s["item"])
		}
	}
}

func hasKeys(t *testing.T, what string, got map[string]json.RawMessage, want schema) {
	t.Helper()
	for key := range got {
		if _, ok := want.Properties[key]; !ok {
			t.Errorf("%s: key %s is not in the document", what, key)
		}
	}
	for _, key := range want.Required {
		if _, ok := got[key]; !ok {
			t.Errorf("%s: key %s is missing", what, key)
		}
	}
}

// Every reference in the document leads somewhere.
func TestDocumentReferences(t *testing.T) {
	var all map[string]any
	if err := json.Unmarshal(openAPIDocument, &all); err != nil {
		t.Fatal(err)
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok && lookUp(all, ref) == nil {
				t.Errorf("%s leads nowhere", ref)
			}
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(all)
}

func lookUp(all map[string]any, ref string) any {
	var at any = all
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[part]
	}
	return at
}
