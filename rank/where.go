package rank

import (
	"sync"
	"sync/atomic"

	"github.com/edged/edged/model"
	"github.com/edged/edged/rules"
)

// selections are what conditions on items select in a release, by their text: shops ask the same ones again and again. The map is replaced, never changed, so
// that looking at it takes no lock; once full it begins anew.
type selections struct {
	known atomic.Pointer[map[string]*model.Selection]
	mu    sync.Mutex // of whoever adds
	work  model.FilterScratch
}

const maxSelections = 64 // of a bit for each item, at most

// Where returns which rows meet a condition, written as the key where of rules has it. The Selection may be kept and shared.
func (r *Ranker) Where(condition []byte) (*model.Selection, error) {
	s := r.selections
	if known := s.known.Load(); known != nil {
		if found, ok := (*known)[string(condition)]; ok {
			return found, nil
		}
	}
	f, err := filterOf(string(condition))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := new(model.Selection)
	if err := r.m.Select(found, &f, &s.work); err != nil {
		return nil, err
	}
	s.add(string(condition), found)
	return found, nil
}

func (s *selections) add(condition string, found *model.Selection) {
	next := map[string]*model.Selection{condition: found}
	if known := s.known.Load(); known != nil && len(*known) < maxSelections {
		for k, v := range *known {
			next[k] = v
		}
	}
	s.known.Store(&next)
}

func filterOf(condition string) (model.Filter, error) {
	w, err := rules.ParseWhere(condition)
	if err != nil {
		return model.Filter{}, err
	}
	return rules.Translate(w, filters{})
}

// filters makes filters of conditions.
type filters struct{}

func (filters) All() model.Filter                         { return model.And() }
func (filters) Not(f model.Filter) model.Filter           { return model.Not(f) }
func (filters) And(list ...model.Filter) model.Filter     { return model.And(list...) }
func (filters) Or(list ...model.Filter) model.Filter      { return model.Or(list...) }
func (filters) In(f string, texts ...string) model.Filter { return model.In(f, texts...) }
func (filters) Is(field string, value bool) model.Filter  { return model.Is(field, value) }
func (filters) Between(f string, from, to float64, open bool) model.Filter {
	return model.Between(f, model.Range{Min: from, Max: to, OpenMin: open, OpenMax: open})
}
