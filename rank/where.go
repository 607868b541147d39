package rank

import (
	"cmp"
	"errors"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/edged/edged/model"
	"github.com/edged/edged/rules"
)

// selections are what conditions on items select in a release, by their text: shops ask the same ones again and again. What is known is
// replaced, never changed, so that looking at it takes no lock; once full, each new one takes the place of one that nobody asked again, or
// else of the one asked longest ago. Conditions asked often have their rows prepared for searches, in the background, one at a time: those of
// all together take at most half the memory of the index itself.
type selections struct {
	known  atomic.Pointer[map[string]*selected]
	mu     sync.Mutex   // of whoever adds
	added  atomic.Int64 // conditions so far: what time is measured in
	work   sync.Pool    // of *model.FilterScratch
	making sync.Mutex   // of whoever prepares
	spent  atomic.Int64 // bytes of what was prepared and is known
}

type selected struct {
	rows  *model.Selection
	size  int   // conditions it is made of
	often int32 // times asked after which the rows are prepared; 0: never
	born  int64 // as added then said
	asked atomic.Int32
	last  atomic.Int64 // when it was asked again; 0: never
	spent atomic.Int64 // bytes of the prepared rows
	gone  atomic.Bool
}

const (
	maxSelections = 64 // of a bit for each item, at most
	leastOften    = 16
	rowsAnAnswer  = 64 // that are prepared in the time an answer takes
)

// Where returns which rows meet a condition, written as the key where of rules has it. The Selection may be kept and shared.
func (r *Ranker) Where(condition []byte) (*model.Selection, error) {
	s := r.selections
	if found := s.find(condition); found != nil {
		if found.asked.Load() < found.often && found.asked.Add(1) == found.often {
			go s.prepare(r.m, found)
		}
		return found.rows, nil
	}
	w, err := r.parse(condition)
	if err != nil {
		return nil, err
	}
	rows, err := s.make(r.m, w)
	if err != nil {
		return nil, err
	}
	s.add(string(condition), &selected{rows: rows, size: w.Size(), often: often(rows)})
	return rows, nil
}

// Weigh returns how many conditions one is made of, or what Where would find wrong with it, without asking the catalogue.
func (r *Ranker) Weigh(condition []byte) (int, error) {
	if found := r.selections.find(condition); found != nil {
		return found.size, nil
	}
	w, err := r.parse(condition)
	if err != nil {
		return 0, err
	}
	return w.Size(), nil
}

func (r *Ranker) parse(condition []byte) (*rules.Where, error) {
	w, err := rules.ParseWhere(string(condition))
	if err != nil {
		return nil, err
	}
	if hint := w.Unheard(r.m.AttributeNames); hint != "" {
		return nil, errors.New(hint)
	}
	return w, nil
}

// Category returns which rows are in a category or in one below it: none where the release has no such category, of which nothing is remembered, so
// that names of none push no category out. The Selection may be kept and shared.
func (r *Ranker) Category(name []byte) (*model.Selection, error) {
	s := r.categories
	if found := s.find(name); found != nil {
		return found.rows, nil
	}
	text := string(name)
	f := model.In("categories", text)
	rows, err := s.choose(r.m, &f)
	if err == nil && rows.Len() > 0 {
		s.add(text, &selected{rows: rows}) // lists that are the same for everyone ask no index: nothing is to be prepared
	}
	return rows, err
}

// Knows reports whether Where has only to look a condition up.
func (r *Ranker) Knows(condition []byte) bool { return r.selections.find(condition) != nil }

// KnowsCategory reports whether Category has only to look a name up.
func (r *Ranker) KnowsCategory(name []byte) bool { return r.categories.find(name) != nil }

func (s *selections) find(condition []byte) *selected {
	known := s.known.Load()
	if known == nil {
		return nil
	}
	found := (*known)[string(condition)]
	if found == nil {
		return nil
	}
	if now := s.added.Load(); found.last.Load() != now {
		found.last.Store(now)
	}
	return found
}

// make asks the whole catalogue, while others do, too.
func (s *selections) make(m *model.Model, w *rules.Where) (*model.Selection, error) {
	f, err := rules.Translate(w, filters{})
	if err != nil {
		return nil, err
	}
	return s.choose(m, &f)
}

func (s *selections) choose(m *model.Model, f *model.Filter) (*model.Selection, error) {
	work, _ := s.work.Get().(*model.FilterScratch)
	if work == nil {
		work = new(model.FilterScratch)
	}
	defer s.work.Put(work)
	rows := new(model.Selection)
	if err := m.Select(rows, f, work); err != nil {
		return nil, err
	}
	return rows, nil
}

func (s *selections) add(condition string, found *selected) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[string]*selected{}
	if known := s.known.Load(); known != nil {
		maps.Copy(next, *known)
	}
	if next[condition] != nil {
		return // another one was faster
	}
	if len(next) >= maxSelections {
		s.forget(next)
	}
	found.born = s.added.Add(1)
	next[condition] = found
	s.known.Store(&next)
}

// forget takes one out.
func (s *selections) forget(from map[string]*selected) {
	var least *selected
	var which string
	for condition, one := range from {
		if least == nil || cmp.Or(cmp.Compare(one.last.Load(), least.last.Load()), cmp.Compare(one.born, least.born)) < 0 {
			least, which = one, condition
		}
	}
	delete(from, which)
	least.gone.Store(true)
	s.giveBack(least)
}

func (s *selections) giveBack(one *selected) { s.spent.Add(-one.spent.Swap(0)) }

// often returns after how many questions preparing the rows costs no more than answering these did. A filter that lets nearly all pass
// gains little.
func often(s *model.Selection) int32 {
	if 4*s.Len() > 3*s.Total() {
		return 0
	}
	return int32(leastOften + s.Len()/rowsAnAnswer)
}

// prepare prepares rows where there is memory left for them.
func (s *selections) prepare(m *model.Model, one *selected) {
	s.making.Lock()
	defer s.making.Unlock()
	x := m.Index()
	if one.gone.Load() || float64(s.spent.Load())+x.Bytes()*float64(one.rows.Len()) > x.Bytes()*float64(x.Len())/2 {
		return
	}
	m.Prepare(one.rows)
	bytes := int64(one.rows.Filter().Bytes())
	s.spent.Add(bytes)
	one.spent.Store(bytes)
	if one.gone.Load() {
		s.giveBack(one)
	}
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
