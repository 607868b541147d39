package serve

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/edged/edged/model"
	"github.com/edged/edged/rules"
)

// What is excluded for everyone is excluded from the lists that are the same for everyone, too: the rules whose conditions are of nothing but
// the time say which items those lists are made of. That is worked out when it changes, for all requests after it.

// standing is what those rules leave of a release. It never changes.
type standing struct {
	set   *rules.Set
	model *model.Model
	which []uint32 // the rules
	rows  *model.Selection
}

// standings is the last one worked out.
type standings struct {
	last atomic.Pointer[standing]
	mu   sync.Mutex
}

func (s *standing) is(set *rules.Set, m *model.Model, which []uint32) bool {
	return s != nil && s.set == set && s.model == m && slices.Equal(s.which, which)
}

// standing is what holds for everyone now, nil where nothing does.
func (s *Server) standing(c *call, set *rules.Set) *standing {
	c.ruling.context.Time = c.start.UnixMilli()
	c.lasting = set.Standing(c.lasting[:0], &c.ruling.context)
	if len(c.lasting) == 0 {
		if s.standings.last.Load() != nil {
			s.standings.last.Store(nil) // it holds a release
		}
		return nil
	}
	m := c.ranker.Model()
	if last := s.standings.last.Load(); last.is(set, m, c.lasting) {
		return last
	}
	s.standings.mu.Lock()
	defer s.standings.mu.Unlock()
	if last := s.standings.last.Load(); last.is(set, m, c.lasting) {
		return last
	}
	next := &standing{set: set, model: m, which: slices.Clone(c.lasting), rows: new(model.Selection)}
	m.Choose(next.rows, set.Leaves(next.which))
	s.standings.last.Store(next)
	return next
}

// only is what a list may be made of, nil for everything, and notes which rules said so.
func (c *call) only() *model.Selection {
	if c.basis.standing == nil {
		return nil
	}
	c.ruling.version = c.basis.standing.set.Version()
	return c.basis.standing.rows
}
