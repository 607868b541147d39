package serve

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/words"
)

// sentence is what the text of a reason ought to be, by what the answer says beside it and by what was asked.
func (p *process) sentence(t *testing.T, q *ask, score json.Number, r *reasoned) string {
	t.Helper()
	number := func(n json.Number) float32 { x, _ := n.Float64(); return float32(x) }
	if boosts := number(r.Terms["boost"]) + number(r.Terms["rules"]); boosts > 0 && 2*boosts > number(score) {
		return "Recommended by the shop"
	}
	did := map[string]string{}
	recent := slices.Clone(q.Recent)
	if !slices.ContainsFunc(recent, func(e seen) bool { return e.Time == 0 }) {
		slices.SortStableFunc(recent, func(a, b seen) int { return int(b.Time - a.Time) })
	}
	for _, e := range recent {
		if _, ok := did[e.Item]; !ok && e.Type != "impression" {
			did[e.Item] = map[string]string{"view": "becauseYouViewed", "purchase": "becauseYouBought"}[e.Type]
		}
	}
	var titles []string
	for _, id := range r.Items {
		row, _ := p.ranker.Model().Row(id)
		item, _ := itemOfRow(t, p.ranker.Model(), row)
		if r.Code == "similarTo" || did[id] == r.Code {
			titles = append(titles, titleSaid(item, id))
		}
	}
	items := listed(titles)
	return map[string]string{
		"becauseYouViewed": "Because you viewed " + items, "becauseYouBought": "Because you bought " + items, "similarTo": "Similar to " + items, "buyAgain": "You had it before",
		"trendingIn": "Trending in " + q.Context["country"], "trending": "Trending everywhere", "popular": "Popular with everybody", "pinned": "Chosen by the shop", "new": "New here",
		"forYou": "By what you did here",
	}[r.Code]
}

// titleSaid is the title of an item as a sentence has it.
func titleSaid(item *edged.Item, id string) string {
	said := []rune(strings.TrimSpace(item.Title))
	if len(said) == 0 {
		said = []rune(id)
	}
	if len(said) > maxFilled {
		return string(said[:maxFilled-1]) + "…"
	}
	return string(said)
}

// listed is titles as English lists them, whatever is in them.
func listed(titles []string) string {
	if n := len(titles) - 1; n > 0 {
		return strings.Join(titles[:n], ", ") + " and " + titles[n]
	}
	return strings.Join(titles, "")
}

const germanWords = `{"de": {"becauseYouViewed": "Weil Sie {items} angesehen haben", "becauseYouBought": "Zu {item}", "becauseYouLiked": "Weil Ihnen {items} gefällt", "similarTo": "Ähnlich wie {items}",
  "buyAgain": "Wieder einmal?", "trendingAmong": "Im Trend bei Ihresgleichen", "trendingIn": "Im Trend in {country}", "trending": "Im Trend", "popular": "Beliebt", "pinned": "Von uns: {rule}", "new": "Neu", "forYou": "Für Sie",
  "boosted": "Unser Tipp", "and": " und ", "comma": "; "}, "de-AT": {"new": "Heuer neu"}}`

func withWords(t testing.TB, file string) func(*Config) {
	t.Helper()
	set, err := words.Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Words = set }
}

// reasonCall is a call that has looked mug-1 and lamp-1 up, bought and liked lamp-2, and viewed mug-2.
func reasonCall(t testing.TB, f *fixture, language string) *call {
	t.Helper()
	c := &call{ranker: f.releases.Load(), words: f.server.words.Load()}
	c.req.country, c.req.language = []byte("GB"), []byte(language)
	for id, typ := range map[string]edged.EventType{"mug-1": "", "lamp-1": "", "lamp-2": edged.Purchase, "lamp-3": edged.Like, "mug-2": edged.View, "mug-3": "cart"} {
		row, ok := c.ranker.Model().Row(id)
		if !ok {
			t.Fatal(id)
		}
		c.seeds = append(c.seeds, rank.Recent{Row: row, Weight: 1, Type: typ})
	}
	return c
}

