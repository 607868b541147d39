package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/edged/edged"
)

// Set is a compiled document: what it says of one catalogue. It is immutable.
type Set struct {
	document []byte
	version  string
	warnings []Fault
	rules    []rule
	bySlot   map[string][]uint32 // rules by slot, those for any slot among them, in the document's order
	anySlot  []uint32            // rules of slots no rule names
	standing []uint32            // rules of everyone that take items out
	values   [dimensions]map[string]uint32
	zones    []*time.Location
	choices  choices
}

// The dimensions of a request that conditions list values of. Each value has a number from 1; 0 is one no rule names.
const (
	dimCountry = iota
	dimDevice
	dimSegment
	dimensions
)

// rule is a compiled rule.
type rule struct {
	name  string
	when  when
	slot  string             // one of those listed, and
	first [dimensions]string // a value of each other dimension: the rule's case
	acts  []act
	pins  []pin
	caps  caps
	// diversity and explore are −1, and goal is empty, where the rule says nothing of them.
	diversity, explore float32
	goal               string
}

// act is what a rule does to what a choice chooses.
type act struct {
	choice uint16
	what   effectFlags
	factor float32
}

type pin struct {
	row  edged.Row
	at   int32 // from 0
	rule uint32
}

type caps struct{ category, brand int32 } // 0: none

// when is a compiled condition, cheapest parts first.
type when struct {
	from, until int64                // 0: none
	allowed     [dimensions][]uint64 // by number of the value; nil: any
	weekly      []span               // nil: any time
	zone        int                  // among the set's zones
	condition   *expression          // nil: none
}

// Compile compiles a document against a catalogue. Where Failed(faults), the Set is nil: a bad rule never loads. Else
// faults are warnings, of items and choices the catalogue has nothing of, say.
func Compile(document []byte, cat Catalogue) (*Set, []Fault) {
	return compile(document, cat, nil, nil)
}

// For compiles the Set's document against a catalogue that is, but for the changed rows and those behind the last, the one that the Set was compiled
// against: of the others nothing is read.
func (s *Set) For(cat Catalogue, changed []edged.Row) (*Set, []Fault) {
	return compile(s.document, cat, s, changed)
}

func compile(document []byte, cat Catalogue, like *Set, changed []edged.Row) (*Set, []Fault) {
	texts, faults := decode(document)
	if len(faults) > 0 {
		return nil, faults
	}
	sum := sha256.Sum256(document)
	s := &Set{document: document, version: hex.EncodeToString(sum[:8]), bySlot: map[string][]uint32{}}
	s.choices.index = map[string]uint16{}
	for i := range s.values {
		s.values[i] = map[string]uint32{}
	}
	for i := range texts {
		s.number(&texts[i].when)
	}
	for i := range texts {
		r, more := s.compile(&texts[i], cat)
		s.rules = append(s.rules, r)
		faults = append(faults, more...)
	}
	if len(s.choices.texts) > maxSelectors {
		return nil, append(faults, Fault{Reason: fmt.Sprintf("more than %d different choices of items", maxSelectors)})
	}
	if err := s.choices.resolve(cat, like, changed); err != nil {
		return nil, append(faults, Fault{Reason: fmt.Sprintf("the catalogue can't be read: %v", err)})
	}
	faults = append(faults, s.idle(texts, cat)...)
	s.place(texts)
	s.warnings = faults
	return s, faults
}

// Check reports what is wrong with a document that no catalogue need be looked up for.
func Check(document []byte) []Fault {
	_, faults := decode(document)
	return faults
}

// Version tells documents apart; that of no rules is empty.
func (s *Set) Version() string {
	if s == nil {
		return ""
	}
	return s.version
}

// Warnings are what Compile warned of.
func (s *Set) Warnings() []Fault { return s.warnings }

// Len is the number of rules.
func (s *Set) Len() int { return len(s.rules) }

// number gives each value that a condition lists a number.
func (s *Set) number(w *whenText) {
	for dim, list := range [dimensions][]string{w.countries, w.devices, w.segments} {
		for _, v := range list {
			if _, ok := s.values[dim][v]; !ok {
				s.values[dim][v] = uint32(len(s.values[dim]) + 1)
			}
		}
	}
}

