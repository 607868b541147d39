package quant

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/edged/edged/internal/kernel"
)

// Frame is the linear map M under which bit codes are made: a query q becomes Mq, a row x becomes Nx with
//
//	N = M(MᵀM)⁻¹,  so that ⟨Mq,Nx⟩ = ⟨q,x⟩.
//
// M whitens queries, so that no direction they favour is coded more coarsely than it matters, and turns them by a random
// rotation, so that every dimension carries the same. M is kept in 8-bit codes with one scale; N belongs to the decoded
// codes, so that the rounding of M costs nothing but a little of the whitening.
type Frame struct {
	Codes []int8 // CodeDim(Dim) rows of Stride(Dim)
	Scale float32
	Dim   int
}

// NewFrame makes the frame of queries (rows of dim floats; at best of many users that are not the ones to be served). With
// few of them it is near a plain rotation.
func NewFrame(queries []float32, dim int, seed uint64) (*Frame, error) {
	if dim < 1 || dim > MaxDim || len(queries)%dim != 0 {
		return nil, fmt.Errorf("frame: %d numbers of %d dimensions", len(queries), dim)
	}
	chol := covariance(queries, dim)
	if err := cholesky(chol, dim); err != nil {
		return nil, err
	}
	wide := CodeDim(dim)
	m := make([]float64, wide*dim)
	rotation(m, wide, dim, seed)
	// covariance LLᵀ: the rows of M = R·L⁻¹ solve Lᵀ·mᵀ = rᵀ
	for i := range wide {
		solveLowerTransposed(chol, m[i*dim:][:dim])
	}
	peak := 0.0
	for _, v := range m {
		peak = max(peak, math.Abs(v))
	}
	f := &Frame{Codes: make([]int8, wide*Stride(dim)), Scale: float32(peak / 127), Dim: dim}
	for i := range wide {
		for k, v := range m[i*dim:][:dim] {
			f.Codes[i*Stride(dim)+k] = int8(max(-127, min(127, math.RoundToEven(v/float64(f.Scale)))))
		}
	}
	return f, nil
}

// Check reports what makes a frame from elsewhere unfit for use.
func (f *Frame) Check() error {
	if f.Dim < 1 || f.Dim > MaxDim || len(f.Codes) != CodeDim(f.Dim)*Stride(f.Dim) {
		return fmt.Errorf("frame: %d bytes of %d dimensions", len(f.Codes), f.Dim)
	}
	if !(f.Scale > 0 && f.Scale <= 1e18) {
		return fmt.Errorf("frame: scale %g", f.Scale)
	}
	return nil
}

// Unit returns what one in the product of codes and a query means.
func (f *Frame) Unit(q *Query) float64 { return float64(f.Scale) * q.Scale }

// Inverse is N of a Frame in 16 bits: it takes rows to where they are coded.
type Inverse struct {
	rows Rows
}

// Inverse computes N.
func (f *Frame) Inverse() (*Inverse, error) {
	dim, wide, stride := f.Dim, CodeDim(f.Dim), Stride(f.Dim)
	gram := make([]float64, dim*dim) // MᵀM
	for i := range wide {
		row := f.Codes[i*stride:][:dim]
		for a, x := range row {
			g := gram[a*dim:][:dim]
			for b, y := range row[:a+1] {
				g[b] += float64(x) * float64(y)
			}
		}
	}
	for a := range dim {
		for b := range a {
			gram[b*dim+a] = gram[a*dim+b]
		}
	}
	if err := cholesky(gram, dim); err != nil {
		return nil, fmt.Errorf("frame: %w", err)
	}
	n := make([]float32, wide*dim)
	x := make([]float64, dim)
	for i := range wide { // row i of N solves (MᵀM)·nᵀ = mᵀ
		for k := range x {
			x[k] = float64(f.Codes[i*stride+k])
		}
		solveLower(gram, x)
		solveLowerTransposed(gram, x)
		for k, v := range x {
			n[i*dim+k] = float32(v / float64(f.Scale))
		}
	}
	rows, err := EncodeFine(n, dim)
	if err != nil {
		return nil, fmt.Errorf("frame: %w", err)
	}
	return &Inverse{rows: rows}, nil
}

