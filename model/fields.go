package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/edged/edged"
)

// field is a column of the catalogue: its name, and an item's value, nil where it has none.
type field struct {
	name  string
	value func(*edged.Item) any
}

// fields are all columns there are, in the order they are written. A name has at most 11 bytes, so that the names of
// its sections fit.
var fields = []field{
	{"title", func(it *edged.Item) any { return text(it.Title) }},
	{"description", func(it *edged.Item) any { return text(it.Description) }},
	{"categories", func(it *edged.Item) any { return texts(it.Categories) }},
	{"price", func(it *edged.Item) any { return number(it.Price) }},
	{"currency", func(it *edged.Item) any { return text(it.Currency) }},
	{"image", func(it *edged.Item) any { return text(it.Image) }},
	{"url", func(it *edged.Item) any { return text(it.URL) }},
	{"brand", func(it *edged.Item) any { return text(it.Brand) }},
	{"tags", func(it *edged.Item) any { return texts(it.Tags) }},
	{"published", func(it *edged.Item) any { return moment(it.Published) }},
	{"expires", func(it *edged.Item) any { return moment(it.Expires) }},
	{"attributes", func(it *edged.Item) any { return object(it.Attributes) }},
}

func knownField(name string) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return f.name == name })
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func texts(list []string) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

func number(x float64) any {
	if x == 0 {
		return nil
	}
	return x
}

func moment(ms int64) any {
	if ms <= 0 {
		return nil
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
}

// object returns attributes in one line; JSON accepts any bytes inside a string, an answer must be UTF-8.
func object(raw json.RawMessage) any {
	if len(raw) == 0 {
		return nil
	}
	return json.RawMessage(bytes.ToValidUTF8(raw, []byte("\uFFFD")))
}

// encodeValue returns the JSON of an item's field, nothing where it has none. "<", ">" and "&" are escaped, so that an
// answer can be put into a page.
func (f *field) encodeValue(it *edged.Item) ([]byte, error) {
	v := f.value(it)
	if v == nil {
		return nil, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	if len(b) > maxValue {
		return nil, fmt.Errorf("%s: %d bytes, at most %d", f.name, len(b), maxValue)
	}
	return b, nil
}

// encodeColumn returns a field's two sections, nil where no item has it.
func (f *field) encodeColumn(items []edged.Item) (offs []uint32, values []byte, err error) {
	offs = make([]uint32, 1, len(items)+1)
	for i := range items {
		b, err := f.encodeValue(&items[i])
		if err != nil {
			return nil, nil, fmt.Errorf("item %q: %w", items[i].ID, err)
		}
		values = append(values, b...)
		if uint64(len(values)) > maxText {
			return nil, nil, fmt.Errorf("field %s: more than %d bytes", f.name, uint64(maxText))
		}
		offs = append(offs, uint32(len(values)))
	}
	if len(values) == 0 {
		return nil, nil, nil
	}
	return offs, values, nil
}
