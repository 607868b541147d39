package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
)

// runRelease measures the index of a release against exact searches of the same index.
func runRelease(ctx context.Context, cfg *SearchConfig) (*SearchReport, error) {
	cfg.Progress("read")
	m, err := model.OpenFiles(vfs.OS, filepath.Join(cfg.Release, model.ModelFile), filepath.Join(cfg.Release, model.CatalogueFile))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Release, err)
	}
	queries, err := releaseQueries(cfg, m)
	if err != nil {
		return nil, err
	}
	cfg.Progress("truth")
	x := m.Index()
	truth := exactScores(x, queries, cfg.K)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cfg.Progress("measure")
	report := &SearchReport{}
	measuring := &measured{cfg: cfg, index: x, asked: float32(cfg.Recall), queries: queries, found: func(hits []index.Hit, i int) (found int) {
		for _, h := range hits {
			if h.Score >= truth[i] {
				found++
			}
		}
		return found
	}}
	if cfg.Recall == 0 {
		cfg.Recall = 1
		if s := m.Meta().Search; s != nil {
			cfg.Recall = float64(s.Recall)
		}
	}
	return report, errors.Join(measuring.measure(report), ctx.Err())
}

// releaseQueries returns those of the file, or those a release keeps for its self-check, or, as one searched exactly keeps none, vectors of
// its items.
func releaseQueries(cfg *SearchConfig, m *model.Model) ([]float32, error) {
	queries := m.SearchQueries()
	if cfg.Queries != "" {
		numbers, dim, err := readNpyFile(cfg.Queries)
		if err != nil {
			return nil, err
		}
		if dim != m.Dim() {
			return nil, fmt.Errorf("%s: %d dimensions, the release has %d", cfg.Queries, dim, m.Dim())
		}
		if len(numbers) == 0 {
			return nil, fmt.Errorf("%s: no rows", cfg.Queries)
		}
		queries = numbers
	}
	if len(queries) == 0 {
		queries = itemVectors(m, cfg.Most)
	}
	if len(queries) == 0 {
		return nil, errors.New("the release has no items")
	}
	return queries[:min(len(queries), cfg.Most*m.Dim())], nil
}

// itemVectors returns the vectors of at most n items, evenly spaced.
func itemVectors(m *model.Model, n int) (out []float32) {
	var wide []float64
	n = min(n, m.Len())
	for i := range n {
		wide = m.AppendVector(wide[:0], edged.Row(i*m.Len()/n))
		for _, x := range wide[:m.Dim()] {
			out = append(out, float32(x))
		}
	}
	return out
}

// exactScores returns each query's k-th best score.
func exactScores(x *index.Index, queries []float32, k int) []float32 {
	var s index.BatchScratch
	var out []float32
	qs := make([]index.Query, 0, 8)
	for at := 0; at < len(queries); {
		for qs = qs[:0]; at < len(queries) && len(qs) < cap(qs); at += x.Dim() {
			qs = append(qs, index.Query{Vector: queries[at:][:x.Dim()], K: k, Recall: 2})
		}
		for _, hits := range x.SearchBatch(nil, qs, &s) {
			out = append(out, hits[len(hits)-1].Score)
		}
	}
	return out
}
