package serve

import (
	"encoding/json"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// TestNewcomersBySetting: who is not known gets what the release has for device, referrer and hour.
func TestNewcomersBySetting(t *testing.T) {
	f := newFixture(t)
	f.publish("2-bbbb", 2, "", func(b *model.Build) {
		for row, at := range map[edged.Row]edged.Setting{
			2: {Device: "kiosk"}, 3: {Country: "GB", Device: "kiosk"}, 4: {Referrer: "news.example"}, 6: {Daypart: edged.Evening},
		} {
			b.Trends = append(b.Trends, model.Trend{Setting: at, Rows: []edged.Row{row}, Scores: []float32{1}})
		}
	})
	for context, want := range map[string]struct{ item, level, code string }{
		`{}`:                                {"mug-1", "global", "trending"},
		`{"device":"kiosk"}`:                {"lamp-2", "segment", "trendingAmong"},
		`{"device":"kiosk","country":"GB"}`: {"lamp-3", "segment", "trendingAmong"},
		`{"device":"phone","country":"GB"}`: {"lamp-1", "regional", "trendingIn"},
		`{"referrer":"https://www.News.example/a?q"}`: {"lamp-4", "segment", "trendingAmong"},
		`{"localHour":"20"}`:                          {"mug-0", "segment", "trendingAmong"},
		`{"localHour":"3"}`:                           {"mug-1", "global", "trending"},
		`{"localHour":"","referrer":"://"}`:           {"mug-1", "global", "trending"},
	} {
		r := f.post("/v1/recommend", "application/json", `{"n":1,"explain":true,"context":`+context+`}`)
		var a struct {
			Level string
			Items []struct {
				ID     string
				Reason struct{ Code string }
			}
		}
		if err := json.Unmarshal([]byte(r.body), &a); err != nil || len(a.Items) != 1 {
			t.Fatalf("%s: %d %s", context, r.status, r.body)
		}
		if a.Items[0].ID != want.item || a.Level != want.level || a.Items[0].Reason.Code != want.code {
			t.Errorf("%s: %s %s %s, want %v", context, a.Items[0].ID, a.Level, a.Items[0].Reason.Code, want)
		}
	}
}

// An hour that is none is refused, by requests and of events; those with a leading 0 are hours, and an empty one says nothing.
func TestHours(t *testing.T) {
	f := newFixture(t)
	for hour, ok := range map[string]bool{"0": true, "7": true, "07": true, "00": true, "23": true, "": true, "24": false, "007": false, "-1": false, "7pm": false, " 7": false, "7.5": false, "x": false} {
		context := `"context":{"localHour":"` + hour + `"}`
		events := `[{"item":"mug-1","type":"view","user":"u",` + context + `},{"item":"mug-1","type":"view","user":"u"}]`
		if ok {
			f.post("/v1/recommend", "application/json", `{`+context+`}`).want(t, 200)
			f.post("/v1/events", "application/json", events).want(t, 202, `"accepted":2,"rejected":[]`)
			continue
		}
		wants := `want an hour from 0 to 23, got \"` + hour + `\"`
		f.post("/v1/recommend", "application/json", `{`+context+`}`).want(t, 400, `context.localHour`, wants)
		f.post("/v1/recommend/batch", "application/json", `{"slots":[{}],`+context+`}`).want(t, 400, `context.localHour`, wants)
		f.post("/v1/events", "application/json", events).want(t, 202, `"accepted":1,"rejected":[{"index":0,"error":"event: context.localHour: `+wants)
	}
}
