package rank

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/edged/edged/model"
	"github.com/edged/edged/rules"
)

// obeyed is which rows rules let through, by what excludes and onlys hold together (rules.Plan.AppendKey). There are few such sets: the same rules hold
// for most requests of a slot. Which rows they are is worked out when a set is asked for first, and kept as selections are: what is known is
// replaced, never changed, and once full begins anew.
type obeyed struct {
	known atomic.Pointer[map[string]*model.Selection]
	mu    sync.Mutex // of whoever adds
}

const maxObeyed = 64 // of a bit for each item, at most

// obeying returns which rows a plan lets through.
func (r *Ranker) obeying(p *rules.Plan, s *Scratch) *model.Selection {
	s.key = p.AppendKey(s.key[:0])
	o := r.obeyed
	if found := o.find(s.key); found != nil {
		return found
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if found := o.find(s.key); found != nil { // somebody was faster
		return found
	}
	made := model.SelectionOf(p.Allowed(r.m.Len()), r.m.Len())
	next := map[string]*model.Selection{}
	if known := o.known.Load(); known != nil && len(*known) < maxObeyed {
		next = maps.Clone(*known)
	}
	next[string(s.key)] = made
	o.known.Store(&next)
	return made
}

// find is what is known under a key, nil for nothing.
func (o *obeyed) find(key []byte) *model.Selection {
	if known := o.known.Load(); known != nil {
		return (*known)[string(key)]
	}
	return nil
}
