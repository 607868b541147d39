package serve

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// docIDs are the items that docs/api.md speaks of, and some more.
var docIDs = []string{"20725", "21232", "22423", "47566", "84378", "84879", "84946", "85099B", "85123A", "POST", "X1", "Z9"}

func withDocIDs(b *model.Build) {
	for i, id := range docIDs {
		b.IDs[i], b.Items[i].ID = id, id
	}
	b.Items[5].Available = nil
}

// example is one curl of the page, and the answer shown below it.
type example struct {
	line                 int
	method, target, body string
	headers              []string
	shown                string
	admin                bool // it is for the admin listener
}

// examplesOf finds every curl in the page's console blocks. A json block right after one continues its last answer.
func examplesOf(t *testing.T, page string) (list []example) {
	t.Helper()
	block, command, began := "", "", 0
	finish := func() {
		if command != "" {
			list = append(list, curl(t, command, began))
			command = ""
		}
	}
	for i, line := range strings.Split(page, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			finish()
			if block = strings.TrimPrefix(line, "```"); block == "json" && (len(list) == 0 || list[len(list)-1].shown != "") {
				block = ""
			}
		case block == "console" && strings.HasPrefix(line, "$ "):
			finish()
			command, began = strings.TrimPrefix(line, "$ "), i+1
		case block == "console" && command != "" && strings.Count(command, "'")%2 == 1:
			command += "\n" + line
		case block == "console" || block == "json":
			finish()
			if len(list) > 0 {
				list[len(list)-1].shown += line + "\n"
			}
		}
	}
	return list
}

var arguments = regexp.MustCompile(`'[^']*'|[^\s']+`)

// curl reads a command line as curl would, as far as the page uses it.
func curl(t *testing.T, command string, line int) example {
	t.Helper()
	e := example{line: line, method: "GET"}
	args := arguments.FindAllString(command, -1)
	for i := 1; i < len(args); i++ {
		next := func() string { i++; return strings.Trim(args[i], "'") }
		switch arg := strings.Trim(args[i], "'"); arg {
		case "-i":
		case "-H":
			e.headers = append(e.headers, next())
		case "-X":
			e.method = next()
		case "-d":
			e.body = next()
			if e.method == "GET" {
				e.method = "POST"
			}
			e.headers = append(e.headers, "Content-Type: application/x-www-form-urlencoded")
		default:
			target, ok := strings.CutPrefix(arg, "http://localhost:8080")
			if !ok {
				target, ok = strings.CutPrefix(arg, "http://localhost:8081")
				e.admin = ok
			}
			if !ok {
				t.Fatalf("line %d: what is %q?", line, arg)
			}
			e.target = target
		}
	}
	if args[0] != "curl" || e.target == "" {
		t.Fatalf("line %d: no curl with a URL: %s", line, command)
	}
	return e
}