func textOf(t testing.TB, reason []byte) string {
	t.Helper()
	var r reasoned
	if err := json.Unmarshal(reason, &r); err != nil {
		t.Fatalf("%s: %v", reason, err)
	}
	return r.Text
}

// TestEveryCodeIsSaid: all codes of the document, at all levels, in a language of the file and in English, to whom a history may be told and to whom not.
func TestEveryCodeIsSaid(t *testing.T) {
	f := newFixture(t, withWords(t, germanWords))
	german, english := reasonCall(t, f, "de-CH"), reasonCall(t, f, "en-GB")
	said := map[string][2]string{
		"becauseYouViewed": {"Weil Sie The mug-2 und The mug-3 angesehen haben", "Because you viewed The mug-2 and The mug-3"},
		"becauseYouBought": {"Zu The lamp-2", "Because you bought The lamp-2"},
		"becauseYouLiked":  {"Weil Ihnen A \"lamp\" \u2028 <☕> gefällt", "Because you liked A \"lamp\" \u2028 <☕>"},
		"similarTo":        {"Ähnlich wie The mug-2; The lamp-2 und The mug-3", "Similar to The mug-2, The lamp-2 and The mug-3"},
		"buyAgain":         {"Wieder einmal?", "You had it before"},
		"trendingAmong":    {"Im Trend bei Ihresgleichen", "Trending among visitors like you"},
		"trendingIn":       {"Im Trend in GB", "Trending in GB"},
		"trending":         {"Im Trend", "Trending everywhere"},
		"popular":          {"Beliebt", "Popular with everybody"},
		"pinned":           {"Von uns: ", "Chosen by the shop"},
		"new":              {"Neu", "New here"},
		"forYou":           {"Für Sie", "By what you did here"},
	}
	var doc struct {
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(openAPIDocument, &doc); err != nil {
		t.Fatal(err)
	}
	codes := doc.Components.Schemas["reason"].Properties["code"].Enum
	if len(codes) != len(said) {
		t.Errorf("the document has %d codes, this test %d", len(codes), len(said))
	}
	for _, code := range codes {
		rows := []string{"mug-2", "lamp-2", "mug-3"} // the first is the one that a code goes by
		switch code {
		case "becauseYouLiked":
			rows[0] = "lamp-3"
		case "becauseYouBought":
			rows[0], rows[1] = rows[1], rows[0]
		}
		reason := rank.Reason{Code: code, Shares: []float32{.3, .2, .1}}
		for _, id := range rows {
			row, _ := german.ranker.Model().Row(id)
			reason.Rows = append(reason.Rows, row)
		}
		for level := rank.Personal; level <= rank.Static; level++ {
			it := rank.Item{Score: .6, Level: level, Reason: reason}
			for i, c := range []*call{german, english} {
				for _, unnamed := range []bool{false, true} {
					want := said[code][i]
					if unnamed && level <= rank.Session && code != "popular" {
						want = said["forYou"][i]
					}
					c.unnamed = unnamed
					b, err := c.appendReason(nil, &it, 0)
					if got := textOf(t, b); err != nil || got != want || want == "" {
						t.Errorf("%s %s, unnamed %t: %q, %v; want %q", code, level, unnamed, got, err, want)
					}
					boosted, err := c.appendReason(nil, &it, .31)
					if got := textOf(t, boosted); err != nil || got != []string{"Unser Tipp", "Recommended by the shop"}[i] {
						t.Errorf("%s %s, by boosts: %q, %v", code, level, got, err)
					}
				}
			}
		}
	}
}

// TestLanguagesAreAskedFor: by all ways to ask, and not where nobody asks for reasons.
func TestLanguagesAreAskedFor(t *testing.T) {
	f := newFixture(t, withWords(t, germanWords), withRules(t, "rules:\n- {name: austrians, when: {if: visitor.language == \"de-AT\"}, exclude: {item: mug-2}}\n- {name: top, when: {slot: top}, pin: [{item: lamp-4, at: 1}, {item: mug-4, at: 2}]}\n"))
	post := func(target, body string) string { return f.send("POST", target, body).want(t, 200).body }
	get := func(target string) string { return f.get(target).want(t, 200).body }
	for body, want := range map[string]string{
		get("/v1/recommend?recent=mug-1&explain=true&n=3"):                                                                                                     `"text":"Similar to The mug-1"`,
		get("/v1/recommend?recent=mug-1&explain=true&n=3&language=de"):                                                                                         `"text":"Ähnlich wie The mug-1"`,
		get("/v1/recommend?recent=mug-1&explain=true&n=3&language=it"):                                                                                         `"text":"Similar to The mug-1"`,
		get("/v1/recommend?explain=true&n=3&country=GB&language=DE"):                                                                                           `"text":"Im Trend in GB"`,
		get("/v1/recommend?explain=true&n=3&country=GB&language="):                                                                                             `"text":"Trending in GB"`,
		post("/v1/recommend", `{"recent":["mug-1"],"explain":true,"context":{"language":"de-DE"}}`):                                                            `"text":"Ähnlich wie The mug-1"`,
		post("/v1/recommend", `{"recent":["mug-1"],"explain":true,"slot":"top","n":1,"context":{"language":"de"}}`):                                            `"code":"pinned","pinned":"top","text":"Von uns: top"`,
		post("/v1/recommend/batch", `{"recent":["mug-1"],"explain":true,"context":{"language":"de"},"slots":[{}]}`):                                            `"text":"Ähnlich wie The mug-1"`,
		post("/v1/recommend", `{"recent":[{"item":"mug-1","type":"purchase"},{"item":"mug-2","type":"purchase"}],"explain":true,"context":{"language":"de"}}`): `"text":"Zu The mug-1"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	for _, body := range []string{get("/v1/recommend?recent=mug-1&language=de-AT&n=9"), post("/v1/recommend", `{"recent":["mug-1"],"n":9,"context":{"language":"de-AT"}}`)} {
		if strings.Contains(body, `"text"`) || strings.Contains(body, "mug-2") {
			t.Errorf("a sentence nobody asked for, or a rule that doesn't see the language: %s", body)
		}
	}
	f.get("/v1/recommend?language="+strings.Repeat("d", 257)).want(t, 400, "language: 257 bytes, at most 256")
	f.get("/v1/recommend?language=de&language=en").want(t, 400, "language: given twice")
	f.get("/v1/popular?language=de").want(t, 400, "unknown query parameter")
}

// A pinned item that was found says why it was found, and its items' share; one that was not has neither, and says that it was pinned.
func TestPinnedReasons(t *testing.T) {
	f := newFixture(t, withRules(t, `
rules:
- {name: found, when: {slot: found}, pin: {item: mug-4, at: 1}, boost: {item: nothing, by: 2}}
- {name: unfound, when: {slot: unfound}, pin: {item: mug-1, at: 1}}
- {name: trends, when: {slot: trends}, pin: {item: lamp-1, at: 1}, boost: {item: nothing, by: 2}}
- {name: lifted, when: {slot: lifted}, pin: {item: mug-4, at: 2}, boost: {item: mug-4, by: 3}}
`))
	first := func(recent, slot string, place int) (it struct {
		ID     string
		Score  json.Number
		Source string
		Reason *reasoned
	}) {
		var a answered
		body := f.send("POST", "/v1/recommend", `{"recent":[`+recent+`],"explain":true,"n":4,"slot":"`+slot+`","context":{"country":"GB"}}`).want(t, 200).body
		d := json.NewDecoder(strings.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&a); err != nil {
			t.Fatal(err)
		}
		return a.Items[place]
	}
	found := first(`"mug-1"`, "found", 0)
	if r := found.Reason; found.ID != "mug-4" || found.Score == "0" || r.Pinned != "found" || r.Code != "similarTo" || r.Text != "Similar to The mug-1" || !strings.HasPrefix(string(r.Share), "1") && !strings.HasPrefix(string(r.Share), "0.99") {
		t.Errorf("found: %+v %+v", found, r)
	}
	unfound := first(`"mug-1"`, "unfound", 0)
	if r := unfound.Reason; unfound.ID != "mug-1" || unfound.Score != "0" || r.Pinned != "unfound" || r.Code != "pinned" || r.Text != "Chosen by the shop" || r.Share != "" || r.Rest != "" || len(r.Items)+len(r.Terms) > 0 {
		t.Errorf("not found: %+v %+v", unfound, r)
	}
	trends := first("", "trends", 0)
	if r := trends.Reason; trends.ID != "lamp-1" || r.Code != "trendingIn" || r.Pinned != "trends" || r.Text != "Trending in GB" || r.Share != "" {
		t.Errorf("of a list: %+v %+v", trends, r)
	}
	lifted := first(`"mug-1"`, "lifted", 1)
	if r := lifted.Reason; lifted.ID != "mug-4" || r.Code != "similarTo" || r.Pinned != "lifted" || r.Text != "Recommended by the shop" || !strings.HasPrefix(string(r.Share), "0.33") {
		t.Errorf("boosted threefold: %+v %+v", lifted, r)
	}
	sumsUp(t, lifted.Score, lifted.Reason)
}

// A history that is not for the caller is named in no sentence, whatever the words.
func TestSentencesNameNoHistory(t *testing.T) {
	f := newFixture(t, withWords(t, germanWords))
	f.publish("2-bbbb", 2, "", withBlends)
	f.post("/v1/events", "application/json", `[{"user":"ann","item":"mug-1","type":"purchase"},{"user":"ann","item":"lamp-2","type":"purchase"}]`)
	for _, language := range []string{"de", "en"} {
		r := f.post("/v1/recommend", "application/json", `{"user":"ann","explain":true,"n":12,"goal":"any","context":{"language":"`+language+`"}}`).want(t, 200, `"code":"forYou"`)
		if strings.Contains(r.body, "The ") || strings.Contains(r.body, "Wieder") || strings.Contains(r.body, "had it") || strings.Contains(r.body, "Zu ") || strings.Contains(r.body, "bought") {
			t.Errorf("%s", r.body)
		}
		told := f.post("/v1/recommend", "application/json", `{"recent":[{"item":"mug-1","type":"purchase"},{"item":"lamp-2","type":"purchase"}],"explain":true,"n":12,"goal":"any","context":{"language":"`+language+`"}}`)
		if !strings.Contains(told.body, `"text":"Zu The `) && !strings.Contains(told.body, `"text":"Because you bought The `) {
			t.Fatalf("told who may know: %s; the test wants items named there", told.body)
		}
	}
}

// Words that change count from the next answer on, also where answers are kept.
func TestWordsChange(t *testing.T) {
	f := newFixture(t)
	const target = "/v1/recommend?explain=true&n=2&country=GB"
	for range 3 {
		f.get(target).want(t, 200, `"text":"Trending in GB"`)
		f.server.finished.cache.Wait()
	}
	set, err := words.Parse([]byte(`{"en":{"trendingIn":"Hot in {country}"}}`))
	if err != nil {
		t.Fatal(err)
	}
	f.server.SetWords(set)
	f.get(target).want(t, 200, `"text":"Hot in GB"`)
}

// What is filled in is cut to so many characters, escaped or not, and stays JSON.
func TestFilledIsCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		var title strings.Builder
		for range rng.IntN(3 * maxFilled) {
			title.WriteRune([]rune{'a', 'é', '☕', '😀', '"', '\\', '\n', '\u2028', '<', 0x7f}[rng.IntN(10)])
		}
		want := title.String()
		if utf8.RuneCountInString(want) > maxFilled {
			want = string([]rune(want)[:maxFilled-1]) + "…"
		}
		plain, err := json.Marshal(title.String())
		if err != nil {
			t.Fatal(err)
		}
		escaped := []byte(`"`)
		for _, r := range title.String() {
			if r > 0xffff {
				escaped = fmt.Appendf(escaped, `\u%04X\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
			} else {
				escaped = fmt.Appendf(escaped, `\u%04x`, r)
			}
		}
		for _, text := range [][]byte{plain, append(escaped, '"'), appendString(nil, title.String())} {
			b := filled(append([]byte(`"x`), text...), 2)
			var got string
			if err := json.Unmarshal(append(b, '"'), &got); err != nil || got != "x"+want {
				t.Fatalf("%s: %q, %v; want %q", text, got, err, "x"+want)
			}
		}
	}
}

// Halves of a character are one where they belong together, and a character each where they don't.
func TestHalvesOfCharacters(t *testing.T) {
	for text, want := range map[string][]int{
		`\ud83d\ude00x`: {12, 1}, `\uDBFF\uDFFF`: {12}, `\ud83d\u0041`: {6, 6}, `\ud83d\ud83d\ude00`: {6, 12}, `\ude00\ud83d`: {6, 6}, `\ud83d\n\t\r\n`: {6, 2, 2, 2, 2},
		`\ud83d\\ude00`: {6, 2, 1, 1, 1, 1, 1}, `\ud83d\n\ude00`: {6, 2, 6}, `\ud7ff\ude00`: {6, 6}, `\ud83d\ude0`: {6, 2, 1, 1, 1}, `\ud83dxude00yz`: {6, 1, 1, 1, 1, 1, 1, 1, 1},
	} {
		var got []int
		for b := []byte(text); len(b) > 0; b = b[min(got[len(got)-1], len(b)):] {
			got = append(got, character(b))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// FuzzFilled: nothing that can stand for a title makes it panic or grow.
func FuzzFilled(f *testing.F) {
	f.Add([]byte(`"\ud83d\ude00\"`))
	f.Fuzz(func(t *testing.T, text []byte) {
		title := appendString(nil, string(text))
		if b := filled(slices.Clone(title), 0); !json.Valid([]byte(`"`+string(b)+`"`)) || len(b) > len(title)+len("…") {
			t.Fatalf("%q: %q", text, b)
		}
		if len(text) >= 2 {
			filled(slices.Clone(text), 0)
		}
	})
}

// FuzzLanguage: whatever is asked for, the answer is one, and says something.
func FuzzLanguage(f *testing.F) {
	for _, s := range []string{"de", "de-AT", "", "-", "DE-at-x-\u00e9", strings.Repeat("a-", 100)} {
		f.Add(s)
	}
	fx := newFixture(f, withWords(f, germanWords))
	f.Fuzz(func(t *testing.T, language string) {
		body, err := json.Marshal(map[string]any{"recent": []string{"mug-1"}, "explain": true, "context": map[string]string{"language": language}})
		if err != nil {
			t.Fatal(err)
		}
		ctx := fuzzed(t, fx, func(r *fasthttp.Request) {
			r.SetRequestURI("/v1/recommend")
			r.Header.SetMethod("POST")
			r.SetBody(body)
		})
		if ok := ctx.Response.StatusCode() == 200; ok != (len(strings.ToValidUTF8(language, "\ufffd")) <= edged.MaxContextLen) {
			t.Fatalf("%q: %d", language, ctx.Response.StatusCode())
		} else if s := string(ctx.Response.Body()); ok && !strings.Contains(s, `"text":"Similar to The mug-1"`) && !strings.Contains(s, `"text":"Ähnlich wie The mug-1"`) {
			t.Fatalf("%q: %s", language, s)
		}
	})
}

// A sentence allocates nothing, in any language.
func TestSentencesAllocateNothing(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Clock = func() time.Time { return start } }, withWords(t, germanWords))
	h := f.server.Handler()
	for _, change := range [][]func(*model.Build){nil, {withBlends}} {
		f.publish("2-bbbb", 2, "", change...)
		for _, language := range []string{"de-AT", "it"} {
			var ctx fasthttp.RequestCtx
			prepareGet(&ctx, "/v1/recommend?recent=mug-1,lamp-1&n=12&country=GB&explain=true&language="+language)
			testkit.Allocs(t, 0, func() { h(&ctx) })
			if !strings.Contains(string(ctx.Response.Body()), `"text":"`) {
				t.Errorf("%s", ctx.Response.Body())
			}
		}
	}
}
