package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/eval"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
)

// Report is what Evaluate found. Its JSON is stable: keys may be added, none change.
type Report struct {
	eval.Report
	Counts Counts    `json:"counts"`
	Config Config    `json:"config"`
	Loss   []float64 `json:"loss"` // of ALS after each sweep
	Data   string    `json:"data"`
}

// Evaluate divides the events, chooses a configuration on the first part if asked to, trains on it, and measures on the rest.
func Evaluate(ctx context.Context, sources []Source, cfg EvalConfig, progress func(Step)) (Report, error) {
	free := cfg.Config
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return Report{}, fmt.Errorf("evaluate: %w", err)
	}
	e := &evaluation{cfg: &cfg, free: free, watch: newStopwatch(&cfg.Config, progress)}
	if err := e.openPrevious(); err != nil {
		return Report{}, fmt.Errorf("evaluate: %w", err)
	}
	if err := e.run(ctx, sources); err != nil {
		return Report{}, fmt.Errorf("evaluate: %w", err)
	}
	e.report.Config, e.report.Choice = cfg.Config, cfg.Config.inWords()
	return e.report, nil
}

// openPrevious opens the release that the one measured goes on from.
func (e *evaluation) openPrevious() (err error) {
	dir := e.cfg.Config.Previous
	if dir == "" {
		return nil
	}
	if e.cfg.Config.previous, err = openPrevious(vfs.OS, dir); err == nil && e.cfg.Config.previous == nil {
		err = fmt.Errorf("previous release: %s holds none", dir)
	}
	return errors.Join(err, e.cfg.Config.previous.before(e.cfg.SplitTime))
}

type evaluation struct {
	cfg    *EvalConfig
	free   Config // as asked for: what is 0 there may be chosen
	watch  *stopwatch
	all    *part                 // what was divided; nil for Files
	items  map[string]edged.Item // what the catalogue says
	fold   *fold                 // the one at work
	rivals *rivals               // nil: not tuned
	visits *histories
	lesson *lesson
	ranker *rank.Ranker
	exact  *rank.Ranker // the same with an exact search; nil: not asked for, or it is the same
	online *online      // nil: not asked for
	mains  []eval.Part  // the main part of each of several folds
	report Report
}

func (e *evaluation) run(ctx context.Context, sources []Source) error {
	cfg := &e.cfg.Config
	folds, like, err := e.divide(ctx, sources)
	if err != nil {
		return err
	}
	e.fold = folds[0]
	cfg.previous.sayCommon(e.fold.train.ids, e.watch)
	if cfg.Auto {
		like.rivals = e.cfg.Protocol != Session // they are tuned for new items
		if e.report.Selection, e.rivals, err = choose(ctx, cfg, &e.free, e.fold.train, like, e.watch); err != nil {
			return err
		}
	}
	e.report.Protocol, e.report.SplitTime, e.report.Counts = e.cfg.Protocol, e.cfg.SplitTime.UTC(), e.fold.counts
	e.report.Facts = e.facts()
	for _, f := range folds {
		if err := e.runFold(ctx, f, len(folds) > 1); err != nil {
			return err
		}
	}
	if len(folds) > 1 {
		e.average()
	}
	if e.cfg.Ratings {
		if err := e.rate(ctx, sources); err != nil {
			return err
		}
	}
	if e.cfg.Protocol != Temporal || len(folds) > 1 {
		return nil
	}
	return e.answerItems(ctx, e.all, e.items)
}

// runFold learns from a fold and measures on its test; of several folds the parts are named by their time.
func (e *evaluation) runFold(ctx context.Context, f *fold, several bool) (err error) {
	cfg := &e.cfg.Config
	e.fold = f
	if e.lesson, err = study(ctx, cfg, f.train, max(cfg.rowsToSettle(cfg.Neighbours), knnSizes[len(knnSizes)-1]), e.watch); err != nil {
		return err
	}
	if e.ranker, err = e.lesson.release(ctx, cfg, recallOf(f.train.items)); err != nil {
		return err
	}
	if e.cfg.Serve != nil {
		if e.online, err = e.openOnline(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.online.close()) }()
		if recallOf(f.train.items) < 1 {
			if e.exact, err = e.lesson.release(ctx, cfg, 1); err != nil {
				return err
			}
		}
	}
	e.lesson.cut(cfg)
	e.visits, e.report.Loss = f.train.histories(), e.lesson.factors.Losses
	if err := e.measure(ctx); err != nil || !several {
		return err
	}
	main := e.report.Part
	main.Name += ", test from " + momentOf(f.at).Format(time.DateOnly)
	e.report.Parts, e.mains = append(e.mainParts(), main), append(e.mains, main)
	e.report.Cold = nil
	return nil
}

