package train

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// leaveLast keeps back the end of every history: the last round(share·n) of a user's n distinct items in the order in
// which they first came, at least one of three or more, never all; with share 0 the one last item of two or more. What
// was kept back is asked as "new"; items that nothing else tells of are left out of the question. Halves round to even.
//
// Where histories overlap in time, others' later events train: figures flatter every model a little, and alike.
func leaveLast(p *part, share float64) (*fold, error) {
	return p.keepShare(share, asTheyCame)
}

func asTheyCame(uint32, []firstEvent) {}

// holdOut keeps back round(share·n) of a user's n items at random, as leaveLast does: for data without an order. The
// choice follows from the seed and the user's number.
func holdOut(p *part, share float64, seed uint64) (*fold, error) {
	return p.keepShare(share, byChance(seed))
}

func byChance(seed uint64) func(user uint32, items []firstEvent) {
	return func(user uint32, items []firstEvent) {
		slices.SortFunc(items, func(a, b firstEvent) int { return cmp.Compare(a.item, b.item) })
		rng := rand.New(rand.NewPCG(seed, uint64(user)))
		rng.Shuffle(len(items), func(a, b int) { items[a], items[b] = items[b], items[a] })
	}
}

// oneOf is what keepOne takes of the users, fewestAsked how many at least, where there are as many.
const (
	oneOf       = 4
	fewestAsked = 4 * leastQuestions
)

// keepOne keeps back the last item, or any where histories have no order, of every fourth user with two or more, drawn by seed: where
// histories are short, keeping back of all leaves hardly two items together to learn from.
func keepOne(p *part, random bool, seed uint64) (*fold, error) {
	var users []uint32
	for u, pairs := 0, p.pairs(0); u < p.users; u++ {
		if pairs.Count(u) >= 2 {
			users = append(users, uint32(u))
		}
	}
	asked := make([]int, p.users)
	for _, u := range draw(users, max(len(users)/oneOf, fewestAsked), seed) {
		asked[u] = 1
	}
	order := asTheyCame
	if random {
		order = byChance(seed)
	}
	return p.keepBack(func(user uint32, _ int) int { return asked[user] }, order)
}

// firstEvent is where a user's item first came.
type firstEvent struct {
	item  uint32
	event int
}

func heldBack(n int, share float64) int {
	if share == 0 {
		return min(1, max(n-1, 0))
	}
	k := int(math.RoundToEven(share * float64(n)))
	if k == 0 && n >= 3 {
		k = 1
	}
	if k >= n {
		return 0
	}
	return k
}

// keepShare keeps back a share of each user's items.
func (p *part) keepShare(share float64, order func(user uint32, items []firstEvent)) (*fold, error) {
	if !(share >= 0 && share < 1) {
		return nil, fmt.Errorf("%w: share %v of a history, want 0 to below 1", ErrSplit, share)
	}
	return p.keepBack(func(_ uint32, n int) int { return heldBack(n, share) }, order)
}

// keepBack keeps back the end of each user's n items, as many as count says, once order has put them into another order than that of time.
func (p *part) keepBack(count func(user uint32, n int) int, order func(user uint32, items []firstEvent)) (*fold, error) {
	held := p.heldPairs(count, order)
	trains := func(i int) bool { return p.user[i] == none || !held.has(p.user[i], p.item[i]) }
	known := p.known(trains)
	f := &fold{train: p.narrow(trains, known)}
	var kept taken
	for i := range p.at {
		if !trains(i) {
			kept.add(known.users.place[p.user[i]], known.items.place[p.item[i]], i)
		}
	}
	x := &exam{name: examNew, goal: examNew}
	homes, pairs := f.train.homes(), f.train.pairs(0)
	kept.each(func(user uint32, items []uint32, first int) {
		x.questions = append(x.questions, question{who: int(user), user: user, place: homes[user], at: p.at[first], relevant: items})
	})
	x.groupByCountry(p.places)
	x.groupByActivity(func(q *question) int { return pairs.Count(int(q.user)) })
	if f.add(x); len(f.exams) == 0 {
		return nil, fmt.Errorf("%w: no user has items enough to keep one back", ErrSplit)
	}
	f.count(p)
	return f, nil
}

// pairSet is a set of users' items.
type pairSet struct {
	start []int
	items []uint32 // ascending for each user
}

func (s *pairSet) has(user, item uint32) bool {
	_, ok := slices.BinarySearch(s.items[s.start[user]:s.start[user+1]], item)
	return ok
}

func (p *part) heldPairs(count func(user uint32, n int) int, order func(user uint32, items []firstEvent)) *pairSet {
	start, events := p.byUser()
	held := &pairSet{start: make([]int, p.users+1)}
	seen := make(map[uint32]bool)
	var items []firstEvent
	for u := range p.users {
		clear(seen)
		items = items[:0]
		for _, i := range events[start[u]:start[u+1]] {
			if item := p.item[i]; !seen[item] {
				seen[item] = true
				items = append(items, firstEvent{item, int(i)})
			}
		}
		n := count(uint32(u), len(items))
		order(uint32(u), items)
		for _, e := range items[len(items)-n:] {
			held.items = append(held.items, e.item)
		}
		slices.Sort(held.items[held.start[u]:])
		held.start[u+1] = len(held.items)
	}
	return held
}

// byUser lists each user's events in order: those of u are events[start[u]:start[u+1]].
func (p *part) byUser() (start []int, events []uint32) {
	start = make([]int, p.users+1)
	for _, u := range p.user {
		if u != none {
			start[u+1]++
		}
	}
	for u := range p.users {
		start[u+1] += start[u]
	}
	events, next := make([]uint32, start[p.users]), slices.Clone(start)
	for i, u := range p.user {
		if u != none {
			events[next[u]] = uint32(i)
			next[u]++
		}
	}
	return start, events
}
