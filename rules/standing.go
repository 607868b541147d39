package rules

import (
	"slices"

	"github.com/edged/edged"
)

// takes reports whether an act takes items out of lists.
func (a act) takes() bool { return a.what&(excluded|wanted) != 0 }

// stands reports whether a rule, of any slot, asks for nothing but the time and takes items out: nobody is to be shown them.
func (r *rule) stands() bool {
	for _, list := range r.when.allowed {
		if list != nil {
			return false
		}
	}
	return r.when.condition == nil && slices.ContainsFunc(r.acts, act.takes)
}

// Standing appends the numbers of the rules that take items out of everyone's lists at the time of c, of which nothing else counts: those without a
// condition, or with conditions of time alone. A nil Set has none.
func (s *Set) Standing(dst []uint32, c *Context) []uint32 {
	if s == nil || len(s.standing) == 0 {
		return dst
	}
	m := matching{set: s, ctx: c}
	for _, i := range s.standing {
		if m.holds(&s.rules[i].when) {
			dst = append(dst, i)
		}
	}
	return dst
}

// Leaves returns what tells the rows that exclude and only of these rules leave.
func (s *Set) Leaves(which []uint32) func(edged.Row) bool {
	p := new(Plan)
	p.reset(s)
	for _, i := range which {
		for _, a := range s.rules[i].acts {
			if a.takes() {
				p.touch(a)
			}
		}
	}
	return p.Allows
}
