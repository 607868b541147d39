package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// each runs f for every variant the CPU has; the test's output names them.
func each(t *testing.T, f func(t *testing.T, v *Variant)) {
	for i := range variants {
		t.Run(variants[i].Name, func(t *testing.T) { f(t, &variants[i]) })
	}
}

// extremes fills with values at the ends of the range as often as with others.
func extremes(rng *rand.Rand, codes []int8, qs ...[]int16) {
	style := rng.IntN(4)
	for i := range codes {
		switch style {
		case 0:
			codes[i] = -128
		case 1:
			codes[i] = 127
		default:
			codes[i] = int8(rng.IntN(256) - 128)
		}
	}
	for _, q := range qs {
		style := rng.IntN(4)
		for i := range q {
			switch style {
			case 0:
				q[i] = -32767
			case 1:
				q[i] = 32767
			default:
				q[i] = int16(rng.IntN(65535) - 32767)
			}
		}
	}
}

// canary wraps n elements in guards; the check fails where one changed.
func canary[T int32 | uint32 | float32 | float64](n int, guard T) (dst []T, check func(t *testing.T, what string)) {
	all := make([]T, n+8)
	for i := range all {
		all[i] = guard
	}
	return all[4 : 4+n : 4+n], func(t *testing.T, what string) {
		t.Helper()
		for i := range 4 {
			if all[i] != guard || all[4+n+i] != guard {
				t.Fatalf("%s: wrote beside its result", what)
			}
		}
	}
}

func TestDotVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		rng := rand.New(rand.NewPCG(10, 1))
		for n := 0; n <= MaxDim; n++ {
			for start := range 4 {
				codes, q := make([]int8, n+start)[start:], make([]int16, n+start)[start:]
				extremes(rng, codes, q)
				if got, want := v.Dot(codes, q), dotGeneric(codes, q); got != want {
					t.Fatalf("n=%d start=%d: %d, want %d", n, start, got, want)
				}
			}
		}
	})
}

func TestDotRowsVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		rng := rand.New(rand.NewPCG(10, 2))
		for dim := 8; dim <= MaxDim; dim += 8 {
			for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65} {
				start := rng.IntN(5)
				codes, q := make([]int8, n*dim+start)[start:], make([]int16, dim+start)[start:]
				extremes(rng, codes, q)
				got, check := canary[int32](n, 77)
				want := make([]int32, n)
				v.DotRows(got, codes, q)
				dotRowsGeneric(want, codes, q)
				check(t, "DotRows")
				if !slices.Equal(got, want) {
					t.Fatalf("dim %d, %d rows: %v, want %v", dim, n, got, want)
				}
				rows := make([]uint32, rng.IntN(2*n)+1)
				for i := range rows {
					rows[i] = uint32(rng.IntN(n))
				}
				rows[len(rows)-1] = uint32(n - 1)
				got, check = canary[int32](len(rows), 78)
				v.DotGather(got, codes, rows, q)
				check(t, "DotGather")
				for i, r := range rows {
					if got[i] != want[r] {
						t.Fatalf("dim %d: gathered %d of row %d, want %d", dim, got[i], r, want[r])
					}
				}
			}
		}
	})
}

func TestDotBatchVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		rng := rand.New(rand.NewPCG(10, 3))
		for _, dim := range []int{8, 16, 24, 32, 40, 64, 72, 96, 128, 136, 256, 512} {
			for _, n := range []int{1, 2, 3, 5, 16, 17, 64} {
				for queries := 1; queries <= 9; queries++ {
					codes, qs := make([]int8, n*dim+3)[3:], make([]int16, queries*dim+1)[1:]
					extremes(rng, codes, qs)
					got, check := canary[int32](n*queries, 77)
					want := make([]int32, n*queries)
					v.DotBatch(got, codes, qs, dim)
					dotBatchGeneric(want, codes, qs, dim)
					check(t, "DotBatch")
					if !slices.Equal(got, want) {
						t.Fatalf("dim %d, %d rows, %d queries: %v, want %v", dim, n, queries, got, want)
					}
				}
			}
		}
	})
}

