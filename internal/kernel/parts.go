//go:build !purego && (amd64 || arm64)

package kernel

// batchBytes is how much of the rows is shared by all queries before the next rows are read: it stays in the L2 cache.
const batchBytes = 128 << 10

// dotBatchBlocks is DotBatch made of a function that takes `together` queries and four rows at a time, and of DotRows
// for queries and rows that are left.
func dotBatchBlocks(dst []int32, codes []int8, qs []int16, stride, together int,
	batch func(dst *int32, codes *int8, qs *int16, rows, stride, apart int), rows func(dst []int32, codes []int8, q []int16),
) {
	n, m := len(codes)/stride, len(qs)/stride
	block := max(4, batchBytes/stride&^3)
	for from := 0; from < n; from += block {
		to := min(from+block, n)
		fours := (to - from) &^ 3
		part := codes[from*stride : to*stride]
		j := 0
		for ; j+together <= m; j += together {
			if fours > 0 {
				batch(&dst[j*n+from], &part[0], &qs[j*stride], fours, stride, n)
			}
			if from+fours == to {
				continue
			}
			for i := j; i < j+together; i++ {
				rows(dst[i*n+from+fours:i*n+to], part[fours*stride:], qs[i*stride:][:stride])
			}
		}
		for ; j < m; j++ {
			rows(dst[j*n+from:j*n+to], part, qs[j*stride:][:stride])
		}
	}
}

// aboveBy leaves the last rows, where they are no whole word, to the reference.
func aboveBy(whole func(masks *uint32, dots *int32, scales *float32, words int, add, limit float32)) func(masks []uint32, dots []int32, scales []float32, add, limit float32) {
	return func(masks []uint32, dots []int32, scales []float32, add, limit float32) {
		words := len(dots) / BlockRows
		if words > 0 {
			whole(&masks[0], &dots[0], &scales[0], words, add, limit)
		}
		if n := words * BlockRows; n < len(dots) {
			aboveGeneric(masks[words:], dots[n:], scales[n:], add, limit)
		}
	}
}
