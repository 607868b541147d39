package train

import (
	"fmt"
	"slices"

	"github.com/edged/edged"
)

// temporal divides events at a moment: what lies before trains, what lies from at on and before until (0: open) is asked.
//
//	new   users and items that training knows, pairs that are new
//	any   the same, with the pairs that training has
//	cold  users that training does not know, items that it knows; the setting is that of their first event there
//
// It fails with ErrSplit where one side is empty, or nobody has a new item; then what else is asked is returned as well.
func temporal(p *part, at, until int64) (*fold, error) {
	first, last := p.span()
	if first == last {
		return nil, fmt.Errorf("%w: all %d events have one time, %s, so that none comes before another: import their times, or take the protocol %s, which needs none", ErrSplit, len(p.at), clock(first), LeaveLast)
	}
	if at <= first || at > last {
		return nil, fmt.Errorf("%w: %s, but events go from %s to %s", ErrSplit, clock(at), clock(first), clock(last))
	}
	before := func(i int) bool { return p.at[i] < at }
	known := p.known(before)
	f := &fold{train: p.narrow(before, known), at: at, until: until}
	var back, fresh taken // users that training knows, and others
	rows := 0
	for i := range p.at {
		rows++
		if p.at[i] < at || p.user[i] == none || until > 0 && p.at[i] >= until {
			continue
		}
		if user := known.users.place[p.user[i]]; user != none {
			back.add(user, known.items.place[p.item[i]], i)
		} else {
			fresh.add(p.user[i], known.items.place[p.item[i]], i)
		}
	}
	f.askReturning(&back)
	f.askCold(&fresh, p)
	if f.exam(examNew) == nil {
		return f, fmt.Errorf("%w: %s leaves no known user with a new, known item after it", ErrSplit, clock(at))
	}
	f.count(p)
	return f, nil
}

// askReturning asks the users that training knows, keyed by their rows there.
func (f *fold) askReturning(back *taken) {
	pairs := f.train.pairs(0)
	homes := f.train.homes()
	unseen, every := &exam{name: examNew, goal: examNew}, &exam{name: examAny, goal: examAny}
	back.each(func(user uint32, items []uint32, _ int) {
		q := question{who: int(user), user: user, place: homes[user], at: f.at, relevant: items}
		every.questions = append(every.questions, q)
		has, _ := pairs.Row(int(user))
		q.relevant = slices.DeleteFunc(slices.Clone(items), func(i uint32) bool { _, ok := slices.BinarySearch(has, i); return ok })
		if len(q.relevant) > 0 {
			unseen.questions = append(unseen.questions, q)
		}
	})
	for _, x := range []*exam{unseen, every} {
		x.groupByCountry(f.train.places)
		x.groupByActivity(func(q *question) int { return pairs.Count(int(q.user)) })
		f.add(x)
	}
}

// askCold asks users that training does not know, keyed by their number in all.
func (f *fold) askCold(fresh *taken, p *part) {
	x := &exam{name: examCold, goal: examNew}
	fresh.each(func(user uint32, items []uint32, first int) {
		x.questions = append(x.questions, question{who: int(user), user: none, place: p.place[first], at: f.at, relevant: items})
	})
	x.groupByCountry(p.places)
	f.add(x)
}

// homes is the setting of each user's newest event with a country, else of the newest that says any; the place of the empty one, or 0, where none does.
func (p *part) homes() []uint16 {
	silent := uint16(max(slices.Index(p.places, edged.Setting{}), 0))
	homes := make([]uint16, p.users)
	for u := range homes {
		homes[u] = silent
	}
	for i, u := range p.user {
		if u != none && p.place[i] != silent && (p.places[p.place[i]].Country != "" || p.places[homes[u]].Country == "") {
			homes[u] = p.place[i]
		}
	}
	return homes
}

// count fills the sizes that tell whether two implementations mean the same.
func (f *fold) count(p *part) {
	f.counts = Counts{TrainRows: len(f.train.at), Rows: len(p.at), TrainUsers: f.train.users, Items: f.train.items, Pairs: f.train.pairs(0).Pairs()}
	if x := f.exam(examNew); x != nil {
		f.counts.TestUsers, f.counts.TestPairs = x.users(), x.pairs()
	}
}
