package model

import (
	"math"

	"github.com/edged/edged"
	"github.com/edged/edged/quant"
)

// lengths are upper bounds of the vectors' lengths, a byte a row, so that all of them stay near the CPU. A code is in
// sixteenths of a power of two below the longest.
type lengths struct {
	codes []uint8
	upper [256]float64
}

func newLengths(rows *quant.Rows, place []uint32) *lengths {
	norms, longest := make([]float64, len(place)), 0.0
	for i, p := range place {
		norms[i] = rows.Norm(int(p))
		longest = max(longest, norms[i])
	}
	l := &lengths{codes: make([]uint8, len(place))}
	for c := range l.upper {
		l.upper[c] = longest * math.Exp2(float64(c-255)/16) * (1 + 1e-9)
	}
	for i, norm := range norms {
		c := 0
		if norm > 0 {
			c = max(0, 254-int(16*math.Log2(longest/norm)))
		}
		for c < 255 && l.upper[c] < norm {
			c++
		}
		l.codes[i] = uint8(c)
	}
	return l
}

// MaxLength returns a number that the length of a row's vector doesn't exceed, for models with blends.
func (m *Model) MaxLength(row edged.Row) float64 { return m.lengths.upper[m.lengths.codes[row]] }
