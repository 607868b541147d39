package index

import (
	"math"
	"slices"

	"github.com/edged/edged/internal/kernel"
)

// promises are the bounds of all cells.
type promises struct {
	ends   []float32 // the most and the least h of each cell
	scales []float32 // of the centroids
	wide   []float32
}

func (x *Index) newPromises() (p promises) {
	l := x.layout
	p.scales = l.Centroids.Scales
	for c := range l.Cells() {
		first, last := x.first[c], x.first[c+1]
		if first == last {
			p.ends, p.wide = append(p.ends, 0, 0), append(p.wide, 0)
			continue
		}
		n := int(l.Starts[c+1] - l.Starts[c])
		least := slices.Min(l.H[int(first)*kernel.BlockRows:][:n])
		p.ends, p.wide = append(p.ends, x.most[first], least), append(p.wide, x.wide[first])
	}
	return p
}

// fill estimates what the best row of each cell may score, residuals counting kappa/‖Mq‖ of their length, and returns
// the cell that promises most.
func (p *promises) fill(s *Scratch, kappa float32) (at int) {
	wide := p.wide
	dots, upper, ends, scales := s.centre[:len(wide)], s.upper[:len(wide)], p.ends[:2*len(wide)], p.scales[:len(wide)]
	scale := float32(s.query.Scale)
	best := float32(math.Inf(-1))
	for c, dot := range dots {
		h := ends[2*c+int(uint32(dot)>>31)]
		v := float32(float32(float32(float32(float32(dot)*h)*scale)*scales[c]) + float32(kappa*wide[c]))
		upper[c] = v
		if v > best {
			best, at = v, c
		}
	}
	return at
}
