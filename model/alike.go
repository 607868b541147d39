package model

import (
	"github.com/edged/edged"
	"github.com/edged/edged/quant"
)

// SetQuery makes q the vector of a row, as it is decoded.
func (m *Model) SetQuery(q *quant.Query, row edged.Row) {
	rows, place := m.vectorOf(row)
	q.Codes = rows.AppendWide(q.Codes[:0], place)
	q.Scale = float64(rows.Scales[place]) / 256
	q.Norm = rows.Norm(place)
}

// Length returns the length of a row's vector.
func (m *Model) Length(row edged.Row) float64 {
	rows, place := m.vectorOf(row)
	return rows.Norm(place)
}
