//go:build !purego

package kernel

import "math"

//go:noescape
func orderAVX512(dst, keys *uint64, n int)

//go:noescape
func peakAVX512(x *float32, n int) uint32

//go:noescape
func quantiseAVX512(codes *int16, x *float32, n int, by float64) int64

//go:noescape
func pairsAVX512(w *int32, n int) (peak uint64, norm float64)

//go:noescape
func twoBitsAVX512(lut *byte, w *int32, n int, inverse uint64) uint64

//go:noescape
func dotTurnedAVX512(dst *int32, codes *int8, bias *int32, q *int16, blocks, dim int)

//go:noescape
func shrinkAVX512(dst, gram *float32, n int, a0, more float32)

//go:noescape
func expectAVX512(best *uint32, dots *int32, scales *float32, n int, scale float64, less float32, part float64)

// query512 adds the functions of query.go. The slices they get are not empty.
func query512(v Variant) Variant {
	v.Order = func(dst, keys []uint64) { orderAVX512(&dst[0], &keys[0], len(keys)) }
	v.Peak = func(x []float32) float32 { return math.Float32frombits(peakAVX512(&x[0], len(x))) }
	v.Quantise = func(codes []int16, x []float32, by float64) int64 {
		return quantiseAVX512(&codes[0], &x[0], len(x), by)
	}
	v.Pairs = func(w []int32) (int64, float64) {
		peak, norm := pairsAVX512(&w[0], len(w))
		return int64(peak), norm
	}
	v.TwoBits = func(lut []byte, w []int32, inverse uint64) uint64 {
		return twoBitsAVX512(&lut[0], &w[0], len(w), inverse)
	}
	v.DotTurned = func(dst []int32, codes []int8, bias []int32, q []int16) {
		dotTurnedAVX512(&dst[0], &codes[0], &bias[0], &q[0], len(bias)/turnedRows, len(q))
	}
	v.Shrink = func(dst, gram []float32, a0, more float32) {
		shrinkAVX512(&dst[0], &gram[0], len(gram), a0, more)
	}
	v.Expect = func(best *[16]uint32, dots []int32, scales []float32, scale float64, less float32, part float64) {
		expectAVX512(&best[0], &dots[0], &scales[0], len(dots), scale, less, part)
	}
	return v
}
