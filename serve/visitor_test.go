package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged"
	"github.com/edged/edged/access"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/profile"
	"github.com/edged/edged/trend"
)

// withTokens makes the node keep profiles in tokens.
func withTokens(t testing.TB) func(*Config) {
	return func(c *Config) {
		s, err := profile.NewSealer([][]byte{bytes.Repeat([]byte{1}, 32)}, profile.TokenOptions{Clock: c.Clock})
		if err != nil {
			t.Fatal(err)
		}
		c.Tokens, c.Profiles = s, nil
	}
}

// apiKeys are those of a test's node, as callers have them.
type apiKeys struct{ publishable, secret string }

func withKeys(t testing.TB, keys *apiKeys, origins ...string) func(*Config) {
	return func(c *Config) {
		pk, public, err := access.New(access.Publishable, origins, "", start)
		if err != nil {
			t.Fatal(err)
		}
		sk, secret, err := access.New(access.Secret, nil, "", start)
		if err != nil {
			t.Fatal(err)
		}
		keys.publishable, keys.secret = pk, sk
		c.Keys = (&access.Keys{}).With(public).With(secret)
	}
}

// send makes a request of a method, headers ("Name: value") and a body.
func (f *fixture) send(method, target, body string, headers ...string) response {
	f.t.Helper()
	head := method + " " + target + " HTTP/1.1\r\nHost: edge\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	if body != "" || method == "POST" || method == "PUT" {
		head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return f.raw(head + "\r\n" + body)
}

func (r response) want(t testing.TB, status int, parts ...string) response {
	t.Helper()
	if r.status != status {
		t.Errorf("status %d, want %d: %s", r.status, status, r.body)
	}
	for _, part := range parts {
		if !strings.Contains(r.body, part) {
			t.Errorf("%s in the body, want %s", r.body, part)
		}
	}
	return r
}

// cookieOf is the profile cookie an answer sets.
func cookieOf(t testing.TB, r response) (value, attributes string) {
	t.Helper()
	m := regexp.MustCompile(`^edged_profile=([^;]*)(.*)$`).FindStringSubmatch(r.header.Get("Set-Cookie"))
	if m == nil {
		t.Fatalf("no profile cookie in %v", r.header)
	}
	return m[1], m[2]
}

const viewMug = `{"item":"mug-1","type":"view","session":"s"}`

func TestTokenInACookie(t *testing.T) {
	f := newFixture(t, withTokens(t))
	f.send("GET", "/v1/recommend", "").want(t, 200, `"level":"global"`)
	token, attributes := cookieOf(t, f.send("POST", "/v1/events", viewMug).want(t, 202))
	if want := "; Path=/v1; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax"; attributes != want {
		t.Errorf("attributes %q, want %q", attributes, want)
	}
	cookie := "Cookie: a=b; edged_profile=" + token
	got := f.send("GET", "/v1/recommend?explain=true", "", cookie).want(t, 200, `"level":"personal"`, `"code":"becauseYouViewed","items":["mug-1"]`)
	if got.header.Get("Set-Cookie") != "" {
		t.Error("a fresh token is given again")
	}
	f.send("GET", "/v1/profile", "", cookie).want(t, 200, `"mode":"token","consent":true,"depth":50`, `"items":[{"item":"mug-1","type":"view","time":"2026-03-01T12:00:00Z"}],"unknown":0`)
	f.now.Add((25 * time.Hour).Milliseconds())
	renewed, _ := cookieOf(t, f.send("GET", "/v1/recommend", "", cookie).want(t, 200, `"level":"personal"`))
	f.now.Add((29*24*time.Hour + 23*time.Hour).Milliseconds())
	f.send("GET", "/v1/recommend", "", cookie).want(t, 200, `"level":"global"`) // expired
	f.send("GET", "/v1/recommend", "", "Cookie: edged_profile="+renewed).want(t, 200, `"level":"personal"`)
}

func TestServerTiming(t *testing.T) {
	now := start
	f := newFixture(t, func(c *Config) {
		c.Clock = func() time.Time { now = now.Add(17 * time.Microsecond); return now }
	})
	if got := f.get("/v1/recommend").header.Get("Server-Timing"); !regexp.MustCompile(`^edged;dur=0\.\d{3}$`).MatchString(got) || got == "edged;dur=0.000" {
		t.Errorf("%q", got)
	}
	if got := f.get("/v1/popular").header.Get("Server-Timing"); got != "" {
		t.Errorf("what caches keep says %q", got)
	}
}

