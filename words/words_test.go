package words

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/edged/edged/internal/testkit"
)

// spelled writes a sentence with the names of what is filled in.
func spelled(parts []Part) (s string) {
	for _, p := range parts {
		if s += p.Text; p.Place != Nothing {
			s += "{" + places[p.Place] + "}"
		}
	}
	return s
}

func parsed(t testing.TB, file string) *Set {
	t.Helper()
	set, err := Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestEnglishSaysEverything(t *testing.T) {
	l := English().In(nil)
	for i, m := range members {
		if got := spelled(l.Sentence(m.name).Parts); got != m.english || got == "" {
			t.Errorf("%s: %q, want %q", m.name, got, m.english)
		}
		if l.own[i] == nil {
			t.Errorf("%s: not said", m.name)
		}
	}
	if l.Sentence("unheardOf").Parts != nil {
		t.Error("a sentence for what is no code")
	}
	if gaps := English().Gaps(); len(gaps) > 0 {
		t.Errorf("gaps %v", gaps)
	}
}

// What a language does not say, and what is no language of the file, is said by the next one.
func TestWhoSaysWhat(t *testing.T) {
	const german = `"de": {"new": "Neu hier", "becauseYouBought": "Weil Sie {items} gekauft haben", "and": " und "}, "de-at": {"new": "Heuer neu"}, "zh-Hant": {"comma": "、"}, "fr": {"popular": "Aimé de tous"}`
	set, byGerman := parsed(t, "{"+german+"}"), parsed(t, `{"default": "DE-AT", `+german+`, "en": {"new": "Brand new"}}`)
	for _, c := range []struct {
		set             *Set
		tag, code, want string
	}{
		{set, "de", "new", "Neu hier"},
		{set, "DE", "new", "Neu hier"},
		{set, "de-CH", "new", "Neu hier"},
		{set, "de-AT", "new", "Heuer neu"},
		{set, "de-at-1996-x-tirol", "new", "Heuer neu"},
		{set, "de-AT", "becauseYouBought", "Weil Sie {items} gekauft haben"},
		{set, "de-AT", "popular", "Popular with everybody"},
		{set, "fr-CA", "popular", "Aimé de tous"},
		{set, "fr-CA", "new", "New here"},
		{set, "zh", "new", "New here"},
		{set, "", "new", "New here"},
		{set, "-", "new", "New here"},
		{set, "d", "new", "New here"},
		{set, strings.Repeat("de-", 20), "new", "Neu hier"},
		{set, "de-AT-" + strings.Repeat("x", 29) + "-x", "new", "Heuer neu"},
		{set, "de-AT-" + strings.Repeat("x", 30), "new", "Heuer neu"},
		{set, strings.Repeat("d", 36), "new", "New here"},
		{byGerman, "it", "new", "Heuer neu"},
		{byGerman, "it", "becauseYouBought", "Weil Sie {items} gekauft haben"},
		{byGerman, "it", "popular", "Popular with everybody"},
		{byGerman, "fr", "new", "Heuer neu"},
		{byGerman, "en-GB", "new", "Brand new"},
		{byGerman, "en", "becauseYouBought", "Because you bought {items}"},
	} {
		if got := spelled(c.set.In([]byte(c.tag)).Sentence(c.code).Parts); got != c.want {
			t.Errorf("%q %s: %q, want %q", c.tag, c.code, got, c.want)
		}
	}
	gaps := strings.Join(set.Gaps(), "; ")
	if !strings.HasPrefix(gaps, "de: becauseYouViewed, ") || strings.Contains(gaps, "de-at") || strings.Contains(gaps, "en:") || !strings.Contains(gaps, "; fr: ") {
		t.Errorf("gaps: %s", gaps)
	}
}

// What stands between items is of the language that says the sentence, or of a variant of it that was asked for.
func TestJoinersAreOfTheSentence(t *testing.T) {
	const file = `{"default": "de", "de": {"similarTo": "Ähnlich wie {items}", "becauseYouLiked": "Zu {items}", "and": " und "}, "de-AT": {"becauseYouLiked": "Weil {items} taugt"}, "de-CH": {"and": " u. "},
		"fr": {"similarTo": "Comme {items}", "and": " et "}, "fr-CA": {"becauseYouBought": "Vu {items}", "comma": " ; "}, "zh": {"and": "和", "comma": "、"}, "es": {"similarTo": "Como {items}"}, "en": {"comma": "; "}}`
	set := parsed(t, file)
	for _, c := range []struct{ tag, code, want string }{
		{"de", "similarTo", "Ähnlich wie {items}| und |; "},
		{"de-AT", "similarTo", "Ähnlich wie {items}| und |; "},
		{"de-AT", "becauseYouLiked", "Weil {items} taugt| und |; "},
		{"de-CH", "similarTo", "Ähnlich wie {items}| u. |; "},
		{"de", "becauseYouViewed", "Because you viewed {items}| and |; "},
		{"fr", "similarTo", "Comme {items}| et |; "},
		{"fr-CA", "similarTo", "Comme {items}| et | ; "},
		{"fr-CA", "becauseYouBought", "Vu {items}| et | ; "},
		{"fr-CA", "becauseYouLiked", "Zu {items}| und |; "},
		{"fr-CA", "becauseYouViewed", "Because you viewed {items}| and |; "},
		{"zh", "similarTo", "Ähnlich wie {items}| und |; "},
		{"zh", "becauseYouViewed", "Because you viewed {items}| and |; "},
		{"es", "similarTo", "Como {items}| und |; "}, // it says none
		{"it", "similarTo", "Ähnlich wie {items}| und |; "},
	} {
		s := set.In([]byte(c.tag)).Sentence(c.code)
		if got := spelled(s.Parts) + "|" + s.And + "|" + s.Comma; got != c.want {
			t.Errorf("%s %s: %q, want %q", c.tag, c.code, got, c.want)
		}
	}
}

// A file has so many languages beside the English that is built in, or with it.
func TestMostLanguages(t *testing.T) {
	file := func(first string) string {
		file := `{"` + first + `": {}`
		for i := range MaxLanguages - 1 {
			file += fmt.Sprintf(`, "a%c%c": {}`, 'a'+i/26, 'a'+i%26)
		}
		return file + "}"
	}
	for _, first := range []string{"de", "en"} {
		parsed(t, file(first))
	}
}

// A text stands within a JSON string as it is.
func TestTextIsEscapedOnce(t *testing.T) {
	parts := parsed(t, `{"de": {"trendingIn": "\"Heiß\" <in>\\ {country}!"}}`).In([]byte("de")).Sentence("trendingIn").Parts
	if got, want := spelled(parts), `\"Heiß\" <in>\\ {country}!`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestLookingUpAllocatesNothing(t *testing.T) {
	set, tag := parsed(t, `{"de": {"new": "Neu"}}`), []byte("de-AT-1996")
	testkit.Allocs(t, 0, func() {
		if set.In(tag).Sentence("new").Parts[0].Text != "Neu" {
			t.Fatal("not found")
		}
	})
}

// A file that is wrong says where, which member, and what to do; all that is wrong at once.
func TestRefusedFiles(t *testing.T) {
	many := "{"
	for i := range MaxLanguages + 1 {
		many += fmt.Sprintf(`"a%c%c": {}, `, 'a'+i/26, 'a'+i%26)
	}
	for file, want := range map[string]string{
		``:                     "line 1: no JSON (unexpected EOF): want an object such as {",
		`[]`:                   "line 1: want an object, as in {",
		`"de"`:                 "line 1: want an object",
		`{"de": {}`:            "line 1: no JSON (unexpected EOF)",
		"{\n\"de\": {},\n}":    "line 3: no JSON (invalid character '}'",
		`{} {}`:                "more behind the object",
		`{} }`:                 "more behind the object",
		"{\"de\": {\"new\": 1": "no JSON (unexpected EOF)",
		"\xff":                 "not UTF-8",
		`{"de": "Neu"}`:        "line 1: de: want an object, as in {",
		`{"deutsch-": {}}`:     `line 1: deutsch-: no language: want a tag such as "de" or "de-AT", or "default"`,
		`{"d": {}}`:            "d: no language",
		`{"d1": {}}`:           "d1: no language",
		`{"de_AT": {}}`:        "de_AT: no language",
		`{"Default": {}}`:      "Default: no language",
		`{"de": {}, "DE": {}}`: "DE: said twice: keep one of them",
		"{\"de\": {\n\"new\": \"a\",\n\"new\": \"b\"}}": "line 3: de.new: said twice",
		`{"default": 5}`:    "line 1: default: want text in quotes",
		`{"default": null}`: "default: want text in quotes",
		"{\"de\": {},\n\"default\": \"fr\",\n\"it\": {}}":                "line 2: default: fr is no language of the file: add it, or name one that is there",
		`{"de": {"neu": "Neu"}}`:                                         "de.neu: no code of a reason; there are becauseYouViewed, ",
		`{"de": {"new": true}}`:                                          "de.new: want text in quotes",
		`{"de": {"new": ""}}`:                                            "de.new: empty: leave it out",
		`{"de": {"new": " \u00a0 "}}`:                                    "de.new: empty",
		`{"de": {"and": ""}}`:                                            "de.and: empty",
		`{"de": {"new": "a\nb"}}`:                                        "de.new: a control character or line separator at byte 1: want one plain line",
		`{"de": {"new": "a\u2028b"}}`:                                    "de.new: a control character or line separator at byte 1",
		`{"de": {"new": "a\u2029b"}}`:                                    "de.new: a control character or line separator at byte 1",
		`{"de": {"new": "\u200b"}}`:                                      "de.new: empty",
		`{"de": {"and": " \u3164\u0301\ufe0f\u2800"}}`:                   "de.and: empty",
		`{"de": {"new": "a \u202egro.live"}}`:                            "de.new: a character at byte 2 that turns the direction",
		`{"de": {"similarTo": "\u2068{items}\u2069"}}`:                   "de.similarTo: a character at byte 0 that turns the direction",
		`{"de": {"new": "Neu \ud83d"}}`:                                  "de.new: no character at byte 4 (U+FFFD): half a pair of escapes",
		`{"de": {"becauseYouViewed": "\ud83d{items}\ude00"}}`:            "de.becauseYouViewed: no character at byte 0",
		`{"de": {"new": "` + strings.Repeat("ü", MaxSentence/2) + `!"}}`: "de.new: 301 bytes, at most 300: say it shorter",
		`{"de": {"becauseYouBought": "Wegen {itms}"}}`:                   "de.becauseYouBought: {itms} is not filled in here: want {item} or {items}",
		`{"de": {"becauseYouBought": "Wegen {}"}}`:                       "{} is not filled in here",
		`{"de": {"becauseYouBought": "Wegen {country}"}}`:                "{country} is not filled in here: want {item} or {items}",
		`{"de": {"popular": "Wegen {item}"}}`:                            "{item} is not filled in here: write it without braces",
		`{"de": {"and": " {item} "}}`:                                    "de.and: {item} is not filled in here",
		`{"de": {"becauseYouBought": "Wegen {items"}}`:                   "a { without its }: want {item} or {items}",
		`{"de": {"becauseYouBought": "Wegen items}"}}`:                   "a } without its {: want",
		`{"de": {"becauseYouBought": "Wegen {items}}"}}`:                 "a } without its {",
		`{"de": {"becauseYouBought": "Wegen {{items}}"}}`:                "{{items} is not filled in here",
		`{"de": {"becauseYouBought": "{items} {item} {items}"}}`:         "{items} twice: keep one of them",
		many + `"default": "aaa"}`:                                       "adw: more than 100 languages: leave some out",
		`{"x": ` + strings.Repeat(" ", MaxFile) + `{}}`:                  "262153 bytes, at most 262144: leave languages out",
		"{\"de\": {\n\"new\": \"\",\n\"pinned\": \"{rule\"}, \"x\": {}}": "line 2: de.new: empty: leave it out, and the words of another language take its place\nline 3: de.pinned: a { without its }: want {rule}\nline 3: x: no language",
	} {
		if set, err := Parse([]byte(file)); err == nil || set != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s: %v, want %s", file, err, want)
		}
	}
	if _, err := Parse([]byte(`{"de": {` + strings.Repeat(`"x": 1, `, 1000) + `"y": 1}}`)); err == nil || strings.Count(err.Error(), "\n") >= maxFaults {
		t.Errorf("%d faults told", strings.Count(err.Error(), "\n"))
	}
}

// A file is refused, or says everything in every language: text that stands within a JSON string, each place once and only where it is filled in.
func FuzzParse(f *testing.F) {
	for _, s := range []string{example, `{}`, `{"default": "de", "de": {"becauseYouBought": "Weil Sie {item} und {items}", "comma": "; "}, "de-AT": {"pinned": "{rule}\u2028\ud800"}}`, `{"en": {"trendingIn": "{country}\\"}}`} {
		f.Add([]byte(s), "de-AT")
	}
	f.Add([]byte(`{"de":{"de":{"de":[]}}}`), strings.Repeat("-", 40))
	f.Fuzz(func(t *testing.T, file []byte, tag string) {
		set, err := Parse(file)
		if (set == nil) == (err == nil) {
			t.Fatal(set, err)
		}
		if err != nil {
			return
		}
		l := set.In([]byte(tag))
		for _, m := range members {
			var seen [len(places)]bool
			for _, p := range l.Sentence(m.name).Parts {
				if !json.Valid([]byte(`"`+p.Text+`"`)) || !utf8.ValidString(p.Text) || len(p.Text) > 6*MaxSentence {
					t.Fatalf("%s: %q", m.name, p.Text)
				}
				if seen[p.Place] && p.Place != Nothing || p.Place != Nothing && !strings.Contains(wanted(m.places), "{"+places[p.Place]+"}") {
					t.Fatalf("%s: %s", m.name, spelled(l.Sentence(m.name).Parts))
				}
				seen[p.Place] = true
			}
			if s := l.Sentence(m.name); spelled(s.Parts) == "" || s.And == "" || s.Comma == "" {
				t.Fatalf("%s is not said", m.name)
			}
		}
	})
}

// What writing systems need is no reason to refuse: marks, joiners, words from right to left, pairs of escapes, the marks of a direction.
func TestWritingSystemsAreTaken(t *testing.T) {
	for _, text := range []string{`"کتاب\u200cها"`, `"\ud83d\ude00"`, `"क्षमा"`, `"חדש\u200f"`, `"、"`, `"新着"`, `"e\u0301"`} {
		if _, err := Parse([]byte(`{"xx": {"new": ` + text + `}}`)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