// mainParts are those of the folds so far: of several folds only the main question is reported.
func (e *evaluation) mainParts() []eval.Part { return e.mains[:len(e.mains):len(e.mains)] }

// average makes the main part the mean over folds, each counting the same.
func (e *evaluation) average() {
	n := float64(len(e.mains))
	mean := eval.Part{Name: fmt.Sprintf("%s, mean of %d folds", e.report.Name, len(e.mains)), Question: e.report.Question, K: e.report.K, Chosen: servedModel}
	for at, row := range e.mains[0].Results {
		m := eval.Row{Model: row.Model}
		for _, part := range e.mains {
			x := part.Results[at].Metrics
			m.Recall += x.Recall / n
			m.Precision += x.Precision / n
			m.NDCG += x.NDCG / n
			m.MAP += x.MAP / n
			m.MRR += x.MRR / n
			m.HitRate += x.HitRate / n
			m.Coverage += x.Coverage / n
			m.Gini += x.Gini / n
		}
		mean.Results = append(mean.Results, m)
	}
	for _, part := range e.mains {
		mean.Users += part.Users
		mean.Cases += part.Cases
	}
	e.report.Part, e.report.Parts, e.report.Serving = mean, e.mains, nil
}

// facts are the sizes of the data, in words.
func (e *evaluation) facts() []eval.Fact {
	c := e.fold.counts
	facts := []eval.Fact{
		{Name: "events that train", Value: fmt.Sprint(c.TrainRows)}, {Name: "events with the test", Value: fmt.Sprint(c.Rows)},
		{Name: "users", Value: fmt.Sprint(c.TrainUsers)}, {Name: "items", Value: fmt.Sprint(c.Items)}, {Name: "users and items, distinct", Value: fmt.Sprint(c.Pairs)},
	}
	if e.cfg.Protocol != Files { // pairs have no types
		facts = append(facts, eval.Fact{Name: "events by type and weight", Value: typeNames(e.cfg.Config.EventWeights)})
	}
	if n := e.fold.seen; n > 0 {
		facts = append(facts, eval.Fact{Name: "test pairs that training has, so missed by all", Value: fmt.Sprint(n)})
	}
	return facts
}

// divide reads the data and divides it by the protocol.
func (e *evaluation) divide(ctx context.Context, sources []Source) (folds []*fold, like expected, err error) {
	e.watch.begin("read")
	if e.cfg.Protocol == Files {
		f, err := givenFiles(*e.cfg.Train, *e.cfg.Test, e.cfg.Config.MaxEvents)
		if err == nil && f.seen > 0 {
			e.watch.say(Step{Note: fmt.Sprintf("%d of %d test pairs are in training too: lists leave them out, so they count as missed", f.seen, f.counts.TestPairs)})
		}
		return []*fold{f}, expected{share: 0.2, random: true}, err
	}
	log, err := readEvents(ctx, sources, &e.cfg.Config, e.watch.say)
	if err != nil {
		return nil, like, err
	}
	log.finish()
	e.report.Data = digest(sources)
	p, at := log.part(), e.cfg.SplitTime.UnixMilli()
	if e.items, err = readItems(ctx, sources); err != nil {
		return nil, like, err
	}
	if e.cfg.Config.readsContent() {
		if err := p.describe(ctx, aligned(p.ids, e.items), e.cfg.Config.Threads); err != nil {
			return nil, like, err
		}
	}
	e.all = p
	var f *fold
	switch e.cfg.Protocol {
	case LeaveLast:
		f, err = leaveLast(p, e.cfg.Share)
		return []*fold{f}, expected{share: cmp.Or(e.cfg.Share, 0.2)}, err
	case Session:
		f, err = nextItem(p, at, 0)
		folds = []*fold{f}
	default:
		folds, err = rollingOrigin(p, at, e.cfg.Folds)
	}
	if err != nil {
		return nil, like, err
	}
	return folds, expected{length: time.Duration(folds[0].length(p)) * time.Millisecond}, nil
}

