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

// lesson is what was learned from pairs: what Run ships and Evaluate measures.
type lesson struct {
	users, items *learn.Matrix // the pairs by visitor and by item
	factors      *learn.Factors
	near         [][]learn.Scored
}

// study trains the factors, turned into their eigenbasis, and the neighbours.
func study(ctx context.Context, cfg *Config, pairs *learn.Matrix, near int, watch *stopwatch) (*lesson, error) {
	watch.begin("als")
	factors, err := cfg.als().Fit(ctx, pairs, cfg.Threads, func(sweep int, loss float64) {
		watch.say(Step{Done: sweep, Total: cfg.Sweeps, Unit: "sweeps", Note: fmt.Sprintf("loss %.6g", loss)})
	})
	if err != nil {
		return nil, err
	}
	watch.begin("neighbours")
	items := pairs.Transpose()
	lists := learn.Neighbours(pairs, items, near, cfg.Shrink, cfg.Threads)
	watch.say(Step{Done: len(lists), Total: len(lists), Unit: "items"})
	return &lesson{users: pairs, items: items, factors: factors, near: lists}, ctx.Err()
}

func (c *Config) als() learn.ALS {
	return learn.ALS{Factors: c.Factors, A0: c.A0, Reg: c.Reg, Nu: c.Nu, Sweeps: c.Sweeps, Seed: c.Seed}
}

// assemble makes a release of a lesson. ids name its rows; trends and items are aligned with them.
func (l *lesson) assemble(cfg *Config, ids []string, trends []trend, items []edged.Item) *model.Build {
	b := &model.Build{IDs: ids, Vectors: l.factors.Y, Popularity: popularity(l.items), Items: items}
	b.Search = model.SearchOptions{Recall: recallOf(len(ids)), Queries: everySo(l.factors.X, cfg.Factors, searchQueries), Seed: cfg.Seed, Threads: cfg.Threads}
	b.Meta = model.Meta{Dim: cfg.Factors, Users: l.users.Rows(), A0: cfg.A0, Reg: cfg.Reg, Nu: cfg.Nu, Seed: cfg.Seed,
		HalfLifeDays: cfg.TrendHalfLifeDays, EventWeights: make(map[string]float64)}
	for _, t := range cfg.types() {
		b.Meta.EventWeights[string(t)] = cfg.EventWeights[t]
	}
	for _, t := range trends {
		rows, scores := columns(t.list)
		b.Trends = append(b.Trends, model.Trend{Country: t.country, Rows: rows, Scores: scores})
	}
	for _, near := range l.near {
		rows, scores := columns(near[:min(len(near), cfg.Neighbours)])
		for len(rows) < cfg.Neighbours {
			rows, scores = append(rows, edged.NoRow), append(scores, 0)
		}
		b.Neighbours, b.NeighbourScores = append(b.Neighbours, rows...), append(b.NeighbourScores, scores...)
	}
	return b
}

// searchQueries is how many visitors' vectors the search is laid out and calibrated for.
const searchQueries = 6000

// everySo returns at most n of the rows of d numbers, evenly spaced and in an order that mixes them.
func everySo(x []float32, d, n int) []float32 {
	rows := len(x) / d
	n = min(n, rows)
	out := make([]float32, 0, n*d)
	for i := range n {
		row := i * 7919 % n * rows / n // 7919 is prime: every i gets another row unless n is a multiple of it
		out = append(out, x[row*d:][:d]...)
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
