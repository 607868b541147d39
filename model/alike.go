package model

import (
	"github.com/edged/edged"
	"github.com/edged/edged/quant"
)

// SetQuery makes q the vector of a row, as it is decoded.
func (m *Model) SetQuery(q *quant.Query, row edged.Row) {
	place := int(m.place[row])
	q.Codes = m.rows.AppendWide(q.Codes[:0], place)
	q.Scale = float64(m.rows.Scales[place]) / 256
	q.Norm = m.rows.Norm(place)
}

// Length returns the length of a row's vector.
func (m *Model) Length(row edged.Row) float64 { return m.rows.Norm(int(m.place[row])) }
