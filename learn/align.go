package learn

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// coupling is how far YᵀY may be from diagonal after Align: |g_kl| ≤ coupling·√(g_kk·g_ll). A fold-in that takes it for
// diagonal moves by 1 or 2 % and keeps 98 or 99 of 100 in the first 20 places, as int8 vectors do.
const coupling = 0.01

// Align turns both sides towards the basis of earlier vectors, so that what did not change keeps its numbers. prev.Y has a
// row for each row of f.Y; rows of zeros do not count. No score changes: X and Y are turned by the same orthogonal matrix.
// Columns then follow the order and the signs of prev, no longer their eigenvalues.
func (f *Factors) Align(prev *Factors, threads int) error {
	d := f.Factors
	if len(prev.Y) != len(f.Y) || prev.Factors != d {
		return fmt.Errorf("align: %d numbers of %d factors, earlier %d of %d", len(f.Y), d, len(prev.Y), prev.Factors)
	}
	r, err := procrustes(f.Y, prev.Y, d)
	if err != nil {
		return err
	}
	uncouple(conjugate(gram(f.Y, d, threads), r, d), r, d)
	for _, side := range []*[]float32{&f.Y, &f.X} {
		padded := pad(*side, d)
		turn(padded, r, d, threads)
		*side = unpad(padded, d)
	}
	return nil
}

// procrustes returns the orthogonal matrix, its columns one after the other, that brings the rows of y closest to those of
// to: UVᵀ where Yᵀ·To = UΣVᵀ.
func procrustes(y, to []float32, d int) ([]float64, error) {
	cross := mat.NewDense(d, d, nil)
	for at := 0; at < len(y); at += d {
		for i, a := range y[at : at+d] {
			row := cross.RawRowView(i)
			for j, b := range to[at : at+d] {
				row[j] += float64(a) * float64(b)
			}
		}
	}
	var svd mat.SVD
	if !svd.Factorize(cross, mat.SVDFull) {
		return nil, fmt.Errorf("align: no singular vectors of the %d×%d product were found", d, d)
	}
	var u, v, r mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	r.Mul(&v, u.T()) // the transpose of UVᵀ: its rows are the columns asked for
	return r.RawMatrix().Data, nil
}

// conjugate returns RGRᵀ for a symmetric G given by its lower triangle, r holding the rows of R.
func conjugate(lower, r []float64, d int) []float64 {
	turn := mat.NewDense(d, d, slices.Clone(r))
	var half, full mat.Dense
	half.Mul(turn, symmetric(lower, d))
	full.Mul(&half, turn.T())
	return full.RawMatrix().Data
}

// uncouple turns g = RGRᵀ and the rows of R by Jacobi rotations, only in planes where g is coupled more than allowed. Near
// to equal eigenvalues a small change of G turns the eigenvectors far; such planes stay as they are.
func uncouple(g, r []float64, d int) {
	for range 50 {
		turned := false
		for k := range d {
			for l := range k {
				if math.Abs(g[k*d+l]) > coupling*math.Sqrt(g[k*d+k]*g[l*d+l]) {
					jacobi(g, r, d, k, l)
					turned = true
				}
			}
		}
		if !turned {
			return
		}
	}
}

// jacobi rotates by the smaller of the angles that make g[k,l] zero (Golub and Van Loan, Matrix Computations, 8.5.2).
func jacobi(g, r []float64, d, k, l int) {
	tau := (g[l*d+l] - g[k*d+k]) / (2 * g[k*d+l])
	t := 1 / (math.Abs(tau) + math.Sqrt(1+tau*tau))
	if tau < 0 {
		t = -t
	}
	c := 1 / math.Sqrt(1+t*t)
	s := t * c
	rotate := func(a []float64, i, j int) { a[i], a[j] = c*a[i]-s*a[j], s*a[i]+c*a[j] }
	for i := range d {
		rotate(g, k*d+i, l*d+i)
	}
	for i := range d {
		rotate(g, i*d+k, i*d+l)
	}
	for i := range d {
		rotate(r, k*d+i, l*d+i)
	}
}
