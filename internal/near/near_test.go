package near

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	known := []string{"recent", "exclude", "n", "fields", "explain", "timeoutMs", "size2", "color"}
	for name, want := range map[string]string{
		"recnt": "recent", "RECENT": "recent", "n": "n", "N": "n", "timeout": "timeoutMs", "feilds": "fields", "expain": "explain", "colour": "color", "clor": "color",
		"zzz": "", "": "", "x": "", strings.Repeat("recent", 20): "", "size1": "", "size": "", "siez2": "size2",
	} {
		if got := Name(name, known); got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
	if got := DidYouMean("recnt", known) + DidYouMean("zzz", known); got != "; did you mean recent?" {
		t.Errorf("%q", got)
	}
}

func TestMisspelt(t *testing.T) {
	for name, want := range map[string]string{"colr": "color", "colour": "color", "Color": "color", "core1": "", "cold": "", "none": "", "c": "", "discuont": "discount", "yaer": "year", "eyar": "year", "ryea": "", "yr": ""} {
		if got := Misspelt(name, []string{"color", "core", "size2", "discount", "year"}); got != want {
			t.Errorf("Misspelt(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"same", "same", 0}, {"yaer", "year", 1}, {"ab", "ba", 1}, {"ca", "abc", 3}, {"abcd", "badc", 2}, {"aab", "aba", 1}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
