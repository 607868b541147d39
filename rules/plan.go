package rules

import (
	"cmp"
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
)

// Plan is what the rules that hold for a request want. The zero Plan wants nothing and is ready for Match.
type Plan struct {
	set       *Set
	matched   []uint32
	effects   []effect // by choice; zero but for those touched
	touched   []uint16
	marks     uint64 // of those touched: a class without one of them is in none
	wanted    int    // choices that every item must be in
	pins      []pin
	caps      caps
	diversity float32   // below 0: not said
	explore   float32   // below 0: not said
	goal      string    // empty: not said
	lifts     []Lift    // boosts of the request
	bent      []float32 // of each class of rows, what Bend writes; empty: not asked yet

	flow, out []Item   // working memory of Apply
	keys      []uint64 // order of flow
	placed    []pin
	groups    *Groups
	counts    []int32 // items by group; zero but for those counted
	counted   []uint32
	rows      []edged.Row
	variety   variety
}

// maxPlanPins bounds the pins of a plan; those of the rules that stand first count.
const maxPlanPins = 64

// effect is what happens to the items of a choice.
type effect struct {
	what   effectFlags
	factor float64
}

// vast bounds factors on the way, so that products stay numbers.
const vast = 1e100

func bounded(x, limit float64) float64 { return min(max(x, 1/limit), limit) }

type effectFlags uint8

const (
	excluded effectFlags = 1 << iota
	boosted
	buried
	wanted // by the only of one rule
)

func (p *Plan) reset(s *Set) {
	for _, k := range p.touched {
		p.effects[k] = effect{}
	}
	p.matched, p.touched, p.pins, p.placed = p.matched[:0], p.touched[:0], p.pins[:0], p.placed[:0]
	p.bent = p.bent[:0]
	p.marks, p.wanted, p.caps, p.diversity, p.explore, p.goal, p.lifts = 0, 0, caps{}, -1, -1, "", nil
	if p.set != s && s != nil {
		p.effects = sized(p.effects, len(s.choices.texts))
	}
	p.set = s
}

// sized returns n zero values; those within list's capacity are zero.
func sized[T any](list []T, n int) []T {
	if cap(list) < n {
		return make([]T, n)
	}
	return list[:n]
}

// take adds what a rule wants.
func (p *Plan) take(i uint32, r *rule) {
	p.matched = append(p.matched, i)
	for _, a := range r.acts {
		p.touch(a)
	}
	p.pins = append(p.pins, r.pins[:min(len(r.pins), maxPlanPins-len(p.pins))]...)
	p.caps.category = smaller(p.caps.category, r.caps.category)
	p.caps.brand = smaller(p.caps.brand, r.caps.brand)
	if p.diversity < 0 {
		p.diversity = r.diversity
	}
	if p.explore < 0 {
		p.explore = r.explore
	}
	if p.goal == "" {
		p.goal = r.goal
	}
}

func (p *Plan) touch(a act) {
	e := &p.effects[a.choice]
	if e.what == 0 {
		p.touched = append(p.touched, a.choice)
		p.marks |= markOf(a.choice)
		e.factor = 1
	}
	if a.what == wanted && e.what&wanted == 0 {
		p.wanted++
	}
	if a.what == boosted {
		e.factor = bounded(e.factor*float64(a.factor), vast)
	}
	e.what |= a.what
}

// smaller is the smaller of two caps, where 0 is none.
func smaller(a, b int32) int32 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// Empty reports whether the plan changes no list.
func (p *Plan) Empty() bool {
	return len(p.touched)+len(p.pins)+len(p.lifts) == 0 && p.caps == caps{} && p.diversity <= 0 && p.explore <= 0
}

// Narrows reports whether the plan takes items out of lists, so that a longer one is wanted to begin with.
func (p *Plan) Narrows() bool { return p.caps != (caps{}) || p.Refuses() }

// Refuses reports whether there are items that the plan lets into no list.
func (p *Plan) Refuses() bool {
	return p.wanted > 0 || slices.ContainsFunc(p.touched, func(k uint16) bool { return p.effects[k].what&excluded != 0 })
}

// AppendKey appends what plans of one catalogue have in common that refuse the same items.
func (p *Plan) AppendKey(dst []byte) []byte {
	dst = append(dst, p.set.Version()...)
	for _, k := range p.touched {
		if what := p.effects[k].what & (excluded | wanted); what != 0 {
			dst = append(dst, byte(k), byte(k>>8), byte(what))
		}
	}
	return dst
}

// Allowed is a bitmap of n rows, bit row%64 of word row/64: those that exclude and only let through.
func (p *Plan) Allowed(n int) []uint64 {
	var classes []bool
	if p.set != nil {
		classes = make([]bool, len(p.set.choices.starts)-1)
	}
	for class := range classes {
		classes[class] = p.allows(uint32(class))
	}
	bits := make([]uint64, (n+63)/64)
	for row := range edged.Row(n) {
		if len(classes) == 0 || classes[p.set.choices.class(row)] {
			bits[row/64] |= 1 << (row % 64)
		}
	}
	return bits
}

