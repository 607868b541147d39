package train

import (
	"cmp"
	"math"
	"slices"

	"github.com/edged/edged/learn"
)

// maxPlaces bounds the countries with a list of their own: those with most events, first.
const maxPlaces = 512

const dayMs = 24 * 60 * 60 * 1000

// popularity counts the distinct visitors of each item.
func popularity(items *learn.Matrix) []float32 {
	counts := make([]float32, items.Rows())
	for i := range counts {
		counts[i] = float32(items.Count(i))
	}
	return counts
}

// trend is one country's items by decayed interest, best first. Country "" is the whole world.
type trend struct {
	country string
	list    []learn.Scored
}

// trends sums, for each country and for the world,
//
//	P(i) = Σ w · 2^(−age/h)        age: from the event to the newest that is kept, h: the half-life
//
// over the events keep accepts, with one voice for a visitor, an item and a day (UTC): the last one. Items are numbered
// by rows. The world's list comes first, then countries by name.
func (l *eventLog) trends(rows *numbering, keep func(i int) bool, halfLifeDays float64, length int) []trend {
	cells := make(map[uint64]float64) // by place and row
	world := make([]float64, rows.n)
	voices := l.voices(keep)
	newest := l.newest(voices)
	for _, i := range voices {
		age := float64(newest-l.at[i]) / dayMs
		w, row := l.weights[l.kind[i]]*math.Exp2(-age/halfLifeDays), rows.place[l.item[i]]
		world[row] += w
		cells[uint64(l.place[i])<<32|uint64(row)] += w
	}
	list := make([]learn.Scored, len(world))
	for i, w := range world {
		list[i] = learn.Scored{Item: uint32(i), Score: float32(w)}
	}
	return append([]trend{{"", top(list, length)}}, l.placeTrends(cells, length)...)
}

func (l *eventLog) newest(events []uint32) (ms int64) {
	for _, i := range events {
		ms = max(ms, l.at[i])
	}
	return ms
}

// placeTrends splits cells by country.
func (l *eventLog) placeTrends(cells map[uint64]float64, length int) (trends []trend) {
	lists := make([][]learn.Scored, len(l.places.ids))
	for key, w := range cells {
		lists[key>>32] = append(lists[key>>32], learn.Scored{Item: uint32(key), Score: float32(w)})
	}
	for _, p := range l.busiest() {
		if list := top(lists[p], length); len(list) > 0 {
			trends = append(trends, trend{l.places.ids[p], list})
		}
	}
	return trends
}

// busiest returns the places with most events, at most maxPlaces, in order of name and without "".
func (l *eventLog) busiest() []int {
	events, order := make([]int, len(l.places.ids)), make([]int, 0, len(l.places.ids))
	for _, p := range l.place {
		events[p]++
	}
	for p, id := range l.places.ids {
		if id != "" {
			order = append(order, p)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(events[b], events[a]), cmp.Compare(a, b)) })
	order = order[:min(len(order), maxPlaces)]
	slices.Sort(order)
	return order
}

// top keeps the length best of a list with a score above 0.
func top(list []learn.Scored, length int) []learn.Scored {
	list = slices.DeleteFunc(list, func(s learn.Scored) bool { return !(s.Score > 0) })
	return slices.Clone(learn.Best(list, length))
}

// voices lists the events that count towards trends, in an order that does not depend on the order of reading.
func (l *eventLog) voices(keep func(i int) bool) (voices []uint32) {
	for i := range l.at {
		if keep(i) {
			voices = append(voices, uint32(i))
		}
	}
	slices.SortFunc(voices, l.compare)
	n := 0
	for k, i := range voices {
		if k+1 == len(voices) || l.visitor[i] == none || !l.sameVoice(i, voices[k+1]) {
			voices[n] = i
			n++
		}
	}
	return voices[:n]
}

func (l *eventLog) sameVoice(i, j uint32) bool {
	return l.visitor[i] == l.visitor[j] && l.item[i] == l.item[j] && l.at[i]/dayMs == l.at[j]/dayMs
}

func (l *eventLog) compare(i, j uint32) int {
	if c := cmp.Compare(l.visitor[i], l.visitor[j]); c != 0 {
		return c
	}
	if c := cmp.Compare(l.item[i], l.item[j]); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(l.at[i], l.at[j]), cmp.Compare(l.kind[i], l.kind[j]), cmp.Compare(l.place[i], l.place[j]))
}
