package train

import (
	"cmp"
	"context"
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
	"github.com/edged/edged/rank"
)

// Temporal is the protocol that trains on what came before a moment and tests on what came after.
const Temporal = "temporal"

// recentMonths is the window of the second popularity baseline.
const recentMonths = 3

// Names of the models in a report.
const (
	popularityModel = "popularity"
	recentModel     = "popularity, last 3 months"
	alsModel        = "als"
	servedModel     = "als, served int8"
)

// knnSizes are the neighbourhoods of the item-kNN baselines.
var knnSizes = []int{50, 200}

// EvalConfig says what to measure.
type EvalConfig struct {
	Protocol  string            // default and so far only Temporal
	SplitTime time.Time         // required; events at this very moment are test events
	K         int               // length of the lists, 1 to 500; default 20
	Types     []edged.EventType // if set, only these events count, with their weight of Config or 1
	Config    Config            // of the models; UsersOnly is always set
}

// EnsureDefaults fills what is zero.
func (c *EvalConfig) EnsureDefaults() {
	c.Protocol = cmp.Or(c.Protocol, Temporal)
	c.K = cmp.Or(c.K, 20)
	c.Config.EnsureDefaults()
	c.Config.UsersOnly = true
	if len(c.Types) > 0 {
		c.Config.EventWeights = only(c.Config.EventWeights, c.Types)
	}
}

func only(weights map[edged.EventType]float64, types []edged.EventType) map[edged.EventType]float64 {
	kept := make(map[edged.EventType]float64)
	for _, t := range types {
		kept[t] = 1
		if w := weights[t]; w > 0 {
			kept[t] = w
		}
	}
	return kept
}

// Validate reports every fault at once. It expects the defaults to be filled.
func (c *EvalConfig) Validate() error {
	return errors.Join(
		check(c.Protocol == Temporal, "protocol: %q, this version knows %q only", c.Protocol, Temporal),
		check(!c.SplitTime.IsZero(), "splitTime: missing"),
		checkRange("k", float64(c.K), 1, edged.MaxN),
		c.Config.Validate())
}

// Report is what Evaluate found. Its JSON is stable: keys may be added, none change.
type Report struct {
	Protocol  string     `json:"protocol"`
	SplitTime time.Time  `json:"splitTime"`
	K         int        `json:"k"`
	Users     int        `json:"users"` // whose lists were measured
	Counts    Counts     `json:"counts"`
	Results   []eval.Row `json:"results"`
	Chosen    string     `json:"chosen"` // the model of Results that a release serves
	Config    Config     `json:"config"`
	Loss      []float64  `json:"loss"` // of ALS after each sweep
	Data      string     `json:"data"`
}

// Evaluate splits the events, trains on the first part and measures on the second: popularity, popularity of the last
// three months, item-kNN, ALS in floats and ALS as a node serves it from snapshot bytes.
func Evaluate(ctx context.Context, sources []Source, cfg EvalConfig, progress func(Step)) (Report, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return Report{}, fmt.Errorf("evaluate: %w", err)
	}
	e := &evaluation{cfg: &cfg, watch: newStopwatch(&cfg.Config, progress)}
	if err := e.run(ctx, sources); err != nil {
		return Report{}, fmt.Errorf("evaluate: %w", err)
	}
	return Report{Protocol: cfg.Protocol, SplitTime: cfg.SplitTime.UTC(), K: cfg.K, Users: e.split.counts.TestUsers, Counts: e.split.counts,
		Results: e.results, Chosen: servedModel, Config: cfg.Config, Loss: e.lesson.factors.Losses, Data: digest(sources)}, nil
}

type evaluation struct {
	cfg     *EvalConfig
	watch   *stopwatch
	split   *split
	lesson  *lesson
	results []eval.Row
}

