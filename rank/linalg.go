package rank

import "math"

// Products are converted before they are added: on some CPUs the compiler would fuse the two otherwise, and nodes would
// disagree in the last bits (ADR 2).

func resize[T float64 | float32 | uint32 | int](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s, t float64
	for len(a) >= 4 && len(b) >= 4 {
		s += float64(a[0]*b[0]) + float64(a[2]*b[2])
		t += float64(a[1]*b[1]) + float64(a[3]*b[3])
		a, b = a[4:], b[4:]
	}
	for i, x := range a {
		s += float64(x * b[i])
	}
	return s + t
}

// addScaled adds x·f to dst.
func addScaled(dst, x []float64, f float64) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] += float64(x[i] * f)
	}
}

// cholesky replaces the lower triangle of the symmetric positive definite n×n matrix a by L, a = L Lᵀ. What is above
// the diagonal is neither read nor written. Further rows of a, b, become L⁻¹ b. It goes column by column: the numbers of one don't wait for
// each other.
func cholesky(a []float64, n int) {
	rows := len(a) / n
	for j := range n {
		row := a[j*n:][:j+1]
		diagonal := math.Sqrt(row[j] - dot(row[:j], row[:j]))
		row[j] = diagonal
		for i := j + 1; i < rows; i++ {
			below := a[i*n:][:j+1]
			below[j] = (below[j] - dot(row[:j], below[:j])) / diagonal
		}
	}
}

// solveCholesky replaces b by the solution of L Lᵀ x = b.
func solveCholesky(l []float64, n int, b []float64) {
	for i := range n {
		b[i] = (b[i] - dot(l[i*n:][:i], b[:i])) / l[i*n+i]
	}
	solveUpper(l, n, b)
}

// solveUpper replaces b by the solution of Lᵀ x = b.
func solveUpper(l []float64, n int, b []float64) {
	for i := n - 1; i >= 0; i-- {
		b[i] /= l[i*n+i]
		addScaled(b[:i], l[i*n:][:i], -b[i])
	}
}
