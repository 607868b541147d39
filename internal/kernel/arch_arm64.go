//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

//go:noescape
func dotNEON(codes []int8, q []int16) int32

//go:noescape
func dotRows4NEON(dst *int32, codes *int8, q *int16, n, dim int)

//go:noescape
func dotGather4NEON(dst *int32, codes *int8, rows *uint32, q *int16, n, dim int)

//go:noescape
func splitNEON(hi, lo *int8, q *int16, n int) (sign int)

//go:noescape
func dotRows4SDOT(dst *int32, codes, hi, lo *int8, n, dim, sign int)

//go:noescape
func dotGather4SDOT(dst *int32, codes *int8, rows *uint32, hi, lo *int8, n, dim, sign int)

//go:noescape
func scanNEON(masks []uint32, codes, lut []byte, f, h []float32, p *ScanParams)

//go:noescape
func aboveNEON(masks *uint32, dots *int32, scales *float32, words int, add, limit float32)

func archVariants() []Variant {
	if !cpu.ARM64.HasASIMD {
		return nil
	}
	v := []Variant{{
		Name: "neon", Dot: dotEights, DotRows: dotRowsNEON, DotGather: dotGatherNEON, DotBatch: dotBatchNEON,
		Scan: scanNEON, Above: aboveBy(aboveNEON),
	}}
	if cpu.ARM64.HasASIMDDP {
		v = append(v, Variant{
			Name: "neondot", Dot: dotEights, DotRows: dotRowsSDOT, DotGather: dotGatherSDOT, DotBatch: dotBatchSDOT,
			Scan: scanNEON, Above: aboveBy(aboveNEON),
		})
	}
	return v
}

// dotEights leaves the last codes of lengths that are no multiple of 8 to the reference.
func dotEights(codes []int8, q []int16) int32 {
	n := len(codes) &^ 7
	return dotNEON(codes[:n], q[:n]) + dotGeneric(codes[n:], q[n:])
}

func dotRowsNEON(dst []int32, codes []int8, q []int16) {
	dim, fours := len(q), len(dst)&^3
	if fours > 0 {
		dotRows4NEON(&dst[0], &codes[0], &q[0], fours, dim)
	}
	for r := fours; r < len(dst); r++ {
		dst[r] = dotNEON(codes[r*dim:][:dim], q)
	}
}

func dotGatherNEON(dst []int32, codes []int8, rows []uint32, q []int16) {
	dim, fours := len(q), len(rows)&^3
	if fours > 0 {
		dotGather4NEON(&dst[0], &codes[0], &rows[0], &q[0], fours, dim)
	}
	for i := fours; i < len(rows); i++ {
		dst[i] = dotNEON(codes[int(rows[i])*dim:][:dim], q)
	}
}

// dotBatchNEON leaves nothing to gain from sharing widened rows among queries: it shares the cache.
func dotBatchNEON(dst []int32, codes []int8, qs []int16, stride int) {
	dotBatchBlocks(dst, codes, qs, stride, 1<<30, nil, dotRowsNEON)
}

// The SDOT functions multiply bytes: a query goes in as 256·hi + lo, two instructions for 16 codes instead of six. The
// few queries that do not split are left to the other functions.

func dotRowsSDOT(dst []int32, codes []int8, q []int16) {
	var hi, lo [MaxDim]int8
	dim, fours := len(q), len(dst)&^3
	if fours > 0 {
		sign := splitNEON(&hi[0], &lo[0], &q[0], dim)
		if sign == 0 {
			dotRowsNEON(dst, codes, q)
			return
		}
		dotRows4SDOT(&dst[0], &codes[0], &hi[0], &lo[0], fours, dim, sign)
	}
	dotRowsNEON(dst[fours:], codes[fours*dim:], q)
}

func dotGatherSDOT(dst []int32, codes []int8, rows []uint32, q []int16) {
	var hi, lo [MaxDim]int8
	dim, fours := len(q), len(rows)&^3
	if fours > 0 {
		sign := splitNEON(&hi[0], &lo[0], &q[0], dim)
		if sign == 0 {
			dotGatherNEON(dst, codes, rows, q)
			return
		}
		dotGather4SDOT(&dst[0], &codes[0], &rows[0], &hi[0], &lo[0], fours, dim, sign)
	}
	dotGatherNEON(dst[fours:], codes, rows[fours:], q)
}

func dotBatchSDOT(dst []int32, codes []int8, qs []int16, stride int) {
	dotBatchBlocks(dst, codes, qs, stride, 1<<30, nil, dotRowsSDOT)
}
