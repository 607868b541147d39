package rules

import (
	"bytes"
	"fmt"
	"maps"

	"github.com/edged/edged"
)

// Groups are what caps count: of each row of a catalogue its brand, and the first category it has, in full. It is immutable.
type Groups struct {
	number             int // 1 + the largest number of a group
	categories, brands []uint32
	known              map[string]uint32 // numbers by name
}

// GroupsOf reads them.
func GroupsOf(cat Catalogue) (*Groups, error) {
	return (&Groups{number: 1, known: map[string]uint32{}}).With(cat)
}

// With returns groups that know the rows behind those g does, too.
func (g *Groups) With(cat Catalogue) (*Groups, error) {
	out := &Groups{number: g.number, known: maps.Clone(g.known)}
	out.categories = append(make([]uint32, 0, cat.Len()), g.categories...)
	out.brands = append(make([]uint32, 0, cat.Len()), g.brands...)
	var buf []byte
	for row := len(g.categories); row < cat.Len(); row++ {
		for _, of := range []struct {
			field string
			to    *[]uint32
		}{{"categories", &out.categories}, {"brand", &out.brands}} {
			text, ok, err := cat.AppendField(append(buf[:0], of.field...), edged.Row(row), of.field)
			if buf = text; err != nil {
				return nil, fmt.Errorf("row %d: %s: %w", row, of.field, err)
			}
			number := uint32(0)
			if ok {
				number = out.numberOf(firstText(text, len(of.field)))
			}
			*of.to = append(*of.to, number)
		}
	}
	return out, nil
}

// numberOf returns the number of a group, its name led by its field; 0 without one.
func (g *Groups) numberOf(name []byte) uint32 {
	if name == nil {
		return 0
	}
	number, ok := g.known[string(name)]
	if !ok {
		number = uint32(g.number)
		g.known[string(name)] = number
		g.number++
	}
	return number
}

// firstText returns b up to the end of the first text of the JSON that begins at a place; nil without one that says something.
func firstText(b []byte, at int) []byte {
	open := bytes.IndexByte(b[at:], '"')
	if open < 0 {
		return nil
	}
	from := at + open + 1
	end := from
	for end < len(b) && b[end] != '"' {
		if b[end] == '\\' {
			end++
		}
		end++
	}
	if end == from || end >= len(b) {
		return nil
	}
	return append(b[:at], b[from:end]...)
}

// of returns the groups of a row, 0 where it is in none.
func (g *Groups) of(row edged.Row) (category, brand uint32) {
	if g == nil || int(row) >= len(g.categories) {
		return 0, 0
	}
	return g.categories[row], g.brands[row]
}
