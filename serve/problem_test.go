package serve

import (
	"encoding/json"
	"strings"
	"testing"
)

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
