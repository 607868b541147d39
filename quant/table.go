package quant

import (
	"encoding/binary"
	"math"

	"github.com/edged/edged/internal/kernel"
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

// How 16 codes of a group of one bit count for each of its dimensions: byte c of the word pair is what dimension j has in code c;
// [1] is the complement, for negative weights.
var oneBit = [4][2][2]uint64{
	{{0x0100010001000100, 0x0100010001000100}, {0x0001000100010001, 0x0001000100010001}},
	{{0x0101000001010000, 0x0101000001010000}, {0x0000010100000101, 0x0000010100000101}},
	{{0x0101010100000000, 0x0101010100000000}, {0x0000000001010101, 0x0000000001010101}},
	{{0, 0x0101010101010101}, {0x0101010101010101, 0}},
}

const unitShift = kernel.UnitShift // fraction bits of 1/δ

// Set makes the table of the query whose numbers are w·unit. len(w) is a multiple of 16.
func (t *Table) Set(w []int32, unit float64, bits int) {
	dims := 4 / bits // dimensions of a group
	if size := 16 * len(w) / dims; cap(t.LUT) < size {
		t.LUT = make([]byte, size)
	}
	t.LUT = t.LUT[:16*len(w)/dims]
	peak, norm := kernel.Pairs(w)
	if bits == 1 {
		peak = peakOfFours(w)
	}
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
		total := kernel.TwoBits(t.LUT, w, inverse)
		t.Mul, t.Add = t.Unit, -1.5*t.Unit*float64(total)
	}
}

// peakOfFours returns the largest Σ|w_j| of four numbers.
func peakOfFours(w []int32) (peak int64) {
	for ; len(w) >= 4; w = w[4:] {
		sum := int64(0)
		for _, x := range w[:4] {
			sum += max(int64(x), -int64(x))
		}
		peak = max(peak, sum)
	}
	return peak
}

func (t *Table) fillOneBit(w []int32, inverse uint64) (total uint64) {
	for lut := t.LUT; len(lut) >= 16 && len(w) >= 4; lut, w = lut[16:], w[4:] {
		var lo, hi uint64
		for j := range 4 {
			u, neg := kernel.Weight(w[j], inverse)
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
