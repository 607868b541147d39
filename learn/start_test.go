package learn

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestStartSpansTheStrongestDirections compares with the singular values of the dense matrix of weights: the start holds
// nearly as much of it as any d directions can.
func TestStartSpansTheStrongestDirections(t *testing.T) {
	m := tinyALS(3)
	users, items := m.users.obs, m.items.obs.Rows()
	w := mat.NewDense(users.Rows(), items, nil)
	for u := range users.Rows() {
		for i := range items {
			w.Set(u, i, float64(users.WeightOf(u, uint32(i))))
		}
	}
	var svd mat.SVD
	if !svd.Factorize(w, mat.SVDNone) {
		t.Fatal("no singular values")
	}
	best := 0.0
	for _, s := range svd.Values(nil)[:m.d] {
		best += s * s
	}
	y := mat.NewDense(items, m.d, nil)
	for i := range items {
		for k := range m.d {
			y.Set(i, k, float64(m.y[i*m.p+k]))
		}
	}
	var qr mat.QR
	var q, held mat.Dense
	qr.Factorize(y)
	qr.QTo(&q)
	held.Mul(w, q.Slice(0, items, 0, m.d))
	if got := math.Pow(mat.Norm(&held, 2), 2); got < 0.92*best {
		t.Fatalf("the start holds %v of the weights' squares, the best directions %v", got, best)
	}
	if mean := norm2(m.y) / float64(m.items.active); math.Abs(mean-1) > 1e-4 {
		t.Fatalf("the mean square length is %v", mean)
	}
}

// TestMoreFactorsThanItems: what has no direction of its own does no harm.
func TestMoreFactorsThanItems(t *testing.T) {
	f := fitted(t, ALS{Factors: 48, A0: .1, Reg: .01, Nu: 1, Sweeps: 4, Seed: 1}, randomPairs(5, 50, 12, 200))
	for sweep, loss := range f.Losses {
		if sweep > 0 && loss > f.Losses[sweep-1]*(1+1e-6) {
			t.Fatalf("the loss rises: %v", f.Losses)
		}
	}
}

// TestNothingToLearn: no observations at all make vectors of zeros.
func TestNothingToLearn(t *testing.T) {
	f := fitted(t, ALS{Factors: 4, A0: .1, Reg: .01, Nu: 1, Sweeps: 2, Seed: 1}, Collect(5, 3, func(func(r, c uint32, v float32)) {}))
	if len(f.X) != 20 || norm2(f.X) != 0 || norm2(f.Y) != 0 || f.Active != 0 {
		t.Fatalf("vectors %v, %v; active %d", f.X, f.Y, f.Active)
	}
}

// TestPowersStayInRange: a weighted sum over the largest weight of a row is no longer than the longest vector.
func TestPowersStayInRange(t *testing.T) {
	m := tinyALS(2)
	longest := func(f []float32) (most float64) {
		for r := 0; r < len(f); r += m.p {
			most = max(most, norm2(f[r:][:m.p]))
		}
		return math.Sqrt(most)
	}
	m.multiply(m.x, m.y, m.users)
	if x, y := longest(m.x), longest(m.y); x > y*(1+1e-6) || x < 0.05*y {
		t.Fatalf("the longest sum is %v, the longest vector %v", x, y)
	}
}
