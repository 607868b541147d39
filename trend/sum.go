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
	crowd   crowd
	cells   int // that were added; a total of none is forgotten
	item    *item
	country *country
}

// item is the total over all countries: the sum of those that list it, and what is left.
type item struct {
	sums   [maxWindows]units
	rest   [maxWindows]rest
	totals int
}

// rest is what the countries have together that don't list an item for want of visitors (T5).
type rest struct {
	sum   units
	crowd crowd
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

// drain makes unsorted lists of what was added since the last time, and forgets totals nothing was added to. It tells how many totals have too few
// visitors for any list of their country.
func (s *sums) drain(windows []window, floor int, now int64) (made lists, hidden int) {
	since := since(windows, now)
	for _, t := range s.totals {
		if t.cells == 0 {
			s.forget(t)
			continue
		}
		if t.drain(since[:len(windows)], floor) == 0 {
			hidden++
		}
	}
	return s.lists(windows, floor, since), hidden
}

// drain adds a total to the lists of its country that may have it, and to all countries; it tells how many those lists are.
func (t *total) drain(since []uint32, floor int) (listed int) {
	for i := range since {
		if !t.crowd.reaches(floor, since[i]) {
			rest := &t.item.rest[i]
			rest.sum.add(t.sums[i])
			rest.crowd.addAll(t.crowd, floor)
			continue
		}
		listed++
		t.item.sums[i].add(t.sums[i])
		if t.key.country != "" {
			t.country.entries[i] = append(t.country.entries[i], entryOf(t.key.item, t.sums[i]))
		}
	}
	t.cells, t.sums, t.crowd = 0, [maxWindows]units{}, t.crowd[:0]
	return listed
}

// drain is the item's sum in a window, for all countries.
func (it *item) drain(i, floor int, since uint32) units {
	sum, rest := it.sums[i], &it.rest[i]
	if rest.crowd.reaches(floor, since) {
		sum.add(rest.sum)
	}
	it.sums[i], rest.sum, rest.crowd = 0, 0, rest.crowd[:0]
	return sum
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

func (s *sums) lists(windows []window, floor int, since [maxWindows]uint32) lists {
	made := lists{}
	for i, w := range windows {
		all := make([]Entry, 0, len(s.items))
		for id, it := range s.items {
			all = append(all, entryOf(id, it.drain(i, floor, since[i])))
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
