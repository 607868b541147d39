// Package rules is the merchandiser's language: under which conditions which items are pinned, boosted, buried, excluded,
// capped, or the only ones. docs/rules.md is the language's manual.
//
// A document (YAML or JSON) is compiled against one catalogue into a Set; a Set matches a request's Context and leaves a
// Plan; a Plan acts on a scored list. Nothing here searches or scores.
//
//	Compile(document, catalogue) → *Set, []Fault
//	set.Match(&plan, &context)     which rules hold
//	plan.Apply(items, n, may)      what they make of a list
//
// # One principle
//
// Values of one key are alternatives, keys are all wanted: {brand: [a, b], tag: sale} is what is of a or of b, and on sale.
// It holds for conditions (when) and for choices of items alike.
//
// # How rules and scores compose
//
// A list comes in tiers: scores compare within one tier only, and a lower tier comes first. In this order:
//
//  1. An item of any matching exclude is out, and so is one that is not in every matching only. Pins are no exception.
//  2. The factors of all matching boosts that choose an item are multiplied, kept within [1/MaxFactor, MaxFactor], and applied:
//     score × factor, or score ÷ factor below zero, so that a factor above 1 always lifts. An item never leaves its tier by it.
//  3. What a matching bury chooses comes behind everything else, of any tier; among themselves they keep their order.
//  4. Pins take their places, whatever their scores, if they may be shown; where two want one place, the rule that stands
//     first in the document has it and the other takes the next. A list shorter than a pin's place has no holes: the pin comes last.
//  5. The others fill the free places, best first, as long as the smallest matching caps allow; pins count, and are not refused.
//
// The smallest cap wins, and of diversities the one of the rule that stands first.
//
// # Cost
//
// Rules are found by slot. Rows that no rule can tell apart share a class, and a class lists the choices its rows are in, so an
// item costs as many steps as choices it is in, however many rules there are. Expressions are compiled to trees of at most
// MaxNodes comparisons, without loops or calls. Match and Apply allocate nothing once a Plan has grown.
//
// A Set is immutable and may be used by any number of goroutines; a Plan belongs to one at a time.
package rules
