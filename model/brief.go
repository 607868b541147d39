package model

import (
	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/quant"
)

// Brief is what ranking asks of every candidate, in one place.
type Brief = kernel.Brief

// Briefs returns those of all rows of the release; nil without blends. It is shared: don't write.
func (m *Model) Briefs() []Brief { return m.briefs }

// Blocks says in which order the blocks of vectors are multiplied.
func (m *Model) Blocks() *quant.Blocks { return &m.blocks }

// Vectors returns the vectors of the release, by place.
func (m *Model) Vectors() *quant.Rows { return &m.rows }

func (m *Model) makeBriefs() {
	m.blocks = m.rows.Blocks(m.gram)
	m.briefs = make([]Brief, len(m.place))
	rows := make([]edged.Row, len(m.place)) // by place, in which order the vectors lie
	for row, place := range m.place {
		rows[place] = edged.Row(row)
	}
	for place, row := range rows {
		b := &m.briefs[row]
		b.Popular, b.Scale, b.Place = m.popularZ[row], m.rows.Scales[place], uint32(place)
		b.SetLengths(m.blocks.Lengths(&m.rows, place))
	}
}
