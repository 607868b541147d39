package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/edged/edged"
	"github.com/edged/edged/data"
)

// none marks a visitor that is not known, or an id that has no place in a matrix.
const none = math.MaxUint32

// ErrEmpty says that there is nothing to learn from.
var ErrEmpty = errors.New("no events to learn from")

// Source is where events and items come from; *data.Dir is one.
type Source interface {
	// Events calls fn for the events of [from, to) in Unix milliseconds, 0 meaning open. The event may be reused.
	Events(ctx context.Context, from, to int64, fn func(*edged.Event) error) error
	Items(ctx context.Context) ([]edged.Item, error) // the latest state of each item, ascending by id
	Digest() string                                  // names the content: equal content, equal digest
}

// Sources makes sources of data directories. An event that is in two of them counts twice.
func Sources(dirs ...*data.Dir) (sources []Source) {
	for _, d := range dirs {
		sources = append(sources, d)
	}
	return sources
}

// eventLog holds, in columns, what training needs of each event that counts. After finish, visitors, items and settings
// are numbered in the order of their ids; items that an earlier release has as they are there.
type eventLog struct {
	types    []edged.EventType // by kind, ascending
	weights  []float64         // by kind
	visitors *interner         // "u" + user or "s" + session
	sessions map[uint64]uint32 // hash of the id → number: ids themselves are never asked for
	items    *interner
	places   *interner // settings, as appendSetting writes them; "" is where nothing is said

	read struct { // until finish
		visitor, session, item column[uint32]
		place                  column[uint32]
		kind                   column[uint8]
		at                     column[int64]
	}

	visitor      []uint32 // or none
	session      []uint32 // or none
	item         []uint32
	sessionCount int // once finished
	place        []uint16
	kind         []uint8
	at           []int64 // Unix milliseconds

	before        []string // items of an earlier release: they keep their numbers
	seen, ignored int64    // events read; of these, of a type without weight
	usersOnly     bool
	limit         int
	key           []byte
}

func newLog(cfg *Config) *eventLog {
	l := &eventLog{types: cfg.types(), visitors: newInterner(), sessions: make(map[uint64]uint32), items: newInterner(), places: newInterner(),
		usersOnly: cfg.UsersOnly, limit: cfg.MaxEvents}
	for _, t := range l.types {
		l.weights = append(l.weights, cfg.EventWeights[t])
	}
	return l
}

// readEvents reads every source into one finished log.
func readEvents(ctx context.Context, sources []Source, cfg *Config, progress func(Step)) (*eventLog, error) {
	l := newLog(cfg)
	for _, s := range sources {
		err := s.Events(ctx, 0, 0, func(e *edged.Event) error {
			if l.seen%100_000 == 0 {
				progress(Step{Name: "read", Done: int(l.seen), Unit: "events"})
			}
			return l.add(e)
		})
		if err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
	}
	progress(Step{Name: "read", Done: int(l.seen), Total: int(l.seen), Unit: "events"})
	return l, l.complain()
}

func (l *eventLog) complain() error {
	switch {
	case l.seen == 0:
		return fmt.Errorf("%w: the data directory holds none; import some first", ErrEmpty)
	case l.read.at.n == 0:
		return fmt.Errorf("%w: none of %d events has a type with a weight (%v): set eventWeights", ErrEmpty, l.seen, l.types)
	}
	return nil
}

func (l *eventLog) add(e *edged.Event) error {
	l.seen++
	kind, ok := slices.BinarySearch(l.types, e.Type)
	visitor := l.visitorOf(e, ok)
	if !ok || (l.usersOnly && visitor == none) {
		l.ignored++
		return nil
	}
	if l.read.at.n == l.limit {
		return fmt.Errorf("more than %d events: raise maxEvents, or train on fewer", l.limit)
	}
	r := &l.read
	r.visitor.add(visitor)
	r.session.add(l.sessionOf(e))
	r.item.add(l.items.add(e.Item))
	r.place.add(l.placeOf(e))
	r.kind.add(uint8(kind))
	r.at.add(e.Time)
	return nil
}

// visitorOf numbers the user, else the session, of an event that counts.
func (l *eventLog) visitorOf(e *edged.Event, counts bool) uint32 {
	switch {
	case !counts:
		return none
	case e.User != "":
		l.key = append(append(l.key[:0], 'u'), e.User...)
	case e.Session != "" && !l.usersOnly:
		l.key = append(append(l.key[:0], 's'), e.Session...)
	default:
		return none
	}
	return l.visitors.addBytes(l.key)
}

func (l *eventLog) sessionOf(e *edged.Event) uint32 {
	if e.Session == "" {
		return none
	}
	hash := xxhash.Sum64String(e.Session)
	n, ok := l.sessions[hash]
	if !ok {
		n = uint32(len(l.sessions))
		l.sessions[hash] = n
	}
	return n
}

// sortSessions renumbers sessions by their hash and forgets them.
func (l *eventLog) sortSessions() (place []uint32) {
	hashes := slices.Sorted(maps.Keys(l.sessions))
	place = make([]uint32, len(hashes))
	for at, hash := range hashes {
		place[l.sessions[hash]] = uint32(at)
	}
	l.sessions, l.sessionCount = nil, len(hashes)
	return place
}

