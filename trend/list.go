package trend

import (
	"cmp"
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
	made, now := s.collect()
	if made == nil {
		return
	}
	for key, list := range made {
		if list.cut(); len(list.Entries) == 0 {
			delete(made, key)
			continue
		}
		list.Built = now
	}
	s.lists.Store(&made)
}

// collect sums every cell's counters as of now, or returns nil when the lists are fresh enough.
func (s *Store) collect() (lists, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opts.Clock()
	if !s.changed && !s.stale(now) {
		return nil, now
	}
	s.changed, s.built = false, now
	s.expire(now.UnixMilli())
	s.sum(s.own, now.UnixMilli())
	for _, peer := range s.peers {
		s.sum(peer, now.UnixMilli())
	}
	made, hidden := s.sums.drain(s.windows, s.opts.Visitors, now.UnixMilli())
	s.hidden = hidden
	return made, now
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

func (s *Store) sum(from cells, now int64) {
	for key, c := range from {
		if c.total == nil {
			c.total = s.sums.of(key)
		}
		c.total.cells++
		for i := range s.windows {
			c.total.sums[i].add(toUnits(c.at(s.windows, i, now)))
		}
		if c.key == s.namer.id {
			c.total.crowd.addAll(c.crowd, s.opts.Visitors)
		}
	}
}

// cut sorts a list and leaves its best entries. Full, it drops the worse half, and passes by what is no better than the rest.
func (l *List) cut() {
	best := make([]Entry, 0, min(len(l.Entries), 2*maxList))
	var bar Entry // the worst that can still be among the best, once there are enough
	for _, e := range l.Entries {
		if e.Score <= 0 || bar.ID != "" && compareEntries(e, bar) > 0 {
			continue
		}
		if best = append(best, e); len(best) == 2*maxList {
			slices.SortFunc(best, compareEntries)
			best = best[:maxList]
			bar = best[maxList-1]
		}
	}
	slices.SortFunc(best, compareEntries)
	l.Entries = slices.Clone(best[:min(len(best), maxList)])
}

func compareEntries(a, b Entry) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.ID, b.ID))
}
