package train

import (
	"cmp"
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

// trends lists what is popular just now, the world first, then countries by name. With one voice for a visitor, an item and a
// day (UTC), the last one, and P_h(i) = Σ w · 2^(−age/h), the world's list goes by P_h and a country's by
//
//	(P_g(i | country) + s · P_h(i)/ΣP_h) / (ΣP_g(· | country) + s)
//
// g being PlaceHalfLifeDays and s PlaceShrink: where a country says little, the world speaks.
func (p *part) trends(cfg *Config) []trend {
	voices := p.voices()
	world := p.sumVoices(voices, cfg.TrendHalfLifeDays)
	list := make([]learn.Scored, len(world))
	for i, w := range world {
		list[i] = learn.Scored{Item: uint32(i), Score: float32(w)}
	}
	lists := []trend{{"", top(list, cfg.TrendLength)}}
	share := learn.Share(world)
	byPlace := make([][]uint32, len(p.places))
	for _, i := range voices {
		byPlace[p.place[i]] = append(byPlace[p.place[i]], i)
	}
	for _, place := range p.busiest() {
		if len(byPlace[place]) == 0 {
			continue
		}
		own := learn.Backoff(p.sumVoices(byPlace[place], cfg.PlaceHalfLifeDays), share, cfg.PlaceShrink)
		for i, w := range own {
			list[i] = learn.Scored{Item: uint32(i), Score: float32(w)}
		}
		lists = append(lists, trend{p.places[place], top(list, cfg.TrendLength)})
	}
	return lists
}

// sumVoices is P_h of the events of a list.
func (p *part) sumVoices(voices []uint32, halfLife float64) []float64 {
	sums := make([]float64, p.items)
	for _, i := range voices {
		sums[p.item[i]] += p.weights[p.kind[i]] * decay(p.days(int(i)), halfLife)
	}
	return sums
}

// busiest returns the places with most events, at most maxPlaces, in order of name and without "".
func (p *part) busiest() []int {
	events, order := make([]int, len(p.places)), make([]int, 0, len(p.places))
	for _, place := range p.place {
		events[place]++
	}
	for place, id := range p.places {
		if id != "" {
			order = append(order, place)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(events[b], events[a]), cmp.Compare(a, b)) })
	order = order[:min(len(order), maxPlaces)]
	slices.Sort(order)
	return order
}

// top keeps the length best of a list with a score above 0.
func top(list []learn.Scored, length int) []learn.Scored {
	list = slices.DeleteFunc(slices.Clone(list), func(s learn.Scored) bool { return !(s.Score > 0) })
	return slices.Clone(learn.Best(list, length))
}

// voices lists the events that count towards trends, in an order that does not depend on the order of reading.
func (p *part) voices() []uint32 {
	voices := make([]uint32, len(p.at))
	for i := range voices {
		voices[i] = uint32(i)
	}
	slices.SortFunc(voices, p.compare)
	n := 0
	for k, i := range voices {
		if k+1 == len(voices) || p.user[i] == none || !p.sameVoice(i, voices[k+1]) {
			voices[n] = i
			n++
		}
	}
	return voices[:n]
}

func (p *part) sameVoice(i, j uint32) bool {
	return p.user[i] == p.user[j] && p.item[i] == p.item[j] && p.at[i]/dayMs == p.at[j]/dayMs
}

func (p *part) compare(i, j uint32) int {
	if c := cmp.Compare(p.user[i], p.user[j]); c != 0 {
		return c
	}
	if c := cmp.Compare(p.item[i], p.item[j]); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(p.at[i], p.at[j]), cmp.Compare(p.kind[i], p.kind[j]), cmp.Compare(p.place[i], p.place[j]))
}
