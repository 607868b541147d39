package float

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// eachVariant runs f for every variant the CPU has; the test's output names them.
func eachVariant(t *testing.T, f func(t *testing.T)) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			restore, err := Use(name)
			if err != nil {
				t.Fatal(err)
			}
			defer restore()
			f(t)
		})
	}
}

var lengths = []int{16, 32, 48, 64, 80, 96, 112, 128, 144, 192, 208, 256, 272, 512}

// numbers are random, at any alignment of four bytes, with guards on both sides that check looks at.
type numbers struct {
	v, all []float32
}

const guard = 12345.5

func random(rng *rand.Rand, n int) numbers {
	lead := 1 + rng.IntN(20)
	x := numbers{all: make([]float32, lead+n+20)}
	for i := range x.all {
		x.all[i] = guard
	}
	x.v = x.all[lead : lead+n : lead+n]
	for i := range x.v {
		x.v[i] = float32(rng.NormFloat64())
	}
	return x
}

func (x numbers) check(t *testing.T) {
	t.Helper()
	lead := len(x.all) - 20 - len(x.v)
	for i, v := range x.all {
		if (i < lead || i >= lead+len(x.v)) && v != guard {
			t.Fatalf("wrote beside the result, at %d", i-lead)
		}
	}
}

// sum adds up in float64, with the magnitudes beside it.
type sum struct{ value, size float64 }

func (s *sum) add(x float64) { s.value, s.size = s.value+x, s.size+math.Abs(x) }

// want compares with a bound that scales with the magnitudes added.
func (s sum) want(t *testing.T, what string, got float32, terms int) {
	t.Helper()
	bound := 3e-7 * math.Sqrt(float64(terms)) * s.size
	if !(math.Abs(float64(got)-s.value) <= bound) {
		t.Fatalf("%s: got %v, want %v ± %.2g", what, got, s.value, bound)
	}
}

func TestObserve(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 1))
		for _, d := range lengths {
			for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 18, 33, 100} {
				compareObserve(t, rng, d, n, float32(n%2), n%3 == 0)
			}
		}
		compareObserve(t, rng, 16, 2*observeRows+5, 1, true)
	})
}

func compareObserve(t *testing.T, rng *rand.Rand, d, n int, one float32, fetch bool) {
	t.Helper()
	const all = 50
	out, p, f := random(rng, d), random(rng, d), random(rng, all*d)
	rows, w := make([]uint32, n), random(rng, n)
	want := make([]sum, d)
	for i, x := range out.v {
		want[i].add(float64(x))
	}
	var total sum
	for k := range rows {
		rows[k] = rng.Uint32N(all)
		if k == n-1 {
			rows[k] = all - 1
		}
		v := f.v[int(rows[k])*d:][:d]
		var dot sum
		for i, x := range v {
			dot.add(float64(x) * float64(p.v[i]))
		}
		miss, weight := float64(one)-dot.value, float64(w.v[k])
		total.add(weight * miss * miss)
		total.size += math.Abs(weight) * dot.size * dot.size
		for i, x := range v {
			want[i].add(weight * miss * float64(x))
			want[i].size += math.Abs(weight * float64(x) * dot.size)
		}
	}
	got := Observe(out.v, p.v, f.v, rows, w.v, one, fetch)
	out.check(t)
	total.want(t, fmt.Sprintf("d %d, %d rows, sum", d, n), got, n+d)
	for i, x := range out.v {
		want[i].want(t, fmt.Sprintf("d %d, %d rows, number %d", d, n, i), x, n+d)
	}
}

func TestVectorSteps(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 3))
		for _, d := range lengths {
			compareSteps(t, rng, d)
		}
	})
}

