package quant

import "github.com/edged/edged/internal/kernel"

// Gather writes the scores of the rows at the given places to dst. dots is room for twice as many numbers.
func (q *Query) Gather(dst []float32, r *Rows, places []uint32, dots []int32) {
	n := len(places)
	high := dots[:n]
	kernel.DotGatherI8I16(high, r.Codes, places, q.Codes)
	if r.Low == nil {
		for i, p := range places {
			dst[i] = q.Score(high[i], r.Scales[p])
		}
		return
	}
	low := dots[n : 2*n]
	kernel.DotGatherI8I16(low, r.Low, places, q.Codes)
	for i, p := range places {
		dst[i] = q.Fine(high[i], low[i], r.Scales[p])
	}
}
