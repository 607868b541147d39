package quant

import (
	"cmp"
	"math"
	"slices"

	"github.com/edged/edged/internal/kernel"
)

// Blocks say in which order the parts of rows are multiplied with a query, so that most rows are known not to score enough before all of them was
// read: by Cauchy and Schwarz what is left of a product is at most the lengths of what is left of both, multiplied. A block is a line of memory; rows that
// are no whole lines are one block. Those with most of the rows' squares come first.
type Blocks struct {
	order  []int
	size   int     // codes of a block
	stride int     // codes of a row
	coarse float32 // no row's remainder, in units of its scale, is longer
}

const lineCodes = 64

// Blocks returns the order for these rows, gram being the diagonal of YᵀY.
func (r *Rows) Blocks(gram []float32) Blocks {
	b := Blocks{stride: Stride(r.Dim), size: Stride(r.Dim)}
	if b.stride%lineCodes == 0 {
		b.size = lineCodes
	}
	sums := make([]float32, b.stride/b.size)
	for k, g := range gram {
		sums[k/b.size] += g
	}
	for i := range sums {
		b.order = append(b.order, i)
	}
	slices.SortStableFunc(b.order, func(i, j int) int { return cmp.Compare(sums[j], sums[i]) })
	if r.Low != nil {
		b.coarse = r.longestLow()
	}
	return b
}

// longestLow returns a number that the length of no remainder exceeds, in units of the row's scale.
func (r *Rows) longestLow() float32 {
	var most int64
	for i := range r.Len() {
		most = max(most, squares8(r.LowRow(i)))
	}
	return float32(math.Sqrt(float64(most)) / 256 * (1 + 1e-6))
}

func squares8(x []int8) (sum int64) {
	for _, c := range x {
		sum += int64(c) * int64(c)
	}
	return sum
}

// Len returns the number of blocks.
func (b *Blocks) Len() int { return len(b.order) }

// Lengths returns the lengths of the decoded row i, and of what the first block and the first two leave of it.
func (b *Blocks) Lengths(r *Rows, i int) (whole, one, two float64) {
	var left [3]float64
	for n, block := range b.order {
		sum := b.squares(r, i, block)
		for k := range min(n+1, len(left)) {
			left[k] += sum
		}
	}
	scale := float64(r.Scales[i]) / 256
	return math.Sqrt(left[0]) * scale, math.Sqrt(left[1]) * scale, math.Sqrt(left[2]) * scale
}

// squares adds up those of a block of row i, in units of its scale/256.
func (b *Blocks) squares(r *Rows, i, block int) float64 {
	codes := r.Row(i)[block*b.size:][:b.size]
	if r.Low == nil {
		return float64(squares8(codes) << 16)
	}
	var sum int64
	for k, l := range r.LowRow(i)[block*b.size:][:b.size] {
		w := 256*int64(codes[k]) + int64(l)
		sum += w * w
	}
	return float64(sum)
}

// Left writes to dst, of each number of blocks from 0 on, the length of what these leave of the query.
func (b *Blocks) Left(dst []float32, q *Query) []float32 {
	dst = dst[:0]
	sum := 0.0
	for n := len(b.order); n >= 0; n-- {
		if n < len(b.order) {
			for _, c := range q.Codes[b.order[n]*b.size:][:b.size] {
				sum += float64(int64(c) * int64(c))
			}
		}
		dst = append(dst, float32(math.Sqrt(sum)*q.Scale*(1+1e-6)))
	}
	slices.Reverse(dst)
	return dst
}

// Coarse returns a number that the length of no row's remainder exceeds, in units of the row's scale; 0 where there are none.
func (b *Blocks) Coarse() float32 { return b.coarse }

// Multiply writes to dots the products of the n-th block of some rows with that of the query. A row is named by its Line.
func (b *Blocks) Multiply(dots []int32, r *Rows, q *Query, n int, lines []uint32) {
	at := b.order[n] * b.size
	kernel.DotGatherI8I16(dots, r.Codes[at:], lines, q.Codes[at:][:b.size])
}

// Line returns what names a row for Multiply: where it begins, counted in blocks.
func (b *Blocks) Line(row uint32) uint32 { return row * uint32(len(b.order)) }

// RowOf returns the row of a line.
func (b *Blocks) RowOf(line uint32) uint32 { return line / uint32(len(b.order)) }
