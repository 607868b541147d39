package rules

import (
	"bytes"
	"fmt"

	"github.com/edged/edged"
)

// Groups are what caps count: of each row of a catalogue its brand, and the first category it has, in full. It is immutable.
type Groups struct {
	number             int // 1 + the largest number of a group
	categories, brands []uint32
}

// GroupsOf reads them.
func GroupsOf(cat Catalogue) (*Groups, error) {
	g := &Groups{number: 1, categories: make([]uint32, cat.Len()), brands: make([]uint32, cat.Len())}
	known := map[string]uint32{}
	var buf []byte
	for row := range g.categories {
		for _, of := range []struct {
			field string
			to    []uint32
		}{{"categories", g.categories}, {"brand", g.brands}} {
			out, ok, err := cat.AppendField(append(buf[:0], of.field...), edged.Row(row), of.field)
			if buf = out; err != nil {
				return nil, fmt.Errorf("row %d: %s: %w", row, of.field, err)
			}
			if !ok {
				continue
			}
			key := firstText(out, len(of.field))
			if key == nil {
				continue
			}
			number, ok := known[string(key)]
			if !ok {
				number = uint32(g.number)
				known[string(key)] = number
				g.number++
			}
			of.to[row] = number
		}
	}
	return g, nil
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
