package train

import (
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// visit is one entry of a history.
type visit struct {
	item    uint32
	session uint32  // or none
	weight  float32 // of the event's type
	days    float64 // its age when the newest event of the part happened
	current bool    // of the session under way
}

// histories are what each user of a part did, newest first: an item once a session, or once a day (UTC) without sessions.
type histories struct {
	start  []int
	visits []visit
}

func (p *part) histories() *histories {
	h := &histories{start: make([]int, p.users+1)}
	for _, u := range p.user {
		if u != none {
			h.start[u+1]++
		}
	}
	for u := range p.users {
		h.start[u+1] += h.start[u]
	}
	events, next := make([]uint32, h.start[p.users]), slices.Clone(h.start)
	for i := len(p.user) - 1; i >= 0; i-- { // backwards: newest first
		if u := p.user[i]; u != none {
			events[next[u]] = uint32(i)
			next[u]++
		}
	}
	h.visits = make([]visit, 0, len(events))
	type entry struct{ item, session, day uint32 }
	at := make(map[entry]int)
	lo := 0
	for u := range p.users {
		hi := h.start[u+1]
		h.start[u] = len(h.visits)
		clear(at)
		for _, i := range events[lo:hi] {
			v := visit{item: p.item[i], session: p.session[i], weight: float32(p.weights[p.kind[i]]), days: p.days(int(i))}
			key := entry{v.item, v.session, 0}
			if v.session == none {
				key.day = uint32(p.at[i] / dayMs)
			}
			if k, ok := at[key]; ok {
				h.visits[k].weight = max(h.visits[k].weight, v.weight)
				continue
			}
			at[key] = len(h.visits)
			h.visits = append(h.visits, v)
		}
		lo = hi
	}
	h.start[p.users] = len(h.visits)
	return h
}

// of lists a user's visits; none has done nothing.
func (h *histories) of(user uint32) []visit {
	if user == none {
		return nil
	}
	return h.visits[h.start[user]:h.start[user+1]]
}

// probe is a question of a trial: what would this visitor have taken next?
type probe struct {
	recent   []visit  // newest first, as many as a request may hold; the session under way among them
	session  []uint32 // the items of this session so far, newest first
	without  []uint32 // ascending: what a list may not hold
	relevant []uint32 // ascending, not empty: what was taken
	distinct int      // items of recent
}

// probe puts a question the way a request would: the session under way before the history, ages counted from the newer of
// the question and the part's newest event.
func (h *histories) probe(goal model.Goal, q *question, newest int64) probe {
	visits := h.of(q.user)
	p := probe{session: q.session, relevant: q.relevant}
	switch goal {
	case model.GoalNew:
		p.without = itemsOf(visits)
	case model.GoalNext:
		p.without = slices.Clone(q.session)
		slices.Sort(p.without)
	}
	for _, item := range q.session {
		p.recent = append(p.recent, visit{item: item, weight: 1, current: true})
	}
	later := 0.0
	if len(q.session) > 0 {
		later = float64(max(q.at-newest, 0)) / dayMs
	}
	for _, v := range visits[:min(len(visits), max(edged.MaxRecent-len(p.recent), 0))] {
		v.days += later
		p.recent = append(p.recent, v)
	}
	p.distinct = len(itemsOf(p.recent))
	return p
}

// itemsOf are the distinct items, ascending.
func itemsOf(visits []visit) []uint32 {
	items := make([]uint32, 0, len(visits))
	for _, v := range visits {
		items = append(items, v.item)
	}
	slices.Sort(items)
	return slices.Compact(items)
}
