package bench

import (
	"os"
	"strconv"
	"testing"
)

// BenchmarkSearchFiles measures sets of npy files: EDGED_SET=DIR/NAME means DIR/NAME_items.npy, _queries.npy, _trainq.npy.
func BenchmarkSearchFiles(b *testing.B) {
	set := os.Getenv("EDGED_SET")
	if set == "" {
		b.Skip("EDGED_SET is not set")
	}
	cfg := SearchConfig{
		Items: set + "_items.npy", Queries: set + "_queries.npy", Train: set + "_trainq.npy", Recall: .95, Passes: 60, K: number("EDGED_K"),
	}
	cfg.EnsureDefaults()
	in, err := readSearch(&cfg)
	if err != nil {
		b.Fatal(err)
	}
	report := &SearchReport{N: len(in.items) / in.dim, D: in.dim}
	made, err := buildSearch(&cfg, in, report)
	if err != nil {
		b.Fatal(err)
	}
	truth := trueScores(in.items, in.queries, in.dim, cfg.K, cfg.Threads)
	b.ResetTimer()
	for b.Loop() {
		measureSearch(&cfg, in, made, truth, report)
	}
	b.ReportMetric(report.USPerQuery, "µs/query")
	b.ReportMetric(report.Recall, "recall")
}

func number(name string) int {
	n, _ := strconv.Atoi(os.Getenv(name))
	return n
}
