package quant

import (
	"encoding/binary"
	"math"
)

// Table holds a query's products with every group of bit codes, ready for kernel.Scan. The zero Table is ready for Set.
//
// Bit codes stand for numbers y: −1 and +1 in one bit, −1.5, −0.5, 0.5 and 1.5 in two. The product ⟨y,w⟩ with a query w
// is linear in the codes, so w is rounded to integers u of one unit δ, |w_j| ≈ δ·u_j, and an entry is a sum of them:
//
//	1 bit:  ⟨y,w⟩ ≈ δ·(2·sum − Σu),    entry = Σ u_j over the four dimensions whose sign is w's
//	2 bits: ⟨y,w⟩ ≈ δ·(sum − 1.5·Σu),  entry = Σ u_j·code_j over two dimensions, 3−code_j where w_j < 0
//
// δ is the smallest with which no entry is above 127. |⟨y,w⟩ − estimate| ≤ δ/2·Σ|y_j|.
type Table struct {
	LUT  []byte  // as kernel.Scan wants it
	Mul  float64 // ⟨y,w⟩ ≈ sum·Mul + Add
	Add  float64
	Unit float64 // δ
	Norm float64 // ‖w‖
}

// How 16 codes of a group count for each of its dimensions: byte c of the word pair is what dimension j has in code c;
// [1] is the complement, for negative weights.
var (
	oneBit = [4][2][2]uint64{
		{{0x0100010001000100, 0x0100010001000100}, {0x0001000100010001, 0x0001000100010001}},
		{{0x0101000001010000, 0x0101000001010000}, {0x0000010100000101, 0x0000010100000101}},
		{{0x0101010100000000, 0x0101010100000000}, {0x0000000001010101, 0x0000000001010101}},
		{{0, 0x0101010101010101}, {0x0101010101010101, 0}},
	}
	twoBits = [2][2][2]uint64{
		{{0x0302010003020100, 0x0302010003020100}, {0x0001020300010203, 0x0001020300010203}},
		{{0x0101010100000000, 0x0303030302020202}, {0x0202020203030303, 0x0000000001010101}},
	}
)

const unitShift = 40 // fraction bits of 1/δ

// Set makes the table of the query whose numbers are w·unit. len(w) is a multiple of 16.
func (t *Table) Set(w []int32, unit float64, bits int) {
	dims := 4 / bits // dimensions of a group
	if size := 16 * len(w) / dims; cap(t.LUT) < size {
		t.LUT = make([]byte, size)
	}
	t.LUT = t.LUT[:16*len(w)/dims]
	peak, norm := peakOfGroups(w, dims)
	t.Norm = math.Sqrt(norm) * unit
	t.Mul, t.Add, t.Unit = 0, 0, 0
	if peak == 0 {
		clear(t.LUT)
		return
	}
	// room for the rounding of each dimension by a half
	inverse := uint64(125<<unitShift) / uint64(peak)
	if bits == 2 {
		inverse = uint64(41<<unitShift) / uint64(peak)
	}
	t.Unit = float64(1<<unitShift) / float64(inverse) * unit
	if bits == 1 {
		total := t.fillOneBit(w, inverse)
		t.Mul, t.Add = 2*t.Unit, -t.Unit*float64(total)
	} else {
		total := t.fillTwoBits(w, inverse)
		t.Mul, t.Add = t.Unit, -1.5*t.Unit*float64(total)
	}
}

// peakOfGroups returns the largest Σ|w_j| of a group of dims numbers, 2 or 4, and Σ w_j², which is that of four sums that take turns.
func peakOfGroups(w []int32, dims int) (peak int64, norm float64) {
	var n0, n1, n2, n3 float64
	for ; len(w) >= 4; w = w[4:] {
		a, b, c, d := magnitude(w[0]), magnitude(w[1]), magnitude(w[2]), magnitude(w[3])
		n0 += float64(float64(a) * float64(a))
		n1 += float64(float64(b) * float64(b))
		n2 += float64(float64(c) * float64(c))
		n3 += float64(float64(d) * float64(d))
		if dims == 2 {
			peak = max(peak, a+b, c+d)
		} else {
			peak = max(peak, a+b+c+d)
		}
	}
	return peak, (n0 + n1) + (n2 + n3)
}

func magnitude(x int32) int64 {
	sign := int64(x) >> 63
	return (int64(x) ^ sign) - sign
}

// weight rounds |x| to its unit and says whether x is negative.
func weight(x int32, inverse uint64) (u uint64, negative int) {
	sign := x >> 31
	return (uint64(uint32((x^sign)-sign))*inverse + 1<<(unitShift-1)) >> unitShift, int(-sign)
}

func (t *Table) fillOneBit(w []int32, inverse uint64) (total uint64) {
	for lut := t.LUT; len(lut) >= 16 && len(w) >= 4; lut, w = lut[16:], w[4:] {
		var lo, hi uint64
		for j := range 4 {
			u, neg := weight(w[j], inverse)
			m := &oneBit[j][neg]
			lo += u * m[0]
			hi += u * m[1]
			total += u
		}
		binary.LittleEndian.PutUint64(lut, lo)
		binary.LittleEndian.PutUint64(lut[8:], hi)
	}
	return total
}

func (t *Table) fillTwoBits(w []int32, inverse uint64) (total uint64) {
	for lut := t.LUT; len(lut) >= 16 && len(w) >= 2; lut, w = lut[16:], w[2:] {
		u0, neg0 := weight(w[0], inverse)
		u1, neg1 := weight(w[1], inverse)
		m0, m1 := &twoBits[0][neg0], &twoBits[1][neg1]
		binary.LittleEndian.PutUint64(lut, u0*m0[0]+u1*m1[0])
		binary.LittleEndian.PutUint64(lut[8:], u0*m0[1]+u1*m1[1])
		total += u0 + u1
	}
	return total
}