func (e *evaluation) run(ctx context.Context, sources []Source) error {
	cfg := &e.cfg.Config
	e.watch.begin("read")
	log, err := readEvents(ctx, sources, cfg, e.watch.say)
	if err != nil {
		return err
	}
	log.finish()
	if e.split, err = splitAt(log, e.cfg.SplitTime.UnixMilli()); err != nil {
		return err
	}
	if e.lesson, err = study(ctx, cfg, e.split.train, max(cfg.Neighbours, slices.Max(knnSizes)), e.watch); err != nil {
		return err
	}
	served, err := e.served()
	if err != nil {
		return err
	}
	return e.measure(ctx, append(e.floats(), served))
}

func (e *evaluation) measure(ctx context.Context, models []recommender) error {
	e.watch.begin("measure")
	set, threads := e.split.set(), e.cfg.Config.Threads
	for at, r := range models {
		result, err := e.split.measure(ctx, set, r, e.cfg.K, threads)
		if err != nil {
			return err
		}
		e.results = append(e.results, result.Row(eval.Bootstrap{Threads: threads}))
		e.watch.say(Step{Done: at + 1, Total: len(models), Unit: "models", Note: r.name})
	}
	return nil
}

// floats are the models in floats. The users' vectors are folded into the final item vectors, as serving does.
func (e *evaluation) floats() (models []recommender) {
	s, f := e.split, e.lesson.factors
	recent := s.since(e.cfg.SplitTime.AddDate(0, -recentMonths, 0).UnixMilli())
	models = append(models, byPopularity(popularityModel, s.train, s.train), byPopularity(recentModel, s.train, recent))
	for _, k := range knnSizes {
		models = append(models, byNeighbours(fmt.Sprintf("item-knn %d", k), s.train, e.lesson.near, k))
	}
	return append(models, byFactors(alsModel, s.train, f.FoldIn(s.train, e.cfg.Config.Threads), f.Y, f.ALS.Factors))
}

// served makes a release of the training part, opens its bytes, and asks the ranker of the serving path.
func (e *evaluation) served() (recommender, error) {
	s, cfg := e.split, &e.cfg.Config
	trends := s.log.trends(s.items, s.before, cfg.TrendHalfLifeDays, cfg.TrendLength)
	build := e.lesson.assemble(cfg, s.ids, trends, nil)
	build.Meta.Created = e.cfg.SplitTime
	m, err := open(build)
	if err != nil {
		return recommender{}, err
	}
	return byRanker(servedModel, s, rank.New(m, rank.Release{ID: "eval", Version: 1, Created: e.cfg.SplitTime})), nil
}

// byRanker recommends as a node does: the user's training items newest first, those seen left out.
func byRanker(name string, s *split, ranker *rank.Ranker) recommender {
	history := s.recentFirst()
	return recommender{name, func() func(user, k int) []uint32 {
		var answer rank.Answer
		var scratch rank.Scratch
		var q rank.Request
		var items []uint32
		return func(user, k int) []uint32 {
			q = rank.Request{Recent: q.Recent[:0], ExcludeSeen: true, N: k}
			for _, i := range history(user) {
				q.Recent = append(q.Recent, rank.Recent{Row: edged.Row(i), Weight: s.train.WeightOf(user, i)})
			}
			ranker.Recommend(&answer, &scratch, &q)
			items = items[:0]
			for _, it := range answer.Items {
				items = append(items, uint32(it.Row))
			}
			return items
		}
	}}
}

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
	line("%s, split at %s, all items ranked, items seen in training left out\n", r.Protocol, r.SplitTime.Format(time.RFC3339))
	line("training: %d events (%d with the test part), %d users, %d items, %d pairs\n", c.TrainRows, c.Rows, c.TrainUsers, c.Items, c.Pairs)
	line("test: %d users, %d new pairs; events: %s\n\n", c.TestUsers, c.TestPairs, typeNames(r.Config.EventWeights))
	line("model\tRecall@%d\tNDCG@%[1]d\tHitRate@%[1]d\tMRR@%[1]d\tCoverage@%[1]d\t\n", r.K)
	for _, m := range r.Results {
		line("%s\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f\t\n", m.Model, m.Recall, m.NDCG, m.HitRate, m.MRR, m.Coverage)
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
