package kernel

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// What a query is readied with. Each function is as exact as the reference is: there is one result.

// Order writes keys to dst, the greatest first. No two of them are equal; dst is as long, and other memory. It is for few: each is compared
// with each.
func Order(dst, keys []uint64) {
	dst = dst[:len(keys)]
	switch {
	case len(keys) == 0:
	case active.Order == nil:
		orderGeneric(dst, keys)
	default:
		active.Order(dst, keys)
	}
}

// MostOrdered is how many keys Order puts in order sooner than sorting does.
func MostOrdered() int {
	if active.Order == nil {
		return 24
	}
	return 96
}

// Peak returns max |x[i]|, NaN where one is NaN: without their signs, floats are in the order of their bits.
func Peak(x []float32) float32 {
	if len(x) == 0 || active.Peak == nil {
		return peakGeneric(x)
	}
	return active.Peak(x)
}

// Quantise writes to codes[i] the number x[i]·by, rounded to the nearest integer, ties to even, and zeros behind the last: codes are as many as x,
// rounded up to a multiple of 8. It returns the sum of their squares. No product is beyond ±32767.
func Quantise(codes []int16, x []float32, by float64) int64 {
	if len(codes) != (len(x)+7)&^7 {
		panic("BUG: kernel: codes of another length")
	}
	if len(x) == 0 || active.Quantise == nil {
		return quantiseGeneric(codes, x, by)
	}
	return active.Quantise(codes, x, by)
}

// Pairs returns the largest |w[2i]| + |w[2i+1]|, which is below 2³², and Σ w², rounded: four sums take turns and are added as (0+1) + (2+3). len(w) is a
// multiple of 4.
func Pairs(w []int32) (peak int64, norm float64) {
	if len(w)%4 != 0 {
		panic("BUG: kernel: numbers that are no multiple of 4")
	}
	if len(w) == 0 || active.Pairs == nil {
		return pairsGeneric(w)
	}
	return active.Pairs(w)
}

// UnitShift is how many of the bits of an inverse unit are a fraction.
const UnitShift = 40

// TwoBits writes the look-up table of codes of two bits: u[j] is |w[j]|·inverse/2⁴⁰, rounded, and entry c of group g, at 16·g, is
//
//	u[2g]·(c & 3) + u[2g+1]·(c >> 2),  a code of two bits being 3 − code where its w is below 0.
//
// It returns Σ u. len(w) is a multiple of 16, lut is 8·len(w), and no u is above 41.
func TwoBits(lut []byte, w []int32, inverse uint64) uint64 {
	if len(w)%16 != 0 || len(lut) != 8*len(w) {
		panic("BUG: kernel: a table of another length")
	}
	if len(w) == 0 || active.TwoBits == nil {
		return twoBitsGeneric(lut, w, inverse)
	}
	return active.TwoBits(lut, w, inverse)
}

// Turned holds rows of codes so that many of them are multiplied with a query at once: of 64 rows the first four codes of each, then the
// next four. It keeps the codes it was made of.
type Turned struct {
	rows, dim int
	plain     []int8
	codes     []int8
	bias      []int32 // of each row: −2¹⁵·Σ codes, as far as an int32 has it
}

const turnedRows = 64

// NewTurned returns rows of dim codes each, dim being a multiple of 8.
func NewTurned(codes []int8, dim int) *Turned {
	n := len(codes) / dim
	blocks := (n + turnedRows - 1) / turnedRows
	t := &Turned{rows: n, dim: dim, plain: codes, codes: make([]int8, blocks*turnedRows*dim), bias: make([]int32, blocks*turnedRows)}
	for r := range n {
		for k, c := range codes[r*dim:][:dim] {
			t.codes[r/turnedRows*turnedRows*dim+k/4*4*turnedRows+r%turnedRows*4+k%4] = c
			t.bias[r] -= int32(c) << 15
		}
	}
	return t
}

// Room returns how many numbers Dots may write.
func (t *Turned) Room() int { return len(t.bias) }

// Dots writes to dst[r] the dot product of q with row r. dst has Room numbers; what is behind the rows means nothing.
func (t *Turned) Dots(dst []int32, q []int16) {
	q = q[:t.dim]
	if active.DotTurned == nil || t.rows == 0 {
		DotRowsI8I16(dst[:t.rows], t.plain, q)
		return
	}
	active.DotTurned(dst[:len(t.bias)], t.codes, t.bias, q)
}

// Shrink writes to dst[k] the number 1/√(a0·gram[k] + more), each operation rounded. dst is as long as gram.
func Shrink(dst, gram []float32, a0, more float32) {
	dst = dst[:len(gram)]
	if len(gram) == 0 || active.Shrink == nil {
		shrinkGeneric(dst, gram, a0, more)
		return
	}
	active.Shrink(dst, gram, a0, more)
}

