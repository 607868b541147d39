//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

//go:noescape
func dotAVX2(codes []int8, q []int16) int32

//go:noescape
func dotRowsAVX2(dst []int32, codes []int8, q []int16)

//go:noescape
func dotGatherAVX2(dst []int32, codes []int8, rows []uint32, q []int16)

//go:noescape
func dotBatch2AVX2(dst *int32, codes *int8, qs *int16, rows, stride, apart int)

//go:noescape
func scanAVX2(masks []uint32, codes, lut []byte, f, h []float32, p *ScanParams)

//go:noescape
func dotAVX512(codes []int8, q []int16) int32

//go:noescape
func dotRowsAVX512(dst []int32, codes []int8, q []int16)

//go:noescape
func dotGatherAVX512(dst []int32, codes []int8, rows []uint32, q []int16)

//go:noescape
func dotBatch4AVX512(dst *int32, codes *int8, qs *int16, rows, stride, apart int)

//go:noescape
func scanAVX512(masks []uint32, codes, lut []byte, f, h []float32, p *ScanParams)

//go:noescape
func aboveAVX2(masks *uint32, dots *int32, scales *float32, words int, add, limit float32)

//go:noescape
func aboveAVX512(masks *uint32, dots *int32, scales *float32, words int, add, limit float32)

//go:noescape
func dotsAVX2(dst *float64, x, rows *float32, n, count int)

//go:noescape
func dotsAVX512(dst *float64, x, rows *float32, n, count int)

//go:noescape
func triangleAVX2(dst *float64, rows *float32, n, count int)

//go:noescape
func triangleAVX512(dst *float64, rows *float32, n, count int)

//go:noescape
func widenAVX2(dst *float32, high, low *int8, by *float32, n int, scale float32)

//go:noescape
func widenAVX512(dst *float32, high, low *int8, by *float32, n int, scale float32)

//go:noescape
func weighedAVX2(dst, rows, weights, by *float32, count, n int)

//go:noescape
func weighedAVX512(dst, rows, weights, by *float32, count, n int)

//go:noescape
func fetchAVX2(p *byte, n int)

//go:noescape
func fetchAVX512(p *byte, n int)

//go:noescape
func fetchEachAVX2(p *byte, size int, rows *uint32, n int)

//go:noescape
func fetchEachAVX512(p *byte, size int, rows *uint32, n int)

//go:noescape
func addAtAVX512(sums *float32, size int, rows *uint32, codes *int8, n int, scale float32, fresh *uint32) int

//go:noescape
func addFromAVX512(dst, column *float32, size int, rows *uint32, n int, weight float32) int

//go:noescape
func throughAVX512(dst, table *float32, tableSize int, classes *uint16, size int, at *uint32, n int) int

//go:noescape
func boundAVX512(bounds, likely, sums, factor *float32, rows *uint32, n int, briefs *Brief, size int, popular, byLength float32) int

//go:noescape
func mostAVX512(most *float32, places *uint32, dots *int32, n int, sums, factor *float32, rows *uint32, count int, briefs *Brief, size int, p *MostParams) int

//go:noescape
func atLeastAVX512(places *uint32, x *float32, n int, limit float32) int

//go:noescape
func promiseAVX512(dst *float32, dots *int32, most, least, scales, wide *float32, n int, scale, more float32) float32

func promise512(dst []float32, dots []int32, most, least, scales, wide []float32, scale, more float32) float32 {
	return promiseAVX512(&dst[0], &dots[0], &most[0], &least[0], &scales[0], &wide[0], len(dst), scale, more)
}

// widenBy hands slices that are not empty on to assembly.
func widenBy(f func(dst *float32, high, low *int8, by *float32, n int, scale float32)) func(dst []float32, high, low []int8, scale float32, by []float32) {
	return func(dst []float32, high, low []int8, scale float32, by []float32) {
		f(&dst[0], &high[0], &low[0], &by[0], len(dst), scale)
	}
}

// dotsBy hands slices that are not empty on to assembly.
func dotsBy(f func(dst *float64, x, rows *float32, n, count int)) func(dst []float64, x, rows []float32) {
	return func(dst []float64, x, rows []float32) { f(&dst[0], &x[0], &rows[0], len(x), len(dst)) }
}

// triangleBy hands slices that are not empty on to assembly.
func triangleBy(f func(dst *float64, rows *float32, n, count int)) func(dst []float64, rows []float32, n int) {
	return func(dst []float64, rows []float32, n int) { f(&dst[0], &rows[0], n, len(rows)/n) }
}

