// Package kernel holds the innermost loops of search and ranking: dot products of 8-bit rows with a 16-bit query, the scan of
// bit codes through byte tables, sums over columns by lists of rows, and the few float32 products of the fold-in.
//
// The plain-Go functions (generic.go) are compiled on every platform and are the reference. A variant is the same set
// of functions written for one kind of CPU; it must give the same bits for every input within the limits stated on each
// function: nearly all arithmetic is on integers that cannot overflow, and operations on floats are rounded one by one,
// never fused, in a stated order. So an answer does not depend on the machine, and any variant can be tested against the reference.
//
// The variant is chosen once, at start, from what the CPU can do; EDGED_SIMD=generic|avx2|avx512|neon|neondot forces one.
// Functions keep no state and may be called from any goroutine.
//
// # Bit codes
//
// Scan reads codes in blocks of BlockRows = 32 rows. A row's code is P bytes, P even; a block is 32·P bytes, and byte p
// of row r is at 32·p + r, so that one load takes the same byte of all rows of a block:
//
//	offset   0 … 31        32 … 63       …   32·(P-1) … 32·P-1
//	         byte 0 of     byte 1 of         byte P-1 of
//	         rows 0 … 31   rows 0 … 31       rows 0 … 31
//
// A byte holds two groups of four bits: group 2p in the low half, group 2p+1 in the high half. The look-up table has 16
// bytes for each group, group g at 16·g: the value of each of its 16 codes, at most MaxTable = 127. So the values of
// both groups of a byte add up within a byte, and those of the largest row (256 groups) within 15 bits. What a group
// means (four dimensions of one bit, two of two) is the caller's; see quant.
package kernel

// Limits the callers keep.
const (
	MaxDim    = 512 // longest vector: 128·32767·512 is the largest sum that fits an int32
	BlockRows = 32  // rows of a block of bit codes
	MaxTable  = 127 // largest entry of a look-up table
	MaxBytes  = 128 // longest bit code of a row
)

// ScanParams are the numbers of one Scan that hold for all its rows.
type ScanParams struct {
	Mul, Add float32 // estimate of the coded part = f·(sum·Mul + Add)
	Base     float32 // score of what the rows were coded relative to; a row has h times of it
	Limit    float32 // rows whose estimate is above it pass
}

// DotI8I16 returns Σ codes[i]·q[i] over len(codes) elements. q must be at least as long, codes at most MaxDim, and no
// q below -32767; then no partial sum overflows.
func DotI8I16(codes []int8, q []int16) int32 { return active.Dot(codes, q[:len(codes)]) }

// DotRowsI8I16 writes to dst[r] the dot product of q with row r of codes, rows lying one after the other, len(q) codes
// each. len(q) is a multiple of 8; codes must hold len(dst) rows.
func DotRowsI8I16(dst []int32, codes []int8, q []int16) {
	if len(dst) > 0 {
		active.DotRows(dst, codes[:len(dst)*len(q)], q)
	}
}

// DotGatherI8I16 writes to dst[i] the dot product of q with row rows[i] of codes. Every row must lie within codes.
func DotGatherI8I16(dst []int32, codes []int8, rows []uint32, q []int16) {
	dst = dst[:len(rows)]
	for _, r := range rows {
		if (int(r)+1)*len(q) > len(codes) {
			panic("BUG: kernel: row beyond the codes")
		}
	}
	if len(rows) > 0 {
		active.DotGather(dst, codes, rows, q)
	}
}

// DotBatchI8I16 is DotRowsI8I16 for several queries that share one pass over the rows: qs holds them one after the
// other, stride codes each, and dst[j·n+r] is the dot product of query j with row r of n = len(codes)/stride.
func DotBatchI8I16(dst []int32, codes []int8, qs []int16, stride int) {
	n, m := len(codes)/stride, len(qs)/stride
	if n > 0 && m > 0 {
		active.DotBatch(dst[:n*m], codes[:n*stride], qs[:m*stride], stride)
	}
}

// Scan estimates the scores of 32·len(masks) rows and says which are above the limit: bit r of masks[b] is set where
//
//	f[i]·(sum·Mul + Add) + h[i]·Base > Limit,  i = 32·b + r,
//
// sum being the integer Σ over groups g of lut[16·g + code of row i in group g]. Each float32 operation is rounded
// alone, in this order: sum·Mul, +Add, ·f[i]; h[i]·Base; the sum of the two; the comparison, false where NaN is in it.
// The layout is in the package comment; len(codes) = 32·P·len(masks), len(lut) = 32·P, no entry of lut above MaxTable.
func Scan(masks []uint32, codes, lut []byte, f, h []float32, p *ScanParams) {
	if len(masks) == 0 {
		return
	}
	n := BlockRows * len(masks)
	if len(lut) < 64 || len(lut)%64 != 0 || len(lut) > 32*MaxBytes {
		panic("BUG: kernel: look-up table of wrong length")
	}
	active.Scan(masks, codes[:len(lut)*len(masks)], lut, f[:n], h[:n], p)
}

