package quant

import (
	"math"

	"github.com/edged/edged/internal/kernel"
)

// CodeDim returns the number of dimensions of bit codes of vectors of dim: rounded up to a multiple of 16.
func CodeDim(dim int) int { return (dim + 15) &^ 15 }

// CodeBytes returns the bytes of a row's bit code.
func CodeBytes(dim, bits int) int { return CodeDim(dim) * bits / 8 }

// EncodeBits writes to code, one bit code a dimension in its lowest bits, the code of the residual r, and returns the
// factor f with which it is decoded: r ≈ f·y, y being −1 or +1 (1 bit), −1.5 … 1.5 (2 bits).
//
// f is not that of the least error but ‖r‖²/⟨y,r⟩, which leaves the error e = r − f·y at right angles to r, so that the
// estimate ⟨f·y,q⟩ of ⟨r,q⟩ is unbiased for a q along r (Gao and Long, RaBitQ, SIGMOD 2024, eq. 12, there for one bit
// and unit vectors). By Cauchy and Schwarz |⟨e,q⟩| ≤ ‖e‖·‖q‖, ‖e‖² = f²‖y‖² − ‖r‖²; for a q of random direction its
// standard deviation is ‖e‖·‖q‖/√D.
//
// The step of two bits is the one, of a few fractions of max |r_i|, whose code has the largest cosine with r.
func EncodeBits(code []byte, r []float32, bits int) (f float32) {
	var norm, peak float64
	for _, v := range r {
		norm += float64(v) * float64(v)
		peak = max(peak, math.Abs(float64(v)))
	}
	if norm == 0 || math.IsInf(norm, 0) || math.IsNaN(norm) {
		clear(code)
		return 0
	}
	if bits == 1 {
		var dot float64
		for i, v := range r {
			code[i] = 0
			if v > 0 {
				code[i] = 1
			}
			dot += math.Abs(float64(v))
		}
		return float32(norm / dot)
	}
	best, step := 0.0, 0.0
	for _, a := range [...]float64{.25, .31, .37, .43, .5, .58, .67, .8} {
		if c := cosine(r, peak*a/1.5); c > best {
			best, step = c, peak*a/1.5
		}
	}
	inverse := float32(1 / step)
	var dot float64
	for i, v := range r {
		c := level(v * inverse)
		code[i] = byte(c + 2)
		dot += (float64(c) + .5) * float64(v)
	}
	return float32(norm / dot)
}

func level(v float32) int32 {
	switch {
	case v < -1:
		return -2
	case v < 0:
		return -1
	case v < 1:
		return 0
	}
	return 1
}

// cosine returns the square of the cosine, times ‖r‖², of r with its two-bit code of a step.
func cosine(r []float32, step float64) float64 {
	var dot, norm float32
	s := float32(step)
	for _, v := range r {
		a := math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
		y := float32(.5)
		if a >= s {
			y = 1.5
		}
		dot += y * a
		norm += y * y
	}
	return float64(dot) * float64(dot) / float64(norm)
}

// PutCode writes a row's code of len(code) dimensions to its bytes in a block for kernel.Scan; row is its place there.
func PutCode(block []byte, row int, code []byte, bits int) {
	perByte := 8 / bits
	for p := range len(code) / perByte {
		var b byte
		for j, c := range code[p*perByte:][:perByte] {
			b |= c << (j * bits)
		}
		block[p*kernel.BlockRows+row] = b
	}
}
