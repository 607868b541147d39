package trend

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// Entry is one item of a list.
type Entry struct {
	ID    string
	Score float64
}

// List is what is trending, best first, ties by ascending id. It never changes once made and may be kept.
type List struct {
	Entries []Entry
	Built   time.Time // the scores are as of then
}

// staleAfter is the part of the shortest half-life after which scores are computed anew although nothing was counted.
// Decay alone changes no order, as all counters of a window shrink alike: the scores are off by at most 1 − 2^(−1/64) ≈ 1 %.
const staleAfter = 64

// Sums are taken in whole units: whole numbers add up to the same in any order, so that nodes with the same cells have the same
// list, ties included. A sum stops at maxUnits, so that no sender can make it wrap.
type units int64

const (
	unit     = 1 << 20
	maxUnits = 1 << 62
)

func toUnits(v float64) units { return units(math.Round(v * unit)) }

type listKey struct{ country, window string }

type lists map[listKey]*List

// Top returns the list of a country ("" for all) in a window, or nil when nothing is trending there.
func (s *Store) Top(country, window string) *List {
	if s == nil {
		return nil
	}
	all := s.lists.Load()
	if all == nil {
		return nil
	}
	return (*all)[listKey{country, window}]
}

func (s *Store) rebuild() {
	totals, now := s.totals()
	if totals == nil {
		return
	}
	made := lists{}
	for key, scores := range totals {
		if list := newList(scores, now); len(list.Entries) > 0 {
			made[key] = list
		}
	}
	s.lists.Store(&made)
}

// totals sums every cell's counters as of now, or returns nil when the lists are fresh enough.
func (s *Store) totals() (map[listKey]map[string]units, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opts.Clock()
	if !s.changed && !s.stale(now) {
		return nil, now
	}
	s.changed, s.built = false, now
	s.expire(now.UnixMilli())
	totals := map[listKey]map[string]units{}
	s.addTo(totals, s.own, now.UnixMilli())
	for _, peer := range s.peers {
		s.addTo(totals, peer, now.UnixMilli())
	}
	return totals, now
}

func (s *Store) stale(now time.Time) bool {
	if len(s.windows) == 0 || len(s.own) == 0 && len(s.peers) == 0 {
		return false
	}
	return now.Sub(s.built) >= s.windows[0].halfLife/staleAfter
}

func (s *Store) expire(now int64) {
	s.own.expire(s.opts.Floor, s.windows, now)
	for key := range s.dirty {
		if s.own[key] == nil {
			delete(s.dirty, key)
		}
	}
	for p, peer := range s.peers {
		if peer.expire(s.opts.Floor, s.windows, now); len(peer) == 0 {
			delete(s.peers, p)
		}
	}
}

func (s *Store) addTo(totals map[listKey]map[string]units, from cells, now int64) {
	for key, c := range from {
		for i, w := range s.windows {
			v := toUnits(c.at(s.windows, i, now))
			add(totals, listKey{"", w.name}, key.item, v)
			if key.country != "" {
				add(totals, listKey{key.country, w.name}, key.item, v)
			}
		}
	}
}

func add(totals map[listKey]map[string]units, key listKey, item string, v units) {
	if totals[key] == nil {
		totals[key] = map[string]units{}
	}
	totals[key][item] = min(totals[key][item]+v, maxUnits)
}

func newList(scores map[string]units, now time.Time) *List {
	list := &List{Built: now, Entries: make([]Entry, 0, len(scores))}
	for id, score := range scores {
		if score > 0 {
			list.Entries = append(list.Entries, Entry{id, float64(score) / unit})
		}
	}
	slices.SortFunc(list.Entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.ID, b.ID))
	})
	if len(list.Entries) > maxList {
		list.Entries = slices.Clone(list.Entries[:maxList])
	}
	return list
}
