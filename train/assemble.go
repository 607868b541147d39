package train

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
)

// checkCount is how many known answers a release carries for a node to test itself with.
const checkCount = 32

// lesson is what was learned from a part: what Run ships and Evaluate measures.
type lesson struct {
	part         *part
	users, items *learn.Matrix // the pairs by visitor and by item
	factors      *learn.Factors
	taught       []int     // by item: visitors its vector was learned from
	queries      []float32 // some visitors' vectors: what searches are calibrated for
	near         [][]learn.Scored
	table        *learn.Table   // nil: none
	session      *learn.Table   // nil: none
	gram, mean   []float32      // of the vectors learned, where others were added; else nil
	popularZ     []float32      // nil: nothing weighs it
	repeatQ      []float32      // nil: nothing weighs it
	content      *model.Content // nil: none, or
	kept         bool           // that of the release gone on from stays
	warm         bool           // factors go on from those of an earlier release
}

// study learns all that a configuration asks for.
func study(ctx context.Context, cfg *Config, p *part, near int, watch *stopwatch) (*lesson, error) {
	l := &lesson{part: p}
	for _, step := range []func(context.Context, *Config, *stopwatch) error{l.learnFactors, l.learnTable, l.learnSession} {
		giveBack()
		if err := step(ctx, cfg, watch); err != nil {
			return nil, err
		}
	}
	if len(cfg.Blends) > 0 {
		visits := p.histories()
		l.popularZ, l.repeatQ = p.popularZ(visits, cfg.TrendHalfLifeDays), p.repeatQ(visits)
	}
	giveBack()
	watch.begin("neighbours")
	l.users = p.pairs(0)
	l.items = l.users.Transpose()
	l.near = learn.Neighbours(ctx, l.users, l.items, near, cfg.Shrink, cfg.Threads)
	watch.say(Step{Done: len(l.near), Total: len(l.near), Unit: "items"})
	return l, ctx.Err()
}

func (l *lesson) learnFactors(ctx context.Context, cfg *Config, watch *stopwatch) (err error) {
	watch.begin("als")
	pairs := l.part.pairs(cfg.PairHalfLifeDays).Ordinary() // what a robot alone has lies in one direction, where no search tells it apart
	l.taught = make([]int, pairs.Cols)
	for _, i := range pairs.Index {
		l.taught[i]++
	}
	als := cfg.als()
	if als.Start = cfg.previous.factors(l.part.ids, pairs, cfg.Factors); als.Start != nil && cfg.previous.near(cfg) {
		als.Sweeps = min(als.Sweeps, warmSweeps)
	}
	l.factors, err = als.Fit(ctx, pairs, cfg.Threads, func(sweep int, loss float64) {
		watch.say(Step{Done: sweep, Total: als.Sweeps, Unit: "sweeps", Note: fmt.Sprintf("loss %.6g", loss)})
	})
	if err == nil && als.Start != nil {
		l.warm, err = true, l.factors.Align(als.Start, cfg.Threads)
	}
	if err == nil {
		l.queries = likelyQueries(l.factors, pairs, cfg.Threads)
		l.factors.X = nil // not needed any more, and large
	}
	return err
}

func (l *lesson) learnTable(ctx context.Context, cfg *Config, watch *stopwatch) (err error) {
	if cfg.Table == nil {
		return nil
	}
	watch.begin("table")
	before, err := cfg.previous.sources(l.part.ids)
	if err != nil {
		return err
	}
	c := *cfg.Table
	c.Row = cfg.rowsToSettle(c.Row)
	l.table, err = c.fit(ctx, l.part.pairs(cfg.Table.HalfLifeDays), l.part.alike, cfg.Threads, before, func(done, total int) {
		watch.say(Step{Done: done, Total: total, Unit: "items", Note: cfg.Table.String()})
	})
	return err
}

