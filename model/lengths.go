package model

import (
	"math"

	"github.com/edged/edged/quant"
)

// lengthsOf returns upper bounds of the vectors' lengths, by row.
func lengthsOf(rows *quant.Rows, place []uint32) []float32 {
	list := make([]float32, len(place))
	for i, p := range place {
		list[i] = math.Nextafter32(float32(rows.Norm(int(p))*(1+1e-7)), math.MaxFloat32)
	}
	return list
}

// MaxLengths returns numbers that the lengths of the rows' vectors don't exceed, by row, for models with blends.
func (m *Model) MaxLengths() []float32 { return m.lengths }
