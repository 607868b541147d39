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
		`{"localHour":"25","referrer":"://"}`:         {"mug-1", "global", "trending"},
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
