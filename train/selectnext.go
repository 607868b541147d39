package train

import (
	"context"
	"math"
	"slices"

	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
)

// sessionTrial is a candidate for the session table: how it is learned, and how fast the places of a session fade.
type sessionTrial struct {
	SessionConfig
	power float64 // the item a places before the latest counts (1+a)^-power
}

// sessionAxes are what is tried of the session table.
func sessionAxes(timed, content bool) []axis[SessionConfig] {
	type c = SessionConfig
	first := defaultSession(timed)
	halfLives, priors := fixed(first.HalfLifeDays), fixed(first.Prior)
	if timed {
		halfLives = ladder[float64]{[]float64{15, 30}, []float64{60, 120, 240, 0}, nil, first.HalfLifeDays}
	}
	if content {
		priors = ladder[float64]{nil, []float64{0, 1, 2, 4}, []float64{8, 16}, first.Prior}
	}
	return []axis[c]{
		number(halfLives, func(c *c) *float64 { return &c.HalfLifeDays }),
		whole(ladder[float64]{[]float64{2, 3}, []float64{5, 10, 20}, []float64{40}, float64(first.Window)}, func(c *c) *int { return &c.Window }),
		number(ladder[float64]{[]float64{0, 0.25}, []float64{0.5, 0.8, 1.2}, []float64{1.6, 2}, first.Power}, func(c *c) *float64 { return &c.Power }),
		number(ladder[float64]{[]float64{0.03, 0.12}, []float64{0.5, 2, 8}, []float64{32, 128}, first.Shrink}, func(c *c) *float64 { return &c.Shrink }),
		number(ladder[float64]{[]float64{0.1, 0.3}, []float64{0.6, 1}, nil, first.Rho}, func(c *c) *float64 { return &c.Rho }),
		number(ladder[float64]{nil, []float64{0, 0.1, 0.2}, []float64{0.3, 0.4}, first.Target}, func(c *c) *float64 { return &c.Target }),
		number(priors, func(c *c) *float64 { return &c.Prior }),
	}
}

// sessionPowers are how fast the places of a session fade.
var sessionPowers = ladder[float64]{[]float64{0.25, 0.5}, []float64{1, 1.5, 2, 3}, []float64{4, 6}, 2}

// sessionMixes are those in which a session table is judged.
var sessionMixes = []mix{{partSession: 1}, {partSession: 1, partPast: 8}}

// chosenSession is a session table that was tried.
type chosenSession struct {
	sessionTrial
	table *learn.Table
	score float64
}

// trySession learns a session table and finds how its places fade best.
func (s *selection) trySession(ctx context.Context, c SessionConfig) (*chosenSession, error) {
	l := s.next
	table, err := c.fit(ctx, l.part, l.threads)
	if err != nil {
		return nil, err
	}
	best := &chosenSession{table: table, score: math.Inf(-1)}
	err = sessionPowers.seek(never, func(power float64) (float64, error) {
		b := &blendParts{}
		b.sparse[partSession], b.sparse[partPast] = bySession(table, power, l.active), byPast(defaultRepeatHalfLife)
		sheet, err := l.sheet(ctx, model.GoalNext, b)
		if err != nil {
			return 0, err
		}
		_, score := sheet.bestMix(sessionMixes, l.threads)
		if score > best.score {
			best.sessionTrial, best.score = sessionTrial{c, power}, score
		}
		return score, nil
	})
	return best, err
}

// chooseSession returns the best session table: of the default with one thing changed, of all the changes for the better together, and
// of what lies beyond the edges from there.
func (s *selection) chooseSession(ctx context.Context) (best *chosenSession, err error) {
	try := func(ctx context.Context, c SessionConfig, _ float64) (float64, error) {
		t, err := s.trySession(ctx, c)
		if err != nil {
			return 0, err
		}
		if best == nil || t.score > best.score {
			best = t
		}
		return t.score, nil
	}
	timed, content := s.next.part.timed(), s.next.part.alike != nil
	axes := sessionAxes(timed, content)
	grid := starred(defaultSession(timed), axes)
	list, err := halve(ctx, s, sessionFamily, grid, []rung{{1, len(grid)}}, SessionConfig.String, try)
	if err != nil {
		return nil, err
	}
	top := list[0]
	all := together(grid[0], list, axes)
	if !slices.ContainsFunc(list, func(t tried[SessionConfig]) bool { return t.candidate == all }) && !s.over() {
		more, err := halve(ctx, s, sessionFamily, []SessionConfig{all}, []rung{{1, 1}}, SessionConfig.String, try)
		if err != nil {
			return nil, err
		}
		if more[0].score > top.score {
			top = more[0]
		}
	}
	_, err = outgrow(ctx, s, sessionFamily, top, axes, SessionConfig.String, try)
	return best, err
}

// sessionFamily is that of the trials of session tables.
const sessionFamily = "sessions"
