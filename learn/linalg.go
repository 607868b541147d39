package learn

import (
	"math"

	"github.com/viterin/vek"
)

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