// weighedBy hands slices that are not empty on to assembly.
func weighedBy(f func(dst, rows, weights, by *float32, count, n int)) func(dst, rows, weights, by []float32) {
	return func(dst, rows, weights, by []float32) {
		f(&dst[0], &rows[0], &weights[0], &by[0], len(weights), len(dst))
	}
}

func addAt512(sums []float32, rows []uint32, codes []int8, scale float32, fresh []uint32) int {
	if len(sums) == 0 {
		return -1
	}
	return addAtAVX512(&sums[0], len(sums), &rows[0], &codes[0], len(rows), scale, &fresh[0])
}

func addFrom512(dst, column []float32, rows []uint32, weight float32) int {
	if len(column) == 0 {
		return -1
	}
	return addFromAVX512(&dst[0], &column[0], len(column), &rows[0], len(rows), weight)
}

func through512(dst, table []float32, classes []uint16, at []uint32) int {
	if len(table) == 0 || len(classes) < 2 {
		return -1
	}
	return throughAVX512(&dst[0], &table[0], len(table), &classes[0], len(classes)-1, &at[0], len(at))
}

func bound512(bounds, likely, sums, factor []float32, rows []uint32, briefs []Brief, popular, byLength float32) int {
	if len(briefs) == 0 {
		return -1
	}
	return boundAVX512(&bounds[0], &likely[0], &sums[0], &factor[0], &rows[0], len(rows), &briefs[0], len(briefs), popular, byLength)
}

func most512(most []float32, places []uint32, dots []int32, sums, factor []float32, rows []uint32, briefs []Brief, p *MostParams) int {
	if len(briefs) == 0 {
		return -1
	}
	return mostAVX512(&most[0], &places[0], &dots[0], len(places), &sums[0], &factor[0], &rows[0], len(rows), &briefs[0], len(briefs), p)
}

func atLeast512(places []uint32, x []float32, limit float32) int {
	return atLeastAVX512(&places[0], &x[0], len(x), limit)
}

func archVariants() []Variant {
	var v []Variant
	x := &cpu.X86
	if x.HasAVX2 && x.HasBMI1 {
		v = append(v, Variant{
			Name: "avx2", Dot: dotEights, DotRows: dotRowsAVX2, DotGather: dotGatherAVX2, DotBatch: dotBatchAVX2,
			Scan: scanAVX2, Above: aboveBy(aboveAVX2), Dots: dotsBy(dotsAVX2), Triangle: triangleBy(triangleAVX2), Widen: widenBy(widenAVX2),
			Weighed: weighedBy(weighedAVX2), Fetch: fetchAVX2, FetchEach: fetchEachAVX2,
		})
	}
	if x.HasAVX2 && x.HasBMI1 && x.HasBMI2 && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL &&
		x.HasAVX512VBMI && x.HasAVX512VNNI && x.HasAVX512GFNI {
		v = append(v, query512(Variant{
			Name: "avx512", Dot: dotAVX512, DotRows: dotRowsAVX512, DotGather: dotGatherAVX512, DotBatch: dotBatchAVX512,
			Scan: scanAVX512, Above: aboveBy(aboveAVX512), Dots: dotsBy(dotsAVX512), Triangle: triangleBy(triangleAVX512), Widen: widenBy(widenAVX512),
			AddAt: addAt512, AddFrom: addFrom512, AtLeast: atLeast512, Weighed: weighedBy(weighedAVX512),
			Fetch: fetchAVX512, FetchEach: fetchEachAVX512, Promise: promise512,
			Through: through512, Bound: bound512, Most: most512,
		}))
	}
	return v
}

func dotBatchAVX512(dst []int32, codes []int8, qs []int16, stride int) {
	dotBatchBlocks(dst, codes, qs, stride, 4, dotBatch4AVX512, dotRowsAVX512)
}

func dotBatchAVX2(dst []int32, codes []int8, qs []int16, stride int) {
	dotBatchBlocks(dst, codes, qs, stride, 2, dotBatch2AVX2, dotRowsAVX2)
}

// dotEights leaves the last codes of lengths that are no multiple of 8 to the reference.
func dotEights(codes []int8, q []int16) int32 {
	n := len(codes) &^ 7
	return dotAVX2(codes[:n], q[:n]) + dotGeneric(codes[n:], q[n:])
}
