package quant

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestEncodeLike: what moved little keeps scale and codes, what moved more is near, and rows may have changed places.
func TestEncodeLike(t *testing.T) {
	const n, dim = 50, 21
	for _, fine := range []bool{false, true} {
		rng := rand.New(rand.NewPCG(3, 4))
		x := make([]float32, n*dim)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		old, err := encode(x, dim, fine)
		if err != nil {
			t.Fatal(err)
		}
		y, at := make([]float32, n*dim), make([]int, n)
		for i := range n {
			at[i] = n - 1 - i
			for k := range dim {
				y[i*dim+k] = x[at[i]*dim+k]
				if i%2 == 1 {
					y[i*dim+k] += 0.3 * float32(rng.NormFloat64())
				}
			}
		}
		at[4] = -1
		rows, err := EncodeLike(y, dim, fine, Earlier{&old, at})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if i%2 == 0 && i != 4 && (rows.Scales[i] != old.Scales[at[i]] || !slices.Equal(rows.Row(i), old.Row(at[i]))) {
				t.Errorf("row %d did not move, and has other codes", i)
			}
			for k, v := range rows.Append(nil, i) {
				if d := math.Abs(v - float64(y[i*dim+k])); d > (slack+.01)*float64(rows.Scales[i]) {
					t.Errorf("row %d, number %d: off by %g steps", i, k, d/float64(rows.Scales[i]))
				}
			}
		}
		if fresh, _ := encode(y, dim, fine); !slices.Equal(fresh.Row(4), rows.Row(4)) {
			t.Error("a new row has other codes than it would have alone")
		}
	}
}

func TestEncodeLikeOtherShapes(t *testing.T) {
	x := []float32{1, 2, 3, 4, 5, 6}
	two, err := Encode(x, 2)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := EncodeLike(x, 3, false, Earlier{&two, []int{0, 1}})
	if fresh, _ := Encode(x, 3); err != nil || !slices.Equal(rows.Codes, fresh.Codes) {
		t.Errorf("rows of another length were looked at: %v", err)
	}
	if _, err := EncodeLike(x, 2, false, Earlier{&two, []int{0}}); err == nil {
		t.Error("three rows like one were taken")
	}
	zero, err := Encode(make([]float32, 6), 2)
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := EncodeLike(x, 2, false, Earlier{&zero, []int{0, 1, 2}}); err != nil || rows.Scales[0] != two.Scales[0] {
		t.Errorf("after zero rows: scales %v, %v", rows.Scales, err)
	}
}
