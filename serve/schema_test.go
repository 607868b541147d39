package serve

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// checker holds JSON values against the document's schemas (the words of JSON Schema that the document uses).
type checker struct {
	doc map[string]any
}

func (c *checker) resolve(node any) map[string]any {
	m, _ := node.(map[string]any)
	for m["$ref"] != nil {
		m, _ = lookUp(c.doc, m["$ref"].(string)).(map[string]any)
	}
	return m
}

// faults returns what in v is not as the schema wants it.
func (c *checker) faults(where string, node, v any) (list []string) {
	s := c.resolve(node)
	fault := func(format string, args ...any) { list = append(list, where+": "+fmt.Sprintf(format, args...)) }
	if options, ok := s["oneOf"].([]any); ok && !slices.ContainsFunc(options, func(o any) bool { return len(c.faults(where, o, v)) == 0 }) {
		fault("%v is none of what it may be", v)
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, v) {
		fault("%v is not among %v", v, enum)
	}
	if !hasType(s["type"], v) {
		fault("%v is no %v", v, s["type"])
	}
	if n, ok := v.(float64); ok {
		if least, ok := s["minimum"].(float64); ok && n < least {
			fault("%v is below %v", n, least)
		}
	}
	switch v := v.(type) {
	case []any:
		for i, x := range v {
			list = append(list, c.faults(where+"["+strconv.Itoa(i)+"]", s["items"], x)...)
		}
	case map[string]any:
		list = append(list, c.objectFaults(where, s, v)...)
	}
	return list
}

func (c *checker) objectFaults(where string, s, v map[string]any) (list []string) {
	required, _ := s["required"].([]any)
	for _, key := range required {
		if _, ok := v[key.(string)]; !ok {
			list = append(list, where+": no "+key.(string))
		}
	}
	properties, _ := s["properties"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(v)) {
		switch property, known := properties[key]; {
		case known:
			list = append(list, c.faults(where+"."+key, property, v[key])...)
		case s["additionalProperties"] == false:
			list = append(list, where+": "+key+" is not in the document")
		}
	}
	return list
}

func hasType(want, v any) bool {
	names, _ := want.([]any)
	if name, ok := want.(string); ok {
		names = []any{name}
	}
	if len(names) == 0 {
		return true
	}
	got := "null"
	switch v := v.(type) {
	case string:
		got = "string"
	case bool:
		got = "boolean"
	case []any:
		got = "array"
	case map[string]any:
		got = "object"
	case float64:
		if got = "number"; v == math.Trunc(v) && slices.Contains(names, any("integer")) {
			got = "integer"
		}
	}
	return slices.Contains(names, any(got))
}