func TestTokenInAHeader(t *testing.T) {
	f := newFixture(t, withTokens(t))
	r := f.send("POST", "/v1/events", "["+viewMug+`,{"item":"gone","type":"purchase"}]`, "Edged-Profile: new").want(t, 202)
	token := r.header.Get("Edged-Profile")
	if r.header.Get("Set-Cookie") != "" || len(token) < 100 {
		t.Fatalf("%v", r.header)
	}
	header := "Edged-Profile: " + token
	f.send("GET", "/v1/profile", "", header).want(t, 200, `"items":[{"item":"mug-1"`, `"unknown":1`)
	f.send("POST", "/v1/recommend", `{"recent":["lamp-1"],"explain":true}`, header).want(t, 200, `"items":["lamp-1"]`) // what is sent counts
	for _, bad := range []string{token[:len(token)-2], token[1:], "x", strings.Repeat("A", 1015)} {
		f.send("GET", "/v1/recommend", "", "Edged-Profile: "+bad).want(t, 200, `"level":"global"`)
	}
	if n := f.server.metrics.tokensRefused.Get(); n != 4 {
		t.Errorf("%d tokens counted as refused, want 4", n)
	}
}

func TestLimitsAndForgetting(t *testing.T) {
	f := newFixture(t, withTokens(t))
	events := `[{"item":"mug-1","type":"view"},{"item":"mug-2","type":"cart"},{"item":"lamp-1","type":"view"}]`
	token := f.send("POST", "/v1/events", events, "Edged-Profile: new").header.Get("Edged-Profile")
	r := f.send("PUT", "/v1/profile", `{"depth":2,"days":7}`, "Edged-Profile: "+token).want(t, 200, `"depth":2,"days":7`)
	token = r.header.Get("Edged-Profile")
	if n := strings.Count(r.body, `"item":`); n != 2 {
		t.Errorf("%d items at depth 2: %s", n, r.body)
	}
	f.send("GET", "/v1/profile", "", "Edged-Profile: "+token).want(t, 200, `"depth":2,"days":7`)
	r = f.send("PUT", "/v1/profile", `{"consent":false}`, "Edged-Profile: "+token).want(t, 200, `"consent":false`, `"items":[]`)
	token = r.header.Get("Edged-Profile")
	stored := len(f.sink.events)
	r = f.send("POST", "/v1/events", viewMug, "Edged-Profile: "+token).want(t, 202, `{"accepted":0,"rejected":[],"optedOut":1}`)
	if r.header.Get("Edged-Profile") != "" || len(f.sink.events) != stored {
		t.Error("something of a visitor who said no is kept")
	}
	r = f.send("PUT", "/v1/profile", `{"consent":true}`, "Edged-Profile: "+token).want(t, 200, `"consent":true`)
	token = r.header.Get("Edged-Profile")
	f.send("POST", "/v1/events", viewMug, "Edged-Profile: "+token).want(t, 202, `"accepted":1`)

	if r := f.send("DELETE", "/v1/profile", "", "Edged-Profile: "+token).want(t, 204); r.header.Get("Edged-Profile") != "new" {
		t.Errorf("%v", r.header)
	}
	value, attributes := cookieOf(t, f.send("DELETE", "/v1/profile", "", "Cookie: edged_profile="+token).want(t, 204))
	if value != "" || !strings.Contains(attributes, "Max-Age=0;") {
		t.Errorf("%q %q", value, attributes)
	}
	for body, want := range map[string]string{`{"depth":51}`: "depth", `{"consent":1}`: "consent", `{"days":-1}`: "days", `{"name":1}`: "unknown key", ``: "malformed", `{"depth":1}x`: "malformed"} {
		f.send("PUT", "/v1/profile", body, "Edged-Profile: new").want(t, 400, want)
	}
}

// A page of another site can neither use nor change the cookie.
func TestCookiesAndForeignPages(t *testing.T) {
	f := newFixture(t, withTokens(t), func(c *Config) { c.Origins = []string{"*", "https://shop.example"} })
	token, _ := cookieOf(t, f.send("POST", "/v1/events", viewMug))
	cookie := "Cookie: edged_profile=" + token
	for _, foreign := range []string{"Origin: https://evil.example", "Origin: null", "Origin: http://edge.evil", "Sec-Fetch-Site: cross-site"} {
		r := f.send("GET", "/v1/recommend", "", cookie, foreign).want(t, 200, `"level":"global"`)
		if r.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: credentials are allowed", foreign)
		}
		if r := f.send("POST", "/v1/events", viewMug, cookie, foreign).want(t, 202); r.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: a cookie is set", foreign)
		}
		f.send("PUT", "/v1/profile", `{"consent":false}`, cookie, foreign).want(t, 403)
		f.send("DELETE", "/v1/profile", "", cookie, foreign).want(t, 403)
	}
	for _, own := range []string{"Origin: http://edge", "Origin: https://shop.example", "Sec-Fetch-Site: same-site"} {
		f.send("GET", "/v1/recommend", "", cookie, own).want(t, 200, `"level":"personal"`)
	}
	r := f.send("GET", "/v1/recommend", "", cookie, "Origin: https://shop.example")
	if r.header.Get("Access-Control-Allow-Credentials") != "true" || r.header.Get("Access-Control-Allow-Origin") != "https://shop.example" || r.header.Get("Vary") != "Origin" {
		t.Errorf("a named origin gets %v", r.header)
	}
}

