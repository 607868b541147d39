package quant

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/edged/edged/internal/kernel"
)

func TestFineRowErrorIsAtMostA256thOfAScale(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for _, dim := range []int{1, 7, 8, 64, 512} {
		for _, spread := range []float64{0, 1, 3} {
			v := randomVectors(rng, 20, dim, spread)
			rows, err := EncodeFine(v, dim)
			if err != nil || rows.Check() != nil {
				t.Fatal(err, rows.Check())
			}
			for i := range rows.Len() {
				most := float64(rows.Scales[i]) / 256 * (1 + 1e-3)
				wide := rows.AppendWide(nil, i)
				for k, y := range rows.Append(nil, i) {
					if x := float64(v[i*dim+k]); math.Abs(x-y) > most {
						t.Fatalf("dim %d row %d: %g became %g, off by more than %g", dim, i, x, y, most)
					}
					if w := float64(wide[k]) * float64(rows.Scales[i]) / 256; math.Abs(w-y) > 1e-6*math.Abs(y) {
						t.Fatalf("dim %d row %d: wide %g, decoded %g", dim, i, w, y)
					}
				}
			}
		}
	}
}

func TestFineScoreIsTheDotProductOfTheDecodedVectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	const dim = 40
	rows, err := EncodeFine(randomVectors(rng, 50, dim, 1), dim)
	if err != nil {
		t.Fatal(err)
	}
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

// values are what a bit code stands for.
func values(code []byte, bits int) []float64 {
	y := make([]float64, len(code))
	for i, c := range code {
		y[i] = 2*float64(c) - 1
		if bits == 2 {
			y[i] = float64(c) - 1.5
		}
	}
	return y
}

func TestBitCodeErrorStandsAtRightAngles(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	for _, bits := range []int{1, 2} {
		var share float64
		const rounds, dim = 300, 64
		for range rounds {
			r := randomVectors(rng, 1, dim, 0)
			code := make([]byte, dim)
			f := float64(EncodeBits(code, r, bits))
			var along, errNorm, norm, yNorm float64
			for i, y := range values(code, bits) {
				e := float64(r[i]) - f*y
				along += e * float64(r[i])
				errNorm += e * e
				norm += float64(r[i]) * float64(r[i])
				yNorm += y * y
			}
			if math.Abs(along) > 1e-5*norm {
				t.Fatalf("%d bits: error along the vector %g of %g", bits, along, norm)
			}
			if math.Abs(errNorm-(f*f*yNorm-norm)) > 1e-4*norm {
				t.Fatalf("%d bits: error %g, formula %g", bits, errNorm, f*f*yNorm-norm)
			}
			share += errNorm / norm / rounds
		}
		// tan² of the angle: π/2−1 for one bit of a normal vector; about 0.13 for two
		if most := []float64{.60, .16}[bits-1]; share > most {
			t.Errorf("%d bits: error %.3f of the vector, want at most %.3f", bits, share, most)
		}
	}
}

func TestBitCodesOfNothing(t *testing.T) {
	for _, bits := range []int{1, 2} {
		code := []byte{9, 9}
		if f := EncodeBits(code, []float32{0, 0}, bits); f != 0 || code[0] != 0 {
			t.Errorf("%d bits: f=%g code=%v", bits, f, code)
		}
	}
}

func TestTableErrorIsWithinItsBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 4))
	var table Table
	for _, bits := range []int{1, 2} {
		for _, dim := range []int{512, 16, 32, 64, 128} {
			for round := range 50 {
				w := make([]int32, dim)
				for i := range w {
					w[i] = int32(rng.NormFloat64() * math.Exp(float64(round%10)))
					if round == 0 {
						w[i] = 0
					}
					if round == 1 {
						w[i] = []int32{math.MaxInt32, -math.MaxInt32}[i%2]
					}
				}
				const unit = .25
				table.Set(w, unit, bits)
				checkTable(t, rng, &table, w, unit, bits)
			}
		}
	}
}

