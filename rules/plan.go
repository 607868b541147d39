package rules

import (
	"slices"

	"github.com/edged/edged"
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
