package kernel

import (
	"math/rand/v2"
	"testing"
)

func dotInt64(codes []int8, q []int16) (sum int64) {
	for i, c := range codes {
		sum += int64(c) * int64(q[i])
	}
	return sum
}

func randomCodes(rng *rand.Rand, n int) []int8 {
	codes := make([]int8, n)
	for i := range codes {
		codes[i] = int8(rng.IntN(256) - 128)
	}
	return codes
}

func randomQuery(rng *rand.Rand, n int) []int16 {
	q := make([]int16, n)
	for i := range q {
		q[i] = int16(rng.IntN(65535) - 32767)
	}
	return q
}

func TestDotAgreesWithInt64AtEveryLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 0; n <= 80; n++ {
		for start := range 3 {
			codes, q := randomCodes(rng, n+start)[start:], randomQuery(rng, n+start)[start:]
			if got, want := int64(DotI8I16(codes, q)), dotInt64(codes, q); got != want {
				t.Fatalf("n=%d start=%d: %d, want %d", n, start, got, want)
			}
		}
	}
}

func TestDotDoesNotOverflowAtItsLimit(t *testing.T) {
	codes, q := make([]int8, MaxDim), make([]int16, MaxDim)
	for _, code := range []int8{-128, 127} {
		for _, x := range []int16{-32767, 32767} {
			for i := range codes {
				codes[i], q[i] = code, x
			}
			if got, want := int64(DotI8I16(codes, q)), dotInt64(codes, q); got != want {
				t.Errorf("codes %d, query %d: %d, want %d", code, x, got, want)
			}
		}
	}
}

func TestDotRowsIsDotOfEachRow(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, dim := range []int{8, 16, 24, 64} {
		for rows := range 6 {
			codes, q := randomCodes(rng, rows*dim), randomQuery(rng, dim)
			got := make([]int32, rows+1)
			got[rows] = 77 // a canary behind the last row
			DotRowsI8I16(got[:rows], codes, q)
			for r := range rows {
				if want := DotI8I16(codes[r*dim:][:dim], q); got[r] != want {
					t.Errorf("dim %d row %d: %d, want %d", dim, r, got[r], want)
				}
			}
			if got[rows] != 77 {
				t.Errorf("dim %d, %d rows: wrote past dst", dim, rows)
			}
		}
	}
}

func BenchmarkDotRows64(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 6))
	codes, q := randomCodes(rng, 64*1024), randomQuery(rng, 64)
	dst := make([]int32, 1024)
	for b.Loop() {
		DotRowsI8I16(dst, codes, q)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/row")
}