// measure puts every exam of the fold to the models; the main one comes first.
func (e *evaluation) measure(ctx context.Context) error {
	e.watch.begin("measure")
	main := map[string]string{Session: examNext}[e.cfg.Protocol]
	if main == "" {
		main = examNew
		if e.cfg.Repeats {
			main = examAny
		}
	}
	for _, x := range e.fold.exams {
		q := e.fold.quiz(x, e.visits)
		q.set.Vectors, q.set.Dim = e.lesson.factors.Y, e.lesson.factors.ALS.Factors
		part, err := e.answer(ctx, q)
		if err != nil {
			return err
		}
		switch x.name {
		case main:
			e.report.Part = part
		case examCold:
			e.report.Cold = &part
		default:
			e.report.Parts = append(e.report.Parts, part)
		}
	}
	return nil
}

// answer puts one exam to the models it fits.
func (e *evaluation) answer(ctx context.Context, q *quiz) (eval.Part, error) {
	threads := e.cfg.Config.Threads
	part := eval.Part{Name: titles[q.name], Question: examQuestions[q.name], K: e.cfg.K, Users: q.users(), Cases: len(q.questions)}
	models, err := e.models(ctx, q)
	if err != nil {
		return part, err
	}
	var results []*eval.Result
	for _, r := range models {
		result, err := q.ask(ctx, r, e.cfg.K, threads)
		if err != nil {
			return part, err
		}
		results = append(results, result)
		part.Results = append(part.Results, result.Row(e.boot()))
		e.watch.say(Step{Done: len(part.Results), Total: len(models), Unit: "models", Note: q.name + ": " + r.name})
	}
	part.Chosen = servedModel
	if e.online != nil {
		if err := e.online.failed(); err != nil {
			return part, fmt.Errorf("over HTTP: %w", err)
		}
	}
	return part, errors.Join(e.compare(&part, results), e.losses(&part, results, q.figures()))
}

func (e *evaluation) boot() eval.Bootstrap {
	return eval.Bootstrap{Resamples: e.cfg.Resamples, Seed: e.cfg.Config.Seed, Threads: e.cfg.Config.Threads}
}

// compare finds what serving gains over each of the others.
func (e *evaluation) compare(part *eval.Part, results []*eval.Result) error {
	at := slices.IndexFunc(results, func(r *eval.Result) bool { return r.Model == servedModel })
	served := results[at]
	for _, r := range results[:at] {
		for _, m := range []eval.Metric{eval.Recall, eval.NDCG} {
			c, err := eval.Compare(served, r, m, e.boot())
			if err != nil {
				return err
			}
			part.Comparisons = append(part.Comparisons, c)
		}
	}
	return nil
}

// models are those that an exam is put to, those that serve last.
func (e *evaluation) models(ctx context.Context, q *quiz) (models []recommender, err error) {
	l, cfg := e.lesson, &e.cfg.Config
	models = append(models, q.byPopularity(popularityModel, l.users))
	if e.fold.at > 0 {
		from := time.UnixMilli(e.fold.at).UTC().AddDate(0, -recentMonths, 0).UnixMilli()
		models = append(models, q.byPopularity(recentModel, l.part.since(from)))
	}
	if q.name == examCold {
		return append(models, e.serving(q)...), nil
	}
	for _, k := range knnSizes {
		models = append(models, q.byNeighbours(fmt.Sprintf("item-knn %d", k), l.users, l.near, k))
	}
	rivals, err := e.rivalModels(ctx, q)
	if err != nil {
		return nil, err
	}
	models = append(append(models, rivals...), q.byFactors(alsModel, l.users, l.factors, cfg.Threads))
	if l.table != nil {
		models = append(models, q.byWholeTable(cfg.Table.Model, l.users, l.table))
	}
	if blend := blendOf(cfg.Blends, model.Goal(q.goal)); blend != nil {
		models = append(models, q.byBlend(blendModel, e.parts(blend), blend, cfg.Threads))
	}
	return append(models, e.serving(q)...), nil
}

