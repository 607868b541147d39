package quant

import (
	"math"

	"github.com/edged/edged/internal/kernel"
)

// Query is a vector in 16-bit codes, ready to be multiplied with Rows. The zero Query is ready for Set; its memory is
// kept from one Set to the next.
type Query struct {
	Codes []int16
	Scale float64
	Norm  float64 // Euclidean length of the decoded query
}

// Set quantises x, padded to Stride(len(x)) codes: |x − q·Scale| ≤ Scale/2. A vector with a NaN or an infinity in it,
// which no caller means, becomes the zero query.
func (q *Query) Set(x []float32) {
	stride := Stride(len(x))
	if cap(q.Codes) < stride {
		q.Codes = make([]int16, stride)
	}
	q.Codes = q.Codes[:stride]
	clear(q.Codes)
	q.Scale, q.Norm = 0, 0
	peak, norm := peakAndNorm(x)
	if peak < minPeak || math.IsNaN(norm) || math.IsInf(norm, 0) {
		return
	}
	q.Scale = peak / 32767
	var sum int64
	for i, v := range x {
		c := int16(math.Max(-32767, math.Min(32767, math.RoundToEven(float64(v)/q.Scale))))
		q.Codes[i] = c
		sum += int64(c) * int64(c)
	}
	q.Norm = math.Sqrt(float64(sum)) * q.Scale
}

// Score returns the score whose integer dot product with a row of the given scale is dot.
func (q *Query) Score(dot int32, scale float32) float32 {
	return float32(float64(dot) * float64(scale) * q.Scale)
}

// Dot returns the score of row i.
func (q *Query) Dot(r *Rows, i int) float32 {
	return q.Score(kernel.DotI8I16(r.Row(i), q.Codes), r.Scales[i])
}

// Bound returns a number no score of a row of length norm exceeds, by Cauchy and Schwarz: ⟨x,q⟩ ≤ ‖x‖·‖q‖, with room
// for the rounding of a score to float32.
func (q *Query) Bound(norm float64) float64 { return norm * q.Norm * (1 + 1e-6) }
