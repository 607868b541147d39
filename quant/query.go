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

// Set quantises x, padded to Stride(len(x)) codes: |x − q·Scale| ≤ Scale/2 (and a hair of float64 rounding). A vector
// with a NaN or an infinity in it, which no caller means, becomes the zero query.
func (q *Query) Set(x []float32) {
	stride := Stride(len(x))
	if cap(q.Codes) < stride {
		q.Codes = make([]int16, stride)
	}
	q.Codes = q.Codes[:stride]
	q.Scale, q.Norm = 0, 0
	peak := float64(kernel.Peak(x))
	if peak < minPeak || !(peak <= math.MaxFloat32) {
		clear(q.Codes)
		return
	}
	q.Scale = peak / 32767
	q.Norm = math.Sqrt(float64(kernel.Quantise(q.Codes, x, 32767/peak))) * q.Scale
}

// Score returns the score whose integer dot product with a row of the given scale is dot.
func (q *Query) Score(dot int32, scale float32) float32 {
	return float32(float64(dot) * float64(scale) * q.Scale)
}

// Fine returns the score of a row with a remainder: dot and low are the integer dot products of its codes and of its
// remainder's.
func (q *Query) Fine(dot, low int32, scale float32) float32 {
	return float32(float64(int64(dot)*256+int64(low)) * float64(scale) * q.Scale / 256)
}

// Dot returns the score of row i.
func (q *Query) Dot(r *Rows, i int) float32 {
	dot := kernel.DotI8I16(r.Row(i), q.Codes)
	if r.Low != nil {
		return q.Fine(dot, kernel.DotI8I16(r.LowRow(i), q.Codes), r.Scales[i])
	}
	return q.Score(dot, r.Scales[i])
}

// Bound returns a number no score of a row of length norm exceeds, by Cauchy and Schwarz: ⟨x,q⟩ ≤ ‖x‖·‖q‖, with room
// for the rounding of a score to float32.
func (q *Query) Bound(norm float64) float64 { return norm * q.Norm * (1 + 1e-6) }
