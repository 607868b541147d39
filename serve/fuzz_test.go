package serve

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged"
)

// fuzzed runs a handler in place and checks what holds for every answer: JSON, no 5xx but 501, 503 and 505, and a
// problem where it is no success.
func fuzzed(t *testing.T, f *fixture, prepare func(*fasthttp.Request)) *fasthttp.RequestCtx {
	t.Helper()
	var ctx fasthttp.RequestCtx
	ctx.Request.Header.SetHost("edge")
	prepare(&ctx.Request)
	f.server.Handler()(&ctx)
	body, status := ctx.Response.Body(), ctx.Response.StatusCode()
	if status == http.StatusInternalServerError {
		t.Fatalf("%d %s", status, body)
	}
	if len(body) > 0 && (!json.Valid(body) || !utf8.Valid(body)) {
		t.Fatalf("%d: no JSON: %q", status, body)
	}
	typ := string(ctx.Response.Header.ContentType())
	if status >= 400 && typ != "application/problem+json" || status < 400 && status != 204 && typ != "application/json" {
		t.Fatalf("%d with %s", status, typ)
	}
	return &ctx
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"/v1/recommend?recent=mug-1,nope&n=3&fields=*&explain=1", "/v1/items/mug%2D1/similar?n=2", "/v1/items/%ff", "/v1/trending?window=24h",
		"/v1/recommend?n=%zz&&=", "/v1/popular?fields=titel", "//", "/openapi.json#x", "http://a/v1/popular"} {
		f.Add(s)
	}
	fx := newFixture(f)
	f.Fuzz(func(t *testing.T, target string) {
		fuzzed(t, fx, func(r *fasthttp.Request) { r.SetRequestURI(target) })
	})
}

func FuzzRecommendBody(f *testing.F) {
	for _, s := range []string{`{}`, `{"recent":["mug-1",{"item":"a","type":"view","time":1}],"n":5,"explain":true,"fields":["*"]}`, `{"n":1e0}`,
		`{"context":{"country":"\ud83d\ude00"}}`, `{"user":"\u0000"}`, `[[[[`, `{"n":01}`} {
		f.Add([]byte(s))
	}
	fx := newFixture(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		ctx := fuzzed(t, fx, func(r *fasthttp.Request) {
			r.SetRequestURI("/v1/recommend")
			r.Header.SetMethod("POST")
			r.SetBody(body)
		})
		if ctx.Response.StatusCode() == 200 && !json.Valid(body) {
			t.Fatalf("taken, and encoding/json says it is none: %q", body)
		}
	})
}

func FuzzEvents(f *testing.F) {
	for _, s := range []string{`{"item":"a","type":"view"}`, `[{"item":"a","type":"view","time":"2026-01-01T00:00:00Z"},{},3]`, "{\"item\":\"a\",\"type\":\"view\"}\n\n{",
		`{"item":"a","type":"view" , "context":{"country":"GB"} } `, `{ }`, `[`, "\n"} {
		f.Add([]byte(s), "application/json")
		f.Add([]byte(s), "application/x-ndjson")
	}
	fx := newFixture(f)
	f.Fuzz(func(t *testing.T, body []byte, typ string) {
		fx.sink.mu.Lock()
		fx.sink.events = nil
		fx.sink.mu.Unlock()
		fuzzed(t, fx, func(r *fasthttp.Request) {
			r.SetRequestURI("/v1/events")
			r.Header.SetMethod("POST")
			r.Header.SetContentType(typ)
			r.SetBody(body)
		})
		for i := range fx.sink.events {
			if err := fx.sink.events[i].Validate(); err != nil {
				t.Fatalf("stored: %v", err)
			}
		}
	})
}

// The scanner takes exactly what encoding/json takes, but for invalid UTF-8, halves of surrogate pairs and depth.
func FuzzScanner(f *testing.F) {
	for _, s := range []string{`{"a":[1,-0.5e+3,"x\n\u00e9",true,false,null,{}]}`, `1e`, `-`, `"\ud800"`, "\"\xff\"", `[1,]`, ` {} `, strings.Repeat("[", 40)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s scanner
		s.reset(b)
		_, p := s.skip()
		if p == nil {
			p = s.end()
		}
		if p == nil && !json.Valid(b) {
			t.Fatalf("%q is taken, and is no JSON", b)
		}
		if p != nil && json.Valid(b) && utf8.Valid(b) && !strings.Contains(p.detail, "surrogate") && !strings.Contains(p.detail, "nested") {
			t.Fatalf("%q is JSON, and refused: %s", b, p.detail)
		}
	})
}

func FuzzString(f *testing.F) {
	f.Add(`"a\u00e9\ud83d\ude00\\\/"`)
	f.Fuzz(func(t *testing.T, text string) {
		var s scanner
		s.reset([]byte(text))
		got, p := s.text(edged.MaxBody)
		if p != nil || s.end() != nil {
			return
		}
		var want string
		if err := json.Unmarshal([]byte(text), &want); err != nil || want != string(got) {
			t.Fatalf("%s reads %q, encoding/json says %q, %v", text, got, want, err)
		}
	})
}
