package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/edged/edged"
	"github.com/edged/edged/quant"
)

// Patch is what is to be different from a release, of its catalogue.
type Patch struct {
	Prices map[edged.Row]float64 // of rows of the release, above 0
	Items  []edged.Item          // new ones: they get the rows that follow. The release has none of their ids, and none is there twice
}

// patch is a Patch worked out for a release.
type patch struct {
	base   int // rows of the release
	prices map[edged.Row]price
	order  []edged.Row // of prices, ascending
	items  []newItem
	byID   map[string]edged.Row
	byHash map[uint64]edged.Row // by the id's XXH64
	rows   quant.Rows           // of items
}

// price is a changed one.
type price struct {
	value    float64
	text     []byte // JSON
	currency string // as the release has it
}

// newItem is an item the release doesn't have.
type newItem struct {
	edged.Item
	fields     map[string][]byte // as JSON
	attributes map[string]any
}

// With returns the release with a patch. It shares the memory of m, which must be without one, and stays as it is: its tables, lists and
// search know the release's rows alone (Base). New items have the vector that what they say of themselves maps to, or one of zeros where the release
// has no content map.
func (m *Model) With(p Patch) (*Model, error) {
	if m.patch != nil {
		panic("BUG: model: a patch on a patch")
	}
	out := *m
	out.patch = &patch{base: m.Len(), prices: make(map[edged.Row]price, len(p.Prices)), byID: map[string]edged.Row{}, byHash: map[uint64]edged.Row{}}
	if err := out.patch.setPrices(m, p.Prices); err != nil {
		return nil, err
	}
	var vectors []float32
	var err error
	for i := range p.Items {
		if err := out.patch.add(&p.Items[i]); err != nil {
			return nil, err
		}
		if vectors, err = m.AppendContent(vectors, &p.Items[i]); err != nil {
			return nil, err
		}
	}
	out.patch.rows, err = quant.Encode(vectors, m.Dim())
	return &out, err
}

func (p *patch) setPrices(m *Model, prices map[edged.Row]float64) error {
	p.order = slices.Sorted(maps.Keys(prices))
	for _, row := range p.order {
		text, _, err := m.AppendField(nil, row, "currency")
		if err != nil {
			return err
		}
		c := price{value: prices[row], text: strconv.AppendFloat(nil, prices[row], 'f', -1, 64)}
		if len(text) > 0 {
			if err := json.Unmarshal(text, &c.currency); err != nil {
				return fmt.Errorf("currency of row %d: %w", row, err)
			}
		}
		p.prices[row] = c
	}
	return nil
}

func (p *patch) add(it *edged.Item) error {
	n := newItem{Item: *it, fields: map[string][]byte{}}
	for i := range fields {
		text, err := fields[i].encodeValue(it)
		if err != nil {
			return err
		}
		if text != nil {
			n.fields[fields[i].name] = text
		}
	}
	if len(it.Attributes) > 0 {
		d := json.NewDecoder(bytes.NewReader(it.Attributes))
		d.UseNumber() // as the writer of postings does
		if err := d.Decode(&n.attributes); err != nil {
			return fmt.Errorf("item %q: attributes: %w", it.ID, err)
		}
	}
	row := edged.Row(p.base + len(p.items))
	p.items = append(p.items, n)
	p.byID[it.ID], p.byHash[xxhash.Sum64String(it.ID)] = row, row
	return nil
}

// Base returns the number of rows the release itself has: new items come behind them.
func (m *Model) Base() int { return m.ids.len() }

// New returns the new item in a row behind those of the release.
func (m *Model) New(row edged.Row) *edged.Item { return &m.fresh(row).Item }

// fresh is the new item in a row.
func (m *Model) fresh(row edged.Row) *newItem { return &m.patch.items[int(row)-m.patch.base] }

// isNew reports whether a row is behind those of the release.
func (m *Model) isNew(row edged.Row) bool { return int(row) >= len(m.place) }

// vectorOf returns the rows of vectors a row's is among, and its place there.
func (m *Model) vectorOf(row edged.Row) (*quant.Rows, int) {
	if m.isNew(row) {
		return &m.patch.rows, int(row) - m.patch.base
	}
	return &m.rows, int(m.place[row])
}

// patchedField is a field that differs from what the catalogue has.
func (p *patch) field(row edged.Row, field string) (text []byte, ok bool) {
	if int(row) >= p.base {
		return p.items[int(row)-p.base].fields[field], true
	}
	if field == fieldPrice {
		if c, changed := p.prices[row]; changed {
			return c.text, true
		}
	}
	return nil, false
}