func compareSteps(t *testing.T, rng *rand.Rand, d int) {
	t.Helper()
	x, r, p, q, inverse := random(rng, d), random(rng, d), random(rng, d), random(rng, d), random(rng, d)
	alpha, beta := float32(rng.NormFloat64()), float32(rng.NormFloat64())
	near := func(what string, i int, got, a, b, c float32) { // got = a + b·c
		t.Helper()
		var want sum
		want.add(float64(a))
		want.add(float64(b) * float64(c))
		want.want(t, fmt.Sprintf("%s, d %d, number %d", what, d, i), got, 2)
	}
	var dot sum
	for i, v := range p.v {
		dot.add(float64(v) * float64(q.v[i]))
	}
	dot.want(t, fmt.Sprintf("Dot, d %d", d), Dot(p.v, q.v), d)

	oldX, oldR := append([]float32(nil), x.v...), append([]float32(nil), r.v...)
	got := Advance(x.v, r.v, p.v, q.v, inverse.v, alpha)
	x.check(t)
	r.check(t)
	var rz sum
	for i := range d {
		near("Advance x", i, x.v[i], oldX[i], alpha, p.v[i])
		near("Advance r", i, r.v[i], oldR[i], alpha, q.v[i])
		rz.add(float64(r.v[i]) * float64(r.v[i]) * float64(inverse.v[i]))
	}
	rz.want(t, fmt.Sprintf("Advance sum, d %d", d), got, d)

	oldP := append([]float32(nil), p.v...)
	Direct(p.v, r.v, inverse.v, beta)
	p.check(t)
	for i := range d {
		near("Direct", i, p.v[i], beta*oldP[i], r.v[i], inverse.v[i])
	}

	Diagonal(p.v, x.v, r.v, beta)
	p.check(t)
	for i := range d {
		var want sum
		want.add(-float64(x.v[i]) * float64(r.v[i]))
		want.add(-float64(beta) * float64(r.v[i]))
		want.want(t, fmt.Sprintf("Diagonal, d %d, number %d", d, i), p.v[i], 2)
	}

	Precondition(q.v, x.v, r.v, alpha, beta)
	q.check(t)
	for i := range d {
		sum := float64(x.v[i]) + float64(alpha)*float64(r.v[i]) + float64(beta)
		size := math.Abs(float64(x.v[i])) + math.Abs(float64(alpha)*float64(r.v[i])) + math.Abs(float64(beta))
		if got := float64(q.v[i]); math.Abs(1/got-sum) > 1e-6*size {
			t.Fatalf("Precondition, d %d, number %d: got %v, want %v", d, i, got, 1/sum)
		}
	}
}

func TestRotate(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 7))
		for n := range 40 {
			all := make([]float64, 2*n+3)
			for i := range all {
				all[i] = rng.NormFloat64()
			}
			was, a, b := slices.Clone(all), all[1:1+n], all[2+n:2+2*n]
			cos, sin := rng.NormFloat64(), rng.NormFloat64()
			Rotate(a, b, cos, sin)
			for i := range n {
				x, y := was[1+i], was[2+n+i]
				bound := 1e-15 * (math.Abs(cos) + math.Abs(sin)) * (math.Abs(x) + math.Abs(y))
				if math.Abs(a[i]-(cos*x-sin*y)) > bound || math.Abs(b[i]-(sin*x+cos*y)) > bound {
					t.Fatalf("%d of %d: got %v, %v", i, n, a[i], b[i])
				}
			}
			if all[0] != was[0] || all[1+n] != was[1+n] || all[2+2*n] != was[2+2*n] {
				t.Fatalf("length %d: wrote beside its results", n)
			}
		}
	})
}

func TestGram(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 4))
		for _, d := range lengths[:9] {
			for _, n := range []int{0, 1, 2, 7, 64, 301} {
				f, g := random(rng, n*d), random(rng, d*d)
				Gram(g.v, f.v, d)
				g.check(t)
				for i := range d {
					for j := range i + 1 {
						var want sum
						for r := range n {
							want.add(float64(f.v[r*d+i]) * float64(f.v[r*d+j]))
						}
						want.want(t, fmt.Sprintf("d %d, %d rows, element %d,%d", d, n, i, j), g.v[i*d+j], n)
					}
				}
			}
		}
	})
}

