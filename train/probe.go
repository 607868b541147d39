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
// They take 4 bytes an event; visits are put together when they are asked for.
type histories struct {
	part   *part
	start  []int    // user u did events[start[u]:start[u+1]]
	events []uint32 // oldest first
}

func (p *part) histories() *histories {
	start, events := p.byUser()
	return &histories{p, start, events}
}

// entry is what makes one visit of several events.
type entry struct{ item, session, day uint32 }

// of lists a user's visits; none has done nothing.
func (h *histories) of(user uint32) []visit {
	if user == none {
		return nil
	}
	return h.append(nil, make(map[entry]int), user)
}

// append appends a user's visits to list. at is scratch.
func (h *histories) append(list []visit, at map[entry]int, user uint32) []visit {
	p, events := h.part, h.events[h.start[user]:h.start[user+1]]
	clear(at)
	for k := len(events) - 1; k >= 0; k-- {
		i := int(events[k])
		v := visit{item: p.item[i], session: p.session[i], weight: float32(p.weights[p.kind[i]]), days: p.days(i)}
		key := entry{v.item, v.session, 0}
		if v.session == none {
			key.day = uint32(p.at[i] / dayMs)
		}
		if n, ok := at[key]; ok {
			list[n].weight = max(list[n].weight, v.weight)
			continue
		}
		at[key] = len(list)
		list = append(list, v)
	}
	return list
}

// each calls fn for every user, in order, with their visits, which are valid until fn returns.
func (h *histories) each(fn func(visits []visit)) {
	var list []visit
	at := make(map[entry]int)
	for u := range h.part.users {
		list = h.append(list[:0], at, uint32(u))
		fn(list)
		if len(at) > 1024 { // clearing it for everybody would cost more than another one
			at = make(map[entry]int)
		}
	}
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
