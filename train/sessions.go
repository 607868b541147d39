package train

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Bounds of a session in an exam.
const (
	sessionItems = 11 // items of a session that are looked at, so prefixes of 1 to 10
	sessionGap   = 30 * time.Minute
)

// nextItem divides events into sessions before a moment and sessions from it on and before until (0: open), by a session's
// first event, and asks for the next item of the later ones.
//
// A session's items come in the order of its events; an item's first event counts. Items that are in no training session
// of two items or more are dropped from test sessions; of those with two items or more left, the first 11 are looked at:
// each prefix of 1 to 10 asks for the item after it. Nothing in the prefix may come again.
//
//	next       every question, from the session alone
//	next-past  the same questions, with what training knows of the user
func nextItem(p *part, at, until int64) (*fold, error) {
	first, last := p.span()
	if at <= first || at > last {
		return nil, fmt.Errorf("%w: %s, but events go from %s to %s", ErrSplit, clock(at), clock(first), clock(last))
	}
	starts := p.sessionStarts()
	begin := func(i int) int64 {
		if p.session[i] == none {
			return p.at[i]
		}
		return starts[p.session[i]]
	}
	before := func(i int) bool { return begin(i) < at }
	known := p.known(before)
	f := &fold{train: p.narrow(before, known), at: at, until: until}
	items := f.train.inSessions()
	tests := p.sessionLists(func(i int) bool { return !before(i) && (until == 0 || begin(i) < until) },
		func(i int) uint32 {
			if row := known.items.place[p.item[i]]; row != none && items[row] {
				return row
			}
			return none
		})
	f.askNext(p, known, tests, starts)
	if len(f.exams) == 0 {
		return nil, fmt.Errorf("%w: %s leaves no session with two known items after it; events need sessions", ErrSplit, clock(at))
	}
	f.count(p)
	f.counts.TestUsers, f.counts.TestPairs = f.exams[0].users(), len(f.exams[0].questions)
	return f, nil
}

// sessionStarts is the time of each session's first event.
func (p *part) sessionStarts() []int64 {
	starts := make([]int64, p.sessions)
	for i := len(p.at) - 1; i >= 0; i-- { // events are in order of time
		if s := p.session[i]; s != none {
			starts[s] = p.at[i]
		}
	}
	return starts
}

// sessionList is one session's distinct items in order, and the user of its first event.
type sessionList struct {
	session uint32
	user    uint32 // or none
	place   uint16
	items   []uint32
}

// sessionLists gathers the first items of the sessions of the events that ok accepts, by session; row gives an event's item,
// none to leave it out.
func (p *part) sessionLists(ok func(i int) bool, row func(i int) uint32) []sessionList {
	at := make(map[uint32]int)
	var lists []sessionList
	for i, s := range p.session {
		if s == none || !ok(i) {
			continue
		}
		k, seen := at[s]
		if !seen {
			k = len(lists)
			at[s] = k
			lists = append(lists, sessionList{session: s, user: p.user[i], place: p.place[i]})
		}
		list := &lists[k].items
		if item := row(i); item != none && len(*list) < sessionItems && !slices.Contains(*list, item) {
			*list = append(*list, item)
		}
	}
	slices.SortFunc(lists, func(a, b sessionList) int { return cmp.Compare(a.session, b.session) })
	return lists
}

// inSessions marks the items of sessions with two or more.
func (p *part) inSessions() []bool {
	first, several := make([]uint32, p.sessions), make([]bool, p.sessions)
	for s := range first {
		first[s] = none
	}
	for i, s := range p.session {
		switch {
		case s == none:
		case first[s] == none:
			first[s] = p.item[i]
		case first[s] != p.item[i]:
			several[s] = true
		}
	}
	marked := make([]bool, p.items)
	for i, s := range p.session {
		if s != none && several[s] {
			marked[p.item[i]] = true
		}
	}
	return marked
}

func (f *fold) askNext(p *part, known *known, tests []sessionList, starts []int64) {
	alone, past := &exam{name: examNext, goal: examNext}, &exam{name: examPast, goal: examNext}
	for _, s := range tests {
		if len(s.items) < 2 {
			continue
		}
		newest := slices.Clone(s.items)
		slices.Reverse(newest)
		who, user := p.users+int(s.session), uint32(none)
		if s.user != none {
			who, user = int(s.user), known.users.place[s.user]
		}
		for n := len(newest) - 1; n >= 1; n-- {
			q := question{who: who, user: none, place: s.place, session: newest[n:], at: starts[s.session], relevant: newest[n-1 : n]}
			alone.questions = append(alone.questions, q)
			q.user = user
			past.questions = append(past.questions, q)
		}
	}
	pairs := f.train.pairs(0)
	for _, x := range []*exam{alone, past} {
		x.groupByCountry(p.places)
		x.groupInBands(sessionDimension, []int{1, 2, 3, 6}, "items so far", func(q *question) int { return len(q.session) })
	}
	past.groupByActivity(func(q *question) int {
		if q.user == none {
			return 0
		}
		return pairs.Count(int(q.user))
	})
	f.add(alone)
	f.add(past)
}

// sessionCut is the first moment of the validation part of sessions: half as long as the test, a third of the training time at most.
func sessionCut(train *part, end, length int64) int64 {
	return validationCut(train, end, max(length/2, 1))
}

// fillSessions gives events without a session, but with a user, one: a pause of more than gap begins another.
func (p *part) fillSessions(gap time.Duration) {
	last := make([]int, p.users) // by user: the newest event without a session, plus one
	for i, u := range p.user {
		if u == none || p.session[i] != none {
			continue
		}
		if before := last[u] - 1; before >= 0 && p.at[i]-p.at[before] <= gap.Milliseconds() {
			p.session[i] = p.session[before]
		} else {
			p.session[i] = uint32(p.sessions)
			p.sessions++
		}
		last[u] = i + 1
	}
}
