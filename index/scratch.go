package index

import (
	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/quant"
)

// Scratch is the working memory of a search. The zero Scratch is ready.
type Scratch struct {
	Stats  Stats
	query  quant.Query
	table  quant.Table
	params kernel.ScanParams
	best   top
	dots   []int32
	low    []int32
	near   []uint32  // places of candidates whose remainders count
	high   []int32   // their dot products
	centre []int32   // dot products of the centroids
	turned []int32   // the query under the frame
	upper  []float32 // what the best row of each cell promises
	cells  []uint32  // that promise enough
	list   []uint64  // cells to visit, most promising first
	cand   []uint32  // places to be scored
	scales []float32 // theirs
	masks  [2 * chunk / kernel.BlockRows]uint32
	rows   []edged.Row // that a filter lets pass
	sorted []uint64    // room for list
	seeded []uint32    // rows of each cell that were scored first
	hits   []Hit

	excluded fewBits // the query's rows, or their places
}

func (s *Scratch) prepare(x *Index) {
	if len(s.dots) < 2*chunk {
		s.dots, s.low, s.high = make([]int32, 2*chunk), make([]int32, 2*chunk), make([]int32, 0, 2*chunk)
		s.scales = make([]float32, 2*chunk)
		s.cand, s.near = make([]uint32, 0, 2*chunk+4), make([]uint32, 0, 2*chunk+4)
	}
	l := x.layout
	if l == nil {
		return
	}
	if n := l.Cells(); len(s.upper) < n {
		s.upper, s.seeded, s.list, s.centre = make([]float32, n), make([]uint32, n), make([]uint64, 0, n), make([]int32, x.centres.Room())
		s.cells, s.sorted = make([]uint32, n), make([]uint64, n)
	}
	if n := x.frame.Room(); len(s.turned) < n {
		s.turned = make([]int32, n)
	}
}
