package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/quant"
)

// SearchConfig says what to search and how. Zero values mean the defaults.
type SearchConfig struct {
	Items   string  // npy file: one row an item
	Release string  // directory of a release, whose own index is measured; instead of Items
	Queries string  // npy file: one row a query; recall and time are measured on these. Of a release, none: those it keeps, or, searched exactly, vectors of items
	Train   string  // npy file of other queries, for layout and calibration; none: the first half of Queries, which are then not measured
	K       int     // default 10
	Recall  float64 // default 0.95, of a release what it was made for; 1: exact
	Passes  int     // over the queries; default 5
	Most    int     // queries measured; default 2,000
	Coarse  bool    // 8-bit rows without remainders
	Bits    int     // of a bit code; 0, with Cells and Head: chosen
	Cells   int
	Head    int
	Seed    uint64 // default 1
	Threads int    // while building; default: all
	Core    *int   // to measure on; nil: any
	// Progress, where set, hears of each step.
	Progress func(step string)
}

// EnsureDefaults replaces zero values.
func (c *SearchConfig) EnsureDefaults() {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&c.K, 10)
	set(&c.Passes, 5)
	set(&c.Most, 2000)
	set(&c.Threads, runtime.GOMAXPROCS(0))
	if c.Recall == 0 && c.Release == "" {
		c.Recall = .95
	}
	if c.Seed == 0 {
		c.Seed = 1
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
}

// Validate reports all faults at once.
func (c *SearchConfig) Validate() error {
	var errs []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	add(c.Items == "" && c.Release == "", "items: no file, and no release")
	add(c.Items != "" && c.Release != "", "items: there is a release, too")
	add(c.Queries == "" && c.Release == "", "queries: no file")
	add(c.K < 1 || c.K > 500, "k: %d, want 1 to 500", c.K)
	add(!(c.Recall > 0 && c.Recall <= 1) && (c.Recall != 0 || c.Release == ""), "recall: %g, want above 0, at most 1", c.Recall)
	add(c.Passes < 1 || c.Passes > 1000, "passes: %d, want 1 to 1000", c.Passes)
	add(c.Bits != 0 && c.Bits != 1 && c.Bits != 2, "bits: %d, want 1 or 2", c.Bits)
	add(c.Cells < 0 || c.Cells >= index.MaxCells, "cells: %d, want 0 to %d", c.Cells, index.MaxCells-1)
	add(c.Head < 0, "head: %d, want 0 or more", c.Head)
	add(c.Most < 1, "most: %d, want 1 or more", c.Most)
	add(c.Seed < 1, "seed: 0, want 1 or more")
	add(c.Recall == 1 && c.shaped(), "bits, cells, head: recall 1 is searched exactly, without a layout")
	add(c.Release != "" && (c.shaped() || c.Coarse || c.Train != ""), "bits, cells, head, coarse, train: a release has its own layout")
	add(c.Core != nil && (*c.Core < 0 || *c.Core >= 1024), "core: want 0 to 1023")
	add(c.Threads < 1 || c.Threads > 1024, "threads: %d, want 1 to 1024", c.Threads)
	return errors.Join(errs...)
}

// shaped reports whether a layout is asked for.
func (c *SearchConfig) shaped() bool { return c.Bits != 0 || c.Cells != 0 || c.Head != 0 }

// RunSearch builds an index of the items and measures its recall and time on the queries, one thread, one query a call.
// The truth is a float32 scan over the items as they are in the file; for a release it is an exact search.
func RunSearch(ctx context.Context, cfg SearchConfig) (*SearchReport, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	run := runFiles
	if cfg.Release != "" {
		run = runRelease
	}
	report, err := run(ctx, &cfg)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("bench: %w", err)
	}
	return report, err
}

func runFiles(ctx context.Context, cfg *SearchConfig) (*SearchReport, error) {
	cfg.Progress("read")
	in, err := readSearch(cfg)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cfg.Progress("build")
	report := &SearchReport{}
	made, err := buildSearch(cfg, in, report)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cfg.Progress("truth")
	truth := trueScores(in.items, in.queries, in.dim, cfg.K, cfg.Threads)
	cfg.Progress("measure")
	m := &measured{cfg: cfg, index: made.Index, queries: in.queries, found: func(hits []index.Hit, i int) int {
		return countFound(in, hits, in.queries[i*in.dim:][:in.dim], truth[i])
	}}
	return report, errors.Join(m.measure(report), ctx.Err())
}

type searchInput struct {
	items, queries, train []float32
	dim                   int
}

