package model

import (
	"errors"
	"fmt"
	"math"
)

// Filter is a condition on items: a tree of And, Or and Not over In, Is and Between. It belongs to no release;
// Model.Select finds the rows of one that meet it. The zero Filter is met by every item. A Filter is immutable and may
// be shared.
//
// A field is named as in the catalogue; attributes by their own name behind "attributes.":
//
//	In       categories (a path meets itself and all paths above it), brand, tags, attributes.NAME
//	Is       available (as the catalogue says, whatever expires), attributes.NAME
//	Between  price (of items in the release's only currency), price.CUR ("price.": of items without a currency),
//	         published, expires (Unix milliseconds), attributes.NAME
//
// An item meets a condition when one of its values does. One without a value of that kind doesn't, and so meets the
// condition's Not: Not is the complement.
type Filter struct {
	op    filterOp
	field string
	texts []string
	flag  bool
	span  Range
	args  []Filter
}

type filterOp uint8

const (
	filterAnd filterOp = iota
	filterOr
	filterNot
	filterIn
	filterIs
	filterBetween
)

// Limits of a Filter.
const (
	MaxFilterNodes  = 1024 // conditions and combinations
	MaxFilterDepth  = 32
	MaxFilterValues = 1024 // of one In
)

// Range is a span of numbers, its ends included unless said otherwise. A side without an end is an infinity.
type Range struct {
	Min, Max         float64
	OpenMin, OpenMax bool // the end itself is out
}

// ErrFilter is wrapped by errors that lie in the filter: a field that can't be asked so, a limit broken.
var ErrFilter = errors.New("filter")

// ErrNotIndexed is wrapped by errors of Select for fields the release has no postings of: it was made before there
// were any, or the field has too many values.
var ErrNotIndexed = errors.New("not indexed for filters")

// And is met by items that meet all of the filters; by all items, if there are none.
func And(filters ...Filter) Filter { return Filter{op: filterAnd, args: filters} }

// Or is met by items that meet at least one of the filters; by none, if there are none.
func Or(filters ...Filter) Filter { return Filter{op: filterOr, args: filters} }

// Not is met by items that don't meet f.
func Not(f Filter) Filter { return Filter{op: filterNot, args: []Filter{f}} }

// In is met by items with one of the values in a field of text.
func In(field string, values ...string) Filter {
	return Filter{op: filterIn, field: field, texts: values}
}

// Is is met by items whose flag is set, or is not.
func Is(field string, value bool) Filter { return Filter{op: filterIs, field: field, flag: value} }

// Between is met by items with a number in the range.
func Between(field string, r Range) Filter { return Filter{op: filterBetween, field: field, span: r} }

// Check reports the first limit a filter breaks. Whether a release knows its fields is for Model.Select to say.
func (f *Filter) Check() error {
	nodes := 0
	return f.check(1, &nodes)
}

func (f *Filter) check(depth int, nodes *int) error {
	*nodes++
	switch {
	case depth > MaxFilterDepth:
		return fmt.Errorf("%w: deeper than %d", ErrFilter, MaxFilterDepth)
	case *nodes > MaxFilterNodes:
		return fmt.Errorf("%w: more than %d conditions and combinations", ErrFilter, MaxFilterNodes)
	case len(f.texts) > MaxFilterValues:
		return fmt.Errorf("%w: %s: %d values, at most %d", ErrFilter, f.field, len(f.texts), MaxFilterValues)
	case math.IsNaN(f.span.Min) || math.IsNaN(f.span.Max):
		return fmt.Errorf("%w: %s: a range ends with NaN", ErrFilter, f.field)
	}
	for i := range f.args {
		if err := f.args[i].check(depth+1, nodes); err != nil {
			return err
		}
	}
	return nil
}
