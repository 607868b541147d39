package serve

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edged/edged"
)

// refusal is what an error answer says.
type refusal struct {
	Type, Title, Detail, Field string
	Status                     int
}

// checkRefusal reads an error answer and checks that it is one.
func checkRefusal(t *testing.T, r response, status int, says string) {
	t.Helper()
	var p refusal
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatalf("%d %q: %v", r.status, r.body, err)
	}
	if r.status != status || p.Status != status || r.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("status %d, in the body %d, %s; want %d: %s", r.status, p.Status, r.header.Get("Content-Type"), status, r.body)
	}
	if !strings.Contains(p.Detail, says) {
		t.Errorf("detail %q does not say %q", p.Detail, says)
	}
	if p.Field != "" && !strings.HasPrefix(p.Detail, p.Field+": ") {
		t.Errorf("detail %q does not lead with field %q", p.Detail, p.Field)
	}
}

func TestMalformedTargets(t *testing.T) {
	long := strings.Repeat("x", edged.MaxIDLen+1)
	f := newFixture(t)
	for _, test := range []struct {
		target string
		status int
		says   string
	}{
		{"/v1/recommend?n=0", 400, `n: want a whole number from 1 to 500, got "0"`},
		{"/v1/recommend?n=501", 400, "from 1 to 500"},
		{"/v1/recommend?n=-1", 400, `got "-1"`},
		{"/v1/recommend?n=1.5", 400, `got "1.5"`},
		{"/v1/recommend?n=1e2", 400, `got "1e2"`},
		{"/v1/recommend?n=0x10", 400, "n: want"},
		{"/v1/recommend?n=", 400, `got ""`},
		{"/v1/recommend?n", 400, `got ""`},
		{"/v1/recommend?n=ten", 400, `got "ten"`},
		{"/v1/recommend?n=99999999999999999999", 400, "n: want"},
		{"/v1/recommend?n=18446744073709551617", 400, "n: want"},
		{"/v1/recommend?n=%201", 400, `got " 1"`},
		{"/v1/recommend?n=+1", 400, `got " 1"`},
		{"/v1/recommend?n=%D9%A1", 400, "n: want"}, // Arabic-Indic one
		{"/v1/recommend?n=1&n=2", 400, "n: given twice"},
		{"/v1/recommend?N=1", 400, "N: unknown query parameter; did you mean n?"},
		{"/v1/recommend?user=u", 400, "user: personal ids stay out of URLs"},
		{"/v1/recommend?session=s", 400, "session: personal ids stay out of URLs"},
		{"/v1/popular?user=u", 400, "user: personal ids stay out of URLs"},
		{"/v1/recommend?recnt=a", 400, "recnt: unknown query parameter; did you mean recent?"},
		{"/v1/recommend?field=title", 400, "did you mean fields?"},
		{"/v1/recommend?zzzzzzzzzz=1", 400, "known: recent, n, exclude"},
		{"/v1/recommend?=1", 400, "unknown query parameter"},
		{"/v1/recommend?" + long + "=1", 400, "unknown query parameter"},
		{"/v1/recommend?%00=1", 400, "unknown query parameter"},
		{"/v1/recommend?recent=%", 400, `recent: bad percent escape "%"`},
		{"/v1/recommend?recent=%4", 400, `bad percent escape "%4"`},
		{"/v1/recommend?recent=%zz", 400, `bad percent escape "%zz"`},
		{"/v1/recommend?recent=a%2", 400, "bad percent escape"},
		{"/v1/recommend?recent=%u00e9", 400, "bad percent escape"},
		{"/v1/recommend?%zz=a", 400, "bad percent escape"},
		{"/v1/recommend?recent=%ff", 400, "recent: not UTF-8"},
		{"/v1/recommend?recent=%c0%80", 400, "recent: not UTF-8"},
		{"/v1/recommend?recent=%ed%a0%80", 400, "recent: not UTF-8"},
		{"/v1/recommend?recent=\xff", 400, "recent: not UTF-8"},
		{"/v1/recommend?%ff=a", 400, "not UTF-8"},
		{"/v1/recommend?recent=a,,b", 400, "recent: entry 2 is empty"},
		{"/v1/recommend?recent=,", 400, "recent: entry 1 is empty"},
		{"/v1/recommend?recent=a,", 400, "recent: entry 2 is empty"},
		{"/v1/recommend?recent=" + long, 400, "recent: entry 1: 513 bytes, at most 512"},
		{"/v1/recommend?exclude=a," + long, 400, "exclude: entry 2: 513 bytes"},
		{"/v1/recommend?exclude=" + strings.Repeat("a,", 1000) + "a", 400, "exclude: more than 1000 entries"},
		{"/v1/recommend?fields=" + strings.Repeat("title,", 32) + "title", 400, "fields: more than 32 entries"},
		{"/v1/recommend?fields=tite", 400, "fields.tite: unknown catalogue field; did you mean title?"},
		{"/v1/recommend?fields=id", 400, "fields.id: unknown catalogue field"},
		{"/v1/recommend?fields=title,", 400, "fields: entry 2 is empty"},
		{"/v1/recommend?explain=yes", 400, `explain: want true or false, got "yes"`},
		{"/v1/recommend?explain", 400, "explain: want true or false"},
		{"/v1/recommend?explain=true&explain=true", 400, "explain: given twice"},
		{"/v1/recommend?country=" + long, 400, "country: 513 bytes, at most 256"},
		{"/v1/recommend?slot=" + long, 400, "slot: 513 bytes, at most 64"},
		{"/v1/recommend?timeoutMs=0", 400, "timeoutMs: want a whole number from 1 to 60000"},
		{"/v1/recommend?timeoutMs=60001", 400, "timeoutMs: want"},
		{"/v1/items/%zz", 400, "id: bad percent escape"},
		{"/v1/items/%ff/similar", 400, "id: not UTF-8"},
		{"/v1/items/" + long + "/similar", 400, "513 bytes, at most 512"},
		{"/v1/items/x", 404, "no such item"},
		{"/v1/items/mug-1?n=1", 400, "n: unknown query parameter"},
		{"/v1/items/mug-1/similar?recent=a", 400, "recent: unknown query parameter"},
		{"/v1/items/mug-1/similar?n=501", 400, "n: want"},
		{"/v1/items/mug-1/like", 404, "nothing is at this path"},
		{"/v1/items/", 404, "nothing is at this path"},
		{"/v1/items", 404, "nothing is at this path"},
		{"/v1/trending?window=", 200, ""},
		{"/v1/trending?window=2h", 400, `window: unknown "2h"; known: 1h, 24h, 7d`},
		{"/v1/trending?country=%ff", 400, "country: not UTF-8"},
		{"/v1/popular?country=GB", 400, "country: unknown query parameter"},
		{"/v1/popular?n=1000", 400, "n: want"},
		{"/v1/events?a=b", 405, "use POST"},
		{"/", 404, "nothing is at this path"},
		{"/v1/../v1/popular", 404, "nothing is at this path"},
		{"/v1/%70opular", 404, "nothing is at this path"},
		{"/V1/popular", 404, "nothing is at this path"},
		{"/metrics", 404, "nothing is at this path"},
		{"/debug/pprof/", 404, "nothing is at this path"},
		{"/v1/admin/release", 404, "nothing is at this path"},
	} {
		t.Run(name(test.target), func(t *testing.T) {
			f.t = t
			r := f.get(test.target)
			if test.status == 200 {
				if r.status != 200 {
					t.Errorf("%d: %s", r.status, r.body)
				}
				return
			}
			checkRefusal(t, r, test.status, test.says)
		})
	}
}

