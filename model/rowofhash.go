package model

import (
	"github.com/cespare/xxhash/v2"

	"github.com/edged/edged"
)

// RowOfHash returns the row of the item whose id has this XXH64, by which profile tokens name it.
func (m *Model) RowOfHash(hash uint64) (edged.Row, bool) {
	t := m.ids
	row, ok := t.find(hash, func(row uint32) bool { return xxhash.Sum64String(t.id(edged.Row(row))) == hash })
	if !ok && m.patch != nil {
		row, ok = m.patch.byHash[hash]
	}
	return row, ok
}
