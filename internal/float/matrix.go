package float

// The tile: what one call of a kernel makes of a product of matrices.
const (
	tileRows = 8
	tileCols = 16
)

// strides are those of the tile c = a·b, in numbers: from one row of c to the next, along both directions of a, and from
// one row of b to the next.
type strides struct{ cRow, aRow, aCol, bRow int }

// Gram writes the lower triangle of FᵀF to g, d rows of d, for f with rows of d numbers. What is above the diagonal is
// undefined.
func Gram(g, f []float32, d int) {
	check(d)
	g, f = g[:d*d], f[:len(f)/d*d]
	if len(f) == 0 {
		clear(g)
		return
	}
	at := strides{cRow: d, aRow: 1, aCol: d, bRow: d}
	for i := 0; i < d; i += tileRows {
		for j := 0; j <= i; j += tileCols {
			active.tile(g[i*d+j:], f[i:], f[j:], len(f)/d, &at)
		}
	}
}

// Mul writes F·Q to out, for f with rows of d numbers and Q with d rows of d. out and f must not overlap.
func Mul(out, f, q []float32, d int) {
	check(d)
	n := len(f) / d
	out, f, q = out[:n*d], f[:n*d], q[:d*d]
	at := strides{cRow: d, aRow: d, aCol: 1, bRow: d}
	whole := n / tileRows * tileRows
	for j := 0; j < d; j += tileCols { // a strip of q stays in the nearest cache
		for r := 0; r < whole; r += tileRows {
			active.tile(out[r*d+j:], f[r*d:], q[j:], d, &at)
		}
	}
	for r := whole; r < n; r++ {
		row(out[r*d:][:d], f[r*d:][:d], q)
	}
}

// row is Mul of a single row.
func row(out, f, q []float32) {
	clear(out)
	for k, x := range f {
		for n, y := range q[k*len(f):][:len(f)] {
			out[n] += x * y
		}
	}
}
