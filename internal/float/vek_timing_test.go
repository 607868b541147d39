package float

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/viterin/vek/vek32"

	"github.com/edged/edged/internal/kernel"
)

// BenchmarkBesideVek does the same work with package vek: what docs/adr/0006 compares.
func BenchmarkBesideVek(b *testing.B) {
	for _, d := range []int{64, 128} {
		rng := rand.New(rand.NewPCG(20, uint64(d)))
		const n = 200
		f, p, out, scaled := randoms(rng, n*d), randoms(rng, d), make([]float32, d), make([]float32, d)
		w, rows := randoms(rng, n), make([]uint32, n)
		for i := range rows {
			rows[i] = rng.Uint32N(n)
		}
		var sum float32
		run := func(name string, call func()) {
			b.Run(fmt.Sprintf("%s/%d", name, d), func(b *testing.B) {
				for b.Loop() {
					call()
				}
			})
		}
		run("dot/float", func() { sum += Dot(f[:d], p) })
		run("dot/vek", func() { sum += vek32.Dot(f[:d], p) })
		run("observe of 200 rows/float", func() { Observe(out, p, f, rows, w, 1, false) })
		run("observe of 200 rows/vek", func() {
			for i, r := range rows {
				v := f[int(r)*d:][:d]
				vek32.MulNumber_Into(scaled, v, w[i]*(1-vek32.Dot(v, p)))
				vek32.Add_Inplace(out, scaled)
			}
		})
		matrix := randoms(rng, d*d)
		run("matrix times vector/vek", func() {
			for i := range out {
				out[i] = vek32.Dot(matrix[i*d:][:d], p)
			}
		})
		codes, query, dots := make([]int8, d*d), make([]int16, d), make([]int32, d)
		for i := range codes {
			codes[i] = int8(rng.IntN(255) - 127)
		}
		for i := range query {
			query[i] = int16(rng.IntN(65535) - 32767)
		}
		run("matrix times vector/kernel", func() { kernel.DotRowsI8I16(dots, codes, query) })
	}
}

func randoms(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}