// serving are the models of the release itself: with an exact search where the one served is not and HTTP is asked for, as
// served, and over HTTP.
func (e *evaluation) serving(q *quiz) (models []recommender) {
	if e.exact != nil {
		models = append(models, q.byRanker(exactModel, e.exact))
	}
	if models = append(models, q.byRanker(servedModel, e.ranker)); e.online != nil {
		models = append(models, q.byHTTP(onlineModel, e.online))
	}
	return models
}

// rivalModels are plain models tuned for this data; of new items only, for which they were tuned.
func (e *evaluation) rivalModels(ctx context.Context, q *quiz) (models []recommender, err error) {
	if e.rivals == nil || q.name != examNew {
		return nil, nil
	}
	threads, pairs := e.cfg.Config.Threads, e.lesson.users
	if als := e.rivals.als; als != nil {
		f, err := als.Fit(ctx, e.lesson.part.pairs(als.halfLife).Ordinary(), threads, nil)
		if err != nil {
			return nil, err
		}
		models = append(models, q.byFactors(tunedALSModel, pairs, f, threads))
	}
	if c := e.rivals.knn; c != nil {
		lists := learn.Neighbours(ctx, pairs, e.lesson.items, c.size, c.shrink, threads)
		models = append(models, q.byNeighbours(tunedKNNModel, pairs, lists, c.size))
	}
	if l2 := e.rivals.ease; l2 > 0 && easeFits(pairs) {
		b, err := learn.EASE{L2: l2, Plain: true}.Dense(ctx, pairs, threads)
		if err != nil {
			return nil, err
		}
		models = append(models, q.byDense(tunedEASEModel, pairs, b))
	}
	return models, nil
}

// blendOf finds a goal's blend; that of new items answers where a goal has none.
func blendOf(blends []model.Blend, goal model.Goal) (found *model.Blend) {
	for i := range blends {
		switch blends[i].Goal {
		case goal:
			return &blends[i]
		case model.GoalNew:
			found = &blends[i]
		}
	}
	return found
}

// parts are what a blend mixes, from the lesson.
func (e *evaluation) parts(blend *model.Blend) *blendParts {
	l := e.lesson
	active := l.factors.Active
	b := &blendParts{popular: l.popularZ, head: order(l.popularZ)[:min(headItems, l.part.items)], vectors: newVectorPart(l.factors, blend.FactorHalfLifeDays)}
	if l.table != nil && weighTable([]model.Blend{*blend}) {
		b.sparse[partTable] = byTable(l.table, blend.TableHalfLifeDays, active)
	}
	if blend.Goal != model.GoalNew {
		b.sparse[partRepeat] = byRepeat(l.repeatQ, blend.RepeatHalfLifeDays)
	}
	if blend.Goal == model.GoalNext {
		b.sparse[partPast] = byPast(blend.RepeatHalfLifeDays)
		b.sparse[partSession] = bySession(l.session, blend.SessionPower, active)
	}
	return b
}

// since is the part's pairs from a moment on, over the same rows and columns.
func (p *part) since(at int64) *learn.Matrix {
	return learn.Collect(p.users, p.items, func(yield func(r, c uint32, v float32)) {
		for i, u := range p.user {
			if u != none && p.at[i] >= at {
				yield(u, p.item[i], float32(p.weights[p.kind[i]]))
			}
		}
	})
}

// recentMonths is the window of the second popularity baseline.
const recentMonths = 3

// Names of the models in a report.
const (
	popularityModel = "popularity"
	recentModel     = "popularity, last 3 months"
	alsModel        = "als"
	tunedALSModel   = "als, tuned alone"
	tunedKNNModel   = "item-knn, tuned"
	tunedEASEModel  = "ease, tuned"
	exactModel      = "served int8, exact search"
	onlineModel     = "served over HTTP"
	blendModel      = "blend"
)

// knnSizes are the neighbourhoods of the item-kNN baselines, the largest last.
var knnSizes = []int{50, 200}