func readSearch(cfg *SearchConfig) (*searchInput, error) {
	in := &searchInput{}
	for _, f := range []struct {
		path string
		to   *[]float32
	}{{cfg.Items, &in.items}, {cfg.Queries, &in.queries}, {cfg.Train, &in.train}} {
		if f.path == "" {
			continue
		}
		numbers, dim, err := readNpyFile(f.path)
		if err != nil {
			return nil, err
		}
		if in.dim != 0 && dim != in.dim {
			return nil, fmt.Errorf("%s: %d dimensions, the items have %d", f.path, dim, in.dim)
		}
		if len(numbers) == 0 {
			return nil, fmt.Errorf("%s: no rows", f.path)
		}
		in.dim, *f.to = dim, numbers
	}
	if cfg.Train == "" {
		half := len(in.queries) / in.dim / 2 * in.dim
		in.train, in.queries = in.queries[:half], in.queries[half:]
	}
	in.queries = in.queries[:min(len(in.queries), cfg.Most*in.dim)]
	return in, in.enough(cfg)
}

// enough reports what there is too little of for what is asked.
func (in *searchInput) enough(cfg *SearchConfig) error {
	items, train := len(in.items)/in.dim, len(in.train)/in.dim
	switch {
	case len(in.queries) == 0:
		return fmt.Errorf("%s: nothing to measure with: give a file of more than one row", cfg.Queries)
	case cfg.Recall == 1:
	case items < index.LeastRows && cfg.shaped():
		return fmt.Errorf("%s: bits, cells, head: %d items are searched exactly, layouts begin at %d", cfg.Items, items, index.LeastRows)
	case items >= index.LeastRows && train < index.LeastQueries && cfg.Train != "":
		return fmt.Errorf("%s: %d queries, a layout wants %d: give more, or ask for recall 1", cfg.Train, train, index.LeastQueries)
	case items >= index.LeastRows && train < index.LeastQueries:
		return fmt.Errorf("%s: half of its queries are %d, a layout wants %d: give a file to train with, or ask for recall 1", cfg.Queries, train, index.LeastQueries)
	}
	return nil
}

func readNpyFile(path string) ([]float32, int, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	numbers, dim, err := ReadNpy(bufio.NewReaderSize(f, 1<<20))
	if err == nil {
		err = checkNumbers(numbers, dim)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	return numbers, dim, nil
}

// checkNumbers reports a number that no vector may have: queries, too, and those that are never asked.
func checkNumbers(numbers []float32, dim int) error {
	if dim > quant.MaxDim {
		return fmt.Errorf("%d dimensions, at most %d", dim, quant.MaxDim)
	}
	for i, x := range numbers {
		if !(x >= -quant.MaxNorm && x <= quant.MaxNorm) {
			return fmt.Errorf("row %d, column %d: %g, want a number from %g to %g", i/dim, i%dim, x, -quant.MaxNorm, quant.MaxNorm)
		}
	}
	return nil
}

func buildSearch(cfg *SearchConfig, in *searchInput, report *SearchReport) (*index.Made, error) {
	start := time.Now()
	encode := quant.EncodeFine
	if cfg.Coarse {
		encode = quant.Encode
	}
	rows, err := encode(in.items, in.dim)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Items, err)
	}
	o := index.Options{
		Recall: float32(cfg.Recall), K: cfg.K, Queries: in.train, Threads: cfg.Threads, Seed: cfg.Seed,
		Layout: index.LayoutConfig{Bits: cfg.Bits, Cells: cfg.Cells, Head: cfg.Head},
	}
	if cfg.Coarse { // with remainders the index's own scores are near enough to the truth
		o.Truth = func(queries []float32, k int) [][]edged.Row {
			return trueRows(in.items, queries, in.dim, k, cfg.Threads)
		}
	}
	made, err := index.Make(rows, o)
	if err != nil {
		return nil, err
	}
	report.BuildSeconds = round(time.Since(start).Seconds(), 2)
	report.Concentration = round(made.Concentration, 4)
	return made, nil
}

// measured is an index under measurement.
type measured struct {
	cfg     *SearchConfig
	index   *index.Index
	asked   float32 // recall; 0: what the index was made for
	queries []float32
	found   func(hits []index.Hit, query int) int // how many of them are true ones
	n       int                                   // queries
	scratch index.Scratch
	hits    []index.Hit
}

// vector returns a query.
func (m *measured) vector(i int) []float32 { return m.queries[i*m.index.Dim():][:m.index.Dim()] }

