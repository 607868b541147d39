package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/edged/edged/eval"
	"github.com/edged/edged/model"
)

// Selection says how a configuration was chosen.
type Selection = eval.Selection

// probeLimit is how many questions of a kind trials look at; without times there are fewer trials, which may look at more.
const (
	probeLimit        = 4000
	untimedProbeLimit = 10_000
)

// defaultRepeatHalfLife is that of visits to an item, in days.
const defaultRepeatHalfLife = 365

// expected says what the choice is for: validation is made like the test to come.
type expected struct {
	length time.Duration // of the test period; 0: not known
	share  float64       // of each history that is asked, where there are no times
	random bool          // histories have no order
	rivals bool          // plain models are tuned as well, to be compared with
}

// choose fills in what free leaves open, by trials on the last part of p. It looks at p alone.
func choose(ctx context.Context, cfg, free *Config, p *part, like expected, watch *stopwatch) (*Selection, *rivals, error) {
	watch.begin("choose")
	s := &selection{cfg: cfg, free: *free, watch: watch, budget: cfg.Trials}
	if cfg.TimeLimit > 0 {
		s.deadline = cfg.Clock().Add(cfg.TimeLimit)
	}
	switch err := s.open(p, like); {
	case errors.Is(err, ErrSplit):
		return choosePopular(cfg, watch), nil, nil
	case err != nil:
		return nil, nil, err
	}
	if err := s.run(ctx, like.rivals); err != nil {
		return nil, nil, err
	}
	r := s.report()
	if n := len(s.trials); n > s.budget {
		r.Limit = fmt.Sprintf("%d trials, not the %d asked for: every round makes one at least", n, s.budget)
		watch.say(Step{Done: n, Total: n, Unit: "trials", Note: r.Limit})
	}
	return r, &s.rivals, ctx.Err()
}

// leastQuestions is how many it takes to choose by.
const leastQuestions = 100

// choosePopular is the choice where nothing can be tried.
func choosePopular(cfg *Config, watch *stopwatch) *Selection {
	cfg.Blends = []model.Blend{{Goal: model.GoalNew, Stages: []model.Stage{popularFirst.stage(0)}}}
	limit := fmt.Sprintf("too little data to choose by: what is popular comes first, untested models only decide between equals; train again when %d users have two items or more, or pin a card", leastQuestions)
	watch.say(Step{Note: limit})
	return &Selection{Metric: "none", Trials: []eval.Trial{}, Limit: limit}
}

// trialEvents is how many events trials look at; of larger data they take a sample of the users.
const trialEvents = 1_000_000

// open makes the labs.
func (s *selection) open(p *part, like expected) error {
	s.rows = p.users + p.items
	p = p.sample(trialEvents, s.cfg.Seed)
	f, tested, err := validationFold(p, like, s.cfg.Seed)
	if err != nil {
		return err
	}
	limit := probeLimit
	if !p.timed() {
		limit = untimedProbeLimit
	}
	s.lab = newLab(f, s.listLength(), limit, s.cfg.Seed, s.cfg.Threads)
	if s.any = s.lab; tested != f && tested != nil {
		s.any = newLab(tested, s.listLength(), limit, s.cfg.Seed, s.cfg.Threads)
	}
	next, err := sessionFold(p, like)
	switch {
	case errors.Is(err, ErrSplit): // no sessions to learn from
		return nil
	case err != nil:
		return err
	}
	s.next = newLab(next, s.listLength(), probeLimit, s.cfg.Seed, s.cfg.Threads)
	return nil
}

// listLength is that of the lists trials are judged by.
func (s *selection) listLength() int { return cmp.Or(s.k, 20) }

// validationFold divides what there is to learn from as the test will or, where that asks too few, by keeping back one item of
// some users. It fails with ErrSplit where this asks too few as well. tested is the
// former fold, if there is one.
func validationFold(p *part, like expected, seed uint64) (f, tested *fold, err error) {
	f, err = asTested(p, like, seed)
	if tested = f; errors.Is(err, ErrSplit) || err == nil && f.asks(examNew) < leastQuestions {
		f, err = keepOne(p, like.random, seed)
	}
	if err == nil && f.asks(examNew) < leastQuestions {
		err = fmt.Errorf("%w: %d questions to choose by", ErrSplit, f.asks(examNew))
	}
	return f, tested, err
}

// asTested divides as the test will.
func asTested(p *part, like expected, seed uint64) (*fold, error) {
	if p.timed() && like.share == 0 {
		first, last := p.extent()
		length := like.length.Milliseconds()
		if length <= 0 {
			length = (last - first) / 5
		}
		return temporal(p, validationCut(p, last+1, length), 0)
	}
	share := cmp.Or(like.share, 0.2)
	if like.random {
		return holdOut(p, share, seed)
	}
	return leaveLast(p, share)
}