// run sends an example to the node it is for: one with keys, one with tokens, or one with neither.
func (e *example) run(t *testing.T, plain, keyed, tokens *fixture, keys apiKeys, token string) response {
	if e.admin {
		w := plain.admin(e.method, "http://localhost:8081"+e.target, "", e.body)
		return response{status: w.Code, header: w.Header(), body: w.Body.String()}
	}
	f, head := plain, strings.Join(e.headers, "\r\n")
	switch {
	case strings.Contains(head+e.target, "edged_pk_"):
		f = keyed
	case strings.Contains(head, "Edged-Profile"):
		f = tokens
	}
	fill := strings.NewReplacer("edged_pk_…", keys.publishable, "AQ2zniUAAQ…", token)
	request := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8\r\nAccept: */*\r\n", e.method, fill.Replace(e.target))
	for _, h := range e.headers {
		request += fill.Replace(h) + "\r\n"
	}
	if e.body != "" {
		request += fmt.Sprintf("Content-Length: %d\r\n", len(e.body))
	}
	return f.raw(request + "\r\n" + e.body)
}

// dots are what the page leaves out.
var dots = strings.NewReplacer(`, …`, "", `…`, "")

// sameKeys checks that what is shown has the keys of what came, object by object; of a list the first elements.
func sameKeys(t *testing.T, where string, shown, got any) {
	t.Helper()
	switch s := shown.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(s)), slices.Sorted(maps.Keys(g))) {
			t.Errorf("%s: the page shows the keys %v, the node answers %v", where, slices.Sorted(maps.Keys(s)), got)
			return
		}
		for k := range s {
			sameKeys(t, where+"."+k, s[k], g[k])
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(s) > 0 && len(g) == 0 {
			t.Errorf("%s: the page shows a list of %d, the node answers %v", where, len(s), got)
			return
		}
		if len(s) > 0 {
			sameKeys(t, where+"[0]", s[0], g[0])
		}
	default:
		if fmt.Sprintf("%T", shown) != fmt.Sprintf("%T", got) {
			t.Errorf("%s: the page shows %v, the node answers %v", where, shown, got)
		}
	}
}

// Every curl of docs/api.md does what the page says: status, headers and keys of the answer.
func TestExamplesOfThePage(t *testing.T) {
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var keys apiKeys
	nodes := [3]*fixture{newFixture(t), newFixture(t, withKeys(t, &keys)), newFixture(t, withTokens(t))}
	for _, f := range nodes {
		f.publish("7-3fa9c2d1", 7, "", withDocIDs)
	}
	nodes[0].trends.Add(&edged.Event{Item: "85123A", Type: edged.View, User: "u", Time: start.UnixMilli(), Context: map[string]string{"country": "GB"}})
	nodes[0].trends.Flush()
	token := nodes[2].send("POST", "/v1/events", `{"item":"85123A","type":"view"}`, "Edged-Profile: new").header.Get("Edged-Profile")
	list := examplesOf(t, string(page))
	if len(list) < 15 {
		t.Fatalf("found %d examples only", len(list))
	}
	for i := range list {
		e := &list[i]
		r := e.run(t, nodes[0], nodes[1], nodes[2], keys, token)
		where := fmt.Sprintf("docs/api.md:%d: %s %s", e.line, e.method, e.target)
		e.compare(t, where, r)
	}
}

// compare holds an answer against what is shown: lines with a colon before any brace are headers, the rest is the body.
func (e *example) compare(t *testing.T, where string, r response) {
	t.Helper()
	var body strings.Builder
	for line := range strings.Lines(e.shown) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || strings.ContainsAny(name, `{["`) {
			body.WriteString(line)
			continue
		}
		if got := r.header.Get(name); got == "" || !strings.HasSuffix(value, "…") && got != value {
			t.Errorf("%s: header %s is %q, the page shows %q", where, name, got, value)
		}
	}
	status := r.status < 300
	if strings.TrimSpace(body.String()) != "" {
		var shown, got any
		if err := json.Unmarshal([]byte(dots.Replace(body.String())), &shown); err != nil {
			t.Fatalf("%s: what is shown is no JSON: %v: %s", where, err, body.String())
		}
		if err := json.Unmarshal([]byte(r.body), &got); err != nil {
			t.Fatalf("%s: %v: %s", where, err, r.body)
		}
		sameKeys(t, where, shown, got)
		if p, ok := shown.(map[string]any); ok && p["type"] == "about:blank" {
			status = p["status"] == float64(r.status) && p["detail"] == got.(map[string]any)["detail"]
		}
	}
	if !status {
		t.Errorf("%s: %d %s", where, r.status, r.body)
	}
}

// The words that docs/api.md shows are some that a node takes, and say everything that its example says.
func TestWordsOfThePage(t *testing.T) {
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```json\n(\\{\n  \"default\".*?)```").FindStringSubmatch(string(page))
	if blocks == nil {
		t.Fatal("the page shows no words")
	}
	f := newFixture(t, withWords(t, blocks[1]))
	if gaps := f.server.words.Load().Gaps(); len(gaps) > 0 {
		t.Errorf("%v are missing", gaps)
	}
	const example = `{"recent": [{"item": "85123A", "type": "purchase"}], "n": 1, "explain": true, "context": {"language": "de-AT"}}`
	if !strings.Contains(string(page), example) {
		t.Fatal("the page shows another example")
	}
	f.publish("7-3fa9c2d1", 7, "", withDocIDs)
	f.post("/v1/recommend", "application/json", example).want(t, 200, `"text":"Weil Sie The mug-2 gekauft haben"`)
}
