package eval

import (
	"bytes"
	"strings"
	"testing"
)

// TestPageNeedsNothingElse: one file, no script, nothing fetched, and names that are text.
func TestPageNeedsNothingElse(t *testing.T) {
	row := Row{Model: `<b>served</b>`, Metrics: Metrics{Recall: .25, HitRate: .5}, Intervals: map[Metric]Interval{Recall: {.2, .3}},
		Curve: []Point{{K: 1, HitRate: .1}, {K: 20, HitRate: .5}}, Groups: []GroupRow{{Group: Group{"country", "<i>"}, Users: 3}}}
	r := Report{Protocol: "temporal", Part: Part{Name: "new items", K: 20, Users: 8, Results: []Row{{Model: "popularity"}, row}, Chosen: row.Model},
		Selection: &Selection{Metric: "recall", Trials: []Trial{{Name: "a", Family: "ridge", Score: 1, Budget: 1}}},
		Serving:   []Loss{{Step: "int8", Metric: Recall, Before: .5, After: .49}}, Facts: []Fact{{"items", "7"}}}
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, bad := range []string{"<script", "http://", "https://", "src=", "@import", "<b>served", "<i>"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, want := range []string{"50 of 100", "0.2500", "&lt;b&gt;served", "-2.00 %", "<svg", "new items"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestRatingsOf(t *testing.T) {
	var errors []RatingError
	for i := range 400 {
		errors = append(errors, RatingError{User: i % 40, Error: []float64{3, -4}[i%2]})
	}
	r := RatingsOf(errors, Bootstrap{Resamples: 200})
	if r.Count != 400 || r.MAE != 3.5 || r.RMSE*r.RMSE < 12.499 || r.RMSE*r.RMSE > 12.501 {
		t.Errorf("%+v, want MAE 3.5 and RMSE² 12.5", r)
	}
	if i := r.Intervals.RMSE; !(i.Low < r.RMSE && r.RMSE < i.High && i.High < 4) {
		t.Errorf("interval %+v around %v", i, r.RMSE)
	}
}
