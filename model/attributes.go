package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/edged/edged"
	"github.com/edged/edged/snapshot"
)

// Attributes is what filters know of the items: for each field the rows that have a value.
type Attributes struct {
	fields   []AttributeField
	byName   map[string]*attribute
	currency *attribute // the only price there is; nil: none, or several
	prices   []string   // currencies
	terms    terms
	partial  bool // attributes beyond those named were left out
}

// AttributeField says what can be asked of a field.
type AttributeField struct {
	Name   string
	Kind   string // "text", "flag" or "number"
	Values int    // distinct ones
	Rows   int    // that have one; a row with several counts for each
}

// Kinds of values.
const (
	kindText   = "text"
	kindFlag   = "flag"
	kindNumber = "number"
)

// attribute is what there is of one field.
type attribute struct {
	texts, flags span
	numbers      *column64
	omitted      bool
}

// span is a run of terms.
type span struct{ from, to int }

const (
	attributePrefix = "attributes."
	pricePrefix     = "price."
	fieldAvailable  = "available"
	fieldPrice      = "price"
	fieldExpires    = "expires"
	fieldPublished  = "published"
	fieldCategories = "categories"
	fieldBrand      = "brand"
	fieldTags       = "tags"
)

// builtin says of what kind a field is that every item may have; "" where it is none of them.
func builtin(field string) string {
	switch field {
	case fieldCategories, fieldBrand, fieldTags:
		return kindText
	case fieldAvailable:
		return kindFlag
	case fieldPrice, fieldPublished, fieldExpires:
		return kindNumber
	}
	if strings.HasPrefix(field, pricePrefix) {
		return kindNumber
	}
	return ""
}

// filterMeta says what the sections for filters hold.
type filterMeta struct {
	Terms   []termField   `json:"terms"`
	Numbers []numberField `json:"numbers"`
	Omitted []string      `json:"omitted,omitempty"` // fields with too many values
	Partial bool          `json:"partial,omitempty"` // more were left out than omitted names
}

type termField struct {
	Field string `json:"field"`
	Kind  string `json:"kind"`
	Terms int    `json:"terms"`
}

type numberField struct {
	Field  string `json:"field"`
	Values int    `json:"values"` // distinct ones
	Rows   int    `json:"rows"`
}

// Attributes returns what filters can ask; nil where the release has none.
func (m *Model) Attributes() *Attributes { return m.catalogue.attributes }

// Fields returns the fields there are values of.
func (a *Attributes) Fields() []AttributeField { return a.fields }

// field returns what there is of a field that is asked for values of a kind; nil: no item has any.
func (a *Attributes) field(name, kind string) (*attribute, error) {
	switch is := builtin(name); {
	case is == "" && !strings.HasPrefix(name, attributePrefix):
		return nil, fmt.Errorf("%w: %q is no field that can be asked", ErrFilter, name)
	case is != "" && is != kind:
		return nil, fmt.Errorf("%w: %s holds a %s, not a %s", ErrFilter, name, is, kind)
	}
	if name == fieldPrice {
		if len(a.prices) > 1 {
			return nil, fmt.Errorf("%w: price is in %d currencies: name one of %q, as in price.%s", ErrFilter, len(a.prices), a.prices, a.prices[len(a.prices)-1])
		}
		return a.currency, nil
	}
	at := a.byName[name]
	if at != nil && at.omitted || at == nil && a.partial {
		return nil, fmt.Errorf("%s: %w: too many values, or too many attributes", name, ErrNotIndexed)
	}
	return at, nil
}

