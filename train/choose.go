package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
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
		s.until = cfg.Clock().Add(cfg.TimeLimit)
	}
	switch err := s.open(p, like); {
	case errors.Is(err, ErrSplit):
		return &Selection{Metric: "none", Trials: []eval.Trial{}, Limit: "too little data to choose by: defaults"}, nil, nil
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

// trialEvents is how many events trials look at; of larger data they take a sample of the users.
const trialEvents = 1_000_000

// open makes the labs.
func (s *selection) open(p *part, like expected) error {
	s.rows = p.users + p.items
	p = p.sample(trialEvents, s.cfg.Seed)
	f, err := validationFold(p, like, s.cfg.Seed)
	if err != nil {
		return err
	}
	limit := probeLimit
	if !p.timed() {
		limit = untimedProbeLimit
	}
	s.lab = newLab(f, s.listLength(), limit, s.cfg.Seed, s.cfg.Threads)
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

// validationFold divides what there is to learn from as the test will.
func validationFold(p *part, like expected, seed uint64) (*fold, error) {
	if p.timed() && like.share == 0 {
		first, last := p.span()
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
	first, last := p.span()
	length := like.length.Milliseconds()
	if length <= 0 {
		length = (last - first) / 10
	}
	return nextItem(p, sessionCut(p, last+1, length), 0)
}

// run makes the trials and puts what they choose into the configuration.
func (s *selection) run(ctx context.Context, rivals bool) error {
	t, other, err := s.chooseTable(ctx)
	if err != nil {
		return err
	}
	t, err = s.tryContent(ctx, t)
	if err != nil {
		return err
	}
	f, err := s.chooseFactors(ctx, t)
	if err != nil {
		return err
	}
	s.cfg.Factors, s.cfg.A0, s.cfg.Reg, s.cfg.PairHalfLifeDays = f.Factors, f.A0, f.Reg, f.halfLife
	if t, err = s.weighNew(ctx, t, other, f); err != nil {
		return err
	}
	s.cfg.Table = &t.TableConfig
	if len(s.lab.probes[model.GoalAny]) > 0 && s.lab.repeats {
		if _, err := s.weigh(ctx, s.lab, model.GoalAny, t, f, nil); err != nil {
			return err
		}
	}
	if err := errors.Join(s.chooseCold(ctx), s.runNext(ctx, t, f)); err != nil {
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
	most, err := s.weigh(ctx, l, model.GoalNew, t, f, nil)
	if err != nil || other == nil || s.over() {
		return t, err
	}
	blend := newBlend(model.GoalNew, other, f)
	score, err := s.attempt(blendFamily, fmt.Sprintf("%s, with %s", model.GoalNew, other.TableConfig), 1, func() (score float64, err error) {
		if other.table, err = other.fit(ctx, l.matrix(other.HalfLifeDays), l.part.alike, l.threads, nil, nil); err != nil {
			return 0, err
		}
		return s.mixed(ctx, l, &blend, other, f, nil)
	})
	if err != nil || !(score > most) {
		return t, err
	}
	s.cfg.Blends[len(s.cfg.Blends)-1] = blend
	return other, nil
}

// repeatHalfLives are how fast visits to an item are forgotten.
var repeatHalfLives = ladder[float64]{[]float64{20, 45}, []float64{90, 180, 365}, []float64{730}, defaultRepeatHalfLife}

// blendFamily is that of the trials of blends.
const blendFamily = "blend"

func newBlend(goal model.Goal, t *chosenTable, f *chosenFactors) model.Blend {
	return model.Blend{Goal: goal, TableHalfLifeDays: t.visits, FactorHalfLifeDays: f.visits, RepeatHalfLifeDays: defaultRepeatHalfLife, SessionPower: 1}
}

// weigh finds the weights of a goal's blend, and its reward.
func (s *selection) weigh(ctx context.Context, l *lab, goal model.Goal, t *chosenTable, f *chosenFactors, session *chosenSession) (float64, error) {
	var best model.Blend
	most := math.Inf(-1)
	try := func(name string, blend model.Blend, t *chosenTable, session *chosenSession) (float64, error) {
		return s.attempt(blendFamily, fmt.Sprintf("%s, %s", goal, name), 1, func() (float64, error) {
			score, err := s.mixed(ctx, l, &blend, t, f, session)
			if err == nil && score > most {
				best, most = blend, score
			}
			return score, err
		})
	}
	halfLives := repeatHalfLives
	if goal == model.GoalNew || !l.part.timed() {
		halfLives = fixed[float64](defaultRepeatHalfLife)
	}
	blend := newBlend(goal, t, f)
	err := halfLives.seek(s.over, func(h float64) (float64, error) {
		blend.RepeatHalfLifeDays = h
		return try(fmt.Sprintf("half-life of visits %g d", h), blend, t, session)
	})
	if err == nil && goal != model.GoalNext && !s.over() {
		blend.RepeatHalfLifeDays = best.RepeatHalfLifeDays
		_, err = try("without a table", blend, nil, nil)
	}
	s.cfg.Blends = append(s.cfg.Blends, best)
	return most, err
}

// mixed finds the weights of a blend, and its reward; t is nil where there is to be no table.
func (s *selection) mixed(ctx context.Context, l *lab, blend *model.Blend, t *chosenTable, f *chosenFactors, session *chosenSession) (float64, error) {
	b := l.base(s.cfg.TrendHalfLifeDays)
	b.vectors = newVectorPart(f.factors, f.visits)
	start, along := mix{partFactors: 1}, aloneAxes
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
		return 0, err
	}
	common, rewards := s.climb(sheet, start, along, nil)
	blend.Stages = s.stages(sheet, common, along)
	return mean(rewards), nil
}

// report is what the model card and the page say.
func (s *selection) report() *Selection {
	r := &Selection{Metric: "recall + ndcg", Trials: s.trials, Stopped: s.cut}
	won := func(t eval.Trial) bool {
		return t.Family == blendFamily && strings.HasPrefix(t.Name, string(model.GoalNew))
	}
	for at, t := range s.trials {
		if won(t) && !(won(s.trials[r.Chosen]) && s.trials[r.Chosen].Score >= t.Score) {
			r.Chosen = at
		}
	}
	return r
}
