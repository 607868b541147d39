package rank

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/edged/edged/model"
	"github.com/edged/edged/rules"
)

// selections are what conditions on items select in a release, by their text: shops ask the same ones again and again. What is known is
// replaced, never changed, so that looking at it takes no lock; once full it begins anew. Conditions asked often have their rows prepared
// for searches, in the background, one at a time: those of all together take at most half the memory of the index itself.
type selections struct {
	known  atomic.Pointer[known]
	mu     sync.Mutex // of whoever adds
	work   model.FilterScratch
	making sync.Mutex // of whoever prepares
}

type known struct {
	of    map[string]*selected
	spent *float64 // bytes of what was prepared
}

type selected struct {
	rows  *model.Selection
	size  int // conditions it is made of
	asked atomic.Int32
	often int32 // times asked after which the rows are prepared; 0: never
}

const (
	maxSelections = 64 // of a bit for each item, at most
	leastOften    = 16
	rowsAnAnswer  = 64 // that are prepared in the time an answer takes
)

// Where returns which rows meet a condition, written as the key where of rules has it. The Selection may be kept and shared.
func (r *Ranker) Where(condition []byte) (*model.Selection, error) {
	left := rules.MaxNodes
	return r.WhereOf(condition, &left)
}

// WhereOf is Where for one of several conditions that have so many parts left between them, and takes its own off.
func (r *Ranker) WhereOf(condition []byte, left *int) (*model.Selection, error) {
	s := r.selections
	if known := s.known.Load(); known != nil {
		if found, ok := known.of[string(condition)]; ok {
			if *left -= found.size; *left < 0 {
				return nil, errTooMany
			}
			if found.asked.Load() < found.often && found.asked.Add(1) == found.often {
				go s.prepare(r.m, found.rows, known.spent)
			}
			return found.rows, nil
		}
	}
	w, err := rules.ParseWhere(string(condition))
	if err != nil {
		return nil, err
	}
	if *left -= w.Size(); *left < 0 {
		return nil, errTooMany
	}
	f, err := rules.Translate(w, filters{})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := new(model.Selection)
	if err := r.m.Select(found, &f, &s.work); err != nil {
		return nil, err
	}
	s.add(string(condition), &selected{rows: found, size: w.Size(), often: often(found)})
	return found, nil
}

var errTooMany = errors.New("more conditions than may be asked in one request")

func (s *selections) add(condition string, found *selected) {
	next := &known{of: map[string]*selected{condition: found}, spent: new(float64)}
	if known := s.known.Load(); known != nil && len(known.of) < maxSelections {
		next.spent = known.spent
		for k, v := range known.of {
			next.of[k] = v
		}
	}
	s.known.Store(next)
}

// often returns after how many questions preparing the rows costs no more than answering these did. A filter that lets nearly all pass
// gains little.
func often(s *model.Selection) int32 {
	if 4*s.Len() > 3*s.Total() {
		return 0
	}
	return int32(leastOften + s.Len()/rowsAnAnswer)
}

// prepare prepares rows where there is memory left for them.
func (s *selections) prepare(m *model.Model, rows *model.Selection, spent *float64) {
	s.making.Lock()
	defer s.making.Unlock()
	x := m.Index()
	if *spent+x.Bytes()*float64(rows.Len()) > x.Bytes()*float64(x.Len())/2 {
		return
	}
	m.Prepare(rows)
	*spent += float64(rows.Filter().Bytes())
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