// scanCase is random codes and tables, or extreme ones, with limits in the midst of the estimates.
func scanCase(rng *rand.Rand, blocks, bytes int) (codes, lut []byte, f, h []float32, p ScanParams) {
	start := rng.IntN(65)
	codes = make([]byte, 32*bytes*blocks+start)[start:]
	lut = make([]byte, 32*bytes+start)[start:]
	f, h = make([]float32, 32*blocks+start)[start:], make([]float32, 32*blocks+start)[start:]
	style := rng.IntN(4)
	for i := range codes {
		codes[i] = byte(rng.IntN(256))
	}
	for i := range lut {
		lut[i] = byte(rng.IntN(MaxTable + 1))
		if style == 0 {
			lut[i] = MaxTable
		}
	}
	scale := float32(math.Exp(4 * rng.NormFloat64()))
	for i := range f {
		f[i], h[i] = float32(rng.Float64()), float32(rng.NormFloat64())
		if style == 1 {
			f[i], h[i] = 1, 0
		}
	}
	mean := 63 * 2 * float32(bytes) * scale
	p = ScanParams{Mul: scale, Add: -mean * rng.Float32(), Base: mean * float32(rng.NormFloat64())}
	p.Limit = 0.1 * mean * float32(rng.NormFloat64())
	switch style {
	case 1: // many estimates equal the limit: it must not pass
		p.Mul, p.Add, p.Base, p.Limit = 1, 0, 3, 63*2*float32(bytes)
	case 2:
		p.Limit = float32(math.Inf(-1 + 2*rng.IntN(2)))
	}
	return codes, lut, f, h, p
}

func compareScan(t *testing.T, v *Variant, masksLen int, codes, lut []byte, f, h []float32, p *ScanParams) {
	t.Helper()
	got, check := canary[uint32](masksLen, 0xabcd1234)
	want := make([]uint32, masksLen)
	v.Scan(got, codes, lut, f, h, p)
	scanSlowly(want, codes, lut, f, h, p)
	check(t, "Scan")
	if !slices.Equal(got, want) {
		t.Fatalf("%d bytes a row, %d blocks, %+v: %x, want %x", len(lut)/32, masksLen, *p, got, want)
	}
}

// scanSlowly is the definition, row by row.
func scanSlowly(masks []uint32, codes, lut []byte, f, h []float32, p *ScanParams) {
	bytes := len(lut) / 32
	for i := range 32 * len(masks) {
		sum := 0
		for b := range bytes {
			x := codes[(i/32)*len(lut)+32*b+i%32]
			sum += int(lut[32*b+int(x&15)]) + int(lut[32*b+16+int(x>>4)])
		}
		coded := float32(float32(sum) * p.Mul)
		coded = float32(coded + p.Add)
		coded = float32(f[i] * coded)
		base := float32(h[i] * p.Base)
		if i%32 == 0 {
			masks[i/32] = 0
		}
		if s := float32(coded + base); s > p.Limit {
			masks[i/32] |= 1 << (i % 32)
		}
	}
}

func TestScanVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		rng := rand.New(rand.NewPCG(10, 4))
		for bytes := 2; bytes <= MaxBytes; bytes += 2 {
			for _, blocks := range []int{1, 2, 3, 4, 5, 8, 32} {
				codes, lut, f, h, p := scanCase(rng, blocks, bytes)
				compareScan(t, v, blocks, codes, lut, f, h, &p)
			}
		}
	})
}

func TestScanAtEveryAlignment(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		rng := rand.New(rand.NewPCG(10, 5))
		for range 300 {
			blocks, bytes := 1+rng.IntN(6), 2*(1+rng.IntN(MaxBytes/2))
			codes, lut, f, h, p := scanCase(rng, blocks, bytes)
			compareScan(t, v, blocks, codes, lut, f, h, &p)
		}
	})
}

