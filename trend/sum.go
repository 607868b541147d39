package trend

import "math"

// units are what sums are taken in: whole numbers add up to the same in any order, so that nodes with the same cells have the same
// list, ties included. A sum stops at maxUnits, so that no sender can make it wrap.
type units int64

const (
	unit     = 1 << 20
	maxUnits = 1 << 62
)

func toUnits(v float64) units { return units(math.Round(v * unit)) }

func (u *units) add(v units) { *u = min(*u+v, maxUnits) }

// sums adds the cells of all processes up. Each cell knows its total, so that adding looks nothing up.
type sums struct {
	totals    map[cellKey]*total
	items     map[string]*item
	countries map[string]*country
}

// total is that of one item in one country.
type total struct {
	key     cellKey
	sums    [maxWindows]units
	cells   int // that were added; a total of none is forgotten
	item    *item
	country *country
}

// item is the total over all countries.
type item struct {
	sums   [maxWindows]units
	totals int
}

// country gathers the entries of its lists.
type country struct {
	totals  int
	entries [maxWindows][]Entry
}

func newSums() sums {
	return sums{map[cellKey]*total{}, map[string]*item{}, map[string]*country{}}
}

// of finds or makes the total a cell belongs to.
func (s *sums) of(key cellKey) *total {
	if t := s.totals[key]; t != nil {
		return t
	}
	t := &total{key: key, item: s.items[key.item], country: s.countries[key.country]}
	if t.item == nil {
		t.item = &item{}
		s.items[key.item] = t.item
	}
	if t.country == nil {
		t.country = &country{}
		s.countries[key.country] = t.country
	}
	t.item.totals++
	t.country.totals++
	s.totals[key] = t
	return t
}

// drain makes unsorted lists of what was added since the last time, and forgets totals nothing was added to.
func (s *sums) drain(windows []window) lists {
	for _, t := range s.totals {
		if t.cells == 0 {
			s.forget(t)
			continue
		}
		for i := range windows {
			t.item.sums[i].add(t.sums[i])
			if t.key.country != "" {
				t.country.entries[i] = append(t.country.entries[i], entryOf(t.key.item, t.sums[i]))
			}
		}
		t.cells, t.sums = 0, [maxWindows]units{}
	}
	return s.lists(windows)
}

func (s *sums) forget(t *total) {
	delete(s.totals, t.key)
	if t.item.totals--; t.item.totals == 0 {
		delete(s.items, t.key.item)
	}
	if t.country.totals--; t.country.totals == 0 {
		delete(s.countries, t.key.country)
	}
}

func (s *sums) lists(windows []window) lists {
	made := lists{}
	for i, w := range windows {
		all := make([]Entry, 0, len(s.items))
		for id, it := range s.items {
			all = append(all, entryOf(id, it.sums[i]))
			it.sums[i] = 0
		}
		made[listKey{"", w.name}] = &List{Entries: all}
		for name, c := range s.countries {
			if name != "" {
				made[listKey{name, w.name}] = &List{Entries: c.entries[i]}
				c.entries[i] = make([]Entry, 0, len(c.entries[i]))
			}
		}
	}
	return made
}

func entryOf(id string, sum units) Entry { return Entry{id, float64(sum) / unit} }