// sessionFold divides sessions; ErrSplit where there are none.
func sessionFold(p *part, like expected) (*fold, error) {
	if !p.timed() || p.sessions == 0 {
		return nil, ErrSplit
	}
	first, last := p.extent()
	length := like.length.Milliseconds()
	if length <= 0 {
		length = (last - first) / 10
	}
	return nextItem(p, sessionCut(p, last+1, length), 0)
}

// Of the trials that may be made, so many are when what is popular, then the table, then the factors are chosen: a small budget reaches each.
const (
	coldShare   = 0.1
	tableShare  = 0.6
	factorShare = 0.85
)

// run makes the trials and puts what they choose into the configuration.
func (s *selection) run(ctx context.Context, rivals bool) error {
	s.until(coldShare)
	if err := s.chooseCold(ctx); err != nil {
		return err
	}
	s.until(tableShare)
	t, other, err := s.chooseTable(ctx)
	if err != nil {
		return err
	}
	t, err = s.tryContent(ctx, t)
	if err != nil {
		return err
	}
	s.until(factorShare)
	f, err := s.chooseFactors(ctx, t)
	if err != nil {
		return err
	}
	s.until(1)
	s.cfg.Factors, s.cfg.A0, s.cfg.Reg, s.cfg.PairHalfLifeDays = f.Factors, f.A0, f.Reg, f.halfLife
	if t, err = s.weighNew(ctx, t, other, f); err != nil {
		return err
	}
	s.cfg.Table = &t.TableConfig
	if err := s.weighAny(ctx, t, f); err != nil {
		return err
	}
	if err := s.runNext(ctx, t, f); err != nil {
		return err
	}
	if !weighTable(s.cfg.Blends) {
		s.cfg.Table = nil
	}
	if !rivals {
		return nil
	}
	return s.chooseRivals(ctx, t)
}

// weighAny finds the weights for any item, where things are taken again.
func (s *selection) weighAny(ctx context.Context, t *chosenTable, f *chosenFactors) (err error) {
	if !s.any.repeats {
		return nil
	}
	if s.any != s.lab {
		if t, f, err = s.again(ctx, s.any, t, f); err != nil {
			return err
		}
	}
	_, err = s.weigh(ctx, s.any, model.GoalAny, t, f, nil)
	return err
}

// weighTable tells whether any blend makes use of the item table.
func weighTable(blends []model.Blend) bool {
	return slices.ContainsFunc(blends, func(b model.Blend) bool {
		return slices.ContainsFunc(b.Stages, func(s model.Stage) bool { return s.Table > 0 })
	})
}

// runNext chooses the session table, and how it is weighed.
func (s *selection) runNext(ctx context.Context, t *chosenTable, f *chosenFactors) error {
	if s.next == nil {
		return nil
	}
	session, err := s.chooseSession(ctx)
	if err != nil {
		return err
	}
	s.cfg.Session = &session.SessionConfig
	t, f, err = s.again(ctx, s.next, t, f)
	if err != nil {
		return err
	}
	_, err = s.weigh(ctx, s.next, model.GoalNext, t, f, session)
	return err
}

