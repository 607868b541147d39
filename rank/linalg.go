package rank

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

// factorise replaces the lower triangle of the symmetric positive definite n×n matrix a by its factors L D Lᵀ: L below the diagonal, where it has ones,
// and 1/D on it. What is above the diagonal is neither read nor written. Further rows of a, b, become D⁻¹L⁻¹ b. It needs, and returns, a
// column of working memory.
func factorise(a []float64, n int, column []float64) []float64 {
	rows := len(a) / n
	column = resize(column, rows)
	for j := range n {
		for i := j + 1; i < rows; i++ {
			column[i] = a[i*n+j]
		}
		inverse := 1 / a[j*n+j]
		a[j*n+j] = inverse
		for i := j + 1; i < rows; i++ {
			row := a[i*n+j:][:min(i, n-1)-j+1]
			by := float64(row[0] * inverse)
			row[0] = by
			subtract(row[1:], column[j+1:], by)
		}
	}
	return column
}

// subtract takes x·f from dst.
func subtract(dst, x []float64, f float64) {
	x = x[:len(dst)]
	for k := range dst {
		dst[k] -= float64(x[k] * f)
	}
}

// solve replaces b by the solution of L D Lᵀ x = b.
func solve(l []float64, n int, b []float64) {
	for i := range n {
		b[i] -= dot(l[i*n:][:i], b[:i])
	}
	for i := range n {
		b[i] *= l[i*n+i]
	}
	solveUpper(l, n, b)
}

// solveUpper replaces b by the solution of Lᵀ x = b.
func solveUpper(l []float64, n int, b []float64) {
	for i := n - 1; i > 0; i-- {
		subtract(b[:i], l[i*n:][:i], b[i])
	}
}