// Apply writes Nx·scale to dst (CodeDim numbers), x being given in 16-bit codes. dots has room for twice as many.
func (n *Inverse) Apply(dst []float32, x []int16, scale float64, dots []int32) {
	high, low := dots[:len(dst)], dots[len(dst):][:len(dst)]
	kernel.DotRowsI8I16(high, n.rows.Codes, x)
	kernel.DotRowsI8I16(low, n.rows.Low, x)
	for i := range dst {
		dst[i] = float32(float64(int64(high[i])*256+int64(low[i])) * (float64(n.rows.Scales[i]) * scale / 256))
	}
}

// covariance returns QᵀQ of unit queries, with a share of its mean on the diagonal so that it can be inverted.
func covariance(queries []float32, dim int) []float64 {
	c := make([]float64, dim*dim)
	n := len(queries) / dim
	const most = 20000
	step := max(1, n/most)
	x := make([]float64, dim)
	for i := 0; i < n; i += step {
		q := queries[i*dim:][:dim]
		_, norm := peakAndNorm(q)
		if !(norm > minPeak) || math.IsInf(norm, 0) {
			continue
		}
		for k, v := range q {
			x[k] = float64(v) / norm
		}
		for a, xa := range x {
			row := c[a*dim:][:a+1]
			for b := range row {
				row[b] += float64(xa * x[b])
			}
		}
	}
	trace := 0.0
	for a := range dim {
		trace += c[a*dim+a]
		for b := range a {
			c[b*dim+a] = c[a*dim+b]
		}
	}
	for a := range dim {
		c[a*dim+a] += trace/float64(dim)*floorShare + 1e-9
	}
	return c
}

// floorShare is the least variance of a direction, as a share of the mean.
const floorShare = .02

// rotation fills m, wide × dim, with random orthonormal columns.
func rotation(m []float64, wide, dim int, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x65646765642d726f)) // "edged-ro"
	col := make([][]float64, dim)
	for k := range col {
		c := make([]float64, wide)
		for i := range c {
			c[i] = rng.NormFloat64()
		}
		for range 2 { // twice is enough (Kahan and Parlett)
			for _, o := range col[:k] {
				d := 0.0
				for i := range c {
					d += float64(c[i] * o[i])
				}
				for i := range c {
					c[i] -= float64(d * o[i])
				}
			}
		}
		norm := 0.0
		for _, v := range c {
			norm += float64(v * v)
		}
		for i := range c {
			c[i] /= math.Sqrt(norm)
			m[i*dim+k] = c[i]
		}
		col[k] = c
	}
}

// cholesky replaces the lower triangle of a, n × n, by L with a = LLᵀ.
func cholesky(a []float64, n int) error {
	for j := range n {
		rj := a[j*n:][:n]
		for i := j; i < n; i++ {
			ri := a[i*n:][:n]
			s := ri[j]
			for k := range j {
				s -= float64(ri[k] * rj[k])
			}
			if i > j {
				ri[j] = s / rj[j]
				continue
			}
			if !(s > 0) {
				return errors.New("matrix is not positive definite")
			}
			rj[j] = math.Sqrt(s)
		}
	}
	return nil
}

// solveLower replaces x by L⁻¹x.
func solveLower(l, x []float64) {
	n := len(x)
	for i := range x {
		s := x[i]
		for k := range i {
			s -= float64(l[i*n+k] * x[k])
		}
		x[i] = s / l[i*n+i]
	}
}

// solveLowerTransposed replaces x by L⁻ᵀx.
func solveLowerTransposed(l, x []float64) {
	n := len(x)
	for i := n - 1; i >= 0; i-- {
		x[i] /= l[i*n+i]
		for k := range i {
			x[k] -= float64(l[i*n+k] * x[i])
		}
	}
}