// allows is Allows for a class.
func (p *Plan) allows(class uint32) bool {
	in := 0
	for _, k := range p.set.choices.of(class) {
		switch e := &p.effects[k]; {
		case e.what&excluded != 0:
			return false
		case e.what&wanted != 0:
			in++
		}
	}
	return in >= p.wanted
}

// Reorders reports whether the plan changes the order of what it leaves.
func (p *Plan) Reorders() bool {
	return len(p.lifts) > 0 || p.diversity > 0 || slices.ContainsFunc(p.touched, func(k uint16) bool { return p.effects[k].what&(boosted|buried) != 0 })
}

// Capped reports whether groups are asked for that the rules don't know.
func (p *Plan) Capped() bool {
	return p.caps != (caps{}) && (p.set == nil || p.set.choices.groups == nil)
}

// Diversity is how varied the list ought to be, from 0 to 1; below 0 where nobody says.
func (p *Plan) Diversity() float32 { return p.diversity }

// Explore is the share of places for new items, from 0 to 1; below 0 where nobody says.
func (p *Plan) Explore() float32 { return p.explore }

// Goal is what the list is for; empty where no rule says.
func (p *Plan) Goal() string { return p.goal }

// AppendNames appends the names of the rules that hold, in the document's order.
func (p *Plan) AppendNames(dst []string) []string {
	for _, i := range p.matched {
		dst = append(dst, p.set.rules[i].name)
	}
	return dst
}

// Allows reports whether exclude and only let a row through.
func (p *Plan) Allows(row edged.Row) bool { return p.of(row).what&excluded == 0 }

// of is what all effects together do to a row.
func (p *Plan) of(row edged.Row) effect {
	sum := effect{factor: 1}
	for i := range p.lifts {
		if l := &p.lifts[i]; l.Of.Has(row) {
			sum.what |= boosted
			sum.factor = bounded(sum.factor*float64(l.By), vast)
		}
	}
	if len(p.touched) == 0 {
		sum.factor = bounded(sum.factor, MaxFactor)
		return sum
	}
	return p.ofClass(sum, p.set.choices.class(row))
}

// ofClass adds what the effects do to the rows of a class.
func (p *Plan) ofClass(sum effect, class uint32) effect {
	in := 0
	for _, k := range p.set.choices.of(class) {
		e := &p.effects[k]
		if e.what == 0 {
			continue
		}
		sum.what |= e.what
		sum.factor = bounded(sum.factor*e.factor, vast)
		if e.what&wanted != 0 {
			in++
		}
	}
	if in < p.wanted {
		sum.what |= excluded
	}
	sum.factor = bounded(sum.factor, MaxFactor)
	return sum
}

// Bends reports whether the plan does what follows from each item alone: it takes items out, buries them and multiplies scores.
func (p *Plan) Bends() bool { return len(p.touched)+len(p.lifts) > 0 }

// Arranges reports whether the plan does what follows from where items are in the list: it chooses among more of them than are wanted.
func (p *Plan) Arranges() bool {
	return len(p.pins) > 0 || p.caps != caps{} || p.diversity > 0 || p.explore > 0
}

// Bend writes what the scores of rows above 0 are multiplied by to factors: 0 for those that come last, or not at all.
func (p *Plan) Bend(factors []float32, rows []edged.Row) {
	for i, row := range rows {
		factors[i] = p.bendRow(row)
	}
}

// BendIn is Bend for rows named by where they are in the catalogue's order.
func (p *Plan) BendIn(factors []float32, order []edged.Row, at []uint32) {
	if p.set != nil && len(p.lifts) == 0 && len(p.set.choices.inOrder) == len(order)+1 {
		p.bendClasses()
		kernel.Through(factors, p.bent, p.set.choices.inOrder, at)
		return
	}
	for i, one := range at {
		factors[i] = p.bendRow(order[one])
	}
}

func (p *Plan) bendRow(row edged.Row) float32 {
	if p.set == nil || len(p.lifts) > 0 {
		return bend(p.of(row))
	}
	return p.bendClass(p.set.choices.class(row))
}

// maxBent is for how many classes factors are worked out before any row is asked about.
const maxBent = 1024

// bendClasses works out the factor of every class, once for a request.
func (p *Plan) bendClasses() {
	if len(p.bent) > 0 {
		return
	}
	for class, marks := range p.set.choices.marks {
		factor := float32(1)
		if marks&p.marks != 0 || p.wanted > 0 {
			factor = bend(p.ofClass(effect{factor: 1}, uint32(class)))
		}
		p.bent = append(p.bent, factor)
	}
}

func (p *Plan) bendClass(class uint32) float32 {
	if p.set.choices.marks[class]&p.marks == 0 && p.wanted == 0 {
		return 1
	}
	return bend(p.ofClass(effect{factor: 1}, class))
}

func bend(e effect) float32 {
	if e.what&(excluded|buried) != 0 {
		return 0
	}
	return float32(e.factor)
}

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
