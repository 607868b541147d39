package serve

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
	"weak"

	"github.com/cespare/xxhash/v2"
	"github.com/dgraph-io/ristretto/v2"

	"github.com/edged/edged/rank"
	"github.com/edged/edged/rules"
	"github.com/edged/edged/trend"
	"github.com/edged/edged/words"
)

// Answers that follow from nobody's person are kept finished but for what differs each time: id, age, time taken. An entry counts for
// what it was made of (release, rules, lists of what trends: compared by identity) and no longer than shared caches may keep the answer. It is
// only ever a copy of what would be computed, so that ristretto may drop any of them, and admit them late.
type finished struct {
	cache *ristretto.Cache[uint64, *entry]
}

// entry is a finished answer. It never changes.
type entry struct {
	key    []byte // what was asked, as it was asked
	made   madeOf
	until  time.Time
	before []byte // from the id to the age
	after  []byte // from the age to the time taken
	etag   []byte
	level  rank.Level
	misses int // unknown seeds
	lasts  time.Duration
}

// basis is what an answer was made of.
type basis struct {
	ranker           *rank.Ranker
	rules            *rules.Set
	standing         *standing
	words            *words.Set
	live, everywhere *trend.List
	country, window  string
}

// madeOf is a basis that keeps no release, nor what is as large, alive: an answer may lie here long after.
type madeOf struct {
	basis
	ranker   weak.Pointer[rank.Ranker]
	rules    weak.Pointer[rules.Set]
	standing weak.Pointer[standing]
}

func (b basis) lasting() madeOf {
	k := madeOf{b, weak.Make(b.ranker), weak.Make(b.rules), weak.Make(b.standing)}
	k.basis.ranker, k.basis.rules, k.basis.standing = nil, nil, nil
	return k
}

// is tells whether b is the same. What is gone is nothing that counts now.
func (k *madeOf) is(b *basis) bool {
	return same(k.ranker, b.ranker) && same(k.rules, b.rules) && same(k.standing, b.standing) &&
		k.words == b.words && k.live == b.live && k.everywhere == b.everywhere && k.country == b.country && k.window == b.window
}

func same[T any](w weak.Pointer[T], p *T) bool {
	if p == nil {
		return w == weak.Pointer[T]{}
	}
	return w.Value() == p
}

// Limits of what is kept.
const (
	maxFinished    = 16 << 20 // bytes
	maxFinishedKey = 2 << 10
	maxFinishedOne = 256 << 10
	entryOverhead  = 512
)

func newFinished() (*finished, error) {
	cache, err := ristretto.NewCache(&ristretto.Config[uint64, *entry]{
		NumCounters: 1e5, MaxCost: maxFinished, BufferItems: 64, IgnoreInternalCost: true,
		KeyToHash: func(key uint64) (uint64, uint64) { return key, 0 },
	})
	if err != nil {
		return nil, fmt.Errorf("cache of answers: %w", err)
	}
	return &finished{cache}, nil
}

// cached answers from what is kept for the request, which the caller knows to be nobody's; it reports whether it did. If not, the answer made
// next is kept.
func (s *Server) cached(c *call, route int, what []byte) bool {
	c.key = append(append(c.key[:0], byte(route)), what...)
	if len(c.key) > maxFinishedKey {
		c.key = c.key[:0]
		return false
	}
	e, ok := s.finished.cache.Get(xxhash.Sum64(c.key))
	if !ok || !bytes.Equal(e.key, c.key) || c.start.After(e.until) {
		return false
	}
	if b := s.basis(c, e.made.country, e.made.window); !e.made.is(&b) {
		return false
	}
	s.writeFinished(c, e)
	return true
}

// basis is what an answer of this moment is made of.
func (s *Server) basis(c *call, country, window string) basis {
	b := basis{ranker: c.ranker, words: c.words, country: country, window: window}
	if window != "" {
		b.live, b.everywhere = s.trendList(country, window), s.trendList("", window)
	}
	if s.cfg.Rules != nil {
		b.rules = s.cfg.Rules.For(c.ranker)
		b.standing = s.standing(c, b.rules)
	}
	return b
}

// keep remembers the answer just written, where its request asked for that: before and after are parts of it.
func (s *Server) keep(c *call, made basis, before, after []byte) {
	size := len(c.key) + len(before) + len(after) + len(c.etag)
	if size > maxFinishedOne {
		return
	}
	lasts := max(c.cacheable, trendingMaxAge)
	e := &entry{made: made.lasting(), until: c.start.Add(lasts), level: c.answer.Level, misses: len(c.missing), lasts: c.cacheable}
	all := append(append(append(append(make([]byte, 0, size), c.key...), before...), after...), c.etag...)
	e.key, all = all[:len(c.key):len(c.key)], all[len(c.key):]
	e.before, all = all[:len(before):len(before)], all[len(before):]
	e.after, e.etag = all[:len(after):len(after)], all[len(after):]
	s.finished.cache.Set(xxhash.Sum64(c.key), e, int64(size+entryOverhead))
}

func (s *Server) writeFinished(c *call, e *entry) {
	b := s.ids.append(append(c.out, idKey...))
	b = append(b, e.before...)
	c.ended = s.cfg.Clock()
	b = strconv.AppendInt(b, age(c.ranker, c.ended).Milliseconds(), 10)
	b = append(b, e.after...)
	b = strconv.AppendInt(b, c.took().Microseconds(), 10)
	c.out = append(b, '}')
	c.etag, c.cacheable = append(c.etag, e.etag...), e.lasts
	s.metrics.levels[e.level].Inc()
	s.metrics.missing.Add(e.misses)
	s.metrics.kept.Inc()
}