// Bounds of settings: how many are counted apart while events are read, how many stay apart, and how long a part of one with more than a country may
// be, so that the lists of as many as a release has fit into their section.
const (
	mostCounted = 1 << 18
	mostPlaces  = math.MaxUint16
	longestPart = 64
)

// placeOf numbers the event's setting. Where there are too many already, one that says more than the country counts as its parent, and a country as
// everywhere.
func (l *eventLog) placeOf(e *edged.Event) uint32 {
	at := edged.SettingOf(e.Context)
	if at.Refined() && max(len(at.Country), len(at.Device), len(at.Referrer)) > longestPart {
		at = at.Only(edged.ByCountry)
	}
	for {
		l.key = appendSetting(l.key[:0], at)
		room := mostCounted
		if !at.Refined() {
			room += mostPlaces
		}
		if _, known := l.places.number[string(l.key)]; known || len(l.key) == 0 || len(l.places.ids) < room {
			return l.places.addBytes(l.key)
		}
		at = at.Parent()
	}
}

// settlePlaces numbers the places of events in the order of their keys. Of more than there may be the busiest stay apart, of as busy ones the first
// in that order; events of others count in the setting above that stays.
func (l *eventLog) settlePlaces(of []uint32) []uint16 {
	to := l.places.sort()
	if len(to) > mostPlaces {
		counts := make([]int, len(to))
		for _, p := range of {
			counts[to[p]]++
		}
		merged := l.mergePlaces(counts)
		for i, p := range to {
			to[i] = merged[p]
		}
	}
	place := make([]uint16, len(of))
	for i, p := range of {
		place[i] = uint16(to[p])
	}
	return place
}

// mergePlaces leaves as many places as there may be, and says which one each of before is in. Countries alone are half of them at most.
func (l *eventLog) mergePlaces(counts []int) []uint32 {
	before, at := l.places.ids, settings(l.places.ids)
	order := make([]int, len(at))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(counts[b], counts[a]) })
	room := map[bool]int{false: mostPlaces / 2, true: mostPlaces / 2}
	stays := map[string]bool{"": true}
	stay := func(key string, refined bool) {
		if !stays[key] && room[refined] > 0 {
			stays[key], room[refined] = true, room[refined]-1
		}
	}
	for _, i := range order {
		if stay(before[i], at[i].Refined()); !stays[before[i]] {
			stay(at[i].Country, false)
		}
	}
	l.places.ids = slices.Sorted(maps.Keys(stays))
	to := make([]uint32, len(at))
	for i, s := range at {
		for !stays[string(appendSetting(nil, s))] {
			s = s.Parent()
		}
		n, _ := slices.BinarySearch(l.places.ids, string(appendSetting(nil, s)))
		to[i] = uint32(n)
	}
	return to
}

// betweenParts is in no UTF-8.
const betweenParts = 0xff

// appendSetting writes a setting so that a country alone is that country, and nothing is "".
func appendSetting(b []byte, s edged.Setting) []byte {
	for _, part := range []string{s.Country, s.Device, s.Referrer, s.Daypart} {
		b = append(append(b, part...), betweenParts)
	}
	for len(b) > 0 && b[len(b)-1] == betweenParts {
		b = b[:len(b)-1]
	}
	return b
}

// settings are what appendSetting wrote.
func settings(keys []string) []edged.Setting {
	list := make([]edged.Setting, len(keys))
	for i, key := range keys {
		parts := append(strings.SplitN(key, string([]byte{betweenParts}), 4), "", "", "")
		list[i] = edged.Setting{Country: parts[0], Device: parts[1], Referrer: parts[2], Daypart: parts[3]}
	}
	return list
}

// finish renumbers everything in the order of ids, items of an earlier release as there, so that nothing later depends on the order of events.
func (l *eventLog) finish() {
	l.visitor, l.session, l.item = l.read.visitor.flat(), l.read.session.flat(), l.read.item.flat()
	l.place, l.kind, l.at = l.settlePlaces(l.read.place.flat()), l.read.kind.flat(), l.read.at.flat()
	visitors, sessions, items := l.visitors.sort(), l.sortSessions(), l.items.arrange(l.before)
	for i := range l.at {
		if l.visitor[i] != none {
			l.visitor[i] = visitors[l.visitor[i]]
		}
		if l.session[i] != none {
			l.session[i] = sessions[l.session[i]]
		}
		l.item[i] = items[l.item[i]]
	}
}

// span is the time of the oldest and of the newest event.
func (l *eventLog) span() (first, last int64) { return slices.Min(l.at), slices.Max(l.at) }

// numbering renumbers a subset densely, keeping the order.
type numbering struct {
	place []uint32 // new number, or none
	n     int
}

func renumber(size int, used []bool) *numbering {
	m := &numbering{place: make([]uint32, size)}
	for i := range m.place {
		m.place[i] = none
		if used == nil || used[i] {
			m.place[i] = uint32(m.n)
			m.n++
		}
	}
	return m
}

// Step is one report of progress: Done of Total (0: not known yet) of Unit in the step called Name.
type Step struct {
	Name        string
	Done, Total int
	Unit        string
	Took        time.Duration // since the step began
	Note        string        // what is worth knowing, "loss 123.4"
}
