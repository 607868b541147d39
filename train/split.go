package train

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/edged/edged/eval"
	"github.com/edged/edged/learn"
)

// ErrSplit says that the split time leaves one side empty.
var ErrSplit = errors.New("split time outside the data")

// Counts are the sizes of a split, by which two implementations of the protocol can be told to agree.
type Counts struct {
	TrainRows  int `json:"trainRows"`  // events before the split that count
	Rows       int `json:"rows"`       // the same before and after
	TrainUsers int `json:"trainUsers"` // distinct users before
	Items      int `json:"items"`      // distinct items before: all of them are ranked
	Pairs      int `json:"pairs"`      // distinct (user, item) before
	TestUsers  int `json:"testUsers"`  // users before with a test pair
	TestPairs  int `json:"testPairs"`  // distinct (user, item) after, of users and items before, that are new
}

// split is the events divided at one moment.
type split struct {
	at     int64
	log    *eventLog
	users  *numbering
	items  *numbering
	ids    []string      // of items, by row
	train  *learn.Matrix // users by items before
	test   *learn.Matrix // new pairs after, of the same users and items
	asked  []uint32      // the users with test pairs
	counts Counts
}

// splitAt divides a finished log of users. It is the temporal protocol: everything before at trains, everything from at on
// tests; users and items that training does not know are left out of the test, and so are pairs it has seen.
func splitAt(l *eventLog, at int64) (*split, error) {
	first, last := l.span()
	if at <= first || at > last {
		return nil, fmt.Errorf("%w: %s, but events go from %s to %s", ErrSplit, clock(at), clock(first), clock(last))
	}
	s := &split{at: at, log: l}
	s.users, s.items = s.number()
	s.train = l.matrix(s.users, s.items, s.before)
	after := l.matrix(s.users, s.items, func(i int) bool { return !s.before(i) })
	s.test = minus(after, s.train)
	s.ask()
	s.count()
	if s.counts.TestUsers == 0 {
		return nil, fmt.Errorf("%w: %s leaves no known user with a new, known item after it", ErrSplit, clock(at))
	}
	return s, nil
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

func (s *split) before(i int) bool { return s.log.at[i] < s.at }

// number gives the users and items of the training part their rows, ascending by id.
func (s *split) number() (users, items *numbering) {
	l := s.log
	usedUsers, usedItems := make([]bool, len(l.visitors.ids)), make([]bool, len(l.items.ids))
	for i := range l.at {
		if s.before(i) {
			usedUsers[l.visitor[i]], usedItems[l.item[i]] = true, true
		}
	}
	for i, used := range usedItems {
		if used {
			s.ids = append(s.ids, l.items.ids[i])
		}
	}
	return renumber(len(usedUsers), usedUsers), renumber(len(usedItems), usedItems)
}

// ask lists the users that have something to be asked about.
func (s *split) ask() {
	for u := range s.test.Rows() {
		if s.test.Count(u) > 0 {
			s.asked = append(s.asked, uint32(u))
		}
	}
}

func (s *split) count() {
	s.counts = Counts{Rows: len(s.log.at), TrainUsers: s.users.n, Items: s.items.n, Pairs: s.train.Pairs(),
		TestUsers: len(s.asked), TestPairs: s.test.Pairs()}
	for i := range s.log.at {
		if s.before(i) {
			s.counts.TrainRows++
		}
	}
}

// set is the test as cases, one a user asked.
func (s *split) set() *eval.Set {
	set := &eval.Set{Items: s.items.n, Population: s.users.n, Popularity: make([]uint32, s.items.n)}
	for _, i := range s.train.Index {
		set.Popularity[i]++
	}
	for _, u := range s.asked {
		relevant, _ := s.test.Row(int(u))
		set.Cases = append(set.Cases, eval.Case{User: int(u), Relevant: relevant})
	}
	return set
}

// since is the training part from a later moment on, over the same rows and columns.
func (s *split) since(at int64) *learn.Matrix {
	return s.log.matrix(s.users, s.items, func(i int) bool { return s.before(i) && s.log.at[i] >= at })
}

// minus keeps the pairs of a that b does not have.
func minus(a, b *learn.Matrix) *learn.Matrix {
	m := &learn.Matrix{Cols: a.Cols, Start: make([]int, a.Rows()+1)}
	for r := range a.Rows() {
		cols, values := a.Row(r)
		for k, c := range cols {
			if !b.Has(r, c) {
				m.Index, m.Value = append(m.Index, c), append(m.Value, values[k])
			}
		}
		m.Start[r+1] = len(m.Index)
	}
	return m
}

// ParseSplit reads a split time: RFC 3339 with its own zone, or a date (2010-09-01) or a date and time
// (2010-09-01T12:00:00) in the given zone, nil being UTC.
func ParseSplit(s string, zone *time.Location) (time.Time, error) {
	if zone == nil {
		zone = time.UTC
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("split time %q: want 2010-09-01, 2010-09-01T12:00:00 or RFC 3339", s)
}

// recentFirst lists a user's training items by the last time each was seen, newest first, then by item.
func (s *split) recentFirst() func(user int) []uint32 {
	last := s.lastSeen()
	return func(user int) []uint32 {
		items, _ := s.train.Row(user)
		list := slices.Clone(items)
		times := last[s.train.Start[user]:s.train.Start[user+1]]
		slices.SortStableFunc(list, func(a, b uint32) int {
			i, _ := slices.BinarySearch(items, a)
			j, _ := slices.BinarySearch(items, b)
			switch {
			case times[i] > times[j]:
				return -1
			case times[i] < times[j]:
				return 1
			}
			return 0
		})
		return list
	}
}

// lastSeen is the newest time of each training pair, beside train.Index.
func (s *split) lastSeen() []int64 {
	last := make([]int64, s.train.Pairs())
	for i := range s.log.at {
		if !s.before(i) {
			continue
		}
		u := int(s.users.place[s.log.visitor[i]])
		items, _ := s.train.Row(u)
		k, _ := slices.BinarySearch(items, s.items.place[s.log.item[i]])
		at := &last[s.train.Start[u]+k]
		*at = max(*at, s.log.at[i])
	}
	return last
}
