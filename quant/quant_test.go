package quant

import (
	"math"
	"math/rand/v2"
	"testing"
)

func randomVectors(rng *rand.Rand, n, dim int, spread float64) []float32 {
	v := make([]float32, n*dim)
	for i := range v {
		v[i] = float32(rng.NormFloat64() * math.Exp(spread*rng.NormFloat64()))
	}
	return v
}

func encoded(t *testing.T, vectors []float32, dim int) Rows {
	t.Helper()
	rows, err := Encode(vectors, dim)
	if err != nil {
		t.Fatal(err)
	}
	if err := rows.Check(); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestRowErrorIsAtMostHalfAScale(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, dim := range []int{1, 7, 8, 9, 64, 512} {
		for _, spread := range []float64{0, 1, 3} {
			v := randomVectors(rng, 20, dim, spread)
			rows := encoded(t, v, dim)
			for i := range rows.Len() {
				half := float64(rows.Scales[i]) / 2 * (1 + 1e-4)
				for k, y := range rows.Append(nil, i) {
					if x := float64(v[i*dim+k]); math.Abs(x-y) > half {
						t.Fatalf("dim %d row %d: %g became %g, off by more than %g", dim, i, x, y, half)
					}
				}
			}
		}
	}
}

func TestQueryErrorIsAtMostHalfAScale(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var q Query
	for _, dim := range []int{512, 1, 7, 64} {
		x := randomVectors(rng, 1, dim, 2)
		q.Set(x)
		if len(q.Codes) != Stride(dim) {
			t.Fatalf("dim %d: %d codes", dim, len(q.Codes))
		}
		for k, v := range x {
			if d := math.Abs(float64(v) - float64(q.Codes[k])*q.Scale); d > q.Scale/2*(1+1e-9) {
				t.Errorf("dim %d: off by %g, scale %g", dim, d, q.Scale)
			}
		}
		for _, c := range q.Codes[dim:] {
			if c != 0 {
				t.Errorf("dim %d: padding is %d", dim, c)
			}
		}
	}
}

func TestScoreIsTheDotProductOfTheDecodedVectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	const dim = 37
	rows := encoded(t, randomVectors(rng, 50, dim, 1), dim)
	var q Query
	q.Set(randomVectors(rng, 1, dim, 1))
	for i := range rows.Len() {
		var want float64
		for k, y := range rows.Append(nil, i) {
			want += y * float64(q.Codes[k]) * q.Scale
		}
		if got := float64(q.Dot(&rows, i)); math.Abs(got-want) > 1e-6*math.Abs(want)+1e-12 {
			t.Errorf("row %d: %g, want %g", i, got, want)
		}
		if bound := q.Bound(rows.Norm(i)); math.Abs(want) > bound {
			t.Errorf("row %d: score %g above its bound %g", i, want, bound)
		}
	}
}

func TestAppendTimesIsAppendTimes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	for _, dim := range []int{1, 7, 8, 33, 512} {
		v := randomVectors(rng, 5, dim, 1)
		coarse := encoded(t, v, dim)
		fine, err := EncodeFine(v, dim)
		if err != nil {
			t.Fatal(err)
		}
		by := make([]float32, Stride(dim))
		for k := range by {
			by[k] = float32(rng.NormFloat64())
		}
		for _, rows := range []*Rows{&coarse, &fine} {
			for i := range 5 {
				got := rows.AppendTimes([]float32{9}, i, 3, by)[1:]
				for k, y := range rows.Append(nil, i) {
					if want := 3 * y * float64(by[k]); math.Abs(float64(got[k])-want) > 2e-7*math.Abs(want) {
						t.Fatalf("dim %d: %g, want %g", dim, got[k], want)
					}
				}
				for _, y := range got[dim:] {
					if y != 0 || len(got) != len(by) {
						t.Errorf("dim %d: padding of %g", dim, y)
					}
				}
			}
		}
	}
}

func TestBoundHoldsWhereItIsTight(t *testing.T) {
	for _, x := range [][]float32{{1}, {-3, 4}, {1e-20, 2e-20, 3e-20}, {1e8, -1e8}} {
		rows := encoded(t, x, len(x))
		var q Query
		q.Set(x)
		if score, bound := float64(q.Dot(&rows, 0)), q.Bound(rows.Norm(0)); score > bound {
			t.Errorf("%v with itself: %g above its bound %g", x, score, bound)
		}
	}
}

func TestVectorsWithoutLengthScoreZero(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	rows := encoded(t, []float32{0, 0, 1e-40, -1e-40, 1, 2}, 2)
	for _, x := range [][]float32{{0, 0}, {nan, 1}, {1, nan}, {inf, 1}, {1e-38, 0}} {
		var q Query
		q.Set([]float32{5, 6}) // leftovers must not shine through
		q.Set(x)
		for i := range rows.Len() {
			if s := q.Dot(&rows, i); s != 0 {
				t.Errorf("query %v row %d: %g, want 0", x, i, s)
			}
		}
	}
	var q Query
	q.Set([]float32{1, 1})
	for i, zero := range []bool{true, true, false} {
		if s := q.Dot(&rows, i); (s == 0) != zero {
			t.Errorf("row %d: score %g", i, s)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for name, in := range map[string]struct {
		v   []float32
		dim int
	}{
		"no dimension": {[]float32{1}, 0}, "too many dimensions": {make([]float32, 513), 513}, "ragged": {[]float32{1, 2, 3}, 2},
		"NaN": {[]float32{1, nan}, 2}, "infinity": {[]float32{inf, 1}, 2}, "too long": {[]float32{2e9, 1}, 2},
	} {
		if _, err := Encode(in.v, in.dim); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*Rows){
		"dim":          func(r *Rows) { r.Dim = 0 },
		"short codes":  func(r *Rows) { r.Codes = r.Codes[1:] },
		"NaN scale":    func(r *Rows) { r.Scales[1] = float32(math.NaN()) },
		"minus scale":  func(r *Rows) { r.Scales[1] = -1 },
		"endless":      func(r *Rows) { r.Scales[0] = float32(math.Inf(1)) },
		"giant vector": func(r *Rows) { r.Scales[0] = 1e9 },
	} {
		rows := encoded(t, []float32{1, 2, 3, 4}, 2)
		spoil(&rows)
		if rows.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestGramIsTheSumOfSquares(t *testing.T) {
	rows := encoded(t, []float32{127, 0, 0, -127, 63.5, 127}, 2)
	want := []float32{127*127 + 64*64, 127*127 + 127*127} // 63.5 rounds to the even code
	for k, g := range rows.Gram() {
		if math.Abs(float64(g-want[k])) > 1e-3 {
			t.Errorf("dimension %d: %g, want %g", k, g, want[k])
		}
	}
}
