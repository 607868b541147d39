// Package quant turns float vectors into small integers and back.
//
// An item's vector x becomes 8-bit codes c with one scale s a row, so that |x − c·s| ≤ s/2 (and a hair of float32
// rounding) in every dimension. Where that is too coarse, a second plane of 8-bit codes holds the remainder:
// |x − (c + l/256)·s| ≤ s/256. Codes that resemble earlier ones (EncodeLike) are a little farther off. A query becomes 16-bit codes
// with one scale. Dot products are integers, so a score is the same bits on every CPU, whatever the order of additions:
//
//	score = float32(float64(Σ c·q) · s_row · s_query)                      without a remainder
//	score = float32(float64(256·Σ c·q + Σ l·q) · s_row · s_query / 256)    with one
//
// For scans over many rows there are codes of one or two bits a dimension (Bits), whose products with a query (Table)
// are estimates with a stated error.
//
// All types are plain memory without hidden state: Rows, Frame and Bits may be shared by any number of goroutines as
// long as nobody writes, a Query or a Table belongs to one search at a time.
package quant

import (
	"fmt"
	"math"
	"slices"

	"github.com/edged/edged/internal/kernel"
)

// Limits of a vector.
const (
	MaxDim  = kernel.MaxDim
	MaxNorm = 1e9 // longest vector; keeps every score far from float32's end
)

// minPeak is the largest |x| of a row that still gets codes: below it the row is the zero vector, since its scale
// would leave float32's normal range.
const minPeak = 1e-30

// Rows is a matrix of 8-bit codes with a scale for each row. Codes of one row take Stride bytes: Dim rounded up to a
// multiple of 8, the rest zero.
type Rows struct {
	Codes  []int8
	Scales []float32
	Low    []int8 // the remainder, laid out as Codes; nil: there is none
	Dim    int
}

// Stride returns the length of a row of dim codes: dim rounded up to a multiple of 8.
func Stride(dim int) int { return (dim + 7) &^ 7 }

// Encode quantises vectors, rows of dim floats each.
func Encode(vectors []float32, dim int) (Rows, error) { return encode(vectors, dim, false) }

// EncodeFine quantises vectors and keeps the remainder.
func EncodeFine(vectors []float32, dim int) (Rows, error) { return encode(vectors, dim, true) }

func encode(vectors []float32, dim int, fine bool) (Rows, error) {
	if dim < 1 || dim > MaxDim {
		return Rows{}, fmt.Errorf("vectors: %d dimensions, want 1 to %d", dim, MaxDim)
	}
	if len(vectors)%dim != 0 {
		return Rows{}, fmt.Errorf("vectors: %d numbers are no multiple of %d dimensions", len(vectors), dim)
	}
	n, stride := len(vectors)/dim, Stride(dim)
	rows := Rows{Codes: make([]int8, n*stride), Scales: make([]float32, n), Dim: dim}
	if fine {
		rows.Low = make([]int8, n*stride)
	}
	for i := range n {
		x := vectors[i*dim:][:dim]
		scale, err := encodeRow(rows.Codes[i*stride:][:dim], x)
		if err != nil {
			return Rows{}, fmt.Errorf("vector of row %d: %w", i, err)
		}
		rows.Scales[i] = scale
		if fine && scale > 0 {
			encodeLow(rows.Low[i*stride:][:dim], rows.Codes[i*stride:], x, scale)
		}
	}
	return rows, nil
}

func encodeRow(dst []int8, x []float32) (scale float32, err error) {
	peak, norm := peakAndNorm(x)
	if !(norm <= MaxNorm) {
		return 0, fmt.Errorf("length %g, at most %g", norm, MaxNorm)
	}
	if peak < minPeak {
		return 0, nil
	}
	scale = float32(peak / 127)
	for i, v := range x {
		dst[i] = codeOf(float64(v) / float64(scale))
	}
	return scale, nil
}

func encodeLow(dst, codes []int8, x []float32, scale float32) {
	for i, v := range x {
		dst[i] = lowOf(float64(v)/float64(scale), codes[i])
	}
}

// peakAndNorm returns max |x_i| and ‖x‖; the norm is NaN or infinite where some x_i is.
func peakAndNorm(x []float32) (peak, norm float64) {
	for _, v := range x {
		a := math.Abs(float64(v))
		peak = max(peak, a)
		norm += float64(a * a)
	}
	return peak, math.Sqrt(norm)
}

