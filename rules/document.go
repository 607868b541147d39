package rules

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Limits of a document. Breaking one is a fault that names it.
const (
	MaxDocument  = 4 << 20 // bytes
	MaxRules     = 5000
	MaxName      = 64   // bytes of a rule's name
	MaxValues    = 1000 // of one key
	MaxText      = 512  // bytes of one value
	MaxChoices   = 16   // choices of items in one boost
	MaxPins      = 32   // in one rule
	MaxPlace     = 500  // of a pin
	MaxCap       = 500
	MaxNodes     = 64   // of one expression
	MaxSource    = 1024 // bytes of one expression
	MaxZones     = 16   // different ones in a document
	MaxFaults    = 100  // told of at once
	MaxFactor    = 100  // of a boost, and of all boosts of one item together
	maxSelectors = 1 << 16
)

// Goals are what a list may be for.
var Goals = []string{"new", "any", "next"}

// Fault is one thing wrong with a document.
type Fault struct {
	Line    int    // from 1; 0: the document as a whole
	Rule    string // its name; empty: none
	Reason  string
	Warning bool // the rule loads all the same: it names an item that the catalogue doesn't have, say
}

func (f Fault) String() string {
	s := ""
	if f.Line > 0 {
		s = fmt.Sprintf("line %d: ", f.Line)
	}
	if f.Rule != "" {
		s += fmt.Sprintf("rule %q: ", f.Rule)
	}
	return s + f.Reason
}

// Failed reports whether a document with these faults did not compile.
func Failed(faults []Fault) bool {
	for _, f := range faults {
		if !f.Warning {
			return true
		}
	}
	return false
}

// Joined is all faults that keep a document from loading as one error, nil where there are none.
func Joined(faults []Fault) error {
	var list []error
	for _, f := range faults {
		if !f.Warning {
			list = append(list, errors.New(f.String()))
		}
	}
	return errors.Join(list...)
}

// ruleText is a rule as decoded, not yet compiled.
type ruleText struct {
	name string
	when whenText

	pins      []pinText
	boosts    []choiceText
	bury      []choiceText
	exclude   []choiceText
	only      []choiceText
	capCat    int // 0: none
	capBrand  int
	diversity float32 // −1: not said
	explore   float32 // −1: not said
	goal      string  // empty: not said
}

// acts reports whether the rule does anything.
func (r *ruleText) acts() bool {
	return len(r.pins)+len(r.boosts)+len(r.bury)+len(r.exclude)+len(r.only)+r.capCat+r.capBrand > 0 || r.diversity >= 0 || r.explore >= 0 || r.goal != ""
}

// whenText is a condition; nil lists and zero times ask nothing.
type whenText struct {
	slots, countries, devices, segments []string
	from, until                         int64 // Unix milliseconds; until is out
	days                                [7]bool
	someDays                            bool
	hours                               [2]int // minutes of the day; the second may be before the first
	someHours                           bool
	zone                                *time.Location
	condition                           *expression // nil: none
}

type pinText struct {
	line int
	item string
	at   int // from 1
}

// choiceText chooses items.
type choiceText struct {
	line                            int
	items, categories, brands, tags []string
	where                           *expression
	union                           []uint16 // numbers of other choices, instead of all above
	by                              float32  // of a boost
}

// asked says what a choice goes by, to stand behind what is said of it; empty where it is of other choices.
func (c *choiceText) asked() string {
	var parts []string
	for _, list := range [...]struct {
		name   string
		values []string
	}{{"item", c.items}, {"category", c.categories}, {"brand", c.brands}, {"tag", c.tags}} {
		for i, value := range list.values {
			if i == maxNamed {
				parts = append(parts, "…")
				break
			}
			parts = append(parts, fmt.Sprintf("%s %q", list.name, clip(value)))
		}
	}
	if c.where != nil {
		parts = append(parts, "where "+clip(c.where.source))
	}
	if len(parts) == 0 {
		return ""
	}
	return " by " + strings.Join(parts, ", ")
}

// maxNamed bounds the values of a kind that are named.
const maxNamed = 3

// key is the same for choices of the same items.
func (c *choiceText) key() string {
	where := ""
	if c.where != nil {
		where = c.where.source
	}
	return fmt.Sprintf("%q %q %q %q %q %v", c.items, c.categories, c.brands, c.tags, where, c.union)
}
