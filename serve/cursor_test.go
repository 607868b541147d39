package serve

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/edged/edged/rank"
)

type pageAnswer struct {
	Items  []struct{ ID string }
	Cursor *string
}

func (f *fixture) pageOf(target string, body string) (a pageAnswer) {
	f.t.Helper()
	r := f.get(target)
	if body != "" {
		r = f.post("/v1/recommend", "", body)
	}
	if err := json.Unmarshal([]byte(r.body), &a); err != nil || r.status != 200 {
		f.t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return a
}

// Pages repeat nothing and leave nothing out, also where rules move items about, and where the release is another one on every page.
func TestPagesDoNotRepeat(t *testing.T) {
	shake := `rules: [{name: a, boost: {item: mug-4, by: 50}}, {name: b, bury: {item: lamp-1}}, {name: c, pin: {item: mug-2, at: 2}}]`
	for name, f := range map[string]*fixture{"plain": newFixture(t), "rules": newFixture(t, withRules(t, shake))} {
		for _, post := range []bool{false, true} {
			seen, cursor, pages := map[string]bool{}, "", 0
			for {
				var a pageAnswer
				if post {
					a = f.pageOf("", fmt.Sprintf(`{"n":3,"goal":"any","recent":["mug-1"],"cursor":%q}`, cursor))
				} else {
					a = f.pageOf("/v1/recommend?n=3&goal=any&recent=mug-1&cursor="+cursor, "")
				}
				for _, it := range a.Items {
					if seen[it.ID] {
						t.Errorf("%s: page %d has %s again", name, pages, it.ID)
					}
					seen[it.ID] = true
				}
				if a.Cursor == nil {
					break
				}
				cursor, pages = *a.Cursor, pages+1
				f.publish(fmt.Sprintf("%d-next", pages+2), uint64(pages+2), "")
			}
			if len(seen) != 11 || pages != 4 { // all but the one out of stock
				t.Errorf("%s: %d items on %d pages: %v", name, len(seen), pages, seen)
			}
		}
	}
}

func TestCursorsThatAreNone(t *testing.T) {
	f := newFixture(t)
	if a := f.pageOf("/v1/recommend?n=3", ""); a.Cursor != nil {
		t.Error("a cursor nobody asked for")
	}
	if a := f.pageOf("/v1/recommend?n=12&cursor=", ""); a.Cursor == nil || len(*a.Cursor) > maxCursor {
		t.Errorf("%+v", a)
	}
	for _, bad := range []string{"A", "AQ=", "AQA", "!!", "AgAAAAAAAAAA", "AQAAAAAAAAAB" + "AA", "AQAAAAAAAAAA", "An_AAAA", "An-AAAA", "AoAAAAE", "Ag", strings.Repeat("A", maxCursor+4)} {
		checkRefusal(t, f.get("/v1/recommend?cursor="+bad), 400, "cursor: ")
		checkRefusal(t, f.post("/v1/recommend", "", `{"cursor":"`+bad+`"}`), 400, "cursor: ")
	}
	checkRefusal(t, f.get("/v1/recommend?cursor=&cursor="), 400, "cursor: given twice")
	checkRefusal(t, f.post("/v1/recommend/batch", "", `{"slots":[{}],"cursor":""}`), 400, "cursor: unknown key")
}

// All pages together have 500 items at most, whatever n is.
func TestPagesEnd(t *testing.T) {
	f := newFixture(t)
	f.releases.Store(bazaar(t, 700))
	for _, n := range []int{180, 250, 499, 500} {
		total, pages, cursor := 0, 0, ""
		for {
			a := f.pageOf(fmt.Sprintf("/v1/recommend?n=%d&recent=b00001&cursor=%s", n, cursor), "")
			total, pages = total+len(a.Items), pages+1
			if a.Cursor == nil {
				break
			}
			cursor = *a.Cursor
		}
		if total != maxPaged || pages != (maxPaged+n-1)/n {
			t.Errorf("n %d: %d items on %d pages", n, total, pages)
		}
	}
}

// TestRelevanceBesideRules: the best that minRelevance goes by is one that rules let through, so that pages make up the list.
func TestRelevanceBesideRules(t *testing.T) {
	for _, least := range []string{"0.1", "0.3"} {
		f := newFixture(t)
		f.releases.Store(bazaar(t, 700))
		ask := `"recent":["b00001","b00041"],"minRelevance":` + least
		best := strings.Fields(idsIn(f.send("POST", "/v1/recommend", `{`+ask+`,"n":3}`).want(t, 200).body))
		g := newFixture(t, withRules(t, "rules:\n- {name: gone, exclude: {item: ["+strings.Join(best, ", ")+"]}}\n"))
		g.releases.Store(bazaar(t, 700))
		whole := idsIn(g.send("POST", "/v1/recommend", `{`+ask+`,"n":500}`).want(t, 200).body)
		if len(strings.Fields(whole)) < 4 {
			t.Fatalf("%s: %s: the test wants some", least, whole)
		}
		if got := g.paged(ask, 2, func(string) {}); got != whole {
			t.Errorf("%s: on pages %s\nat once %s", least, got, whole)
		}
	}
}

// paged asks page after page, shows each, and returns the ids of all, as idsIn does.
func (f *fixture) paged(ask string, n int, show func(body string)) string {
	f.t.Helper()
	var ids []string
	for cursor := ""; ; {
		body := f.send("POST", "/v1/recommend", fmt.Sprintf(`{%s,"n":%d,"cursor":%q}`, ask, n, cursor)).want(f.t, 200).body
		show(body)
		ids = append(ids, strings.Fields(idsIn(body))...)
		var a pageAnswer
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			f.t.Fatal(err)
		}
		if a.Cursor == nil {
			return strings.Join(ids, " ")
		}
		cursor = *a.Cursor
	}
}

// What minRelevance lets through on all pages, and in all slots, is what it lets through on one; and nothing is explored beside it.
func TestRelevanceOnPagesAndSlots(t *testing.T) {
	f := newFixture(t)
	for i, r := range []*rank.Ranker{bazaar(t, 700), bazaar(t, 700, withoutBlends)} {
		f.releases.Store(r)
		const ask = `"recent":["b00001","b00041"],"minRelevance":0.1,"explore":0.9`
		whole := idsIn(f.send("POST", "/v1/recommend", `{`+ask+`,"n":500}`).want(t, 200).body)
		if n := len(strings.Fields(whole)); n < 8 || n == 500 {
			t.Fatalf("shop %d: %d items: the test wants some", i, n)
		}
		got := f.paged(ask, 3, func(body string) {
			if strings.Contains(body, `"explore"`) {
				t.Errorf("explored: %s", body)
			}
		})
		if got != whole {
			t.Errorf("shop %d: on pages %s\nat once %s", i, got, whole)
		}
		var slots []string
		for _, a := range f.page(`{` + ask + `,"slots":[{"n":4},{"n":3},{"n":400}]}`).Answers {
			for _, it := range a.Items {
				slots = append(slots, it.ID)
			}
		}
		if got := strings.Join(slots, " "); got != whole {
			t.Errorf("shop %d: in slots %s\nat once %s", i, got, whole)
		}
	}
}
