package train

import (
	"context"
	"slices"

	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
)

// sessionTrial is a candidate for the session table: how it is learned, and how fast the places of a session fade.
type sessionTrial struct {
	SessionConfig
	power float64 // the item a places before the latest counts (1+a)^-power
}

// sessionGrid changes one thing at a time, the default first.
func sessionGrid(timed, content bool) []SessionConfig {
	first := defaultSession(timed)
	grid := []SessionConfig{first}
	add := func(change func(c *SessionConfig)) {
		c := first
		change(&c)
		grid = append(grid, c)
	}
	if timed {
		for _, h := range []float64{60, 240, 0} {
			add(func(c *SessionConfig) { c.HalfLifeDays = h })
		}
	}
	for _, w := range []int{5, 20} {
		add(func(c *SessionConfig) { c.Window = w })
	}
	for _, p := range []float64{0.5, 1.2} {
		add(func(c *SessionConfig) { c.Power = p })
	}
	for _, x := range []float64{0.5, 8} {
		add(func(c *SessionConfig) { c.Shrink = x })
	}
	add(func(c *SessionConfig) { c.Rho = 0.6 })
	for _, x := range []float64{0.1, 0.2} {
		add(func(c *SessionConfig) { c.Target = x })
	}
	if content {
		for _, x := range []float64{1, 2, 4} {
			add(func(c *SessionConfig) { c.Prior = x })
		}
	}
	return grid
}

// sessionPowers are how fast the places of a session fade.
var sessionPowers = []float64{2, 1.5, 1, 3}

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
	best := &chosenSession{table: table}
	for at, power := range sessionPowers {
		b := &blendParts{}
		b.sparse[partSession], b.sparse[partPast] = bySession(table, power, l.active), byPast(defaultRepeatHalfLife)
		sheet, err := l.sheet(ctx, model.GoalNext, b)
		if err != nil {
			return nil, err
		}
		if _, score := sheet.bestMix(sessionMixes, l.threads); at == 0 || score > best.score {
			best.sessionTrial, best.score = sessionTrial{c, power}, score
		}
	}
	return best, nil
}

// chooseSession returns the best session table: of the default with one thing changed, and of all the changes for the better
// together.
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
	grid := sessionGrid(s.next.part.timed(), s.next.part.alike != nil)
	list, err := halve(ctx, s, "sessions", grid, []rung{{1, len(grid)}}, SessionConfig.String, try)
	if err != nil {
		return nil, err
	}
	all := together(grid[0], list)
	if !slices.ContainsFunc(list, func(t tried[SessionConfig]) bool { return t.candidate == all }) && !s.over() {
		_, err = halve(ctx, s, "sessions", []SessionConfig{all}, []rung{{1, 1}}, SessionConfig.String, try)
	}
	return best, err
}

// together is the default with every change that was for the better, the best of each kind. The list goes best first.
func together(first SessionConfig, list []tried[SessionConfig]) SessionConfig {
	all := first
	for _, t := range list {
		c := t.candidate
		if c == first {
			break
		}
		all.HalfLifeDays = changed(all.HalfLifeDays, c.HalfLifeDays, first.HalfLifeDays)
		all.Window = changed(all.Window, c.Window, first.Window)
		all.Power = changed(all.Power, c.Power, first.Power)
		all.Shrink = changed(all.Shrink, c.Shrink, first.Shrink)
		all.Rho = changed(all.Rho, c.Rho, first.Rho)
		all.Prior = changed(all.Prior, c.Prior, first.Prior)
		all.Target = changed(all.Target, c.Target, first.Target)
	}
	return all
}

// changed is now, or next where now is still what was first.
func changed[T comparable](now, next, first T) T {
	if now != first {
		return now
	}
	return next
}
