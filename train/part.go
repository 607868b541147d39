package train

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/learn"
)

// part is what there is to learn from: events in columns, over users and items numbered densely, as the log numbers them.
// Events are in order of time; those of one moment in order of session, then as they were read, for the items of a basket
// have an order.
type part struct {
	users, items int
	sessions     int
	ids          []string // of items, by row
	places       []edged.Setting
	weights      []float64    // by kind
	alike        *learn.Table // items by what they say of themselves; nil: not known

	user    []uint32 // or none
	item    []uint32
	session []uint32 // or none
	place   []uint16
	kind    []uint8
	at      []int64 // Unix milliseconds; all 0 where times are not known
}

// part is all of a finished log.
func (l *eventLog) part() *part {
	p := &part{users: len(l.visitors.ids), items: len(l.items.ids), sessions: l.sessionCount, ids: l.items.ids, places: settings(l.places.ids),
		weights: l.weights, user: l.visitor, item: l.item, session: l.session, place: l.place, kind: l.kind, at: l.at}
	p.sort()
	if p.timed() {
		p.fillSessions(sessionGap)
		l.sessionCount = p.sessions
	}
	return p
}

// sort puts the events in order, all columns alike. The columns are those of the log, so it is sorted as well.
func (p *part) sort() {
	order := make([]uint32, len(p.at))
	for i := range order {
		order[i] = uint32(i)
	}
	byTime := func(a, b uint32) int {
		return cmp.Or(cmp.Compare(p.at[a], p.at[b]), cmp.Compare(p.session[a], p.session[b]), cmp.Compare(a, b))
	}
	if slices.IsSortedFunc(order, byTime) {
		return
	}
	slices.SortFunc(order, byTime)
	permute(p.user, order)
	permute(p.item, order)
	permute(p.session, order)
	permute(p.place, order)
	permute(p.kind, order)
	permute(p.at, order)
}

func permute[T any](column []T, order []uint32) {
	old := slices.Clone(column)
	for to, from := range order {
		column[to] = old[from]
	}
}

// keep is the part of the events that ok accepts, over the users and items they know.
func (p *part) keep(ok func(i int) bool) *part { return p.narrow(ok, p.known(ok)) }

// known says who and what the events that ok accepts know.
func (p *part) known(ok func(i int) bool) *known {
	users, items, sessions := make([]bool, p.users), make([]bool, p.items), make([]bool, p.sessions)
	n := 0
	for i := range p.at {
		if !ok(i) {
			continue
		}
		n++
		items[p.item[i]] = true
		if p.user[i] != none {
			users[p.user[i]] = true
		}
		if p.session[i] != none {
			sessions[p.session[i]] = true
		}
	}
	return &known{n, renumber(p.users, users), renumber(p.items, items), renumber(p.sessions, sessions)}
}

// known is how a part of a part is numbered.
type known struct {
	events                 int
	users, items, sessions *numbering
}

// narrow is the part of the events that ok accepts, all of which are of these users, items and sessions.
func (p *part) narrow(ok func(i int) bool, k *known) *part {
	n, users, items, sessions := k.events, k.users, k.items, k.sessions
	q := &part{users: users.n, items: items.n, sessions: sessions.n, ids: make([]string, 0, items.n), places: p.places, weights: p.weights,
		user: make([]uint32, 0, n), item: make([]uint32, 0, n), session: make([]uint32, 0, n),
		place: make([]uint16, 0, n), kind: make([]uint8, 0, n), at: make([]int64, 0, n)}
	for i, place := range items.place {
		if place != none {
			q.ids = append(q.ids, p.ids[i])
		}
	}
	q.alike = p.alike.Among(items.n, items.place)
	for i := range p.at {
		if !ok(i) {
			continue
		}
		q.user = append(q.user, users.of(p.user[i]))
		q.item = append(q.item, items.place[p.item[i]])
		q.session = append(q.session, sessions.of(p.session[i]))
		q.place, q.kind, q.at = append(q.place, p.place[i]), append(q.kind, p.kind[i]), append(q.at, p.at[i])
	}
	return q
}

// of is the new number of an old one, which may be none.
func (m *numbering) of(old uint32) uint32 {
	if old == none {
		return none
	}
	return m.place[old]
}

// timed tells whether the events have times that tell them apart.
func (p *part) timed() bool { first, last := p.span(); return last > first }

// span is the time of the oldest and of the newest event.
func (p *part) span() (first, last int64) {
	if len(p.at) == 0 {
		return 0, 0
	}
	return p.at[0], p.at[len(p.at)-1]
}

// extent is the span without stray dates: those that are more than a tenth of the time between the 1 % and the 99 % quantile beyond these.
func (p *part) extent() (first, last int64) {
	first, last = p.span()
	if len(p.at) == 0 {
		return first, last
	}
	stray := len(p.at) / 100
	low, high := p.at[stray], p.at[len(p.at)-1-stray]
	reach := (high - low) / 10
	return max(first, low-reach), min(last, high+reach)
}

func momentOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// days is the age of an event when the newest happened.
func (p *part) days(i int) float64 { return float64(p.at[len(p.at)-1]-p.at[i]) / dayMs }

// decay is 2^(−age/h), and 1 without a half-life.
func decay(days, halfLife float64) float64 {
	if halfLife == 0 {
		return 1
	}
	return math.Exp2(-days / halfLife)
}

// pairs are visitors by items; of several events of one pair the heaviest counts, an event weighing w·2^(−age/h).
func (p *part) pairs(halfLife float64) *learn.Matrix {
	return learn.Collect(p.users, p.items, func(yield func(r, c uint32, v float32)) {
		for i, u := range p.user {
			if u != none {
				yield(u, p.item[i], float32(p.weights[p.kind[i]]*decay(p.days(i), halfLife)))
			}
		}
	})
}

// sample keeps the events of so many users that about n events are left, users drawn by seed; all of them where there are
// no more.
func (p *part) sample(n int, seed uint64) *part {
	if len(p.at) <= n {
		return p
	}
	share := float64(n) / float64(len(p.at))
	drawn, rng := make([]bool, p.users), rand.New(rand.NewPCG(seed, 0x73616d70))
	for u := range drawn {
		drawn[u] = rng.Float64() < share
	}
	return p.keep(func(i int) bool { return p.user[i] != none && drawn[p.user[i]] })
}