func name(s string) string { return fmt.Sprintf("%.60q", s) }

func TestMalformedBodies(t *testing.T) {
	long := strings.Repeat("x", edged.MaxIDLen+1)
	f := newFixture(t)
	for _, test := range []struct{ body, says string }{
		{"", "malformed JSON at byte 0: want an object, got the end"},
		{" \n", "malformed JSON at byte 2"},
		{"{", `malformed JSON at byte 1: want a key in double quotes, got the end`},
		{"}", "malformed JSON at byte 0"},
		{"[]", "want an object, got an array"},
		{"null", "want an object, got null"},
		{"17", "want an object, got a number"},
		{`"text"`, "want an object, got a string"},
		{"true", "want an object, got a boolean"},
		{"{}{}", `malformed JSON at byte 2: want nothing more, got "{"`},
		{"{} x", "malformed JSON at byte 3"},
		{"{},", "malformed JSON at byte 2"},
		{"\ufeff{}", "malformed JSON at byte 0"},
		{"{'n':1}", "malformed JSON at byte 1: want a key in double quotes"},
		{"{n:1}", "malformed JSON at byte 1"},
		{`{"n"}`, `malformed JSON at byte 4: want ":" after the key`},
		{`{"n":}`, "malformed JSON at byte 5"},
		{`{"n":1,}`, "malformed JSON at byte 7: want a key"},
		{`{"n":1 "explain":true}`, `malformed JSON at byte 7: want "," or "}"`},
		{`{,"n":1}`, "malformed JSON at byte 1"},
		{`{"n":01}`, "malformed JSON at byte 6"},
		{`{"n":1.}`, "malformed JSON at byte 7: want a digit"},
		{`{"n":.5}`, "malformed JSON at byte 5"},
		{`{"n":+1}`, "malformed JSON at byte 5"},
		{`{"n":-}`, "malformed JSON at byte 6"},
		{`{"n":1e}`, "malformed JSON at byte 7"},
		{`{"n":NaN}`, "malformed JSON at byte 5"},
		{`{"n":Infinity}`, "malformed JSON at byte 5"},
		{`{"n":1/*one*/}`, "malformed JSON at byte 6"},
		{`{"n":"1"}`, "n: want a whole number from 1 to 500, got a string"},
		{`{"n":null}`, "n: want a whole number from 1 to 500, got null"},
		{`{"n":true}`, "n: want a whole number from 1 to 500, got a boolean"},
		{`{"n":[1]}`, "got an array"},
		{`{"n":{}}`, "got an object"},
		{`{"n":0}`, "n: want a whole number from 1 to 500, got 0"},
		{`{"n":-1}`, "n: want a whole number from 1 to 500, got -1"},
		{`{"n":501}`, "got 501"},
		{`{"n":1.5}`, "got 1.5"},
		{`{"n":1e400}`, "n: want a whole number"},
		{`{"n":99999999999999999999999}`, "n: want a whole number"},
		{`{"n":1,"n":2}`, "n: given twice"},
		{`{"N":1}`, "N: unknown key; did you mean n?"},
		{`{"usr":"u"}`, "usr: unknown key; did you mean user?"},
		{`{"":1}`, "unknown key"},
		{`{"zzzzzzzz":1}`, "known: user, session, recent"},
		{`{"filters":"x"}`, "filters: unknown key; did you mean filter?"},
		{`{"filter":"x"}`, "filter: unknown name x; known: brand, price, categories, tags, published, expires, attributes.NAME"},
		{`{"filter":""}`, "filter: empty"},
		{`{"filter":7}`, "filter: want a string, got a number"},
		{`{"filter":"` + strings.Repeat("y", 1025) + `"}`, "filter: 1025 bytes, at most 1024"},
		{`{"filter":"price <"}`, "filter: unexpected token"},
		{`{"filter":"title contains \"x\""}`, "filter: title: contains, startsWith and endsWith are for rules only"},
		{`{"filter":"brand < \"x\""}`, "filter: brand: can't be asked for so"},
		{`{"filter":"price == \"dear\""}`, "filter: price: dear is no number"},
		{`{"filter":"published > \"soon\""}`, "filter: published: want a date or time"},
		{`{"filter":"price < attributes.cost"}`, "filter: price beside attributes.cost"},
		{`{"filter":"len(tags) > 1"}`, "filter: len"},
		{`{"boost":{}}`, "boost: want an array, got an object"},
		{`{"boost":[{"by":2}]}`, "boost[0].where: missing"},
		{`{"boost":[{"where":"price < 5"}]}`, "boost[0].by: missing"},
		{`{"boost":[{"where":"price < 5","by":0}]}`, "boost[0].by: want a number from 0.01 to 100, got 0"},
		{`{"boost":[{"where":"price > 1","by":2},{"where":"y","by":2}]}`, "boost[1].where: unknown name y"},
		{`{"boost":[{"where":"pric > 1","by":2}]}`, "boost[0].where: unknown name pric; did you mean price?"},
		{`{"filter":"attribute.color == 1"}`, "filter: unknown name attribute.color; did you mean attributes.color?"},
		{`{"diversity":1.01}`, "diversity: want a number from 0 to 1, got 1.01"},
		{`{"diversity":"1"}`, "diversity: want a number, got a string"},
		{`{"explore":-1}`, "explore: want a number from 0 to 1, got -1"},
		{`{"minRelevance":1e9}`, "minRelevance: want a number from 0 to 1"},
		{`{"cap":3}`, "cap: want an object, got a number"},
		{`{"cap":{"brand":0}}`, "cap.brand: want a whole number from 1 to 500, got 0"},
		{`{"cap":{"tag":1}}`, "cap.tag: unknown key"},
		{`{"country":"GB"}`, "country: unknown key"},
		{`{"user":1}`, "user: want a string, got a number"},
		{`{"user":null}`, "user: want a string, got null"},
		{`{"user":""}`, "user: empty"},
		{`{"user":"` + long + `"}`, "user: 513 bytes, at most 512"},
		{`{"session":["s"]}`, "session: want a string, got an array"},
		{`{"user":"a` + "\n" + `b"}`, "malformed JSON at byte 10: want no control character in a string"},
		{`{"user":"a` + "\x00" + `b"}`, "malformed JSON at byte 10"},
		{`{"user":"a`, "malformed JSON at byte 10: want the end of a string"},
		{`{"user":"a\`, "malformed JSON at byte 11: want an escape"},
		{`{"user":"\x"}`, "malformed JSON at byte 10: want an escape among"},
		{`{"user":"\u12"}`, "malformed JSON at byte 13: want four hex digits"},
		{`{"user":"\ud800"}`, "malformed JSON at byte 9: half a surrogate pair"},
		{`{"user":"\ud800\u0041"}`, "half a surrogate pair"},
		{`{"user":"\ud800\ud8"}`, "want four hex digits"},
		{`{"user":"\udc00"}`, "half a surrogate pair"},
		{`{"user":"` + "a\xffb" + `"}`, "malformed JSON at byte 10: not UTF-8"},
		{`{"user":"` + "\\n\xc3" + `"}`, "malformed JSON at byte 11: not UTF-8"},
		{`{"` + "\xff" + `":1}`, "malformed JSON at byte 2: not UTF-8"},
		{`{"user":` + "\xff" + `}`, "malformed JSON at byte 8"},
		{`{"recent":"a"}`, "recent: want an array, got a string"},
		{`{"recent":{}}`, "recent: want an array, got an object"},
		{`{"recent":null}`, "recent: want an array, got null"},
		{`{"recent":[1]}`, "recent[0]: want an id or an object with an item, got a number"},
		{`{"recent":["a",null]}`, "recent[1]: want an id or an object with an item, got null"},
		{`{"recent":["a",["b"]]}`, "recent[1]: want an id or an object"},
		{`{"recent":[""]}`, "recent[0]: empty"},
		{`{"recent":["` + long + `"]}`, "recent[0]: 513 bytes"},
		{`{"recent":[{}]}`, "recent[0].item: missing"},
		{`{"recent":[{"item":1}]}`, "recent[0].item: want a string, got a number"},
		{`{"recent":[{"item":"a","typ":"view"}]}`, "recent[0].typ: unknown key; did you mean type?"},
		{`{"recent":[{"item":"a","item":"b"}]}`, "recent[0].item: given twice"},
		{`{"recent":[{"item":"a","type":1}]}`, "recent[0].type: want a string, got a number"},
		{`{"recent":[{"item":"a","type":"` + strings.Repeat("t", 65) + `"}]}`, "recent[0].type: 65 bytes, at most 64"},
		{`{"recent":[{"item":"a","time":"yesterday"}]}`, `recent[0].time: want RFC 3339, Unix seconds or milliseconds, got "yesterday"`},
		{`{"recent":[{"item":"a","time":-1}]}`, "recent[0].time: want RFC 3339"},
		{`{"recent":[{"item":"a","time":1e300}]}`, "recent[0].time: want RFC 3339"},
		{`{"recent":[{"item":"a","time":null}]}`, "recent[0].time: want a time, got null"},
		{`{"recent":["a" "b"]}`, `malformed JSON at byte 15: want "," or "]"`},
		{`{"recent":["a",]}`, "malformed JSON at byte 15"},
		{`{"recent":["a"`, "malformed JSON at byte 14"},
		{`{"recent":` + strings.Repeat("[", 100_000), "recent[0]: want an id"},
		{`{"exclude":"a"}`, "exclude: want an array, got a string"},
		{`{"exclude":[1]}`, "exclude[0]: want a string, got a number"},
		{`{"exclude":[{"item":"a"}]}`, "exclude[0]: want a string, got an object"},
		{`{"exclude":["a"` + strings.Repeat(`,"a"`, 1000) + `]}`, "exclude[1000]: more than 1000 entries"},
		{`{"fields":"title"}`, "fields: want an array, got a string"},
		{`{"fields":["titel"]}`, "fields.titel: unknown catalogue field; did you mean title?"},
		{`{"fields":[""]}`, "fields[0]: empty"},
		{`{"explain":1}`, "explain: want true or false, got a number"},
		{`{"explain":"true"}`, "explain: want true or false, got a string"},
		{`{"explain":tru}`, "malformed JSON at byte 11: want true"},
		{`{"explain":TRUE}`, "malformed JSON at byte 11"},
		{`{"context":"GB"}`, "context: want an object, got a string"},
		{`{"context":{"country":1}}`, "context.country: want a string, got a number"},
		{`{"context":{"country":"` + long + `"}}`, "context.country: 513 bytes, at most 256"},
		{`{"context":{"` + long + `":"x"}}`, "context: a key of more than 256 bytes"},
		{`{"context":{` + manyKeys(17) + `}}`, "context: more than 16 entries"},
		{`{"context":{"country":"GB","country":"FR"}}`, "context.country: given twice"},
		{`{"slot":1}`, "slot: want a string, got a number"},
		{`{"slot":"` + long + `"}`, "slot: 513 bytes, at most 64"},
		{`{"timeoutMs":0}`, "timeoutMs: want a whole number from 1 to 60000, got 0"},
		{`{"timeoutMs":"50"}`, "timeoutMs: want a whole number"},
		{`{"timeoutMs":1e-9}`, "timeoutMs: want a whole number"},
		{`{"filter":"` + conditions(33) + `"}`, "filter: more than 64 conditions"},
		{`{"filter":"` + strings.Repeat("(", 513) + `true` + strings.Repeat(")", 513) + `"}`, "filter: 1030 bytes, at most 1024"},
		{`{"filter":"` + strings.Repeat("not ", 70) + `true"}`, "filter: more than 64 conditions"},
		{`{"filter":"brand in [` + strings.Repeat("1,", 200) + `1]"}`, "filter: more than 64 conditions, or 128 names, constants and operators"},
		{`{"filter":"` + conditions(32) + `","boost":[{"where":"` + conditions(32) + `","by":2},{"where":"price < 9","by":2},{"where":"price < 8 and price > 2","by":2}]}`, "boost[2].where: more conditions than may be asked in one request"},
	} {
		t.Run(name(test.body), func(t *testing.T) {
			f.t = t
			checkRefusal(t, f.post("/v1/recommend", "application/json", test.body), 400, test.says)
		})
	}
}

// conditions is an expression of n comparisons, joined by n−1 operators.
func conditions(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("price<%d", i)
	}
	return strings.Join(list, " or ")
}

func manyKeys(n int) string {
	var keys []string
	for i := range n {
		keys = append(keys, fmt.Sprintf(`"k%d":""`, i))
	}
	return strings.Join(keys, ",")
}

// What is malformed must not make the next request on the connection mean something else.
func TestConnectionSurvivesABadRequest(t *testing.T) {
	f := newFixture(t)
	conn, err := f.ln.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	body := `{"n":"x"}`
	bad := fmt.Sprintf("POST /v1/recommend HTTP/1.1\r\nHost: edge\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	checkRefusal(t, f.exchange(conn, r, bad), 400, "n: want")
	if got := f.exchange(conn, r, "GET /healthz/live HTTP/1.1\r\nHost: edge\r\n\r\n"); got.status != 200 || got.body != `{"status":"live"}` {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A body over the limit is refused before it is read, and the caller sees why although it is still sending.
func TestLargeBodies(t *testing.T) {
	f := newFixture(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = f.server.Serve(ln) }()
	for _, test := range []struct {
		size, status int
		says         string
	}{
		{edged.MaxBody, 400, "malformed JSON at byte 1048576"},
		{edged.MaxBody + 1, 413, "the body is larger than 1048576 bytes"},
		{2 << 20, 413, "the body is larger than 1048576 bytes"},
		{8 << 20, 413, "the body is larger than 1048576 bytes"},
	} {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		head := fmt.Sprintf("POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: %d\r\n\r\n", test.size)
		sent := make(chan error, 1)
		go func() {
			_, err := io.WriteString(conn, head+strings.Repeat(" ", test.size))
			sent <- err
		}()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%d bytes: %v", test.size, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("%d bytes: %v", test.size, err)
		}
		checkRefusal(t, response{resp.StatusCode, resp.Header, string(body)}, test.status, test.says)
		if err := <-sent; err != nil {
			t.Errorf("%d bytes: the caller could not send them all: %v", test.size, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	chunk := strings.Repeat("10000\r\n"+strings.Repeat(" ", 1<<16)+"\r\n", 17) + "0\r\n\r\n"
	checkRefusal(t, f.raw("POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n"+chunk), 413, "larger than 1048576 bytes")
	checkRefusal(t, f.get("/v1/recommend?recent="+strings.Repeat("x", 40<<10)), 431, "use POST for long lists")
}

func TestTooManyEvents(t *testing.T) {
	f := newFixture(t)
	checkRefusal(t, f.post("/v1/events", "", "["+strings.Repeat("1,", maxEvents)+"1]"), 413, "more than 10000 events")
	if len(f.sink.events) != 0 {
		t.Errorf("%d events stored", len(f.sink.events))
	}
}

// What is nearly right is refused where two readers may take it for different things, and taken where the standards say so.
func TestNearlyRight(t *testing.T) {
	var keys apiKeys
	f, keyed := newFixture(t), newFixture(t, withKeys(t, &keys))
	const body = `{"n":1}`
	post := func(heads string) response {
		return f.raw("POST /v1/recommend HTTP/1.1\r\nHost: edge\r\nContent-Length: 7\r\n" + heads + "\r\n" + body)
	}
	for _, target := range []string{"diversity=0x1p-1", "diversity=1_0e-2", "explore=.5_0", "minRelevance=%2B1", "minRelevance=inf", "diversity=nan", "boost=1_0:price>1"} {
		checkRefusal(t, f.get("/v1/recommend?"+target), 400, "want a number from")
	}
	checkRefusal(t, f.get("/v1/popular?n=1#x"), 400, "a target has no fragment")
	checkRefusal(t, post("Content-Encoding: identity\r\nContent-Encoding: gzip\r\n"), 415, `Content-Encoding "gzip" is not supported`)
	checkRefusal(t, post("Content-Encoding: gzip\r\nContent-Encoding: identity\r\n"), 415, `Content-Encoding "gzip" is not supported`)
	checkRefusal(t, post("Content-Type: application/json; charset=utf-16\r\n"), 415, "only UTF-8 is read")
	for _, heads := range []string{"", "Content-Encoding: identity\r\n", "Content-Type: application/json; charset=\"UTF-8\"\r\n", "Content-Type: text/plain;charset=us-ascii; x=y\r\n"} {
		post(heads).want(t, 200)
	}
	for _, scheme := range []string{"Bearer", "bearer", "BEARER"} {
		keyed.send("GET", "/v1/popular", "", "Authorization: "+scheme+" "+keys.secret).want(t, 200)
	}
	checkRefusal(t, keyed.send("GET", "/v1/popular", "", "Authorization: Basic "+keys.secret), 401, "wants an API key")
}

// Boosts that would have to be looked up in the whole catalogue after the time is over are left out.
func TestLateBoostsAreLeftOut(t *testing.T) {
	var now atomic.Int64
	now.Store(start.UnixMilli())
	f := newFixture(t, func(c *Config) { c.Clock = func() time.Time { return time.UnixMilli(now.Add(5)) } })
	knows := func() bool { return f.releases.Load().Knows([]byte("price > 3")) }
	f.get("/v1/recommend?n=3&timeoutMs=1&boost=2:price+%3E+3").want(t, 200)
	if knows() {
		t.Error("the boost was looked up")
	}
	f.get("/v1/recommend?n=3&timeoutMs=60000&boost=2:price+%3E+3").want(t, 200)
	if !knows() {
		t.Error("the boost was not looked up, and there was time")
	}
}