func FuzzScan(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(8))
	f.Fuzz(func(t *testing.T, seed uint64, blocks, bytes uint8) {
		rng := rand.New(rand.NewPCG(seed, 0))
		n, size := 1+int(blocks)%32, 2+2*(int(bytes)%(MaxBytes/2))
		for i := range variants {
			codes, lut, f, h, p := scanCase(rng, n, size)
			compareScan(t, &variants[i], n, codes, lut, f, h, &p)
		}
	})
}

func TestAboveVariants(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		if v.Above == nil {
			t.Skip("uses the reference")
		}
		rng := rand.New(rand.NewPCG(10, 7))
		for n := 1; n <= 300; n++ {
			start := rng.IntN(9)
			dots, scales := make([]int32, n+start)[start:], make([]float32, n+start)[start:]
			for i := range dots {
				dots[i], scales[i] = int32(rng.Uint32())>>(rng.IntN(2)*rng.IntN(31)), float32(rng.IntN(3))*rng.Float32()
			}
			add, limit := float32(rng.IntN(2))*1000*rng.Float32(), float32(rng.NormFloat64()*1e6)
			if rng.IntN(4) == 0 {
				limit = float32(math.Inf(rng.IntN(2)*2 - 1))
			}
			if rng.IntN(4) == 0 {
				limit = float32(float32(float32(dots[0])+add) * scales[0]) // equal passes
			}
			got, check := canary[uint32]((n+31)/32, 0xabcd1234)
			want := make([]uint32, (n+31)/32)
			v.Above(got, dots, scales, add, limit)
			for i := range dots {
				sum := float32(float32(dots[i]) + add)
				if s := float32(sum * scales[i]); s >= limit {
					want[i/32] |= 1 << (i % 32)
				}
			}
			check(t, "Above")
			if !slices.Equal(got, want) {
				t.Fatalf("%d rows, add %g, limit %g: %x, want %x", n, add, limit, got, want)
			}
		}
	})
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
	if choose("abacus").Name != "generic" || known("abacus") == nil || known("") != nil || known("generic") != nil || choose("").Name != Names()[len(Names())-1] {
		t.Error("choose: unknown names mean generic, none means the fastest")
	}
}

func BenchmarkKernels(b *testing.B) {
	rng := rand.New(rand.NewPCG(11, 1))
	for i := range variants {
		v := &variants[i]
		for _, dim := range []int{64, 128} {
			const n = 1024
			codes, q := make([]int8, n*dim), make([]int16, 4*dim)
			extremes(rng, codes, q)
			rows := make([]uint32, 64)
			for i := range rows {
				rows[i] = rng.Uint32N(n)
			}
			dst := make([]int32, 4*n)
			perRow := func(b *testing.B, n int) {
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
			}
			b.Run(fmt.Sprintf("%s/DotRows%d", v.Name, dim), func(b *testing.B) {
				for b.Loop() {
					v.DotRows(dst[:n], codes, q[:dim])
				}
				perRow(b, n)
			})
			b.Run(fmt.Sprintf("%s/DotGather%d", v.Name, dim), func(b *testing.B) {
				for b.Loop() {
					v.DotGather(dst[:64], codes, rows, q[:dim])
				}
				perRow(b, len(rows))
			})
			b.Run(fmt.Sprintf("%s/DotBatch4x%d", v.Name, dim), func(b *testing.B) {
				for b.Loop() {
					v.DotBatch(dst, codes, q, dim)
				}
				perRow(b, 4*n)
			})
			for _, bits := range []int{1, 2} {
				codes, lut, f, h, p := scanCase(rng, n/32, bits*dim/8)
				masks := make([]uint32, n/32)
				b.Run(fmt.Sprintf("%s/Scan%dx%d", v.Name, dim, bits), func(b *testing.B) {
					for b.Loop() {
						v.Scan(masks, codes, lut, f, h, &p)
					}
					perRow(b, n)
				})
			}
		}
		if v.Above != nil {
			dots, scales, masks := make([]int32, 1024), make([]float32, 1024), make([]uint32, 32)
			b.Run(fmt.Sprintf("%s/Above1024", v.Name), func(b *testing.B) {
				for b.Loop() {
					v.Above(masks, dots, scales, 1, 2)
				}
			})
		}
	}
}
