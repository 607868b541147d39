package learn

import (
	"math"

	"github.com/edged/edged/internal/parallel"
	"github.com/viterin/vek"
)

// Row-major square matrices of which only the lower triangle is kept up to date. Sums are in float64: on scalar hardware
// that costs what float32 does, and the half-step stays exact.

// gramBlock rows are summed apart, so that the sum over all does not depend on the number of threads.
const gramBlock = 2048

// gram returns the lower triangle of FᵀF for n×d factors.
func gram(f []float32, d, threads int) []float64 {
	n := len(f) / d
	parts := make([][]float64, (n+gramBlock-1)/gramBlock)
	parallel.For(threads, n, gramBlock, func(_, lo, hi int) {
		g, p := make([]float64, d*d), newPanel(d)
		for r := lo; r < hi; r++ {
			p.push(g, f[r*d:(r+1)*d], 1)
		}
		p.flush(g)
		parts[lo/gramBlock] = g
	})
	sum := make([]float64, d*d)
	for _, p := range parts {
		for i, x := range p {
			sum[i] += x
		}
	}
	return sum
}

// panel adds Σ v·vᵀ to a lower triangle, many vectors at a time: kept as columns, they turn each element into one long
// dot product, which is what vector instructions are good at.
type panel struct {
	d, n int
	cols []float64 // number i of the waiting vectors is cols[i*panelSize:][:n]
}

const panelSize = 128 // 64 KiB at d = 64

func newPanel(d int) *panel { return &panel{d: d, cols: make([]float64, d*panelSize)} }

// push takes root·v, v of length d.
func (p *panel) push(a []float64, v []float32, root float64) {
	at := p.n
	for _, x := range v {
		p.cols[at] = root * float64(x)
		at += panelSize
	}
	if p.n++; p.n == panelSize {
		p.flush(a)
	}
}

// flush adds what is waiting.
func (p *panel) flush(a []float64) {
	if p.n == 0 {
		return
	}
	for i := range p.d {
		ci, row := p.cols[i*panelSize:][:p.n], a[i*p.d:i*p.d+i+1]
		for j := range row {
			row[j] += dot(ci, p.cols[j*panelSize:][:p.n])
		}
	}
	p.n = 0
}

// dot uses vector instructions where there are any and the call pays. The order of its additions depends on the machine's
// instructions and on the length, on nothing else.
func dot(a, b []float64) (sum float64) {
	if len(a) >= 12 {
		return vek.Dot(a, b)
	}
	b = b[:len(a)]
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

// dot32 is the product of two float32 vectors, in four lanes of float64.
func dot32(a, b []float32) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	for len(a) >= 4 && len(b) >= 4 {
		s0 += float64(a[0]) * float64(b[0])
		s1 += float64(a[1]) * float64(b[1])
		s2 += float64(a[2]) * float64(b[2])
		s3 += float64(a[3]) * float64(b[3])
		a, b = a[4:], b[4:]
	}
	for i, x := range a {
		s0 += float64(x) * float64(b[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// solve replaces b by the solution of A·x = b for a positive definite A given by its lower triangle, which becomes its
// Cholesky factor L (A = L·Lᵀ). It reports whether A was positive definite.
func solve(a, b []float64) bool {
	d := len(b)
	for i := range d {
		row := a[i*d : i*d+d]
		for j := range i {
			row[j] = (row[j] - dot(row[:j], a[j*d:j*d+j])) * a[j*d+j]
		}
		pivot := row[i] - dot(row[:i], row[:i])
		if !(pivot > 0) {
			return false
		}
		row[i] = 1 / math.Sqrt(pivot) // the diagonal of L is kept inverted: every use of it divides
		b[i] = (b[i] - dot(row[:i], b[:i])) * row[i]
	}
	for i := d - 1; i >= 0; i-- {
		b[i] *= a[i*d+i]
		row, x := a[i*d:i*d+i], b[i]
		for j, l := range row {
			b[j] -= x * l
		}
	}
	return true
}
