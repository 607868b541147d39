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

// TestPageShowsWhatApplies: no columns of zeros, the configuration in words with the trial that won, and an axis for each family, whose best
// is a trial of all the data.
func TestPageShowsWhatApplies(t *testing.T) {
	trials := []Trial{{Name: "a half", Family: "blend, any item", Score: 9, Budget: .5}, {Name: "half-life 3", Family: "blend, any item", Score: 2, Budget: 1},
		{Name: "without a table", Family: "blend, new items", Score: 1, Budget: 1}}
	r := Report{Part: Part{Name: "new items", Results: []Row{{Model: "popularity", Metrics: Metrics{Novelty: 3, PopularityLift: 2}}}},
		Parts:     []Part{{Name: "items without a history", Results: []Row{{Model: "content", Groups: []GroupRow{{Group: Group{"country", "FR"}}}}}}},
		Selection: &Selection{Metric: "recall", Trials: trials, Chosen: 2}, Choice: []Fact{{"item table", "ridge l2 4"}}}
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for what, times := range map[string]int{"<th>Novelty": 1, "<th>Lift": 1, "<th>Diversity": 0, "and lift (1": 1, "<th>item table<td>ridge l2 4": 1,
		"Chosen: blend, new items, without a table, with 1.0000.": 1, `text-anchor="end">blend, any item<`: 1, `text-anchor="end">blend, new items<`: 1, `class="dot own"`: 2, ">9.0000</text>": 0} {
		if got := strings.Count(page, what); got != times {
			t.Errorf("%d times %q, want %d", got, what, times)
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