// operationCalls are requests to every operation: well formed ones and some that are refused.
var operationCalls = []struct{ method, pattern, target, body, head string }{
	{"GET", "/v1/recommend", "/v1/recommend?recent=mug-1,nope&explain=true&fields=*&country=GB&slot=hero&goal=any&timeoutMs=1000&n=5&exclude=mug-2", "", ""},
	{"GET", "/v1/recommend", "/v1/recommend?n=0", "", ""},
	{"POST", "/v1/recommend", "/v1/recommend", `{"user":"u","session":"s","recent":[{"item":"mug-1","type":"purchase","time":1700000000}],"explain":true,"fields":["*"],"context":{"country":"GB","tier":"gold"}}`, ""},
	{"POST", "/v1/recommend", "/v1/recommend", `{"n":"x"}`, ""},
	{"POST", "/v1/recommend", "/v1/recommend", `{}`, "Content-Encoding: gzip"},
	{"POST", "/v1/recommend", "/v1/recommend", strings.Repeat(" ", 1<<20+1), ""},
	{"POST", "/v1/recommend/batch", "/v1/recommend/batch", `{"slots":[{"slot":"a","n":2},{"n":3}],"recent":["mug-1"],"explain":true}`, ""},
	{"POST", "/v1/recommend/batch", "/v1/recommend/batch", `{}`, ""},
	{"GET", "/v1/items/{id}/similar", "/v1/items/mug-1/similar?n=3&fields=title", "", ""},
	{"GET", "/v1/items/{id}/similar", "/v1/items/nope/similar", "", ""},
	{"GET", "/v1/items/{id}/together", "/v1/items/mug-1/together?n=3&fields=title", "", ""},
	{"GET", "/v1/items/{id}/together", "/v1/items/nope/together", "", ""},
	{"GET", "/v1/items/{id}/together", "/v1/items/%zz/together", "", ""},
	{"GET", "/v1/items/{id}/similar", "/v1/items/%zz/similar", "", ""},
	{"GET", "/v1/items/{id}", "/v1/items/mug-1", "", ""},
	{"GET", "/v1/items/{id}", "/v1/items/nope", "", ""},
	{"GET", "/v1/trending", "/v1/trending?country=GB&window=24h&n=3&fields=title", "", ""},
	{"GET", "/v1/trending", "/v1/trending?window=2h", "", ""},
	{"GET", "/v1/popular", "/v1/popular?n=3&fields=*", "", ""},
	{"GET", "/v1/popular", "/v1/popular?country=GB", "", ""},
	{"POST", "/v1/events", "/v1/events", `[{"item":"mug-1","type":"view"},{"item":""}]`, ""},
	{"POST", "/v1/events", "/v1/events", `{"item":"mug-1"}`, ""},
	{"POST", "/v1/events", "/v1/events", `{"item":"mug-1","type":"view","user":"u"}`, "Sec-GPC: 1"},
	{"GET", "/v1/profile", "/v1/profile", "", "Edged-Profile: TOKEN"},
	{"GET", "/v1/profile", "/v1/profile?x=1", "", ""},
	{"PUT", "/v1/profile", "/v1/profile", `{"depth":3}`, "Edged-Profile: TOKEN"},
	{"PUT", "/v1/profile", "/v1/profile", `{"depth":51}`, "Edged-Profile: TOKEN"},
	{"PUT", "/v1/profile", "/v1/profile", `{"consent":true}`, "Edged-Profile: TOKEN\r\nSec-GPC: 1"},
	{"DELETE", "/v1/profile", "/v1/profile", "", "Edged-Profile: TOKEN"},
	{"GET", "/healthz/live", "/healthz/live", "", ""},
	{"GET", "/healthz/ready", "/healthz/ready", "", ""},
	{"GET", "/openapi.json", "/openapi.json", "", ""},
	{"GET", "/edged.js", "/edged.js", "", ""},
}

// The running server answers every operation of the document with a status, a media type and a body that the document names.
func TestOperationsAnswerAsDocumented(t *testing.T) {
	c := &checker{}
	if err := json.Unmarshal(openAPIDocument, &c.doc); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, withTokens(t))
	token := f.send("POST", "/v1/events", viewMug, "Edged-Profile: new").header.Get("Edged-Profile")
	called := map[string]bool{}
	for _, call := range operationCalls {
		called[strings.ToLower(call.method)+" "+call.pattern] = true
		var headers []string
		if call.head != "" {
			headers = strings.Split(strings.ReplaceAll(call.head, "TOKEN", token), "\r\n")
		}
		r := f.send(call.method, call.target, call.body, headers...)
		where := fmt.Sprintf("%s %.80s: %d", call.method, call.target, r.status)
		operation := c.resolve(lookUp(c.doc, "#/paths"))[call.pattern].(map[string]any)[strings.ToLower(call.method)].(map[string]any)
		response := c.resolve(operation["responses"].(map[string]any)[strconv.Itoa(r.status)])
		if response == nil {
			t.Errorf("%s is not in the document: %s", where, r.body)
			continue
		}
		c.checkBody(t, where, response, r)
	}
	for pattern, operations := range c.resolve(lookUp(c.doc, "#/paths")) {
		for method := range operations.(map[string]any) {
			if !called[method+" "+pattern] {
				t.Errorf("%s %s is never called", method, pattern)
			}
		}
	}
}

func (c *checker) checkBody(t *testing.T, where string, response map[string]any, r response) {
	t.Helper()
	content, _ := response["content"].(map[string]any)
	typ, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	media, ok := content[typ].(map[string]any)
	if !ok {
		if r.body != "" {
			t.Errorf("%s: media type %q is not in the document", where, typ)
		}
		return
	}
	if !strings.HasSuffix(typ, "json") {
		return
	}
	var body any
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	for _, fault := range c.faults("", media["schema"], body) {
		t.Errorf("%s: %s", where, fault)
	}
}
