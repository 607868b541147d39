package rules

import (
	"cmp"
	"math"
	"slices"

	"github.com/edged/edged"
)

// Item is a place in a list.
type Item struct {
	Row   edged.Row
	Tier  uint8 // scores compare within one tier; lower tiers come first
	Score float32

	// What follows is filled in by Apply.
	From   int32   // where it was in the list given; −1: not in it
	Factor float32 // its score was multiplied by; 1: not
	Buried bool
	Pinned bool
	Fresh  bool // not of the list, but of those to explore with
}

// Apply makes of a list, best first, at most n items as the plan wants them. A row comes at most once in list. What is returned is the
// plan's until the next Apply; list is left as it is.
func (p *Plan) Apply(list []Item, n int, in *Scope) []Item {
	p.flow, p.keys = p.flow[:0], p.keys[:0]
	for i := range list {
		e := p.of(list[i].Row)
		if e.what&excluded != 0 {
			continue
		}
		it := list[i]
		it.From, it.Factor, it.Buried, it.Pinned = int32(i), float32(e.factor), e.what&buried != 0, false
		it.Score = scaled(it.Score, it.Factor)
		p.keys = append(p.keys, it.key(len(p.flow)))
		p.flow = append(p.flow, it)
	}
	if p.Reorders() {
		slices.Sort(p.keys)
	}
	p.count(in)
	p.pinned(in.May)
	p.fill(n, in)
	return p.out
}

// count makes ready to count what caps limit.
func (p *Plan) count(in *Scope) {
	p.groups = in.Groups
	if p.groups == nil && p.set != nil {
		p.groups = p.set.choices.groups
	}
	if p.caps == (caps{}) {
		p.groups = nil
	}
	if p.groups != nil {
		p.counts = sized(p.counts, p.groups.number)
	}
}

// scaled applies a factor so that one above 1 always lifts.
func scaled(score, factor float32) float32 {
	if score < 0 {
		return score / factor
	}
	return score * factor
}

// key orders items by one comparison of whole numbers: buried ones last, then by tier, best score first, and as they were. Its lower
// bits are the place in the flow.
func (it *Item) key(place int) uint64 {
	if it.Buried {
		return 1<<63 | uint64(place)
	}
	u := math.Float32bits(it.Score + 0) // no −0
	if u>>31 == 0 {
		u ^= 1<<31 - 1 // above zero: the larger the number, the smaller the key
	}
	return uint64(it.Tier)<<55 | uint64(u)<<placeBits | uint64(place)
}

const (
	placeBits = 23
	placeMask = 1<<placeBits - 1
)

// pinned leaves in placed, of the plan's pins those that may be shown, each row once in order of their places: the rule that stands first has a
// place that two want, the other takes the next free one.
func (p *Plan) pinned(may func(edged.Row) bool) {
	kept := p.placed[:0]
	for _, x := range p.pins {
		if rowIn(kept, x.row) || !p.Allows(x.row) || p.inFlow(x.row) < 0 && !may(x.row) {
			continue
		}
		for placeIn(kept, x.at) {
			x.at++
		}
		kept = append(kept, x)
	}
	p.placed = kept
	slices.SortFunc(kept, func(a, b pin) int { return cmp.Compare(a.at, b.at) })
}

func rowIn(list []pin, row edged.Row) bool {
	return slices.ContainsFunc(list, func(o pin) bool { return o.row == row })
}

func placeIn(list []pin, at int32) bool {
	return slices.ContainsFunc(list, func(o pin) bool { return o.at == at })
}

func (p *Plan) inFlow(row edged.Row) int {
	for i := range p.flow {
		if p.flow[i].Row == row {
			return i
		}
	}
	return -1
}

// fill merges pins, new items and the flow into out.
func (p *Plan) fill(n int, in *Scope) {
	p.out = p.out[:0]
	pins, fresh := p.placed, in.Fresh
	for _, x := range pins {
		if int(x.at) < n {
			p.place(x.row)
		}
	}
	from := source{p: p, late: in.Late}
	if p.diversity > 0 && in.Alike != nil {
		from.varied(in.Alike)
	}
	for len(p.out) < n {
		at := len(p.out)
		if len(pins) > 0 && int(pins[0].at) <= at {
			from.put(p.pinnedItem(pins[0].row))
			pins = pins[1:]
			continue
		}
		if at < len(in.Places) && in.Places[at] {
			var ok bool
			if fresh, ok = from.explore(fresh); ok {
				continue
			}
		}
		it := from.next()
		switch {
		case it != nil:
			p.place(it.Row)
			from.put(*it)
		case len(pins) > 0:
			from.put(p.pinnedItem(pins[0].row))
			pins = pins[1:]
		default:
			n = at
		}
	}
	for _, g := range p.counted {
		p.counts[g] = 0
	}
	p.counted = p.counted[:0]
}

// PinnedBy is the name of the rule that put a row of the list last made where it is; empty: none did.
func (p *Plan) PinnedBy(row edged.Row) string {
	for _, x := range p.placed {
		if x.row == row {
			return p.set.rules[x.rule].name
		}
	}
	return ""
}

func (p *Plan) isPin(row edged.Row) bool { return rowIn(p.placed, row) }

// pinnedItem is a pinned row as it was in the list, or as new.
func (p *Plan) pinnedItem(row edged.Row) Item {
	it := Item{Row: row, From: -1, Factor: 1}
	if i := p.inFlow(row); i >= 0 {
		it = p.flow[i]
	}
	it.Pinned = true
	return it
}

// admits reports whether the caps leave room for a row.
func (p *Plan) admits(row edged.Row) bool {
	if p.groups == nil {
		return true
	}
	c, b := p.groups.of(row)
	return (p.caps.category == 0 || c == 0 || p.counts[c] < p.caps.category) &&
		(p.caps.brand == 0 || b == 0 || p.counts[b] < p.caps.brand)
}

// place counts a row for its category and its brand.
func (p *Plan) place(row edged.Row) {
	if p.groups == nil {
		return
	}
	c, b := p.groups.of(row)
	for _, g := range [2]uint32{c, b} {
		if g != 0 {
			p.counts[g]++
			p.counted = append(p.counted, g)
		}
	}
}
