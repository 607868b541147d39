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
	Bounds    []Bound    // one for each cell
	Codes     []byte
	F, H      []float32
}

// Bound is what limits the scores of a cell's rows. Its layout (four times four bytes) is also that in a snapshot.
type Bound struct {
	Least, Most float32 // of the rows' h
	Radius      float32 // longest residual, an upper bound
	Wide        float32 // longest residual under the frame
}

// Cells returns the number of cells.
func (l *Layout) Cells() int { return len(l.Bounds) }

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
	if len(l.Bounds) < 1 || len(l.Bounds) > MaxCells || len(l.Starts) != len(l.Bounds)+1 {
		return fmt.Errorf("layout: %d bounds, %d starts", len(l.Bounds), len(l.Starts))
	}
	for c, s := range l.Starts {
		if c == 0 && s != 0 || c > 0 && s < l.Starts[c-1] || int64(s) > int64(n) {
			return fmt.Errorf("layout: cell %d starts at %d of %d", c, s, n)
		}
	}
	if int(l.Starts[len(l.Bounds)]) != n {
		return fmt.Errorf("layout: cells of %d rows, want %d", l.Starts[len(l.Bounds)], n)
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
	for c, b := range l.Bounds {
		for _, v := range []float32{b.Least, b.Most, b.Radius, b.Wide} {
			if !finite(v) {
				return fmt.Errorf("layout: bounds of cell %d: %v", c, b)
			}
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
