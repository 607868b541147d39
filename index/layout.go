package index

import (
	"fmt"
	"math"

	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/quant"
)

// Limits of a layout.
const (
	MaxCells = 1 << 16
	MaxRows  = 1 << 26
)

// Layout is how rows lie for an approximate search: in cells of similar directions, in order of falling length inside
// each, with a bit code each. The first cell may be the head: the longest rows of all, visited first by every query.
//
// A row of cell c is x = h·C + r: h times the cell's decoded centroid, and a residual, of which F and Codes hold an
// estimate f·y under Frame (quant.EncodeBits). So its score with q is about h·⟨q,C⟩ + f·⟨y,Mq⟩.
//
// Codes, F and H are padded with empty rows so that every cell is whole blocks of kernel.BlockRows.
type Layout struct {
	Bits      int
	Head      bool     // the first cell is the head
	Sigma     float32  // standard deviation of an estimate's error for a random query, over f·‖Mq‖
	Starts    []uint32 // first place of each cell, and the number of rows
	Frame     quant.Frame
	Centroids quant.Rows // one for each cell
	Radius    []float32  // of each cell: the longest residual where rows are, an upper bound
	Codes     []byte
	F, H      []float32
}

// Cells returns the number of cells.
func (l *Layout) Cells() int { return len(l.Radius) }

// Blocks returns the number of blocks.
func (l *Layout) Blocks() int {
	n := 0
	for c := range l.Cells() {
		n += blocksOf(int(l.Starts[c+1] - l.Starts[c]))
	}
	return n
}

func blocksOf(rows int) int { return (rows + kernel.BlockRows - 1) / kernel.BlockRows }

// Check reports what makes a layout of n rows of dim dimensions unfit for use.
func (l *Layout) Check(n, dim int) error {
	if l.Bits != 1 && l.Bits != 2 {
		return fmt.Errorf("layout: %d bits", l.Bits)
	}
	if len(l.Radius) < 1 || len(l.Radius) > MaxCells || len(l.Starts) != len(l.Radius)+1 {
		return fmt.Errorf("layout: %d radii, %d starts", len(l.Radius), len(l.Starts))
	}
	for c, s := range l.Starts {
		if c == 0 && s != 0 || c > 0 && s < l.Starts[c-1] || int64(s) > int64(n) {
			return fmt.Errorf("layout: cell %d starts at %d of %d", c, s, n)
		}
	}
	if int(l.Starts[l.Cells()]) != n {
		return fmt.Errorf("layout: cells of %d rows, want %d", l.Starts[l.Cells()], n)
	}
	if err := l.Frame.Check(); err != nil {
		return err
	}
	if err := l.Centroids.Check(); err != nil {
		return err
	}
	if l.Frame.Dim != dim || l.Centroids.Dim != dim || l.Centroids.Len() != l.Cells() {
		return fmt.Errorf("layout: frame of %d dimensions, %d centroids of %d, want %d of %d",
			l.Frame.Dim, l.Centroids.Len(), l.Centroids.Dim, l.Cells(), dim)
	}
	blocks := l.Blocks()
	if want := blocks * kernel.BlockRows * quant.CodeBytes(dim, l.Bits); len(l.Codes) != want {
		return fmt.Errorf("layout: %d bytes of codes, want %d", len(l.Codes), want)
	}
	if want := blocks * kernel.BlockRows; len(l.F) != want || len(l.H) != want {
		return fmt.Errorf("layout: %d and %d factors, want %d", len(l.F), len(l.H), want)
	}
	if !(l.Sigma >= 0 && l.Sigma <= 1e3) {
		return fmt.Errorf("layout: sigma %g", l.Sigma)
	}
	return l.checkNumbers()
}

func (l *Layout) checkNumbers() error {
	for c, r := range l.Radius {
		if !(r >= 0 && finite(r)) {
			return fmt.Errorf("layout: radius %g of cell %d", r, c)
		}
	}
	for i := range l.F {
		if !finite(l.F[i]) || !finite(l.H[i]) {
			return fmt.Errorf("layout: factors %g and %g of row %d", l.F[i], l.H[i], i)
		}
	}
	return nil
}

func finite(v float32) bool { return math.Abs(float64(v)) <= math.MaxFloat32 }
