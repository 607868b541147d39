package train

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/eval"
)

// WriteTable writes the report for people.
func (r Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	var err error
	line := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(t, format, args...)
		}
	}
	c := r.Counts
	line("%s", r.Protocol)
	if !r.SplitTime.IsZero() {
		line(", split at %s", r.SplitTime.Format(time.RFC3339))
	}
	line(", all items ranked\ntraining: %d events (%d with the test part), %d users, %d items, %d pairs", c.TrainRows, c.Rows, c.TrainUsers, c.Items, c.Pairs)
	if r.Protocol != Files { // pairs have no types
		line("; events: %s", typeNames(r.Config.EventWeights))
	}
	line("\n")
	parts := append([]eval.Part{r.Part}, r.Parts...)
	if r.Cold != nil {
		parts = append(parts, *r.Cold)
	}
	for _, p := range parts {
		line("\n%s: %d users, %d questions\n", p.Name, p.Users, p.Cases)
		line("model\tRecall@%d\tNDCG@%[1]d\tHitRate@%[1]d\tMRR@%[1]d\tCoverage@%[1]d\t\n", p.K)
		for _, m := range p.Results {
			line("%s\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f\t\n", m.Model, m.Recall, m.NDCG, m.HitRate, m.MRR, m.Coverage)
		}
	}
	if x := r.Ratings; x != nil {
		line("\nratings: %d foretold, RMSE %.4f (%.4f to %.4f), MAE %.4f\n", x.Count, x.RMSE, x.Intervals.RMSE.Low, x.Intervals.RMSE.High, x.MAE)
	}
	return errors.Join(err, t.Flush())
}

func typeNames(weights map[edged.EventType]float64) string {
	var names []string
	for _, t := range slices.Sorted(maps.Keys(weights)) {
		names = append(names, fmt.Sprintf("%s=%g", t, weights[t]))
	}
	return strings.Join(names, " ")
}
