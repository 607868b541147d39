package train

import "math"

// Row-major square matrices of which only the lower triangle is kept up to date. Sums are in float64: on scalar hardware
// that costs what float32 does, and the half-step stays exact.

// gramBlock rows are summed apart, so that the sum over all does not depend on the number of threads.
const gramBlock = 2048

// gram returns the lower triangle of FᵀF for n×d factors.
func gram(f []float32, d, threads int) []float64 {
	n := len(f) / d
	parts := make([][]float64, (n+gramBlock-1)/gramBlock)
	parallel(threads, n, gramBlock, func(_, lo, hi int) {
		g, q := make([]float64, d*d), newQuad(d)
		for r := lo; r < hi; r++ {
			q.push(g, f[r*d:(r+1)*d], 1)
		}
		q.flush(g)
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

// quad adds w·v·vᵀ to a lower triangle four vectors at a time: each element of the triangle is then loaded and stored
// once for four multiply-adds.
type quad struct {
	d, n int
	v    [4][]float64
	w    [4]float64
}

func newQuad(d int) *quad {
	q := &quad{d: d}
	for k := range q.v {
		q.v[k] = make([]float64, d)
	}
	return q
}

func (q *quad) push(a []float64, v []float32, w float64) {
	to := q.v[q.n][:len(v)]
	for i, x := range v {
		to[i] = float64(x)
	}
	q.w[q.n] = w
	if q.n++; q.n == 4 {
		q.flush(a)
	}
}

// flush adds what is waiting; fewer than four are filled up with weight 0.
func (q *quad) flush(a []float64) {
	if q.n == 0 {
		return
	}
	for k := q.n; k < 4; k++ {
		q.w[k] = 0
	}
	for i := range q.d {
		addFour(a[i*q.d:i*q.d+i+1], q.v[0], q.v[1], q.v[2], q.v[3], q.w[0]*q.v[0][i], q.w[1]*q.v[1][i], q.w[2]*q.v[2][i], q.w[3]*q.v[3][i])
	}
	q.n = 0
}

func addFour(row, v0, v1, v2, v3 []float64, c0, c1, c2, c3 float64) {
	n := len(row)
	v0, v1, v2, v3 = v0[:n], v1[:n], v2[:n], v3[:n]
	for j, x := range row {
		row[j] = x + (c0*v0[j] + c1*v1[j]) + (c2*v2[j] + c3*v3[j])
	}
}

// dot sums in four lanes.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i, x := range a {
		s0 += x * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// dot32 is dot over float32 vectors.
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