// Check reports what makes rows unfit for use: bytes that came from elsewhere pass here first.
func (r *Rows) Check() error {
	if r.Dim < 1 || r.Dim > MaxDim {
		return fmt.Errorf("vectors: %d dimensions, want 1 to %d", r.Dim, MaxDim)
	}
	stride := Stride(r.Dim)
	if len(r.Codes) != len(r.Scales)*stride {
		return fmt.Errorf("vectors: %d bytes of codes, want %d rows of %d", len(r.Codes), len(r.Scales), stride)
	}
	if r.Low != nil && len(r.Low) != len(r.Codes) {
		return fmt.Errorf("vectors: %d bytes of remainders, want %d", len(r.Low), len(r.Codes))
	}
	for i, s := range r.Scales {
		if !(s >= 0 && float64(s) <= MaxNorm/127) {
			return fmt.Errorf("vectors: scale %g of row %d, want 0 to %g", s, i, MaxNorm/127)
		}
	}
	return nil
}

// Len returns the number of rows.
func (r *Rows) Len() int { return len(r.Scales) }

// Row returns the codes of row i, padding included.
func (r *Rows) Row(i int) []int8 {
	stride := Stride(r.Dim)
	return r.Codes[i*stride:][:stride:stride]
}

// LowRow returns the remainder of row i, padding included.
func (r *Rows) LowRow(i int) []int8 {
	stride := Stride(r.Dim)
	return r.Low[i*stride:][:stride:stride]
}

// Fetch has row i fetched, so that it is near the CPU.
func (r *Rows) Fetch(i int) {
	kernel.Fetch(r.Row(i))
	kernel.Fetch(r.Scales[i : i+1])
	if r.Low != nil {
		kernel.Fetch(r.LowRow(i))
	}
}

// AppendWide appends row i in 16-bit codes, padding included, in units of Scales[i]/256.
func (r *Rows) AppendWide(dst []int16, i int) []int16 {
	for _, c := range r.Row(i) {
		dst = append(dst, 256*int16(c))
	}
	if r.Low != nil {
		wide := dst[len(dst)-Stride(r.Dim):]
		for k, l := range r.LowRow(i) {
			wide[k] += int16(l)
		}
	}
	return dst
}

// Append appends row i, decoded, to dst: Dim numbers.
func (r *Rows) Append(dst []float64, i int) []float64 {
	n, scale := len(dst), float64(r.Scales[i])
	dst = slices.Grow(dst, r.Dim)[:n+r.Dim]
	out := dst[n:]
	codes := r.Row(i)[:len(out)]
	if r.Low == nil {
		for k, c := range codes {
			out[k] = float64(c) * scale
		}
		return dst
	}
	low := r.LowRow(i)[:len(out)]
	for k, c := range codes {
		out[k] = float64(float64(256*int32(c)+int32(low[k]))*scale) / 256
	}
	return dst
}

// noLow is the remainder of rows that have none.
var noLow [MaxDim]int8

// AppendTimes appends row i, decoded, times a number and, dimension by dimension, times by: as many numbers as by has, Stride(Dim).
func (r *Rows) AppendTimes(dst []float32, i int, times float64, by []float32) []float32 {
	n, low := len(dst), noLow[:len(by)]
	if r.Low != nil {
		low = r.LowRow(i)
	}
	dst = slices.Grow(dst, len(by))[:n+len(by)]
	kernel.Widen(dst[n:], r.Row(i), low, float32(float64(r.Scales[i])*times/256), by)
	return dst
}

// Norm returns the Euclidean length of the decoded row i.
func (r *Rows) Norm(i int) float64 {
	var sum int64
	if r.Low == nil {
		for _, c := range r.Row(i) {
			sum += int64(c) * int64(c)
		}
		return math.Sqrt(float64(sum)) * float64(r.Scales[i])
	}
	low := r.LowRow(i)
	for k, c := range r.Row(i) {
		w := 256*int64(c) + int64(low[k])
		sum += w * w
	}
	return math.Sqrt(float64(sum)) * float64(r.Scales[i]) / 256
}

// Gram returns the diagonal of YᵀY, Y being the decoded rows.
func (r *Rows) Gram() []float32 {
	sums := make([]float64, r.Dim)
	row := make([]float64, 0, r.Dim)
	for i := range r.Len() {
		row = r.Append(row[:0], i)
		for k, y := range row {
			sums[k] += float64(y * y)
		}
	}
	gram := make([]float32, r.Dim)
	for k, s := range sums {
		gram[k] = float32(s)
	}
	return gram
}