// recall searches the first n queries once and returns the share of true hits; see hears what each did.
func (m *measured) recall(n int, asked float32, see func(*index.Stats)) float64 {
	query := index.Query{K: m.cfg.K, Recall: asked}
	found := 0
	for i := range n {
		query.Vector = m.vector(i)
		m.hits = m.index.Search(m.hits[:0], &query, &m.scratch)
		see(&m.scratch.Stats)
		found += m.found(m.hits, i)
	}
	return round(float64(found)/float64(n*min(m.cfg.K, m.index.Len())), 4)
}

// times returns the microseconds a query of each pass.
func (m *measured) times(asked float32) (passes []float64) {
	query := index.Query{K: m.cfg.K, Recall: asked}
	for range m.cfg.Passes {
		passes = append(passes, m.timeOf(m.n, func() { m.hits = m.index.Search(m.hits[:0], &query, &m.scratch) }, &query))
	}
	return passes
}

func (m *measured) measure(report *SearchReport) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if m.cfg.Core != nil {
		unpin, err := pinThread(*m.cfg.Core)
		if err != nil {
			return err
		}
		defer unpin()
	}
	x := m.index
	m.n, m.hits = len(m.queries)/x.Dim(), make([]index.Hit, 0, m.cfg.K)
	m.describe(report)
	per := 1 / float64(m.n)
	report.Recall = m.recall(m.n, m.asked, func(s *index.Stats) {
		report.Visited += float64(s.Cells) * per
		report.Scanned += float64(s.Scanned) * per
		report.Scored += float64(s.Scored) * per
		report.Entered += float64(s.Reranked) * per
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	passes := m.times(m.asked)
	runtime.ReadMemStats(&after)
	report.Allocations = round(float64(after.Mallocs-before.Mallocs)/float64(m.n*m.cfg.Passes), 2)
	report.USPerQuery, report.USMedian = round(slices.Min(passes), 2), round(newSpread(passes).Median, 2)
	for _, asked := range []float32{.9, .95, .99, .999} {
		if _, ok := x.Setting(&index.Query{K: m.cfg.K, Recall: asked}); !ok {
			break
		}
		p := SearchPoint{Asked: round(float64(asked), 4), Recall: m.recall(m.n, asked, func(*index.Stats) {})}
		p.USPerQuery = round(slices.Min(m.times(asked)), 2)
		report.Curve = append(report.Curve, p)
	}
	m.timeScans(report)
	return nil
}

// describe fills in what is known without a search.
func (m *measured) describe(report *SearchReport) {
	x := m.index
	report.N, report.D, report.K, report.Queries = x.Len(), x.Dim(), m.cfg.K, m.n
	report.RecallAsked, report.Variant = m.cfg.Recall, kernel.Active()
	report.BytesPerItem = round(x.Bytes(), 1)
	if l := x.Layout(); l != nil {
		report.Cells, report.Head, report.Bits = l.Cells(), l.Head, l.Bits
	}
	report.Setting, _ = x.Setting(&index.Query{K: m.cfg.K, Recall: m.asked})
}

// exactRows is how many rows the recall of exact searches may look at.
const exactRows = 200_000_000

// timeScans times what an approximate search is measured against.
func (m *measured) timeScans(report *SearchReport) {
	query := index.Query{K: m.cfg.K}
	s, hits := &m.scratch, m.hits
	exact := query
	exact.Recall = 2
	few := min(m.n, max(3, 20_000_000/report.N/8))
	report.RecallExact = m.recall(min(m.n, max(100, exactRows/report.N)), exact.Recall, func(*index.Stats) {})
	report.USExact = round(m.timeOf(few, func() { hits = m.index.Search(hits[:0], &exact, s) }, &exact), 1)
	dots, codes := make([]int32, 1024), m.index.Rows().Codes
	var q quant.Query
	report.USFull = round(m.timeOf(few, func() {
		q.Set(query.Vector)
		for at := 0; at < report.N; at += len(dots) {
			d := dots[:min(len(dots), report.N-at)]
			kernel.DotRowsI8I16(d, codes[at*len(q.Codes):][:len(d)*len(q.Codes)], q.Codes)
		}
	}, &query), 1)
}

// timeOf returns the microseconds of a call, over the first n queries.
func (m *measured) timeOf(n int, search func(), q *index.Query) float64 {
	start := threadTime()
	for i := range n {
		q.Vector = m.vector(i)
		search()
	}
	return float64((threadTime() - start).Nanoseconds()) / 1000 / float64(n)
}

func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}
