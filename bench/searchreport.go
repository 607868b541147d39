package bench

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/edged/edged/index"
)

// SearchReport is what was measured.
type SearchReport struct {
	N            int     `json:"n"`
	D            int     `json:"d"`
	K            int     `json:"k"`
	RecallAsked  float64 `json:"recallAsked"`
	Recall       float64 `json:"recall"`
	USPerQuery   float64 `json:"usPerQuery"` // processor time, least of the passes
	BytesPerItem float64 `json:"bytesPerItem"`
	BuildSeconds float64 `json:"buildSeconds"`
	Variant      string  `json:"variant"` // of the kernels

	USMedian      float64       `json:"usMedian"`
	USExact       float64       `json:"usExact"`     // of the plain scan in norm order
	RecallExact   float64       `json:"recallExact"` // of that scan
	USFull        float64       `json:"usFull"`      // of scoring every 8-bit row
	Queries       int           `json:"queries"`
	Concentration float64       `json:"concentration"`
	Cells         int           `json:"cells"`
	Head          bool          `json:"head"`
	Bits          int           `json:"bits"`
	Setting       index.Setting `json:"setting"`
	Visited       float64       `json:"visited"` // cells a query
	Scanned       float64       `json:"scanned"` // rows a query
	Scored        float64       `json:"scored"`
	Entered       float64       `json:"entered"`
	Allocations   float64       `json:"allocations"` // a query
	Curve         []SearchPoint `json:"curve"`
}

// SearchPoint is what one recall asked gave.
type SearchPoint struct {
	Asked      float64 `json:"recallAsked"`
	Recall     float64 `json:"recall"`
	USPerQuery float64 `json:"usPerQuery"`
}

func (r *SearchReport) layout() string {
	if r.Cells == 0 {
		return "norm order, every search exact"
	}
	return fmt.Sprintf("%d cells, head %v, %d bits", r.Cells, r.Head, r.Bits)
}

// WriteTable prints the report for people.
func (r *SearchReport) WriteTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range []struct {
		name, format string
		args         []any
	}{
		{"items", "%d × %d", []any{r.N, r.D}},
		{"kernels", "%s", []any{r.Variant}},
		{"layout", "%s", []any{r.layout()}},
		{"recall", "%.4f of the best %d, asked %g, on %d queries", []any{r.Recall, r.K, r.RecallAsked, r.Queries}},
		{"a query", "%.2f µs (median %.2f); exact scan %.1f (recall %.4f), every row %.1f", []any{r.USPerQuery, r.USMedian, r.USExact, r.RecallExact, r.USFull}},
		{"work", "%.1f cells, %.0f rows scanned, %.0f scored, %.0f entered", []any{r.Visited, r.Scanned, r.Scored, r.Entered}},
		{"size", "%.1f bytes an item", []any{r.BytesPerItem}},
		{"build", "%.1f s", []any{r.BuildSeconds}},
	} {
		fmt.Fprintf(tw, "%s\t"+line.format+"\n", append([]any{line.name}, line.args...)...)
	}
	for _, p := range r.Curve {
		fmt.Fprintf(tw, "asked %g\trecall %.4f, %.2f µs\n", p.Asked, p.Recall, p.USPerQuery)
	}
	return tw.Flush()
}
