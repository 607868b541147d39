package train

import (
	"context"
	"errors"
	"fmt"

	"github.com/edged/edged/learn"
)

// SessionConfig says how the session table is learned; see learn.Session.
type SessionConfig struct {
	Window       int     `json:"window"`
	Power        float64 `json:"power"`
	Shrink       float64 `json:"shrink"`
	Rho          float64 `json:"rho"`
	Prior        float64 `json:"prior,omitempty"`        // how many near pairs being wholly alike counts for
	Target       float64 `json:"target,omitempty"`       // exponent of what holds back popular items
	Row          int     `json:"row"`                    // targets kept of an item
	HalfLifeDays float64 `json:"halfLifeDays,omitempty"` // a session weighs 0.5^(age/half-life); 0: 1
}

// String names it in reports.
func (c SessionConfig) String() string {
	return fmt.Sprintf("near pairs, window %d, power %g, shrink %g, back %g, prior %g, target %g, half-life %g d",
		c.Window, c.Power, c.Shrink, c.Rho, c.Prior, c.Target, c.HalfLifeDays)
}

func (c *SessionConfig) check() error {
	if c == nil {
		return nil
	}
	return errors.Join(
		checkRange("session.window", float64(c.Window), 1, learn.MaxWindow),
		checkRange("session.power", c.Power, 0, 8),
		checkRange("session.shrink", c.Shrink, 0, 1e9),
		checkRange("session.rho", c.Rho, 0, 1e3),
		checkRange("session.prior", c.Prior, 0, 1e3),
		checkRange("session.target", c.Target, 0, 4),
		checkRange("session.row", float64(c.Row), 1, maxRow),
		checkRange("session.halfLifeDays", c.HalfLifeDays, 0, 36500))
}

// fit learns the table from the sessions of a part.
func (c SessionConfig) fit(ctx context.Context, p *part, threads int) (*learn.Table, error) {
	t := learn.Session{Window: c.Window, Power: c.Power, Shrink: c.Shrink, Rho: c.Rho, Prior: c.Prior, Target: c.Target, Row: c.Row}
	return t.Fit(ctx, p.sequences(c.HalfLifeDays), p.alike, threads)
}

// defaultSession is what is used where nothing can be tried.
func defaultSession(timed bool) SessionConfig {
	c := SessionConfig{Window: 10, Power: 0.8, Shrink: 2, Rho: 1, Row: 100}
	if timed {
		c.HalfLifeDays = 120
	}
	return c
}
