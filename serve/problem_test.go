package serve

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestClosest(t *testing.T) {
	for name, want := range map[string]string{
		"recnt": "recent", "RECENT": "recent", "n": "n", "N": "n", "timeout": "timeoutMs", "feilds": "fields", "expain": "explain",
		"zzz": "", "": "", "x": "", strings.Repeat("recent", 20): "",
	} {
		if got := closest(name, recommendKeys); got != want {
			t.Errorf("closest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"same", "same", 0}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"a": `"a"`, "\x00\xff": `"\x00\xff"`, strings.Repeat("é", 40): `"` + strings.Repeat("é", 24) + `…"`} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
	p := badField("f\x00", "got %s", quote("\xff\u2028"))
	if b := p.append(nil); !json.Valid(b) {
		t.Errorf("%s", b)
	}
}
