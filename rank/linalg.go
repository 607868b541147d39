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
// and 1/D on it. What is above the diagonal is neither read nor written. Further rows of a, b, become D⁻¹L⁻¹ b. It needs, and returns, working memory.
//
// Two columns go at a time, each row being read and written once for both: the bits are those of one after the other.
func factorise(a []float64, n int, columns []float64) []float64 {
	rows := len(a) / n
	columns = resize(columns, 2*rows)
	first, second := columns[:rows], columns[rows:] // what was in them
	j := 0
	for ; j+1 < n; j += 2 {
		a[j*n+j] = 1 / a[j*n+j]
		next := a[(j+1)*n+j:][:2]
		inverse, below := a[j*n+j], next[0]
		next[0] = float64(below * inverse)
		next[1] = 1 / (next[1] - float64(next[0]*below))
		for i := j + 2; i < rows; i++ {
			row := a[i*n+j:][:min(i, n-1)-j+1]
			f := float64(row[0] * inverse)
			left := row[1] - float64(f*below)
			g := float64(left * next[1])
			first[i], second[i], row[0], row[1] = row[0], left, f, g
			subtractBoth(row[2:], first[j+2:], second[j+2:], f, g)
		}
	}
	if j < n {
		a[j*n+j] = 1 / a[j*n+j]
		for i := n; i < rows; i++ {
			a[i*n+j] *= a[j*n+j]
		}
	}
	return columns
}

// subtractBoth takes x·f and then y·g from dst.
func subtractBoth(dst, x, y []float64, f, g float64) {
	x, y = x[:len(dst)], y[:len(dst)]
	for k := range dst {
		dst[k] = dst[k] - float64(x[k]*f) - float64(y[k]*g)
	}
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
