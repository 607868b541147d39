package train

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/learn"
)

// maxPlaces bounds the settings with a list of their own: those with most events, first.
const maxPlaces = 512

// countFor is how many half-lives a visitor counts for: what he added is a sixteenth then. As live lists have it (package trend).
const countFor = 4

const dayMs = 24 * 60 * 60 * 1000

// popularity counts the distinct visitors of each item.
func popularity(items *learn.Matrix) []float32 {
	counts := make([]float32, items.Rows())
	for i := range counts {
		counts[i] = float32(items.Count(i))
	}
	return counts
}

// trend is one setting's items by decayed interest, best first. The empty setting is the whole world.
type trend struct {
	at   edged.Setting
	list []learn.Scored
}

// trends lists what is popular just now, the world first, then settings in order, by country and what more cfg wants. With one voice for a visitor,
// an item and a day (UTC), the last one, and P_h(i) = Σ w · 2^(−age/h), the world's list goes by P_h and a setting's by
//
//	P(i | setting) = (P_g(i in the setting) + s · P(i | parent)) / (ΣP_g(· in the setting) + s)
//
// g being PlaceHalfLifeDays, s PlaceShrink and P(i | world) = P_h(i)/ΣP_h: where a setting says little, the one above it speaks. Of a setting's own
// events those count whose item had PlaceVisitors distinct visitors there within the last countFor half-lives g: what fewer took is their business,
// and next to what one takes now those of years ago weigh nothing.
func (p *part) trends(cfg *Config) []trend {
	voices := p.voices()
	world := p.sumVoices(voices, cfg.TrendHalfLifeDays)
	lists := []trend{{edged.Setting{}, p.listOf(world, cfg.TrendLength)}}
	byPlace := make([][]uint32, len(p.places))
	for k, i := range voices {
		byPlace[p.place[i]] = append(byPlace[p.place[i]], uint32(k))
	}
	type level struct {
		at    edged.Setting
		share []float64
	}
	above := []level{{edged.Setting{}, learn.Share(world)}}
	for _, busy := range p.busiest(edged.ByCountry | cfg.trendBy()) {
		var own []uint32
		for _, place := range busy.places {
			own = append(own, byPlace[place]...)
		}
		for above[len(above)-1].at != busy.at.Parent() {
			above = above[:len(above)-1]
		}
		share := learn.Backoff(p.sumVoices(p.crowded(voices, own, cfg), cfg.PlaceHalfLifeDays), above[len(above)-1].share, cfg.PlaceShrink)
		above = append(above, level{busy.at, share})
		if len(own) > 0 {
			lists = append(lists, trend{busy.at, p.listOf(share, cfg.TrendLength)})
		}
	}
	return lists
}

// crowded turns a setting's voices, named by their places among all, into those whose items so many distinct visitors had there lately. Nobody in
// particular counts as none.
func (p *part) crowded(all, own []uint32, cfg *Config) []uint32 {
	floor := cfg.PlaceVisitors
	distinct := p.visitorsOf(all, own, countFor*cfg.PlaceHalfLifeDays)
	left := own[:0]
	for _, at := range own {
		if i := all[at]; floor <= 1 || distinct[p.item[i]] >= floor {
			left = append(left, i)
		}
	}
	return left
}

// visitorsOf counts the distinct visitors of each item, of voices of so many days at most.
func (p *part) visitorsOf(all, own []uint32, days float64) []int {
	if !slices.IsSorted(own) {
		own = slices.Clone(own)
		slices.Sort(own) // as all are: by visitor, then item
	}
	distinct := make([]int, p.items)
	user, item := uint32(none), uint32(none)
	for _, at := range own {
		i := all[at]
		if p.days(int(i)) > days {
			continue
		}
		if p.user[i] != none && (p.user[i] != user || p.item[i] != item) {
			distinct[p.item[i]]++
		}
		user, item = p.user[i], p.item[i]
	}
	return distinct
}

// listOf are the best items by a weight each.
func (p *part) listOf(weights []float64, length int) []learn.Scored {
	list := make([]learn.Scored, len(weights))
	for i, w := range weights {
		list[i] = learn.Scored{Item: uint32(i), Score: float32(w)}
	}
	return top(list, length)
}

// sumVoices is P_h of the events of a list.
func (p *part) sumVoices(voices []uint32, halfLife float64) []float64 {
	sums := make([]float64, p.items)
	for _, i := range voices {
		sums[p.item[i]] += p.weights[p.kind[i]] * decay(p.days(int(i)), halfLife)
	}
	return sums
}

// busy is a setting with the places that are in it.
type busy struct {
	at     edged.Setting
	places []int
	events int
}

// busiest returns the settings by these parts with most events, at most maxPlaces, parents before what refines them.
func (p *part) busiest(by int) []*busy {
	events := make([]int, len(p.places))
	for _, place := range p.place {
		events[place]++
	}
	in := make(map[edged.Setting]*busy)
	for place, at := range p.places {
		for parts := range by + 1 {
			if parts == 0 || parts&^(by&at.Known()) != 0 {
				continue
			}
			key := at.Only(parts)
			if in[key] == nil {
				in[key] = &busy{at: key}
			}
			in[key].places, in[key].events = append(in[key].places, place), in[key].events+events[place]
		}
	}
	order := slices.SortedFunc(maps.Values(in), func(a, b *busy) int {
		return cmp.Or(cmp.Compare(b.events, a.events), cmp.Compare(bits.OnesCount(uint(a.at.Known())), bits.OnesCount(uint(b.at.Known()))), a.at.Compare(b.at))
	})
	order = order[:min(len(order), maxPlaces)]
	slices.SortFunc(order, func(a, b *busy) int { return a.at.Compare(b.at) })
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