// AttributeNames are those of the attributes that items have, sorted; whole is false where there may be others.
func (m *Model) AttributeNames() (names []string, whole bool) {
	a := m.catalogue.attributes
	if a == nil {
		return nil, false
	}
	for field := range a.byName {
		if name, ok := strings.CutPrefix(field, attributePrefix); ok {
			names = append(names, name)
		}
	}
	if m.patch != nil {
		for i := range m.patch.items {
			names = slices.AppendSeq(names, maps.Keys(m.patch.items[i].attributes))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), !a.partial
}

// openAttributes reads the sections for filters. Catalogues from before there were any have none.
func (c *catalogue) openAttributes(sec *sections, fm *filterMeta, n int) error {
	if fm == nil {
		return nil
	}
	a := &Attributes{byName: map[string]*attribute{}, partial: fm.Partial}
	for _, f := range fm.Omitted {
		a.at(f).omitted = true
	}
	if err := a.openTerms(sec, fm, n); err != nil {
		return err
	}
	if err := a.openNumbers(sec, fm, n); err != nil {
		return err
	}
	for i, e := range c.expires {
		if i == 0 {
			a.addNumbers(fieldExpires, &column64{})
		}
		a.byName[fieldExpires].numbers.append(float64(e.Time), e.Row)
	}
	if len(c.expires) > 0 {
		a.byName[fieldExpires].numbers.end()
	}
	c.attributes = a
	return nil
}

func (a *Attributes) at(field string) *attribute {
	at := a.byName[field]
	if at == nil {
		at = new(attribute)
		a.byName[field] = at
	}
	return at
}

func (a *Attributes) openTerms(sec *sections, fm *filterMeta, n int) error {
	total := 0
	for _, f := range fm.Terms {
		if f.Terms < 1 || f.Terms > maxTerms-total || f.Kind != kindText && f.Kind != kindFlag || builtin(f.Field) == kindNumber {
			return fmt.Errorf("meta: filters: %d terms of kind %q of field %q", f.Terms, f.Kind, f.Field)
		}
		at := a.at(f.Field)
		to := &at.texts
		if f.Kind == kindFlag {
			to = &at.flags
		}
		if at.omitted || to.to > 0 {
			return fmt.Errorf("meta: filters: field %q twice, or omitted", f.Field)
		}
		*to = span{total, total + f.Terms}
		total += f.Terms
		a.fields = append(a.fields, AttributeField{Name: f.Field, Kind: f.Kind, Values: f.Terms})
	}
	if err := a.terms.open(sec, total, n); err != nil {
		return err
	}
	from := 0
	for i := range a.fields {
		f := &a.fields[i]
		if err := a.terms.checkOrder(from, from+f.Values); err != nil {
			return fmt.Errorf("%s: %s: %w", secTermText, f.Name, err)
		}
		for t := from; t < from+f.Values; t++ {
			f.Rows += a.terms.count(t)
		}
		from += f.Values
	}
	return nil
}

func (a *Attributes) openNumbers(sec *sections, fm *filterMeta, n int) error {
	values := snapshot.View[float64](sec.bytes(secNumValues, maxHot))
	starts := snapshot.U32s(sec.bytes(secNumStarts, maxHot))
	rows := snapshot.View[edged.Row](sec.bytes(secNumRows, maxHot))
	if sec.err != nil {
		return sec.err
	}
	for _, f := range fm.Numbers {
		if f.Values < 1 || f.Rows < f.Values || f.Values > len(values) || f.Values >= len(starts) || f.Rows > len(rows) {
			return fmt.Errorf("meta: filters: %d values and %d rows of field %q: more than there are, or none", f.Values, f.Rows, f.Field)
		}
		if k := builtin(f.Field); k != kindNumber && k != "" || f.Field == fieldPrice || f.Field == fieldExpires {
			return fmt.Errorf("meta: filters: numbers of field %q", f.Field)
		}
		if at := a.at(f.Field); at.omitted || at.numbers != nil {
			return fmt.Errorf("meta: filters: field %q twice, or omitted", f.Field)
		}
		c := &column64{values: values[:f.Values:f.Values], starts: starts[: f.Values+1 : f.Values+1], rows: rows[:f.Rows:f.Rows]}
		if err := c.check(n); err != nil {
			return fmt.Errorf("numbers of %s: %w", f.Field, err)
		}
		values, starts, rows = values[f.Values:], starts[f.Values+1:], rows[f.Rows:]
		a.addNumbers(f.Field, c)
	}
	if len(values)+len(starts)+len(rows) > 0 {
		return fmt.Errorf("%s, %s, %s: entries that no field claims", secNumValues, secNumStarts, secNumRows)
	}
	return nil
}

func (a *Attributes) addNumbers(field string, c *column64) {
	at := a.at(field)
	at.numbers = c
	a.fields = append(a.fields, AttributeField{Name: field, Kind: kindNumber, Values: len(c.values), Rows: len(c.rows)})
	if currency, ok := strings.CutPrefix(field, pricePrefix); ok {
		a.prices = append(a.prices, currency)
		slices.Sort(a.prices)
		if a.currency = at; len(a.prices) > 1 {
			a.currency = nil
		}
	}
}