// again learns a table and factors from another lab's part.
func (s *selection) again(ctx context.Context, l *lab, t *chosenTable, f *chosenFactors) (*chosenTable, *chosenFactors, error) {
	table, err := t.fit(ctx, l.matrix(t.HalfLifeDays), l.part.alike, l.threads, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	factors, err := f.ALS.Fit(ctx, l.matrix(f.halfLife), l.threads, nil)
	if err != nil {
		return nil, nil, err
	}
	factors.X = nil
	t2, f2 := *t, *f
	t2.table, f2.factors = table, factors
	return &t2, &f2, nil
}

// weighNew finds the weights for new items, and which of two tables is better in the whole blend: that is the one released.
func (s *selection) weighNew(ctx context.Context, t, other *chosenTable, f *chosenFactors) (*chosenTable, error) {
	l := s.lab
	if len(l.probes[model.GoalNew]) == 0 {
		return t, nil
	}
	best, err := s.weigh(ctx, l, model.GoalNew, t, f, nil)
	if err != nil || other == nil || s.over() {
		return t, err
	}
	another := &blendTrial{Blend: newBlend(model.GoalNew, other, f)}
	err = s.tryBlend(another, fmt.Sprintf("with %s", other.TableConfig), func() (err error) {
		if other.table, err = other.fit(ctx, l.matrix(other.HalfLifeDays), l.part.alike, l.threads, nil, nil); err != nil {
			return err
		}
		return s.mixed(ctx, l, another, other, f, nil)
	})
	if err != nil || another.rewards == nil || mean(another.rewards) <= mean(best.rewards) {
		return t, err
	}
	s.cfg.Blends[len(s.cfg.Blends)-1], s.chosen = another.Blend, another.number
	return other, nil
}

// repeatHalfLives are how fast visits to an item are forgotten.
var repeatHalfLives = ladder[float64]{[]float64{20, 45}, []float64{90, 180, 365}, []float64{730}, defaultRepeatHalfLife}

// blendFamily is that of the trials of a goal's blends: those of different goals answer different questions.
func blendFamily(goal model.Goal) string { return "blend, " + titles[string(goal)] }

func newBlend(goal model.Goal, t *chosenTable, f *chosenFactors) model.Blend {
	return model.Blend{Goal: goal, TableHalfLifeDays: t.visits, FactorHalfLifeDays: f.visits, RepeatHalfLifeDays: defaultRepeatHalfLife, SessionPower: 1}
}

// blendTrial is a blend that was tried.
type blendTrial struct {
	model.Blend
	rewards []float64 // by question; nil: the trial failed
	number  int       // among the trials
}

// tryBlend makes a trial of a blend.
func (s *selection) tryBlend(b *blendTrial, name string, mixed func() error) error {
	_, err := s.attempt(blendFamily(b.Goal), name, 1, func() (float64, error) {
		err := mixed()
		return mean(b.rewards), err
	})
	b.number = len(s.trials) - 1
	return err
}

// weigh finds the weights of a goal's blend, and its rewards.
func (s *selection) weigh(ctx context.Context, l *lab, goal model.Goal, t *chosenTable, f *chosenFactors, session *chosenSession) (*blendTrial, error) {
	blend := newBlend(goal, t, f)
	blend.Stages = []model.Stage{popularFirst.stage(0)}
	best := &blendTrial{Blend: blend} // stays where all trials fail
	halfLives := repeatHalfLives
	if goal == model.GoalNew || !l.part.timed() {
		halfLives = fixed[float64](defaultRepeatHalfLife)
	}
	err := halfLives.seek(s.over, func(h float64) (float64, error) {
		b := &blendTrial{Blend: blend}
		b.RepeatHalfLifeDays = h
		err := s.tryBlend(b, fmt.Sprintf("half-life of visits %g d", h), func() error { return s.mixed(ctx, l, b, t, f, session) })
		if b.rewards != nil && (best.rewards == nil || mean(b.rewards) > mean(best.rewards)) {
			best = b
		}
		return mean(b.rewards), err
	})
	if err != nil {
		return best, err
	}
	if goal != model.GoalNext {
		if best, err = s.simpler(ctx, l, best, t, f); err != nil {
			return best, err
		}
	}
	if goal == model.GoalNew {
		s.chosen = best.number
	}
	s.cfg.Blends = append(s.cfg.Blends, best.Blend)
	return best, nil
}

// simpler returns the factors or the table alone where that is as good as both together.
func (s *selection) simpler(ctx context.Context, l *lab, best *blendTrial, t *chosenTable, f *chosenFactors) (*blendTrial, error) {
	blend := best.Blend
	for _, c := range []struct {
		name string
		t    *chosenTable
		f    *chosenFactors
	}{{"without a table", nil, f}, {"without factors", t, nil}} {
		if s.over() {
			break
		}
		b := &blendTrial{Blend: blend}
		if err := s.tryBlend(b, c.name, func() error { return s.mixed(ctx, l, b, c.t, c.f, nil) }); err != nil {
			return nil, err
		}
		if b.rewards != nil && (best.rewards == nil || mean(b.rewards) >= mean(best.rewards)) {
			best = b
		}
	}
	return best, nil
}

// mixed finds the weights of a blend, and its rewards; t or f is nil where there is to be no table or no vector.
func (s *selection) mixed(ctx context.Context, l *lab, blend *blendTrial, t *chosenTable, f *chosenFactors, session *chosenSession) error {
	b := l.base(s.cfg.TrendHalfLifeDays)
	start, along := mix{partFactors: 1}, aloneAxes
	if f != nil {
		b.vectors = newVectorPart(f.factors, f.visits)
	}
	if t != nil {
		b.sparse[partTable] = byTable(t.table, t.visits, l.active)
		start, along = mix{partTable: 1, partPopular: 0.2}, weightAxes
	}
	if blend.Goal != model.GoalNew {
		b.sparse[partRepeat] = byRepeat(l.q, blend.RepeatHalfLifeDays)
	}
	switch blend.Goal {
	case model.GoalAny:
		start[partRepeat] = 12
	case model.GoalNext:
		b.sparse[partSession] = bySession(session.table, session.power, l.active)
		b.sparse[partPast] = byPast(blend.RepeatHalfLifeDays)
		blend.SessionPower = session.power
		start, along = mix{partSession: 1, partPast: 8}, nextAxes
	}
	sheet, err := l.sheet(ctx, blend.Goal, b)
	if err != nil {
		return err
	}
	common, rewards := s.climb(sheet, start, along, nil)
	blend.Stages, blend.rewards = s.stages(sheet, common, along), rewards
	return nil
}

// report is what the model card and the page say.
func (s *selection) report() *Selection {
	return &Selection{Metric: "recall + ndcg", Trials: s.trials, Chosen: s.chosen, Stopped: s.cut}
}