// watched are stores that count every look and every write.
type watched struct{ looks, writes int }

func (w *watched) Recent(dst []profile.Recent, _ profile.Key) []profile.Recent { w.looks++; return dst }
func (w *watched) RecentUser(dst []profile.Recent, _ []byte) []profile.Recent  { w.looks++; return dst }
func (w *watched) RecentSession(dst []profile.Recent, _ []byte) []profile.Recent {
	w.looks++
	return dst
}
func (w *watched) Forget(profile.Key) bool { w.writes++; return true }
func (w *watched) Add(*edged.Event)        { w.writes++ }

type watchedTrends struct{ writes int }

func (w *watchedTrends) Top(string, string) *trend.List { return nil }
func (w *watchedTrends) Add(*edged.Event)               { w.writes++ }

func TestOptOutLooksNothingUpAndStoresNothing(t *testing.T) {
	var stores watched
	var trends watchedTrends
	logged := 0
	f := newFixture(t, func(c *Config) {
		c.Profiles, c.Trends = &stores, &trends
		c.Events = func(_ context.Context, batch []edged.Event) ([]bool, error) {
			logged += len(batch)
			return make([]bool, len(batch)), nil
		}
	})
	const ask = `{"user":"u","session":"s"}`
	events := `[{"user":"u","item":"mug-1","type":"view"},{"item":""},` + viewMug + `]`
	f.send("POST", "/v1/recommend", ask, "Sec-GPC: 1").want(t, 200)
	f.send("POST", "/v1/events", events, "Sec-GPC: 1").want(t, 202, `{"accepted":0,"rejected":[{"index":1,`, `"optedOut":2}`)
	if stores.looks+stores.writes+trends.writes+logged != 0 {
		t.Errorf("after an opt-out: %+v, trends %+v, %d events logged", stores, trends, logged)
	}
	f.send("POST", "/v1/recommend", ask, "Sec-GPC: 0").want(t, 200)
	f.send("POST", "/v1/events", events).want(t, 202, `"accepted":2`)
	if stores.looks == 0 || logged != 2 {
		t.Errorf("without an opt-out: %+v, %d events logged: is the test watching?", stores, logged)
	}
}

func TestOptOutAndTokens(t *testing.T) {
	f := newFixture(t, withTokens(t))
	token := f.send("POST", "/v1/events", viewMug, "Edged-Profile: new").header.Get("Edged-Profile")
	header := "Edged-Profile: " + token
	stored := len(f.sink.events)
	f.send("GET", "/v1/recommend", "", header, "Sec-GPC: 1").want(t, 200, `"level":"global"`)
	r := f.send("POST", "/v1/events", viewMug, header, "Sec-GPC: 1").want(t, 202, `"optedOut":1`)
	if r.header.Get("Edged-Profile") != "" || len(f.sink.events) != stored {
		t.Error("something is kept")
	}
	f.send("GET", "/v1/profile", "", header, "Sec-GPC: 1").want(t, 200, `"consent":false`, `"items":[]`)
	f.send("PUT", "/v1/profile", `{"consent":true}`, header, "Sec-GPC: 1").want(t, 409)
}

// refusing makes tokens that say no, and headers of a cookie with it.
func refusing(t testing.TB, f *fixture) (token, cookie string) {
	t.Helper()
	token = f.send("PUT", "/v1/profile", `{"consent":false}`, "Edged-Profile: new").want(t, 200, `"consent":false`).header.Get("Edged-Profile")
	return token, "Cookie: edged_profile=" + token
}

// saysNo reports whether a token keeps events from being stored.
func saysNo(f *fixture, token string) bool {
	r := f.send("POST", "/v1/events", viewMug, "Edged-Profile: "+token)
	return token != "" && token != "new" && strings.Contains(r.body, `"optedOut":1`)
}

