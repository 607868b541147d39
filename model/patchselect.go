package model

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/edged/edged"
)

// between returns the rows whose price is in a filter's range: those of the release whose price has not changed, and the changed ones. Where the
// filter asks for something else the rows are as they were.
func (p *patch) between(a *Attributes, f *Filter, rows []edged.Row) []edged.Row {
	currency, any, ok := priceAsked(a, f.field)
	if !ok || len(p.order) == 0 {
		return rows
	}
	out := make([]edged.Row, 0, len(rows)+len(p.order))
	for _, row := range rows {
		if _, changed := p.prices[row]; !changed {
			out = append(out, row)
		}
	}
	for _, row := range p.order {
		if c := p.prices[row]; (any || c.currency == currency) && f.span.has(c.value) {
			out = append(out, row)
		}
	}
	return out
}

// priceAsked says in which currency a field of numbers asks for prices: in any, where the release knows none.
func priceAsked(a *Attributes, field string) (currency string, any, ok bool) {
	if field == fieldPrice {
		if len(a.prices) == 0 {
			return "", true, true
		}
		return a.prices[0], false, true
	}
	currency, ok = strings.CutPrefix(field, pricePrefix)
	return currency, false, ok
}

func (r *Range) has(x float64) bool {
	return (x > r.Min || !r.OpenMin && x == r.Min) && (x < r.Max || !r.OpenMax && x == r.Max)
}

// newRows returns the new items that meet a filter, which the release can be asked.
func (m *Model) newRows(f *Filter) (rows []edged.Row) {
	for i := range m.patch.items {
		if m.patch.items[i].meets(m.catalogue.attributes, f) {
			rows = append(rows, edged.Row(m.patch.base+i))
		}
	}
	return rows
}

// meets is what the postings of a release say of its own items.
func (n *newItem) meets(a *Attributes, f *Filter) bool {
	switch f.op {
	case filterAnd:
		return !slices.ContainsFunc(f.args, func(g Filter) bool { return !n.meets(a, &g) })
	case filterOr:
		return slices.ContainsFunc(f.args, func(g Filter) bool { return n.meets(a, &g) })
	case filterNot:
		return !n.meets(a, &f.args[0])
	case filterIn:
		return slices.ContainsFunc(f.texts, func(text string) bool { return n.hasText(f.field, text) })
	case filterIs:
		return n.hasFlag(f.field, f.flag)
	}
	return slices.ContainsFunc(n.numbers(a, f.field), f.span.has)
}

func (n *newItem) hasText(field, text string) bool {
	switch field {
	case fieldBrand:
		return n.Brand != "" && n.Brand == text
	case fieldTags:
		return slices.Contains(n.Tags, text)
	case fieldCategories:
		return slices.ContainsFunc(n.Categories, func(path string) bool {
			rest, ok := strings.CutPrefix(path, text)
			return ok && text != "" && (rest == "" || rest[0] == '/')
		})
	}
	return slices.ContainsFunc(n.values(field), func(v any) bool { return v == text })
}

func (n *newItem) hasFlag(field string, flag bool) bool {
	if field == fieldAvailable {
		return (n.Available == nil || *n.Available) == flag
	}
	return slices.ContainsFunc(n.values(field), func(v any) bool { return v == flag })
}

// values are what an attribute holds, alone or in a list.
func (n *newItem) values(field string) []any {
	switch v := n.attributes[strings.TrimPrefix(field, attributePrefix)].(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// numbers are what a field of numbers holds.
func (n *newItem) numbers(a *Attributes, field string) (list []float64) {
	one := func(x float64, is bool) []float64 {
		if !is {
			return nil
		}
		return []float64{x}
	}
	switch field {
	case fieldPublished:
		return one(float64(n.Published), n.Published > 0)
	case fieldExpires:
		return one(float64(n.Expires), n.Expires > 0)
	}
	if currency, any, ok := priceAsked(a, field); ok {
		return one(n.Price, n.Price != 0 && (any || n.Currency == currency))
	}
	for _, v := range n.values(field) {
		if number, ok := v.(json.Number); ok {
			if x, err := number.Float64(); err == nil {
				list = append(list, x)
			}
		}
	}
	return list
}
