package train

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/edged/edged/learn"
)

// coldItems asks for items without a history: the candidates are the items whose first event lies from at on and before
// until (0: open), and whoever training knows and bought any of them is asked which. Candidates are numbered by id in the
// exam's ids; training has no rows for them.
func coldItems(p *part, at, until int64) (*fold, error) {
	before := func(i int) bool { return p.at[i] < at }
	known := p.known(before)
	candidate := func(i int) bool {
		return !before(i) && (until == 0 || p.at[i] < until) && known.items.place[p.item[i]] == none
	}
	used := make([]bool, p.items)
	for i := range p.at {
		if candidate(i) {
			used[p.item[i]] = true
		}
	}
	rows := renumber(p.items, used)
	f := &fold{train: p.narrow(before, known), at: at, until: until}
	x := &exam{name: examItems, goal: examNew}
	var bought taken
	for i, u := range p.user {
		if u != none && candidate(i) {
			bought.add(known.users.place[u], rows.place[p.item[i]], i)
		}
	}
	for i, id := range p.ids {
		if used[i] {
			x.ids = append(x.ids, id)
		}
	}
	homes := f.train.homes()
	bought.each(func(user uint32, relevant []uint32, _ int) {
		x.questions = append(x.questions, question{who: int(user), user: user, place: homes[user], at: at, relevant: relevant})
	})
	if f.add(x); len(f.exams) == 0 {
		return nil, fmt.Errorf("%w: nobody that training knows bought an item first seen from %s on", ErrSplit, clock(at))
	}
	f.count(p)
	f.counts.TestUsers, f.counts.TestPairs = x.users(), x.pairs()
	return f, nil
}

// firstWeek counts, for each item, the users who had it within seven days of its first event.
func (p *part) firstWeek() []float64 {
	first := make([]int64, p.items)
	for i := len(p.at) - 1; i >= 0; i-- {
		first[p.item[i]] = p.at[i]
	}
	pairs := learn.Collect(p.users, p.items, func(yield func(r, c uint32, v float32)) {
		for i, u := range p.user {
			if u != none && p.at[i] < first[p.item[i]]+7*dayMs {
				yield(u, p.item[i], 1)
			}
		}
	})
	sold := make([]float64, p.items)
	for _, i := range pairs.Index {
		sold[i]++
	}
	return sold
}

// byRandom answers each case with candidates in an order of its own.
func byRandom(x *exam, seed uint64) recommender {
	return recommender{"random", func() func(c, k int) []uint32 {
		order := make([]uint32, len(x.ids))
		return func(c, k int) []uint32 {
			for i := range order {
				order[i] = uint32(i)
			}
			rng := rand.New(rand.NewPCG(seed, uint64(c)))
			for i := range min(k, len(order)) {
				j := i + rng.IntN(len(order)-i)
				order[i], order[j] = order[j], order[i]
			}
			return order[:min(k, len(order))]
		}
	}}
}

// bySimilarSales answers everybody with the candidates in the order of what similar items sold in their first week:
//
//	score(j) = Σ_{i ∈ near(j)} sim(i, j)·sold(i) / Σ_{i ∈ near(j)} sim(i, j)
//
// near lists, for each candidate, training items like it.
func bySimilarSales(near [][]learn.Scored, sold []float64) recommender {
	order := make([]learn.Scored, len(near))
	for j, list := range near {
		var sum, weight float64
		for _, n := range list {
			sum += float64(n.Score) * sold[n.Item]
			weight += float64(n.Score)
		}
		order[j].Item = uint32(j)
		if weight > 0 {
			order[j].Score = float32(sum / weight)
		}
	}
	slices.SortFunc(order, learn.ByScore)
	items := make([]uint32, len(order))
	for at, s := range order {
		items[at] = s.Item
	}
	return recommender{"first week of similar items", func() func(c, k int) []uint32 {
		return func(_, k int) []uint32 { return items[:min(k, len(items))] }
	}}
}
