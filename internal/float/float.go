// Package float holds the innermost loops of training: sums over gathered rows, and the vector and matrix steps between.
// All are in float32 but Rotate.
//
// The plain-Go functions (generic.go) are compiled on every platform and are the reference. A variant is the same set of
// functions written for one kind of CPU. It adds in another order and fuses multiplications with additions, so that its
// results differ by rounding: within a few units in the last place of the sum of the magnitudes added. One variant gives
// the same bits for the same input every time.
//
// The variant is chosen once, at start, from what the CPU can do; EDGED_SIMD=generic forces the reference. There is one for
// AVX2 with FMA and none for AVX-512: measured on the machine of docs/BENCHMARKS.md it gained nothing, and so every newer amd64 machine gives the same
// bits. Functions keep no state and may be called from any goroutine.
package float

// Lanes divides the length of every vector and the order of every matrix.
const Lanes = 16

// observeRows is how many rows one call of a kernel takes: it cannot be interrupted.
const observeRows = 4096

// Padded is the least multiple of Lanes that is not below d.
func Padded(d int) int { return (d + Lanes - 1) &^ (Lanes - 1) }

// Observe adds Σ_k w[k]·(one − v_k·p)·v_k to out and returns Σ_k w[k]·(one − v_k·p)², v_k being row rows[k] of f, len(p)
// numbers each. Every row must lie within f: it is not
// checked here. fetch says that the rows are not expected in the nearest cache.
//
// With U the matrix of rows √w·v and t = p, it is what a linear system of UᵀU needs: one = 1 adds Uᵀ(√w − Ut), which is
// minus half the gradient of Σ w(1 − v·t)², and one = 0 adds −UᵀUp.
func Observe(out, p, f []float32, rows []uint32, w []float32, one float32, fetch bool) float32 {
	d := len(p)
	check(d, len(out))
	var sum float32
	for w = w[:len(rows)]; len(rows) > 0; {
		n := min(len(rows), observeRows)
		sum += active.observe(out, p, f, rows[:n], w[:n], one, fetch)
		rows, w = rows[n:], w[n:]
	}
	return sum
}

// Diagonal sets out to −(g + ridge)·p, number by number.
func Diagonal(out, g, p []float32, ridge float32) {
	check(len(out), len(g), len(p))
	active.diagonal(out, g, p, ridge)
}

// Dot returns Σ a·b.
func Dot(a, b []float32) float32 {
	check(len(a), len(b))
	return active.dot(a, b)
}

// Advance adds alpha·p to x and alpha·q to r and returns Σ r²·inverse.
func Advance(x, r, p, q, inverse []float32, alpha float32) float32 {
	check(len(x), len(r), len(p), len(q), len(inverse))
	return active.advance(x, r, p, q, inverse, alpha)
}

// Direct sets p to inverse·r + beta·p.
func Direct(p, r, inverse []float32, beta float32) {
	check(len(p), len(r), len(inverse))
	active.direct(p, r, inverse, beta)
}

// Precondition sets inverse to 1 / (g + weight·c + ridge).
func Precondition(inverse, g, c []float32, weight, ridge float32) {
	check(len(inverse), len(g), len(c))
	active.precondition(inverse, g, c, weight, ridge)
}

// Rotate sets a to cos·a − sin·b and b to sin·a + cos·b, at once. It is in float64, of any length.
func Rotate(a, b []float64, cos, sin float64) {
	if len(a) != len(b) {
		panic("BUG: float: lengths differ")
	}
	active.rotate(a, b, cos, sin)
}

func check(d int, others ...int) {
	if d == 0 || d%Lanes != 0 {
		panic("BUG: float: length is no multiple of 16")
	}
	for _, n := range others {
		if n != d {
			panic("BUG: float: lengths differ")
		}
	}
}