// Dropped is the dot product of a row that does not count: no vectors have it.
const Dropped = math.MinInt32

// Expect puts the best of the rows i ≡ l (mod 16) into best[l], 0 where there is none: the bits of
//
//	s − (less·scales[i] + |s|·part),  s = dots[i]·scales[i]·scale
//
// turned so that they are in the order of the floats. Products of less and sums are float32, others float64 and rounded to float32 then; each is
// rounded alone.
func Expect(best *[16]uint32, dots []int32, scales []float32, scale float64, less float32, part float64) {
	scales = scales[:len(dots)]
	if len(dots) == 0 || active.Expect == nil {
		expectGeneric(best, dots, scales, scale, less, part)
		return
	}
	active.Expect(best, dots, scales, scale, less, part)
}

func expectGeneric(best *[16]uint32, dots []int32, scales []float32, scale float64, less float32, part float64) {
	*best = [16]uint32{}
	for i, dot := range dots {
		if dot == Dropped {
			continue
		}
		s := float32(float64(float64(dot)*float64(scales[i])) * scale)
		s -= float32(less*scales[i]) + float32(math.Abs(float64(s))*part)
		b := math.Float32bits(s)
		b ^= uint32(int32(b)>>31) | 1<<31
		best[i%16] = max(best[i%16], b)
	}
}

func orderGeneric(dst, keys []uint64) {
	if len(keys) > 64 {
		copy(dst, keys)
		slices.Sort(dst)
		slices.Reverse(dst)
		return
	}
	for _, key := range keys {
		at := uint64(0)
		for _, other := range keys {
			_, less := bits.Sub64(key, other, 0)
			at += less
		}
		dst[at] = key
	}
}

func peakGeneric(x []float32) float32 {
	var peak uint32
	for _, v := range x {
		peak = max(peak, math.Float32bits(v)&^(1<<31))
	}
	return math.Float32frombits(peak)
}

// toEven added to a number of at most 2³¹ leaves its nearest integer, ties to even, in the lowest bits.
const toEven = 3 << 51

func quantiseGeneric(codes []int16, x []float32, by float64) (sum int64) {
	for i, v := range x {
		c := int16(math.Float64bits(float64(float64(v)*by) + toEven))
		codes[i] = c
		sum += int64(c) * int64(c)
	}
	clear(codes[len(x):])
	return sum
}

func pairsGeneric(w []int32) (peak int64, norm float64) {
	var n0, n1, n2, n3 float64
	for ; len(w) >= 4; w = w[4:] {
		a, b, c, d := magnitude(w[0]), magnitude(w[1]), magnitude(w[2]), magnitude(w[3])
		n0 += float64(float64(a) * float64(a))
		n1 += float64(float64(b) * float64(b))
		n2 += float64(float64(c) * float64(c))
		n3 += float64(float64(d) * float64(d))
		peak = max(peak, a+b, c+d)
	}
	return peak, (n0 + n1) + (n2 + n3)
}

func magnitude(x int32) int64 {
	sign := int64(x) >> 63
	return (int64(x) ^ sign) - sign
}

// Weight rounds |x| to its unit and says whether x is negative.
func Weight(x int32, inverse uint64) (u uint64, negative int) {
	sign := x >> 31
	return (uint64(uint32((x^sign)-sign))*inverse + 1<<(UnitShift-1)) >> UnitShift, int(-sign)
}

// twoBits is how the 16 codes of a group count for each of its dimensions: byte c of the word pair is what dimension j has in code c; [1] is the
// complement, for negative weights.
var twoBits = [2][2][2]uint64{
	{{0x0302010003020100, 0x0302010003020100}, {0x0001020300010203, 0x0001020300010203}},
	{{0x0101010100000000, 0x0303030302020202}, {0x0202020203030303, 0x0000000001010101}},
}

func twoBitsGeneric(lut []byte, w []int32, inverse uint64) (total uint64) {
	for ; len(lut) >= 16 && len(w) >= 2; lut, w = lut[16:], w[2:] {
		u0, neg0 := Weight(w[0], inverse)
		u1, neg1 := Weight(w[1], inverse)
		m0, m1 := &twoBits[0][neg0], &twoBits[1][neg1]
		binary.LittleEndian.PutUint64(lut, u0*m0[0]+u1*m1[0])
		binary.LittleEndian.PutUint64(lut[8:], u0*m0[1]+u1*m1[1])
		total += u0 + u1
	}
	return total
}

func shrinkGeneric(dst, gram []float32, a0, more float32) {
	dst = dst[:len(gram)]
	for k, g := range gram {
		dst[k] = 1 / float32(math.Sqrt(float64(float32(a0*g)+more))) // that is √ in float32: float64 has more than twice its bits
	}
}