func TestANoBesideSecGPCIsKept(t *testing.T) {
	f := newFixture(t, withTokens(t))
	token := f.send("POST", "/v1/events", viewMug, "Edged-Profile: new").header.Get("Edged-Profile")
	for _, more := range []string{"Accept: */*", "Origin: https://other.example"} {
		r := f.send("PUT", "/v1/profile", `{"consent":false}`, "Edged-Profile: "+token, "Sec-GPC: 1", more).want(t, 200, `"consent":false`, `"items":[]`)
		if no := r.header.Get("Edged-Profile"); !saysNo(f, no) || r.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: want the refusing token in the header, got %v", more, r.header)
		}
	}
	no, cookie := refusing(t, f)
	r := f.send("PUT", "/v1/profile", `{"depth":3}`, "Edged-Profile: "+no, "Sec-GPC: 1").want(t, 200, `"consent":false,"depth":3`)
	if !saysNo(f, r.header.Get("Edged-Profile")) {
		t.Error("a no is lost by a change beside Sec-GPC")
	}
	f.send("PUT", "/v1/profile", `{"consent":true}`, "Edged-Profile: "+no, "Sec-GPC: 1").want(t, 409)
	value, _ := cookieOf(t, f.send("DELETE", "/v1/profile", "", cookie, "Sec-GPC: 1").want(t, 204))
	if !saysNo(f, value) {
		t.Error("a no is forgotten beside Sec-GPC")
	}
}

// A no in the cookie counts on any page, and where the header brings no token.
func TestANoInTheCookieCountsEverywhere(t *testing.T) {
	f := newFixture(t, withTokens(t))
	no, cookie := refusing(t, f)
	yes := f.send("POST", "/v1/events", viewMug, "Edged-Profile: new").header.Get("Edged-Profile")
	stored := len(f.sink.events)
	for _, more := range []string{"Accept: */*", "Origin: https://other.example", "Sec-Fetch-Site: cross-site", "Edged-Profile: new", "Edged-Profile: x"} {
		r := f.send("POST", "/v1/events", viewMug, cookie, more).want(t, 202, `"accepted":0`, `"optedOut":1`)
		if r.header.Get("Set-Cookie")+r.header.Get("Edged-Profile") != "" || len(f.sink.events) != stored {
			t.Errorf("%s: something of a visitor who said no is kept: %v", more, r.header)
		}
	}
	f.send("POST", "/v1/events", viewMug, cookie, "Edged-Profile: "+yes).want(t, 202, `"accepted":1`)
	f.send("POST", "/v1/events", viewMug, "Cookie: edged_profile="+yes, "Edged-Profile: "+no).want(t, 202, `"optedOut":1`)
	f.send("GET", "/v1/recommend", "", "Cookie: edged_profile="+yes, "Origin: https://other.example").want(t, 200, `"level":"global"`)
}

func TestAnySecGPCOfOneCounts(t *testing.T) {
	f := newFixture(t)
	for _, no := range [][]string{{"Sec-GPC: 1"}, {"sec-gpc:1 "}, {"Sec-GPC: 0", "Sec-GPC: 1"}, {"Sec-GPC:", "Sec-GPC: 1"}, {"Sec-GPC: 1", "Sec-GPC: 0"}, {"Sec-GPC: 1, 1"}, {"Sec-GPC: 0,1"}} {
		f.send("POST", "/v1/events", viewMug, no...).want(t, 202, `"optedOut":1`)
	}
	for _, yes := range [][]string{{"Sec-GPC: 0"}, {"Sec-GPC:"}, {"Sec-GPC: 11"}, {"Sec-GPC: 0", "Sec-GPC: 0, 0"}, {"Sec-GPT: 1"}} {
		f.send("POST", "/v1/events", viewMug, yes...).want(t, 202, `"accepted":1`)
	}
}

func TestForgettingKeepsANo(t *testing.T) {
	f := newFixture(t, withTokens(t))
	no, cookie := refusing(t, f)
	if got := f.send("DELETE", "/v1/profile", "", "Edged-Profile: "+no).want(t, 204).header.Get("Edged-Profile"); !saysNo(f, got) {
		t.Errorf("a no is forgotten: %q", got)
	}
	if got, _ := cookieOf(t, f.send("DELETE", "/v1/profile", "", cookie).want(t, 204)); !saysNo(f, got) {
		t.Errorf("a no in a cookie is forgotten: %q", got)
	}
	f.now.Add((25 * time.Hour).Milliseconds())
	if got := f.send("GET", "/v1/recommend", "", "Edged-Profile: "+no).header.Get("Edged-Profile"); !saysNo(f, got) {
		t.Error("a no is not renewed by visits, and would be forgotten")
	}
}