func checkTable(t *testing.T, rng *rand.Rand, table *Table, w []int32, unit float64, bits int) {
	t.Helper()
	code, block := make([]byte, len(w)), make([]byte, len(table.LUT))
	for i := range code {
		code[i] = byte(rng.IntN(1 << bits))
	}
	PutCode(block, 5, code, bits)
	sum := 0
	for p := range len(block) / 32 {
		b := block[32*p+5]
		sum += int(table.LUT[32*p+int(b&15)]) + int(table.LUT[32*p+16+int(b>>4)])
	}
	var want, size, norm float64
	for i, y := range values(code, bits) {
		want += y * float64(w[i]) * unit
		size += math.Abs(y)
		norm += float64(w[i]) * float64(w[i])
	}
	got := float64(sum)*table.Mul + table.Add
	if bound := table.Unit/2*size*(1+1e-6) + 1e-9*math.Abs(want); math.Abs(got-want) > bound {
		t.Fatalf("%d bits, %d dimensions: %g, want %g within %g", bits, len(w), got, want, bound)
	}
	if norm = math.Sqrt(norm) * unit; math.Abs(table.Norm-norm) > 1e-9*norm {
		t.Fatalf("norm %g, want %g", table.Norm, norm)
	}
	for i, v := range table.LUT {
		if v > kernel.MaxTable {
			t.Fatalf("%d bits: entry %d is %d", bits, i, v)
		}
	}
}

func TestFrameKeepsDotProducts(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 5))
	for _, dim := range []int{1, 3, 8, 16, 24, 64, 130} {
		queries := randomVectors(rng, 500, dim, 0)
		for i := range queries {
			queries[i] *= float32(math.Exp(-float64(i%dim) / 8)) // some directions matter more
		}
		f, err := NewFrame(queries, dim, 7)
		if err != nil || f.Check() != nil {
			t.Fatal(err, f.Check())
		}
		n, err := f.Inverse()
		if err != nil {
			t.Fatal(err)
		}
		wide := CodeDim(dim)
		rows, err := EncodeFine(randomVectors(rng, 20, dim, 0), dim)
		if err != nil {
			t.Fatal(err)
		}
		var q Query
		q.Set(queries[:dim])
		mq, nx, dots := make([]int32, wide), make([]float32, wide), make([]int32, 2*wide)
		kernel.DotRowsI8I16(mq, f.Codes, q.Codes)
		for i := range rows.Len() {
			n.Apply(nx, rows.AppendWide(nil, i), float64(rows.Scales[i])/256, dots)
			var got, size float64
			for k, v := range mq {
				got += float64(v) * f.Unit(&q) * float64(nx[k])
				size += math.Abs(float64(v) * f.Unit(&q) * float64(nx[k]))
			}
			if want := float64(q.Dot(&rows, i)); math.Abs(got-want) > 1e-3*size {
				t.Errorf("dim %d row %d: %g, want %g (of %g)", dim, i, got, want, size)
			}
		}
	}
}

func TestFrameWhitens(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 6))
	const dim, n = 32, 4000
	queries := randomVectors(rng, n, dim, 0)
	for i := range queries {
		queries[i] *= float32(math.Exp(-float64(i%dim) / 10))
	}
	f, err := NewFrame(queries, dim, 7)
	if err != nil {
		t.Fatal(err)
	}
	energy := make([]float64, dim)
	var q Query
	mq := make([]int32, dim)
	for i := range n {
		q.Set(queries[i*dim:][:dim])
		kernel.DotRowsI8I16(mq, f.Codes, q.Codes)
		for k, v := range mq {
			energy[k] += float64(v) * float64(v) / (q.Norm * q.Norm) * q.Scale * q.Scale
		}
	}
	least, most := energy[0], energy[0]
	for _, e := range energy {
		least, most = min(least, e), max(most, e)
	}
	if most > 2*least {
		t.Errorf("energies from %g to %g: not white", least, most)
	}
}

func TestQuerySetAllocatesNothing(t *testing.T) {
	var q Query
	x := make([]float32, 128)
	x[3] = 1
	q.Set(x)
	if n := testing.AllocsPerRun(20, func() { q.Set(x) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func BenchmarkQuery128(b *testing.B) {
	rng := rand.New(rand.NewPCG(2, 7))
	x := randomVectors(rng, 1000, 128, 0)
	f, err := NewFrame(x, 128, 1)
	if err != nil {
		b.Fatal(err)
	}
	var q Query
	var table Table
	w := make([]int32, 128)
	b.Run("Set", func(b *testing.B) {
		for b.Loop() {
			q.Set(x[:128])
		}
	})
	b.Run("Apply", func(b *testing.B) {
		for b.Loop() {
			kernel.DotRowsI8I16(w, f.Codes, q.Codes)
		}
	})
	for _, bits := range []int{1, 2} {
		b.Run([]string{"Table1", "Table2"}[bits-1], func(b *testing.B) {
			for b.Loop() {
				table.Set(w, 1, bits)
			}
		})
	}
}
