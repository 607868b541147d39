package rank

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"
)

// TestSameBitsEverywhere holds the fold-in's arithmetic to the same bits on every CPU (ADR 2): on arm64 the compiler fuses a
// product with the addition after it unless the product is converted first.
func TestSameBitsEverywhere(t *testing.T) {
	const n, want = 23, uint64(0x6b91a6f06a20028f)
	rng := rand.New(rand.NewPCG(1, 2))
	a, b := make([]float64, n*n), make([]float64, n)
	for i := range n {
		b[i] = rng.Float64() - .5
		for j := range i + 1 {
			a[i*n+j] = rng.Float64() - .5
		}
		a[i*n+i] += n
	}
	cholesky(a, n)
	solveCholesky(a, n, b)
	addScaled(b, a[(n-1)*n:][:n], dot(b, b))
	sum := fnv.New64a()
	for _, x := range append(a, b...) {
		var bits [8]byte
		for i := range bits {
			bits[i] = byte(math.Float64bits(x) >> (8 * i))
		}
		sum.Write(bits[:])
	}
	if got := sum.Sum64(); got != want {
		t.Errorf("bits %#x, want %#x", got, want)
	}
}
