package index

import (
	"slices"

	"github.com/edged/edged/internal/kernel"
)

// promises are the bounds of all cells.
type promises struct {
	most   []float32 // of the h of each cell
	least  []float32
	scales []float32 // of the centroids
	wide   []float32
}

func (x *Index) newPromises() (p promises) {
	l := x.layout
	p.scales = l.Centroids.Scales
	for c := range l.Cells() {
		first, last := x.first[c], x.first[c+1]
		if first == last {
			p.most, p.least, p.wide = append(p.most, 0), append(p.least, 0), append(p.wide, 0)
			continue
		}
		n := int(l.Starts[c+1] - l.Starts[c])
		least := slices.Min(l.H[int(first)*kernel.BlockRows:][:n])
		p.most, p.least, p.wide = append(p.most, x.most[first]), append(p.least, least), append(p.wide, x.wide[first])
	}
	return p
}

// fill estimates what the best row of each cell may score, residuals counting kappa/‖Mq‖ of their length, and returns
// the cell that promises most.
func (p *promises) fill(s *Scratch, kappa float32) (at int) {
	n := len(p.wide)
	upper := s.upper[:n]
	best := kernel.Promise(upper, s.centre[:n], p.most, p.least, p.scales, p.wide, float32(s.query.Scale), kappa)
	if kernel.AtLeast(s.cells[:n], upper, best) == 0 {
		return 0 // of numbers that are none
	}
	return int(s.cells[0])
}