// Above says which rows' scores may be good enough: bit i%32 of masks[i/32] is set where
//
//	(dots[i] + add)·scales[i] ≥ limit
//
// with dots[i] rounded to float32 and both operations rounded alone; bits beyond len(dots) are 0. masks has a word for each 32
// rows begun, scales are as many as dots.
func Above(masks []uint32, dots []int32, scales []float32, add, limit float32) {
	masks, scales = masks[:(len(dots)+BlockRows-1)/BlockRows], scales[:len(dots)]
	if len(dots) == 0 {
		return
	}
	if active.Above == nil {
		aboveGeneric(masks, dots, scales, add, limit)
		return
	}
	active.Above(masks, dots, scales, add, limit)
}

// Promise writes to dst[c] the number
//
//	((dots[c]·h)·scale)·scales[c] + more·wide[c],  h = least[c] where dots[c] is below 0, else most[c]
//
// with dots[c] rounded to float32 and each operation rounded alone, and returns the greatest of them, −Inf where there is none. All are as
// long as dst, and no number is NaN or becomes it.
func Promise(dst []float32, dots []int32, most, least, scales, wide []float32, scale, more float32) float32 {
	n := len(dst)
	dots, most, least, scales, wide = dots[:n], most[:n], least[:n], scales[:n], wide[:n]
	if n == 0 || active.Promise == nil {
		return promiseGeneric(dst, dots, most, least, scales, wide, scale, more)
	}
	return active.Promise(dst, dots, most, least, scales, wide, scale, more)
}

// Dots writes to dst[r] the product of x with row r of rows, rows lying one after the other, len(x) numbers each. len(x) is a
// multiple of 8; rows must hold len(dst) of them. Each product and each sum is rounded to a float32 alone, in this order: sum l of sixteen takes
// the products of the places k ≡ l (mod 16), ascending from 0; then sums 8 to 15 are added to sums 0 to 7, of these 4 to 7 to 0 to 3, and the
// result is (0 + 2) + (1 + 3).
func Dots(dst []float64, x, rows []float32) {
	if len(dst) == 0 || len(x) == 0 {
		clear(dst)
		return
	}
	mustBeEights(len(x))
	rows = rows[:len(dst)*len(x)]
	if active.Dots == nil {
		dotsGeneric(dst, x, rows)
		return
	}
	active.Dots(dst, x, rows)
}

// Triangle writes to dst[i·h + j], for each j ≤ i, the product of the rows i and j of h, as Dots does, and nothing above. Rows lie one after the other,
// n numbers each, which is a multiple of 8.
func Triangle(dst []float64, rows []float32, n int) {
	if n == 0 || len(rows) == 0 {
		clear(dst)
		return
	}
	mustBeEights(n)
	h := len(rows) / n
	dst = dst[:h*h]
	if active.Triangle == nil {
		triangleGeneric(dst, rows, n)
		return
	}
	active.Triangle(dst, rows[:h*n], n)
}

// Widen writes to dst[k] the number ((256·high[k] + low[k])·scale)·by[k], each product rounded. All are as long as dst, a multiple
// of 8.
func Widen(dst []float32, high, low []int8, scale float32, by []float32) {
	n := len(dst)
	high, low, by = high[:n], low[:n], by[:n]
	mustBeEights(n)
	switch {
	case n == 0:
	case active.Widen == nil:
		widenGeneric(dst, high, low, scale, by)
	default:
		active.Widen(dst, high, low, scale, by)
	}
}

// Weighed writes to dst[k] the sum over rows of weights[i]·row i[k], times by[k]: each product and each sum rounded, from 0 on and row by row. Rows lie one
// after the other, as long as dst, a multiple of 8.
func Weighed(dst, rows, weights, by []float32) {
	rows, by = rows[:len(dst)*len(weights)], by[:len(dst)]
	mustBeEights(len(dst))
	if len(dst) == 0 || len(weights) == 0 || active.Weighed == nil {
		weighedGeneric(dst, rows, weights, by)
		return
	}
	active.Weighed(dst, rows, weights, by)
}

func mustBeEights(n int) {
	if n%8 != 0 {
		panic("BUG: kernel: a row that is no multiple of 8")
	}
}
