package client_test

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/client"
)

// object is a part of the node's description of itself.
type object = map[string]any

func openAPI(t *testing.T) (doc object) {
	t.Helper()
	text, err := os.ReadFile("../serve/openapi.json")
	if err == nil {
		err = json.Unmarshal(text, &doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// under is what lies at a path such as #/components/schemas/item.
func under(doc object, path string) object {
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "#/"), "/") {
		doc = doc[name].(object)
	}
	return doc
}

// resolved is a part, or the one it refers to.
func resolved(doc, part object) object {
	for part["$ref"] != nil {
		part = under(doc, part["$ref"].(string))
	}
	return part
}

// keysIn are those of a schema's object, and of what is in it, as boost.where.
func keysIn(doc, schema object, at string) (list []string) {
	schema = resolved(doc, schema)
	if one, ok := schema["oneOf"].([]any); ok {
		for _, s := range one {
			list = append(list, keysIn(doc, s.(object), at)...)
		}
	}
	if items, ok := schema["items"].(object); ok {
		list = append(list, keysIn(doc, items, at)...)
	}
	properties, _ := schema["properties"].(object)
	for name, of := range properties {
		list = append(append(list, at+name), keysIn(doc, of.(object), at+name+".")...)
	}
	return list
}

// keysOf are the keys that a Go type has in JSON, likewise. MarshalJSON says a Timeout as timeoutMs.
func keysOf(t reflect.Type, at string) (list []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() == reflect.Map {
		return []string{at + "*"}
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" && f.Type == reflect.TypeFor[time.Duration]() {
			name = "timeoutMs"
		}
		list = append(append(list, at+name), keysOf(f.Type, at+name+".")...)
	}
	return list
}

// Every key that the node reads or writes is a field of the client, and the reverse.
func TestTypesAreThoseOfTheContract(t *testing.T) {
	doc := openAPI(t)
	for name, of := range map[string]reflect.Type{
		"request": reflect.TypeFor[client.Request](), "batch": reflect.TypeFor[client.Page](), "event": reflect.TypeFor[client.Event](),
		"limits": reflect.TypeFor[client.Limits](), "answer": reflect.TypeFor[client.Answer](), "profile": reflect.TypeFor[client.Profile](),
	} {
		got := keysOf(of, "")
		maps := slices.DeleteFunc(slices.Clone(got), func(key string) bool { return !strings.HasSuffix(key, ".*") })
		want := slices.DeleteFunc(keysIn(doc, under(doc, "#/components/schemas/"+name), ""), func(key string) bool {
			return slices.ContainsFunc(maps, func(m string) bool { return strings.HasPrefix(key, strings.TrimSuffix(m, "*")) })
		})
		got = slices.DeleteFunc(got, func(key string) bool { return slices.Contains(maps, key) })
		slices.Sort(want)
		slices.Sort(got)
		if want, got := slices.Compact(want), slices.Compact(got); len(want) < 3 || !slices.Equal(want, got) {
			t.Errorf("%s:\n%v in the document\n%v in the client", name, want, got)
		}
	}
}

// A Timeout is said in milliseconds, in a request and in a page.
func TestTimeoutsAreSaid(t *testing.T) {
	for _, q := range []any{client.Request{Timeout: 50 * time.Millisecond}, client.Page{Timeout: 50 * time.Millisecond}} {
		if text, err := json.Marshal(q); err != nil || !strings.Contains(string(text), `"timeoutMs":50`) {
			t.Errorf("%s, %v", text, err)
		}
	}
}

// Every operation under /v1 is a method, and what lists may be asked is in List.
func TestOperationsAreMethods(t *testing.T) {
	methods := map[string]string{
		"POST /v1/recommend": "Recommend", "GET /v1/recommend": "Recommend", "POST /v1/recommend/batch": "Page", "GET /v1/items/{id}/similar": "Similar", "GET /v1/items/{id}/together": "Together",
		"GET /v1/items/{id}": "Item", "GET /v1/trending": "Trending", "GET /v1/popular": "Popular", "POST /v1/events": "Send",
		"GET /v1/profile": "Profile", "PUT /v1/profile": "SetProfile", "DELETE /v1/profile": "Forget",
	}
	doc, of, lists := openAPI(t), reflect.TypeFor[*client.Client](), map[string]bool{}
	for path, operations := range under(doc, "#/paths") {
		for method, o := range operations.(object) {
			name, ok := methods[strings.ToUpper(method)+" "+path]
			if _, has := of.MethodByName(name); strings.HasPrefix(path, "/v1/") && (!ok || !has) {
				t.Errorf("%s %s: the client has no call of it", method, path)
			}
			parameters, _ := o.(object)["parameters"].([]any)
			for _, p := range parameters {
				if p := resolved(doc, p.(object)); slices.Contains([]string{"Similar", "Together", "Trending", "Popular"}, name) && p["in"] == "query" {
					lists[p["name"].(string)] = true
				}
			}
		}
	}
	fields := reflect.TypeFor[client.List]()
	for i := range fields.NumField() {
		name := strings.ToLower(fields.Field(i).Name)
		if !lists[name] {
			t.Errorf("List.%s: no list takes it", fields.Field(i).Name)
		}
		delete(lists, name)
	}
	if len(lists) > 0 {
		t.Errorf("lists take %v, List has none of it", lists)
	}
}
