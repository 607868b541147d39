package model

import (
	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/quant"
)

// Brief is what ranking asks of every candidate, side by side.
type Brief = kernel.Brief

// Briefs returns those of all rows of the release, by the places of their vectors; nil without blends. It is shared: don't write.
func (m *Model) Briefs() []Brief { return m.briefs }

// Blocks says in which order the blocks of vectors are multiplied.
func (m *Model) Blocks() *quant.Blocks { return &m.blocks }

// Place returns where the vector of a row of the release is.
func (m *Model) Place(row edged.Row) uint32 { return m.place[row] }

// Order returns the rows of the release by the places of their vectors. It is shared: don't write.
func (m *Model) Order() []edged.Row { return m.order }

// Vectors returns the vectors of the release, by place.
func (m *Model) Vectors() *quant.Rows { return &m.rows }

func (m *Model) makeBriefs() {
	m.blocks = m.rows.Blocks(m.gram)
	m.briefs = make([]Brief, len(m.order))
	for place, row := range m.order {
		b := &m.briefs[place]
		b.Popular, b.Scale, b.Row = m.popularZ[row], m.rows.Scales[place], uint32(row)
		b.SetLengths(m.blocks.Lengths(&m.rows, place))
	}
}