// What is drawn for a visitor who opted out follows from no name.
func TestExplorationOfAnOptedOut(t *testing.T) {
	f := newFixture(t, withTokens(t))
	f.releases.Store(bazaar(t, 700))
	no, cookie := refusing(t, f)
	lists := func(headers ...string) int {
		seen := map[string]bool{}
		for i := range 20 {
			body := fmt.Sprintf(`{"user":"u%d","session":"s%d","recent":["b00001"],"explore":0.6}`, i, i)
			r := f.send("POST", "/v1/recommend", body, headers...).want(t, 200)
			seen[fmt.Sprint(regexp.MustCompile(`"id":"[^"]*"`).FindAllString(r.body, -1))] = true
		}
		return len(seen)
	}
	for _, who := range []string{"Sec-GPC: 1", "Edged-Profile: " + no, cookie} {
		if n := lists(who); n != 1 {
			t.Errorf("%.20s: %d lists for 20 names, want one", who, n)
		}
	}
	if n := lists(); n < 2 {
		t.Error("exploration draws nothing: is the test watching?")
	}
}

func bearer(key string) string { return "Authorization: Bearer " + key }

func TestKeysAreWanted(t *testing.T) {
	var keys apiKeys
	f := newFixture(t, withKeys(t, &keys, "https://shop.example"))
	for _, target := range []string{"/v1/recommend", "/v1/popular", "/v1/trending", "/v1/items/mug-1", "/v1/items/mug-1/similar", "/v1/profile"} {
		r := f.send("GET", target, "").want(t, 401)
		if r.header.Get("WWW-Authenticate") == "" {
			t.Error("a 401 without WWW-Authenticate")
		}
		f.send("GET", target, "", bearer(keys.publishable+"x")).want(t, 401)
		f.send("GET", target+"?key="+keys.secret, "").want(t, 400, "never goes in a URL")
		if target != "/v1/profile" {
			f.send("GET", target, "", bearer(keys.publishable)).want(t, 200)
			f.send("GET", target+"?key="+keys.publishable, "").want(t, 200)
			f.send("GET", target, "", bearer(keys.secret)).want(t, 200)
		}
	}
	for _, target := range []string{"/healthz/live", "/healthz/ready", "/openapi.json", "/edged.js"} {
		f.send("GET", target, "").want(t, 200)
	}
	f.send("POST", "/v1/events?key="+keys.publishable, viewMug).want(t, 202)
	f.send("GET", "/v1/popular?key="+keys.publishable, "", "Origin: https://shop.example").want(t, 200)
	f.send("GET", "/v1/popular?key="+keys.publishable, "", "Origin: https://other.example").want(t, 403)
	f.send("GET", "/v1/popular", "", bearer(keys.secret), "Origin: https://shop.example").want(t, 403)
	r := f.send("OPTIONS", "/v1/profile", "", "Origin: https://shop.example").want(t, 204)
	if r.header.Get("Access-Control-Allow-Origin") == "" || !strings.Contains(r.header.Get("Access-Control-Allow-Methods"), "DELETE") {
		t.Errorf("preflight: %v", r.header)
	}
	open := newFixture(t)
	open.send("GET", "/v1/popular?key=x", "").want(t, 200)
}