func TestMul(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 5))
		for _, d := range lengths[:9] {
			for _, n := range []int{0, 1, 7, 8, 9, 16, 43} {
				f, q, out := random(rng, n*d), random(rng, d*d), random(rng, n*d)
				Mul(out.v, f.v, q.v, d)
				out.check(t)
				for i := range out.v {
					var want sum
					for k := range d {
						want.add(float64(f.v[i/d*d+k]) * float64(q.v[k*d+i%d]))
					}
					want.want(t, fmt.Sprintf("d %d, row %d of %d, number %d", d, i/d, n, i%d), out.v[i], d)
				}
			}
		}
	})
}

func TestOneVariantGivesTheSameBits(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		var first []float32
		for range 5 { // the addresses differ, the numbers do not
			rng := rand.New(rand.NewPCG(1, 6))
			data := make([]float32, 100*64)
			for i := range data {
				data[i] = float32(rng.NormFloat64())
			}
			f, out := random(rand.New(rand.NewPCG(rng.Uint64(), uint64(len(first)))), len(data)), make([]float32, 64)
			copy(f.v, data)
			Observe(out, f.v[:64], f.v, []uint32{5, 9, 3, 77, 5, 8, 99}, []float32{1, 2, 3, 4, 5, 6, 7}, 1, true)
			if first == nil {
				first = out
			}
			for i := range out {
				if out[i] != first[i] {
					t.Fatalf("number %d: %v, then %v", i, first[i], out[i])
				}
			}
		}
	})
}

func TestLengthsAreChecked(t *testing.T) {
	for name, f := range map[string]func(){
		"no multiple":  func() { Dot(make([]float32, 15), make([]float32, 15)) },
		"empty":        func() { Dot(nil, nil) },
		"other length": func() { Dot(make([]float32, 16), make([]float32, 32)) },
		"small matrix": func() { Gram(make([]float32, 255), make([]float32, 16), 16) },
		"few weights": func() {
			Observe(make([]float32, 16), make([]float32, 16), make([]float32, 16), []uint32{0}, nil, 1, false)
		},
		"small result": func() { Mul(make([]float32, 31), make([]float32, 32), make([]float32, 256), 16) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

func TestUseNamesAndRestores(t *testing.T) {
	before := Active()
	t.Logf("variants of this CPU: %v, in use: %s", Names(), before)
	for _, name := range Names() {
		restore, err := Use(name)
		if err != nil || Active() != name {
			t.Fatalf("%s: %v, active %s", name, err, Active())
		}
		restore()
		if Active() != before {
			t.Fatalf("%s was not undone", name)
		}
	}
	if _, err := Use("abacus"); err == nil {
		t.Error("abacus: no error")
	}
	fastest := Names()[len(Names())-1]
	if choose("generic").name != "generic" || choose("").name != fastest || choose("avx512").name != fastest {
		t.Error("choose: generic is the reference, everything else the fastest")
	}
}

func BenchmarkKernels(b *testing.B) {
	rng := rand.New(rand.NewPCG(2, 1))
	const n = 1000
	for _, name := range Names() {
		restore, err := Use(name)
		if err != nil {
			b.Fatal(err)
		}
		for _, d := range []int{64, 128, 256} {
			f, q, p, out := slices.Clone(random(rng, n*d).v), slices.Clone(random(rng, d*d).v), slices.Clone(random(rng, d).v), make([]float32, d) // aligned as the trainer's are
			rows, w := make([]uint32, 64), random(rng, 64).v
			for i := range rows {
				rows[i] = rng.Uint32N(n)
			}
			b.Run(fmt.Sprintf("%s/Observe%d", name, d), func(b *testing.B) {
				for b.Loop() {
					Observe(out, p, f, rows, w, 0, false)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/row")
			})
			b.Run(fmt.Sprintf("%s/Gram%d", name, d), func(b *testing.B) {
				g := make([]float32, d*d)
				for b.Loop() {
					Gram(g, f[:256*d], d)
				}
				b.ReportMetric(float64(256*d*d)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOPS")
			})
			b.Run(fmt.Sprintf("%s/Mul%d", name, d), func(b *testing.B) {
				to := make([]float32, 256*d)
				for b.Loop() {
					Mul(to, f[:256*d], q, d)
				}
				b.ReportMetric(2*float64(256*d*d)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOPS")
			})
		}
		restore()
	}
}