func (l *lesson) learnSession(ctx context.Context, cfg *Config, watch *stopwatch) (err error) {
	if cfg.Session == nil {
		return nil
	}
	watch.begin("sessions")
	c := *cfg.Session
	c.Row = cfg.rowsToSettle(c.Row)
	l.session, err = c.fit(ctx, l.part, cfg.Threads)
	if err == nil {
		watch.say(Step{Done: l.session.Rows(), Total: l.session.Rows(), Unit: "items", Note: cfg.Session.String()})
	}
	return err
}

// warmSweeps are the sweeps of ALS from vectors that were good for almost the same data.
const warmSweeps = 1

// rowsToSettle is how many entries of a list are learned of which n are kept: where a release goes on from another, what
// was there stays as long as it is about as good as what would take its place.
func (c *Config) rowsToSettle(n int) int {
	if c.previous == nil {
		return n
	}
	return min(n+n/4, maxRow)
}

func (c *Config) als() learn.ALS {
	return learn.ALS{Factors: c.Factors, A0: c.A0, Reg: c.Reg, Nu: c.Nu, Sweeps: c.Sweeps, Seed: c.Seed}
}

// cut leaves of the tables what a release keeps that goes on from no other.
func (l *lesson) cut(cfg *Config) {
	if l.table != nil {
		l.table = l.table.Cut(cfg.Table.Row)
	}
	if l.session != nil {
		l.session = l.session.Cut(cfg.Session.Row)
	}
}

// assemble makes a release of a lesson; items, the catalogue, are aligned with its rows, or nil.
func (l *lesson) assemble(ctx context.Context, cfg *Config, trends []trend, items []edged.Item) *model.Build {
	b := &model.Build{IDs: l.part.ids, Vectors: l.factors.Y, Popularity: popularity(l.items), Items: items}
	b.Search = model.SearchOptions{Recall: recallOf(len(b.IDs)), Queries: l.queries, Kinds: queryKinds, Seed: cfg.Seed, Threads: cfg.Threads, Stop: ctx.Err}
	b.Meta = model.Meta{Dim: cfg.Factors, Users: l.users.Rows(), A0: cfg.A0, Reg: cfg.Reg, Nu: cfg.Nu, Seed: cfg.Seed, Active: l.factors.Active,
		HalfLifeDays: cfg.TrendHalfLifeDays, EventWeights: make(map[string]float64), Blends: cfg.Blends}
	for _, t := range cfg.types() {
		b.Meta.EventWeights[string(t)] = cfg.EventWeights[t]
	}
	b.Gram, b.Mean, b.Content = l.gram, l.mean, l.content
	b.PopularZ, b.RepeatQ = l.popularZ, l.repeatQ
	if l.table != nil {
		b.Table = &model.Sparse{Start: l.table.Start, Item: l.table.Item, Weight: l.table.Weight, Most: cfg.Table.Row}
	}
	if l.session != nil {
		b.Session = &model.Sparse{Start: l.session.Start, Item: l.session.Item, Weight: l.session.Weight, Most: cfg.Session.Row}
	}
	b.NeighbourK = cfg.Neighbours
	if cfg.previous != nil {
		b.Before = cfg.previous.model
		if l.kept {
			b.ContentOf = cfg.previous.model
		}
	}
	for _, t := range trends {
		rows, scores := columns(t.list)
		b.Trends = append(b.Trends, model.Trend{Setting: t.at, Rows: rows, Scores: scores})
	}
	wide := cfg.rowsToSettle(cfg.Neighbours)
	for _, near := range l.near {
		rows, scores := columns(near[:min(len(near), wide)])
		for len(rows) < wide {
			rows, scores = append(rows, edged.NoRow), append(scores, 0)
		}
		b.Neighbours, b.NeighbourScores = append(b.Neighbours, rows...), append(b.NeighbourScores, scores...)
	}
	return b
}

// searchQueries is how many visitors' vectors the search is laid out and calibrated for; queryKinds, how many items they are of
// by turns: all, one, two, three.
const (
	searchQueries = 6000
	queryKinds    = 4
)

