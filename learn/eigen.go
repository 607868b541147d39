package learn

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/edged/edged/internal/float"
	"gonum.org/v1/gonum/blas"
	lapack "gonum.org/v1/gonum/lapack/gonum"
	"gonum.org/v1/gonum/mat"
)

// eigenbasis returns the eigenvalues of a lower triangle, the largest first, and their eigenvectors one after the other.
// The matrix has no negative ones but for rounding, which is set to 0.
func eigenbasis(lower []float64, d int) (values, q []float64, err error) {
	scaled, scale := toUnit(lower, d)
	diagonal, beside, vectors := tridiagonal(scaled, d)
	if !implicitQL(diagonal, beside, vectors) {
		return nil, nil, fmt.Errorf("no eigenvectors of the %d×%d Gram matrix were found", d, d)
	}
	order := make([]int, d)
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(diagonal[j], diagonal[i]) })
	for _, k := range order {
		values, q = append(values, scale*max(diagonal[k], 0)), append(q, vectors[k*d:][:d]...)
	}
	return values, q, nil
}

// toUnit divides a lower triangle by the power of two above its largest number, which is exact: vectors that regularisation has shrunk to
// nothing have products that leave no digits to work with.
func toUnit(lower []float64, d int) (scaled []float64, scale float64) {
	scaled = slices.Clone(lower)
	most := 0.0
	for i := range d {
		for _, x := range scaled[i*d:][:i+1] {
			most = max(most, math.Abs(x))
		}
	}
	if !(most > 0) || math.IsInf(most, 0) {
		return scaled, 1
	}
	_, exp := math.Frexp(most)
	for i := range d {
		row := scaled[i*d:][:i+1]
		for k, x := range row {
			row[k] = math.Ldexp(x, -exp)
		}
	}
	return scaled, math.Ldexp(1, exp)
}

// tridiagonal overwrites a lower triangle. It returns an orthogonal matrix, its columns one after the other, in whose basis the matrix is tridiagonal, and
// the numbers on and beside the diagonal.
func tridiagonal(a []float64, d int) (diagonal, beside, vectors []float64) {
	tau, work := make([]float64, d), make([]float64, 64*d)
	diagonal, beside = make([]float64, d), make([]float64, d)
	var l lapack.Implementation
	l.Dsytrd(blas.Lower, d, a, d, diagonal, beside[:max(0, d-1)], tau[:max(0, d-1)], work, len(work))
	l.Dorgtr(blas.Lower, d, a, d, tau[:max(0, d-1)], work, len(work))
	vectors = make([]float64, d*d)
	for i := range d {
		for k := range d {
			vectors[k*d+i] = a[i*d+k]
		}
	}
	return diagonal, beside, vectors
}

// implicitQL turns a tridiagonal matrix into a diagonal one (Martin and Wilkinson, "The implicit QL algorithm", 1968), and
// its basis, vectors one after the other, with it: so a rotation is of two contiguous rows. It takes most of the time of an
// eigenproblem. It reports whether it came to an end.
func implicitQL(diagonal, beside, vectors []float64) bool {
	d := len(diagonal)
	const least = 0x1p-60 // of a matrix whose largest number is about 1: what is less is rounding, also where the diagonal has nothing
	for l := range d {
		for tries := 0; ; tries++ {
			m := l // the first row from l on that stands alone
			for m < d-1 && !(math.Abs(beside[m]) <= max(0x1p-53*(math.Abs(diagonal[m])+math.Abs(diagonal[m+1])), least)) {
				m++
			}
			if m == l {
				break
			}
			if tries == 60 || math.IsNaN(diagonal[l]) {
				return false
			}
			sweepQL(diagonal, beside, vectors, l, m)
		}
	}
	return true
}

// sweepQL chases the bulge of one shifted step from row m up to row l.
func sweepQL(diagonal, beside, vectors []float64, l, m int) {
	d := len(diagonal)
	half := (diagonal[l+1] - diagonal[l]) / (2 * beside[l])
	shift := diagonal[l] - beside[l]/(half+math.Copysign(math.Hypot(half, 1), half)) // Wilkinson's
	bulge, cos, sin, moved := diagonal[m]-shift, 1.0, 1.0, 0.0
	for i := m - 1; i >= l; i-- {
		f, b := sin*beside[i], cos*beside[i]
		r := math.Hypot(f, bulge)
		beside[i+1] = r
		if r == 0 { // it falls apart here
			diagonal[i+1] -= moved
			beside[m] = 0
			return
		}
		cos, sin = bulge/r, f/r
		rest := diagonal[i+1] - moved
		x := (diagonal[i]-rest)*sin + 2*cos*b
		moved = sin * x
		diagonal[i+1] = rest + moved
		bulge = cos*x - b
		float.Rotate(vectors[i*d:][:d], vectors[(i+1)*d:][:d], cos, sin)
	}
	diagonal[l] -= moved
	beside[l], beside[m] = bulge, 0
}

func symmetric(lower []float64, d int) *mat.SymDense {
	sym := mat.NewSymDense(d, nil)
	for i := range d {
		for j := range i + 1 {
			sym.SetSym(i, j, lower[i*d+j])
		}
	}
	return sym
}
