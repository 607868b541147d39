package kernel

import (
	"encoding/binary"
	"math"
)

// generic is the reference every other variant is tested against.
var generic = Variant{
	Name: "generic", Dot: dotGeneric, DotRows: dotRowsGeneric, DotGather: dotGatherGeneric, DotBatch: dotBatchGeneric,
	Scan: scanGeneric, Above: aboveGeneric, Dots: dotsGeneric, Triangle: triangleGeneric, Widen: widenGeneric,
	AtLeast: atLeastGeneric, Weighed: weighedGeneric, Promise: promiseGeneric, // AddAt and AddFrom are called by name
}

func dotGeneric(codes []int8, q []int16) int32 {
	q = q[:len(codes)]
	var a, b, c, d int32
	for len(codes) >= 8 && len(q) >= 8 {
		a += int32(codes[0])*int32(q[0]) + int32(codes[4])*int32(q[4])
		b += int32(codes[1])*int32(q[1]) + int32(codes[5])*int32(q[5])
		c += int32(codes[2])*int32(q[2]) + int32(codes[6])*int32(q[6])
		d += int32(codes[3])*int32(q[3]) + int32(codes[7])*int32(q[7])
		codes, q = codes[8:], q[8:]
	}
	for i, x := range codes {
		a += int32(x) * int32(q[i])
	}
	return a + b + c + d
}

func dotRowsGeneric(dst []int32, codes []int8, q []int16) {
	for r := range dst {
		dst[r] = dotGeneric(codes[r*len(q):][:len(q)], q)
	}
}

func dotGatherGeneric(dst []int32, codes []int8, rows []uint32, q []int16) {
	for i, r := range rows {
		dst[i] = dotGeneric(codes[int(r)*len(q):][:len(q)], q)
	}
}

func dotBatchGeneric(dst []int32, codes []int8, qs []int16, stride int) {
	n := len(codes) / stride
	for r := range n {
		row := codes[r*stride:][:stride]
		for j := range len(qs) / stride {
			dst[j*n+r] = dotGeneric(row, qs[j*stride:][:stride])
		}
	}
}

func scanGeneric(masks []uint32, codes, lut []byte, f, h []float32, p *ScanParams) {
	for b := range masks {
		var sums [BlockRows]uint16
		block := codes[b*len(lut):][:len(lut)]
		addBlock(&sums, block, lut)
		masks[b] = passing(&sums, (*[BlockRows]float32)(f[b*BlockRows:]), (*[BlockRows]float32)(h[b*BlockRows:]), p)
	}
}

// addBlock adds up the values of each row of a block.
func addBlock(sums *[BlockRows]uint16, block, lut []byte) {
	for at := 0; at+32 <= len(lut); at += 32 {
		lo, hi := (*[16]byte)(lut[at:]), (*[16]byte)(lut[at+16:])
		line := (*[BlockRows]byte)(block[at:])
		for w := 0; w < BlockRows; w += 8 {
			x := binary.LittleEndian.Uint64(line[w:])
			sums[w] += uint16(lo[x&15] + hi[x>>4&15])
			sums[w+1] += uint16(lo[x>>8&15] + hi[x>>12&15])
			sums[w+2] += uint16(lo[x>>16&15] + hi[x>>20&15])
			sums[w+3] += uint16(lo[x>>24&15] + hi[x>>28&15])
			sums[w+4] += uint16(lo[x>>32&15] + hi[x>>36&15])
			sums[w+5] += uint16(lo[x>>40&15] + hi[x>>44&15])
			sums[w+6] += uint16(lo[x>>48&15] + hi[x>>52&15])
			sums[w+7] += uint16(lo[x>>56&15] + hi[x>>60])
		}
	}
}

func passing(sums *[BlockRows]uint16, f, h *[BlockRows]float32, p *ScanParams) (mask uint32) {
	for r, sum := range sums {
		coded := float32(f[r] * float32(float32(float32(sum)*p.Mul)+p.Add))
		if float32(coded+float32(h[r]*p.Base)) > p.Limit {
			mask |= 1 << r
		}
	}
	return mask
}

func aboveGeneric(masks []uint32, dots []int32, scales []float32, add, limit float32) {
	for b := range masks {
		n := min(BlockRows, len(dots)-b*BlockRows)
		d, s := dots[b*BlockRows:][:n], scales[b*BlockRows:][:n]
		var mask uint32
		for i, dot := range d {
			var bit uint32
			if float32(float32(float32(dot)+add)*s[i]) >= limit {
				bit = 1
			}
			mask |= bit << i
		}
		masks[b] = mask
	}
}

func promiseGeneric(dst []float32, dots []int32, most, least, scales, wide []float32, scale, more float32) float32 {
	dots, most, least, scales, wide = dots[:len(dst)], most[:len(dst)], least[:len(dst)], scales[:len(dst)], wide[:len(dst)]
	best := float32(math.Inf(-1))
	for c, dot := range dots {
		h := most[c]
		if dot < 0 {
			h = least[c]
		}
		dst[c] = float32(float32(float32(float32(dot)*h)*scale)*scales[c]) + float32(more*wide[c])
		best = max(best, dst[c])
	}
	return best
}

func dotsGeneric(dst []float64, x, rows []float32) {
	for r := range dst {
		dst[r] = float64(dotGeneric32(x, rows[r*len(x):]))
	}
}

func triangleGeneric(dst []float64, rows []float32, n int) {
	for i, count := 0, len(rows)/n; i < count; i++ {
		dotsGeneric(dst[i*count:][:i+1], rows[i*n:][:n], rows)
	}
}

func dotGeneric32(x, y []float32) float32 {
	var s [16]float32
	low, high := (*[8]float32)(s[:8]), (*[8]float32)(s[8:])
	for len(x) >= 16 && len(y) >= 16 {
		addProducts(low, (*[8]float32)(x), (*[8]float32)(y))
		addProducts(high, (*[8]float32)(x[8:]), (*[8]float32)(y[8:]))
		x, y = x[16:], y[16:]
	}
	if len(x) >= 8 && len(y) >= 8 {
		addProducts(low, (*[8]float32)(x), (*[8]float32)(y))
	}
	for half := 8; half > 0; half /= 2 {
		for l := range half {
			s[l] += s[l+half]
		}
	}
	return s[0]
}

func addProducts(s, x, y *[8]float32) {
	s[0] += float32(x[0] * y[0])
	s[1] += float32(x[1] * y[1])
	s[2] += float32(x[2] * y[2])
	s[3] += float32(x[3] * y[3])
	s[4] += float32(x[4] * y[4])
	s[5] += float32(x[5] * y[5])
	s[6] += float32(x[6] * y[6])
	s[7] += float32(x[7] * y[7])
}

func widenGeneric(dst []float32, high, low []int8, scale float32, by []float32) {
	high, low, by = high[:len(dst)], low[:len(dst)], by[:len(dst)]
	for k := range dst {
		dst[k] = float32(float32(256*int32(high[k])+int32(low[k]))*scale) * by[k]
	}
}

func weighedGeneric(dst, rows, weights, by []float32) {
	clear(dst)
	for i, w := range weights {
		row := rows[i*len(dst):][:len(dst)]
		for k := range dst {
			dst[k] += float32(row[k] * w)
		}
	}
	for k, b := range by[:len(dst)] {
		dst[k] *= b
	}
}