func TestWhoMayAskForWhom(t *testing.T) {
	var keys apiKeys
	f := newFixture(t, withKeys(t, &keys))
	assert := func(user string) string {
		text, err := access.Assert(keys.secret, user, f.clock().Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		return "Edged-Assertion: " + text
	}
	pk, sk := bearer(keys.publishable), bearer(keys.secret)
	f.send("POST", "/v1/events", `[{"user":"ann","item":"mug-1","type":"view"},{"user":"bob","item":"lamp-1","type":"view"}]`, sk).want(t, 202, `"accepted":2`)

	// Recommendations.
	f.send("POST", "/v1/recommend", `{"user":"ann"}`, sk).want(t, 200, `"level":"personal"`)
	f.send("POST", "/v1/recommend", `{"user":"ann"}`, pk).want(t, 403, `"field":"user"`)
	f.send("POST", "/v1/recommend", `{"user":"ann"}`, pk, assert("ann")).want(t, 200, `"level":"personal"`)
	f.send("POST", "/v1/recommend", `{"user":"ann"}`, pk, assert("bob")).want(t, 403)
	f.send("POST", "/v1/recommend", `{"explain":true}`, pk, assert("bob")).want(t, 200, `"items":["lamp-1"]`)
	f.send("POST", "/v1/recommend", `{}`, pk, "Edged-Assertion: v1.x").want(t, 401)
	late := assert("ann")
	f.now.Add(61_000)
	f.send("POST", "/v1/recommend", `{"user":"ann"}`, pk, late).want(t, 401)

	// Events.
	f.send("POST", "/v1/events", `[{"user":"ann","item":"mug-2","type":"view"},`+viewMug+`]`, pk).want(t, 202, `"accepted":1,"rejected":[{"index":0,"error":"event: user: believed only`)
	f.send("POST", "/v1/events", `{"user":"ann","item":"mug-2","type":"view"}`, pk, assert("ann")).want(t, 202, `"accepted":1`)
	f.send("POST", "/v1/events", `{"item":"mug-3","type":"view"}`, pk, assert("ann")).want(t, 202)
	if e := f.sink.events[len(f.sink.events)-1]; e.User != "ann" {
		t.Errorf("an event with an assertion is of %q, want ann", e.User)
	}

	// Profiles: of another neither read nor erased.
	for _, method := range []string{"GET", "DELETE"} {
		f.send(method, "/v1/profile", "", pk).want(t, 403)
		f.send(method, "/v1/profile", "", pk, "Edged-User: ann").want(t, 403)
		f.send(method, "/v1/profile", "", pk, "Edged-Session: s").want(t, 403)
		f.send(method, "/v1/profile", "", pk, "Edged-User: ann", assert("bob")).want(t, 403)
		f.send(method, "/v1/profile", "", sk).want(t, 400)
		f.send(method, "/v1/profile", "", sk, "Edged-User: ann", "Edged-Session: s").want(t, 400)
	}
	f.send("GET", "/v1/profile", "", sk, "Edged-User: ann").want(t, 200, `"mode":"memory"`, `"item":"mug-1"`)
	f.send("GET", "/v1/profile", "", pk, assert("bob")).want(t, 200, `"item":"lamp-1"`)
	f.send("DELETE", "/v1/profile", "", pk, assert("bob")).want(t, 204)
	f.send("GET", "/v1/profile", "", sk, "Edged-User: bob").want(t, 200, `"items":[]`)
	f.send("GET", "/v1/profile", "", sk, "Edged-User: ann").want(t, 200, `"item":"mug-1"`)
	f.send("GET", "/v1/profile", "", sk, "Edged-Session: s").want(t, 200, `"item":"mug-1"`)
	f.send("DELETE", "/v1/profile", "", sk, "Edged-Session: s").want(t, 204)
	f.send("GET", "/v1/profile", "", sk, "Edged-Session: s").want(t, 200, `"items":[]`)
	f.send("PUT", "/v1/profile", `{"consent":false}`, sk).want(t, 409)

	open := newFixture(t)
	open.send("GET", "/v1/profile", "", "Edged-User: ann").want(t, 403)
	open.send("DELETE", "/v1/profile", "", "Edged-User: ann").want(t, 403)
	request := newFixture(t, func(c *Config) { c.Profiles = nil })
	request.send("GET", "/v1/profile", "").want(t, 200, `{"mode":"request","consent":true,"items":[]}`)
}

// What is remembered is named to none but a secret key, whom an assertion is for, and whoever brings it.
func TestWhoIsToldOfAHistory(t *testing.T) {
	var keys apiKeys
	f := newFixture(t, withKeys(t, &keys))
	f.publish("2-bbbb", 2, "", withBlends)
	assert := func(user string) string {
		text, err := access.Assert(keys.secret, user, f.clock().Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		return "Edged-Assertion: " + text
	}
	pk, sk, ann, bob := bearer(keys.publishable), bearer(keys.secret), assert("ann"), assert("bob")
	held := `[{"user":"ann","item":"mug-1","type":"purchase"},{"session":"order-1","item":"mug-1","type":"purchase"}]`
	f.send("POST", "/v1/events", held, sk).want(t, 202, `"accepted":2`)
	open := newFixture(t)
	open.publish("2-bbbb", 2, "", withBlends)
	open.post("/v1/events", "application/json", held)
	const user, session = `{"user":"ann","explain":true,"n":6,"goal":"any"}`, `{"session":"order-1","explain":true,"n":6,"goal":"any"}`
	const batch = `{"session":"order-1","explain":true,"goal":"any","slots":[{"n":6}]}`
	for _, c := range []struct {
		f            *fixture
		target, body string
		headers      []string
		named        bool
	}{
		{f, "/v1/recommend", session, []string{pk}, false},
		{f, "/v1/recommend", session, []string{pk, bob}, false},
		{f, "/v1/recommend", session, []string{sk}, true},
		{f, "/v1/recommend", user, []string{pk, ann}, true},
		{f, "/v1/recommend", user, []string{sk}, true},
		{f, "/v1/recommend/batch", batch, []string{pk}, false},
		{f, "/v1/recommend/batch", batch, []string{sk}, true},
		{open, "/v1/recommend", user, nil, false},
		{open, "/v1/recommend", session, nil, false},
		{open, "/v1/recommend/batch", batch, nil, false},
		{open, "/v1/recommend", `{"recent":["mug-1"],"explain":true,"goal":"any"}`, nil, true},
		{f, "/v1/recommend", `{"session":"order-1","recent":["mug-1"],"explain":true,"goal":"any"}`, []string{pk}, true},
	} {
		r := c.f.send("POST", c.target, c.body, c.headers...).want(t, 200, `"source":"personal"`)
		told := regexp.MustCompile(`"(items":\["|shares|share|repeat|past|becauseYou\w+|buyAgain)"?`).FindAllString(r.body, -1)
		if (len(told) > 0) != c.named || strings.Contains(r.body, `"forYou"`) == c.named {
			t.Errorf("%s %v: told %v, want named %v: %s", c.body, c.headers, told, c.named, r.body)
		}
		var all struct {
			answered
			Answers []answered
		}
		d := json.NewDecoder(strings.NewReader(r.body))
		d.UseNumber()
		if err := d.Decode(&all); err != nil {
			t.Fatal(err)
		}
		for _, a := range append(all.Answers, all.answered) {
			for _, it := range a.Items {
				sumsUp(t, it.Score, it.Reason)
			}
		}
	}
}

// A backend's batch of many visitors goes into no token.
func TestBackendsGetNoToken(t *testing.T) {
	var keys apiKeys
	f := newFixture(t, withTokens(t), withKeys(t, &keys))
	if r := f.send("POST", "/v1/events", viewMug, bearer(keys.secret)).want(t, 202); r.header.Get("Set-Cookie")+r.header.Get("Edged-Profile") != "" {
		t.Errorf("%v", r.header)
	}
	if r := f.send("POST", "/v1/events", viewMug, bearer(keys.secret), "Edged-Profile: new").want(t, 202); r.header.Get("Edged-Profile") == "" {
		t.Error("a backend that passes a visitor's token on gets none back")
	}
	cookieOf(t, f.send("POST", "/v1/events", viewMug, bearer(keys.publishable)).want(t, 202))
}

func TestProfileAnswersHaveTheDocumentedKeys(t *testing.T) {
	s := readDocument(t).Components.Schemas
	f := newFixture(t, withTokens(t))
	r := f.send("POST", "/v1/events", viewMug, "Edged-Profile: new")
	var answer map[string]json.RawMessage
	if err := json.Unmarshal([]byte(f.send("GET", "/v1/profile", "", "Edged-Profile: "+r.header.Get("Edged-Profile")).body), &answer); err != nil {
		t.Fatal(err)
	}
	hasKeys(t, "profile", answer, s["profile"])
}

func TestTokenAndKeyAllocateNothing(t *testing.T) {
	var keys apiKeys
	f := newFixture(t, func(c *Config) { c.Clock = func() time.Time { return start } }, withTokens(t), withKeys(t, &keys))
	token := f.send("POST", "/v1/events", viewMug, "Edged-Profile: new", bearer(keys.publishable)).header.Get("Edged-Profile")
	old := profile.Held{Depth: 50, Items: []profile.HeldItem{{Hash: profile.HashItem("mug-1"), Type: profile.HashType("view"), Time: start.Add(-100 * time.Hour).UnixMilli()}}}
	stale, err := profile.NewSealer([][]byte{bytes.Repeat([]byte{1}, 32)}, profile.TokenOptions{Clock: func() time.Time { return start.Add(-48 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	oldText, _ := stale.Seal(nil, &old, &profile.TokenScratch{})
	h := f.server.Handler()
	for name, set := range map[string]func(*fasthttp.RequestCtx){
		"header":           func(ctx *fasthttp.RequestCtx) { ctx.Request.Header.Set("Edged-Profile", token) },
		"cookie":           func(ctx *fasthttp.RequestCtx) { ctx.Request.Header.Set("Cookie", "edged_profile="+token) },
		"renewed":          func(ctx *fasthttp.RequestCtx) { ctx.Request.Header.Set("Edged-Profile", string(oldText)) },
		"renewed in place": func(ctx *fasthttp.RequestCtx) { ctx.Request.Header.Set("Cookie", "edged_profile="+string(oldText)) },
	} {
		var ctx fasthttp.RequestCtx
		prepareGet(&ctx, "/v1/recommend?n=5&fields=title")
		ctx.Request.Header.Set("Authorization", "Bearer "+keys.publishable)
		set(&ctx)
		overWire(t, &ctx.Request)
		testkit.Allocs(t, 0, func() {
			ctx.Response.Reset()
			h(&ctx)
		})
		if ctx.Response.StatusCode() != http.StatusOK || !bytes.Contains(ctx.Response.Body(), []byte(`"level":"personal"`)) {
			t.Errorf("%s: %d %s", name, ctx.Response.StatusCode(), ctx.Response.Body())
		}
	}
}

// BenchmarkVisitors shows what a key, a token and rules add to a request.
func BenchmarkVisitors(b *testing.B) {
	var keys apiKeys
	manyRules := "rules:\n"
	for i := range 500 {
		manyRules += fmt.Sprintf("- {name: r%d, when: {slot: s%d, country: [GB, DE]}, boost: {item: mug-%d, by: 1.2}}\n", i, i%20, i%6)
	}
	header := func(name, value string) func(*fasthttp.RequestCtx) {
		return func(ctx *fasthttp.RequestCtx) { ctx.Request.Header.Set(name, value) }
	}
	plain := newFixture(b)
	keyed := newFixture(b, withKeys(b, &keys))
	tokens := newFixture(b, withTokens(b))
	ruled := newFixture(b, withRules(b, manyRules))
	token := tokens.send("POST", "/v1/events", viewMug, "Edged-Profile: new").header.Get("Edged-Profile")
	for _, c := range []struct {
		name, target string
		f            *fixture
		set          func(*fasthttp.RequestCtx)
	}{
		{"plain", "/v1/recommend?recent=mug-1&n=5&slot=s1&country=GB", plain, func(*fasthttp.RequestCtx) {}},
		{"key", "/v1/recommend?recent=mug-1&n=5&slot=s1&country=GB", keyed, header("Authorization", "Bearer "+keys.publishable)},
		{"token", "/v1/recommend?n=5&slot=s1&country=GB", tokens, header("Edged-Profile", token)},
		{"rules", "/v1/recommend?recent=mug-1&n=5&slot=s1&country=GB", ruled, func(*fasthttp.RequestCtx) {}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var ctx fasthttp.RequestCtx
			prepareGet(&ctx, c.target)
			c.set(&ctx)
			overWire(b, &ctx.Request)
			h := c.f.server.Handler()
			b.ReportAllocs()
			for b.Loop() {
				ctx.Response.Reset()
				h(&ctx)
			}
			if ctx.Response.StatusCode() != 200 {
				b.Fatalf("%s", ctx.Response.Body())
			}
		})
	}
}

// Whoever names a visitor where nothing is held by name is told so, and nothing is forgotten of anybody.
func TestNamesThatNameNobodyAreRefused(t *testing.T) {
	tokens := newFixture(t, withTokens(t))
	nowhere := newFixture(t, func(c *Config) { c.Profiles = nil })
	for _, f := range []*fixture{tokens, nowhere} {
		for _, method := range []string{"GET", "DELETE"} {
			for _, name := range []string{"Edged-User: u-17", "Edged-Session: s-1"} {
				r := f.send(method, "/v1/profile", "", name)
				r.want(t, 409, "name nobody here")
				if r.header.Get("Edged-Profile") != "" || r.header.Get("Set-Cookie") != "" {
					t.Errorf("%s %s: %v", method, name, r.header)
				}
			}
		}
	}
	tokens.send("PUT", "/v1/profile", `{"depth":3}`, "Edged-User: u-17").want(t, 409, "send the visitor's own as Edged-Profile")
}

func TestWhatIsWrongWithAKey(t *testing.T) {
	var keys apiKeys
	f := newFixture(t, withKeys(t, &keys))
	origin := "Origin: https://shop.example"
	f.send("GET", "/v1/popular", "").want(t, 401, "this node wants an API key")
	f.send("GET", "/v1/popular?key=", "").want(t, 401, "this node wants an API key")
	for _, given := range []string{"Authorization: Bearer " + keys.secret + "x", "Authorization: Bearer edged_pk_revoked"} {
		f.send("GET", "/v1/popular", "", given).want(t, 401, "none that this node knows")
	}
	f.send("GET", "/v1/popular?key=edged_pk_revoked", "").want(t, 401, "none that this node knows")
	f.send("GET", "/v1/popular", "", "Authorization: Bearer "+keys.secret, origin).want(t, 403, "a secret key is in a page of", "take it out of use now")
	open := newFixture(t)
	for _, target := range []string{"/v1/popular?key=edged_pk_x", "/v1/recommend?n=2&key=edged_pk_x", "/v1/items/mug-1/similar?key=edged_pk_x&n=1"} {
		open.send("GET", target, "").want(t, 200)
	}
	open.send("POST", "/v1/events?key=edged_pk_x", viewMug).want(t, 202)
	open.send("GET", "/v1/popular?kei=x", "").want(t, 400, "kei: unknown query parameter")
}