func (s *Set) compile(t *ruleText, cat Catalogue) (r rule, faults []Fault) {
	r = rule{name: t.name, when: s.compileWhen(&t.when), slot: first(t.when.slots), caps: caps{int32(t.capCat), int32(t.capBrand)}, diversity: t.diversity, explore: t.explore, goal: t.goal}
	s.choices.capped = s.choices.capped || t.capCat+t.capBrand > 0
	r.first = [dimensions]string{first(t.when.countries), first(t.when.devices), first(t.when.segments)}
	for _, list := range []struct {
		texts []choiceText
		what  effectFlags
	}{{t.exclude, excluded}, {t.boosts, boosted}, {t.bury, buried}} {
		for i := range list.texts {
			r.acts = append(r.acts, act{s.choices.add(&list.texts[i]), list.what, list.texts[i].by})
		}
	}
	if len(t.only) > 0 {
		r.acts = append(r.acts, act{s.choices.union(t.only), wanted, 0})
	}
	for _, p := range t.pins {
		row, ok := cat.Row(p.item)
		if !ok {
			faults = append(faults, Fault{p.line, t.name, fmt.Sprintf("pin: the catalogue has no item %q", clip(p.item)), true})
			continue
		}
		r.pins = append(r.pins, pin{row, int32(p.at - 1), uint32(len(s.rules))})
	}
	return r, faults
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func (s *Set) compileWhen(t *whenText) when {
	w := when{from: t.from, until: t.until, weekly: t.weekly(), condition: t.condition}
	for dim, list := range [dimensions][]string{t.countries, t.devices, t.segments} {
		if list == nil {
			continue
		}
		w.allowed[dim] = make([]uint64, len(s.values[dim])/64+1)
		for _, v := range list {
			n := s.values[dim][v]
			w.allowed[dim][n/64] |= 1 << (n % 64)
		}
	}
	if w.weekly != nil {
		w.zone = s.zone(t.zone)
	}
	return w
}

func (s *Set) zone(z *time.Location) int {
	if z == nil {
		z = time.UTC
	}
	for i, known := range s.zones {
		if known == z {
			return i
		}
	}
	s.zones = append(s.zones, z)
	return len(s.zones) - 1
}

// place sorts rules by slot.
func (s *Set) place(texts []ruleText) {
	for i := range texts {
		for _, slot := range texts[i].when.slots {
			s.bySlot[slot] = nil
		}
	}
	for i := range texts {
		slots := texts[i].when.slots
		if slots == nil && s.rules[i].stands() {
			s.standing = append(s.standing, uint32(i))
		}
		if slots == nil {
			s.anySlot = append(s.anySlot, uint32(i))
			for slot := range s.bySlot {
				s.bySlot[slot] = append(s.bySlot[slot], uint32(i))
			}
			continue
		}
		for _, slot := range slots {
			s.bySlot[slot] = append(s.bySlot[slot], uint32(i))
		}
	}
}

// idle warns of choices that choose nothing, of attributes that are nearly called as one that items have, and of items that a choice names beside others
// and the catalogue doesn't have.
func (s *Set) idle(texts []ruleText, cat Catalogue) (faults []Fault) {
	names, whole := cat.AttributeNames()
	for i := range texts {
		t := &texts[i]
		for _, list := range [][]choiceText{t.boosts, t.bury, t.exclude, t.only} {
			for j := range list {
				if c := &list[j]; whole && c.where != nil {
					if hint := unheard(c.where, names); hint != "" {
						faults = append(faults, Fault{c.line, t.name, "where: " + hint, true})
						continue
					}
				}
				faults = append(faults, s.idleIn(t.name, &list[j], cat)...)
				faults = faults[:min(len(faults), MaxFaults)]
			}
		}
	}
	return faults
}

func (s *Set) idleIn(rule string, c *choiceText, cat Catalogue) (faults []Fault) {
	if s.choices.counts[s.choices.index[c.key()]] == 0 {
		return []Fault{{c.line, rule, "no item of the catalogue is chosen" + c.asked(), true}}
	}
	for _, id := range c.items {
		if _, ok := cat.Row(id); !ok && len(faults) < MaxFaults {
			faults = append(faults, Fault{c.line, rule, fmt.Sprintf("the catalogue has no item %q", clip(id)), true})
		}
	}
	return faults
}
