package serve

import (
	"strings"
	"testing"
)

func TestOriginsAreCheckedBeforeTheyCount(t *testing.T) {
	for text, want := range map[string]string{
		"*": "", "https://shop.example": "", "http://localhost:3000 https://a.example:8443": "", "http://[::1]:80": "",
		"shop.example":            `"shop.example" is none; want https://shop.example`,
		"https://a.example/":      "is none",
		"https://a.example/shop":  "is none",
		"HTTPS://A.example":       "is none",
		"ftp://a.example":         "is none",
		"https://u@a.example":     "is none",
		"https://":                "is none",
		"null":                    "is none",
		"https://a.example *":     "* is all pages already",
		"* b.example c.example":   `"b.example" is none`,
		"https://*.shop.example/": "is none",
	} {
		err := CheckOrigins(strings.Fields(text), false)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if err := CheckOrigins([]string{"*", "https://a.example"}, true); err != nil { // who may read, and whose cookies count
		t.Error(err)
	}
	if err := CheckOrigins([]string{""}, true); err == nil {
		t.Error("an empty origin is taken")
	}
}

// Pages may read how long an answer took, when to come back, and what to ask by next time.
func TestPagesReadTheHeadersTheyNeed(t *testing.T) {
	const want = "ETag, Retry-After, Server-Timing"
	plain, tokens := newFixture(t), newFixture(t, withTokens(t))
	for _, target := range []string{"/v1/popular", "/v1/recommend?n=0"} {
		if got := plain.send("GET", target, "", "Origin: https://shop.example").header.Get("Access-Control-Expose-Headers"); got != want {
			t.Errorf("%s: %q", target, got)
		}
		if got := plain.send("GET", target, "").header.Get("Access-Control-Expose-Headers"); got != want { // shared caches give it to pages, too
			t.Errorf("%s without an origin: %q", target, got)
		}
		if got := tokens.send("GET", target, "").header.Get("Access-Control-Expose-Headers"); got != want+", Edged-Profile" {
			t.Errorf("%s with tokens: %q", target, got)
		}
	}
}
