package learn

import (
	"math"

	"github.com/edged/edged/internal/float"
	"github.com/edged/edged/internal/parallel"
)

// gramParts bounds how many parts a Gram matrix is summed in: each takes 8p² bytes. Their bounds depend on the number of
// rows alone, so that the sum does not depend on threads.
const (
	gramParts = 64
	gramBlock = 512 // rows summed in float32, before they are added up in float64
)

// gramPadded returns the lower triangle of FᵀF for f with rows of p numbers, p a multiple of float.Lanes.
func gramPadded(f []float32, p, threads int) []float64 { return weightedGram(f, nil, p, threads) }

// weightedGram returns that of FᵀWF for a diagonal W with a number for each row; nil is the unit matrix.
func weightedGram(f, weight []float32, p, threads int) []float64 {
	n := len(f) / p
	size := max(1, (n+gramParts*gramBlock-1)/(gramParts*gramBlock)) * gramBlock
	parts := make([][]float64, (n+size-1)/size)
	parallel.For(threads, n, size, func(_, lo, hi int) {
		sum, part := make([]float64, p*p), make([]float32, p*p)
		var scaled []float32
		for from := lo; from < hi; from += gramBlock {
			to := min(from+gramBlock, hi)
			rows := f[from*p : to*p]
			if weight != nil {
				scaled = scaleRows(scaled, rows, weight[from:to], p)
				rows = scaled
			}
			float.Gram(part, rows, p)
			for i := range p {
				for j, x := range part[i*p:][:i+1] {
					sum[i*p+j] += float64(x)
				}
			}
		}
		parts[lo/size] = sum
	})
	sum := make([]float64, p*p)
	for _, part := range parts {
		for i, x := range part {
			sum[i] += x
		}
	}
	return sum
}

// scaleRows returns the rows times the roots of their weights; it reuses the memory of dst.
func scaleRows(dst, rows, weight []float32, p int) []float32 {
	dst = append(dst[:0], rows...)
	for r, w := range weight {
		root := float32(math.Sqrt(float64(w)))
		for k := range p {
			dst[r*p+k] *= root
		}
	}
	return dst
}

// gram is gramPadded for rows of any length d, and returns d×d.
func gram(f []float32, d, threads int) []float64 {
	p := float.Padded(d)
	return corner(gramPadded(pad(f, d), p, threads), p, d)
}

// corner is the first d rows and columns of a p×p matrix.
func corner(a []float64, p, d int) []float64 {
	out := make([]float64, 0, d*d)
	for i := range d {
		out = append(out, a[i*p:][:d]...)
	}
	return out
}

// rotate turns both sides into the basis in which FᵀF is diagonal, largest first, f being one of them, and returns that
// diagonal: FᵀF = QΛQᵀ, X ← XQ, Y ← YQ. Scores stay, since (XQ)(YQ)ᵀ = XYᵀ.
func (m *als) rotate(f []float32) ([]float64, error) {
	values, q, err := eigenbasis(corner(gramPadded(f, m.p, m.threads), m.p, m.d), m.d)
	if err != nil {
		return nil, err
	}
	turn(m.y, q, m.d, m.threads)
	turn(m.x, q, m.d, m.threads)
	return values, nil
}

// settleSigns chooses the signs of columns, which are free, so that the largest element of each of Y is positive.
func (m *als) settleSigns() {
	largest := make([]float32, m.p) // by magnitude, the first of equals
	for r := 0; r < len(m.y); r += m.p {
		for k, x := range m.y[r:][:m.p] {
			if math.Abs(float64(x)) > math.Abs(float64(largest[k])) {
				largest[k] = x
			}
		}
	}
	for _, f := range [][]float32{m.x, m.y} {
		parallel.For(m.threads, len(f)/m.p, 1024, func(_, lo, hi int) {
			for r := lo; r < hi; r++ {
				for k, x := range f[r*m.p:][:m.p] {
					if largest[k] < 0 {
						f[r*m.p+k] = -x
					}
				}
			}
		})
	}
}

// turn replaces each row v of f by (q_k·v)_k, for d vectors q of d numbers and rows padded for them.
func turn(f []float32, q []float64, d, threads int) {
	const block = 256
	p := float.Padded(d)
	to := make([]float32, p*p) // Qᵀ
	for k := range d {
		for i := range d {
			to[i*p+k] = float32(q[k*d+i])
		}
	}
	work := make([][]float32, threads)
	parallel.For(threads, len(f)/p, block, func(w, lo, hi int) {
		if work[w] == nil {
			work[w] = make([]float32, block*p)
		}
		out := work[w][:(hi-lo)*p]
		float.Mul(out, f[lo*p:hi*p], to, p)
		copy(f[lo*p:hi*p], out)
	})
}
