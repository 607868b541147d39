package rules

import "github.com/edged/edged"

// Wish is what a request itself wants of its list, beside the rules. The zero Wish wants nothing. Its boosts are multiplied with those of
// rules, of caps the smaller counts, and what it says of diversity and exploration comes before what rules say.
type Wish struct {
	Boosts    []Lift
	Category  int     // cap; 0: none
	Brand     int     // cap; 0: none
	Diversity float32 // below 0: not said
	Explore   float32 // below 0: not said
}

// Lift is a boost of chosen rows.
type Lift struct {
	Of interface{ Has(edged.Row) bool }
	By float32
}

// Scope is what Apply asks others of the list's items.
type Scope struct {
	May    func(edged.Row) bool // whether a pinned row that is not in the list may be shown
	Groups *Groups              // for caps of the request; nil: those of the rules are used, if there are any
	Alike  Alike                // nil: diversity is not acted on
	Late   func() bool          // whether time is up: what follows is not varied any more; nil: never
	Fresh  []edged.Row          // new items to explore with, none of the list, in the order in which they are shown
	Places []bool               // from the first on, whether one of them is shown there
}

// Alike says how much items are like each other.
type Alike interface {
	Begin(rows []edged.Row) // the items in question
	Place(row edged.Row)    // one more item has its place in the list
	Near(i int) float32     // of one of the rows, how much it is like the most similar item that has its place, from 0 to 1
}

// Add adds what a request wants to the plan of its rules, after Match.
func (p *Plan) Add(w *Wish) {
	p.lifts = w.Boosts
	p.caps.category = smaller(p.caps.category, int32(w.Category))
	p.caps.brand = smaller(p.caps.brand, int32(w.Brand))
	if w.Diversity >= 0 {
		p.diversity = w.Diversity
	}
	if w.Explore >= 0 {
		p.explore = w.Explore
	}
}