// likelyQueries returns vectors of visitors, by turns with all of their history and with one, two and three items of it: most visitors
// are new, and what is found of a whole history says too much of what is found for them. Visitors without any pair ask nothing.
func likelyQueries(f *learn.Factors, pairs *learn.Matrix, threads int) []float32 {
	d := f.Factors
	visitors := someVisitors(pairs, searchQueries/queryKinds)
	var kinds [queryKinds][]float32
	for few := 1; few < queryKinds; few++ {
		kinds[few] = f.FoldIn(beginnings(pairs, visitors, few), threads)
	}
	out := make([]float32, 0, queryKinds*len(visitors)*d)
	for i, v := range visitors {
		out = append(out, f.X[v*d:][:d]...)
		for _, kind := range kinds[1:] {
			out = append(out, kind[i*d:][:d]...)
		}
	}
	return out
}

// someVisitors returns at most n rows that have pairs, evenly spaced and in an order that mixes them.
func someVisitors(pairs *learn.Matrix, n int) []int {
	var all []int
	for row := range pairs.Rows() {
		if pairs.Count(row) > 0 {
			all = append(all, row)
		}
	}
	n = min(n, len(all))
	some := make([]int, n)
	for i := range some {
		some[i] = all[i*7919%n*len(all)/n] // 7919 is prime: every i gets another row unless n is a multiple of it
	}
	return some
}

// beginnings returns so many neighbouring pairs, or all there are, of each of some rows.
func beginnings(pairs *learn.Matrix, rows []int, few int) *learn.Matrix {
	out := &learn.Matrix{Cols: pairs.Cols, Start: []int{0}}
	for i, row := range rows {
		index, value := pairs.Row(row)
		few := min(few, len(index))
		at := i * 7919 % (len(index) - few + 1) // not the lowest numbers of each
		out.Index, out.Value = append(out.Index, index[at:at+few]...), append(out.Value, value[at:at+few]...)
		out.Start = append(out.Start, len(out.Index))
	}
	return out
}

func columns(list []learn.Scored) (rows []edged.Row, scores []float32) {
	for _, s := range list {
		rows, scores = append(rows, edged.Row(s.Item)), append(scores, s.Score)
	}
	return rows, scores
}

// open takes the build the way a node gets it: through the bytes of its two snapshots.
func open(b *model.Build) (*model.Model, error) {
	var m, c bytes.Buffer
	if err := b.WriteModel(&m); err != nil {
		return nil, err
	}
	if err := b.WriteCatalogue(&c); err != nil {
		return nil, err
	}
	return model.Parse(m.Bytes(), c.Bytes())
}

// digest names what was read.
func digest(sources []Source) string {
	var all []string
	for _, s := range sources {
		all = append(all, s.Digest())
	}
	if len(all) == 1 {
		return all[0]
	}
	slices.Sort(all)
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(strings.Join(all, "\n"))))
}

// stopwatch times the steps and passes progress on.
type stopwatch struct {
	clock   func() time.Time
	report  func(Step)
	name    string
	started time.Time
	seconds map[string]float64
}

func newStopwatch(cfg *Config, report func(Step)) *stopwatch {
	if report == nil {
		report = func(Step) {}
	}
	return &stopwatch{clock: cfg.Clock, report: report, seconds: make(map[string]float64)}
}

func (w *stopwatch) begin(name string) {
	w.end()
	w.name, w.started = name, w.clock()
}

func (w *stopwatch) end() {
	if w.name != "" {
		w.seconds[w.name] += w.clock().Sub(w.started).Seconds()
	}
	w.name = ""
}

func (w *stopwatch) say(s Step) {
	s.Name, s.Took = w.name, w.clock().Sub(w.started)
	w.report(s)
}

// smallCatalogue is the number of items up to which every search is exact: the kernels take about 2 ns an item, and nothing
// of the quality measured is lost on the way to the visitor.
const smallCatalogue = 16_384

// recallOf is what searches of n items are calibrated for; 1 is exact.
func recallOf(n int) float32 {
	if n <= smallCatalogue {
		return 1
	}
	return 0.99
}
