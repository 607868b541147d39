//go:build !purego

package float

// What follows turns the assembly's pointers and lengths in bytes into slices.

func observeBy(f func(out, p, f *float32, rows *uint32, w *float32, n, bytes int, one float32, fetch int) float32) func(out, p, f []float32, rows []uint32, w []float32, one float32, fetch bool) float32 {
	return func(out, p, v []float32, rows []uint32, w []float32, one float32, fetch bool) float32 {
		ahead := 0
		if fetch {
			ahead = 1
		}
		return f(&out[0], &p[0], &v[0], &rows[0], &w[0], len(rows), 4*len(p), one, ahead)
	}
}

func diagonalBy(f func(out, gram, p *float32, bytes int, ridge float32)) func(out, g, p []float32, ridge float32) {
	return func(out, g, p []float32, ridge float32) { f(&out[0], &g[0], &p[0], 4*len(p), ridge) }
}

func dotBy(f func(a, b *float32, bytes int) float32) func(a, b []float32) float32 {
	return func(a, b []float32) float32 { return f(&a[0], &b[0], 4*len(a)) }
}

func advanceBy(f func(x, r, p, q, inverse *float32, bytes int, alpha float32) float32) func(x, r, p, q, inverse []float32, alpha float32) float32 {
	return func(x, r, p, q, inverse []float32, alpha float32) float32 {
		return f(&x[0], &r[0], &p[0], &q[0], &inverse[0], 4*len(x), alpha)
	}
}

func directBy(f func(p, r, inverse *float32, bytes int, beta float32)) func(p, r, inverse []float32, beta float32) {
	return func(p, r, inverse []float32, beta float32) { f(&p[0], &r[0], &inverse[0], 4*len(p), beta) }
}

func preconditionBy(f func(inverse, gram, c *float32, bytes int, weight, ridge float32)) func(inverse, g, c []float32, weight, ridge float32) {
	return func(inverse, g, c []float32, weight, ridge float32) {
		f(&inverse[0], &g[0], &c[0], 4*len(g), weight, ridge)
	}
}

// rotateBy leaves the last numbers, where they are no whole register, to the reference.
func rotateBy(f func(a, b *float64, bytes int, cos, sin float64)) func(a, b []float64, cos, sin float64) {
	return func(a, b []float64, cos, sin float64) {
		whole := len(a) &^ 3
		if whole > 0 {
			f(&a[0], &b[0], 8*whole, cos, sin)
		}
		rotateGeneric(a[whole:], b[whole:], cos, sin)
	}
}

func tileBy(f func(c, a, b *float32, k int, cRow, aRow, aCol, bRow int)) func(c, a, b []float32, k int, at *strides) {
	return func(c, a, b []float32, k int, at *strides) {
		f(&c[0], &a[0], &b[0], k, 4*at.cRow, 4*at.aRow, 4*at.aCol, 4*at.bRow)
	}
}
