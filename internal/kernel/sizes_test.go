package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkSizes runs the kernels over tables that fit the L2 cache, the L3 cache, and neither, as docs/kernels.md
// shows them.
func BenchmarkSizes(b *testing.B) {
	sizes := []struct {
		name  string
		bytes int
	}{{"L2", 256 << 10}, {"L3", 8 << 20}, {"memory", 256 << 20}}
	for _, size := range sizes {
		if size.bytes > 16<<20 && testing.Short() {
			continue
		}
		rng := rand.New(rand.NewPCG(12, uint64(size.bytes)))
		table := make([]int8, size.bytes)
		for i := range table {
			table[i] = int8(i*i>>3 ^ i>>7)
		}
		bits := make([]byte, size.bytes)
		for i := range bits {
			bits[i] = byte(table[i])
		}
		for i := range variants {
			v := &variants[i]
			if v.Name == "generic" && size.name == "memory" {
				continue // it computes for longer than it waits
			}
			for _, dim := range []int{64, 128} {
				benchRows(b, v, size.name, table, dim, rng)
			}
			for _, bytes := range []int{8, 16, 32} {
				benchScan(b, v, size.name, bits, bytes, rng)
			}
		}
	}
}

func perItem(b *testing.B, items int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(items), "ns/item")
}

func benchRows(b *testing.B, v *Variant, size string, table []int8, dim int, rng *rand.Rand) {
	n := len(table) / dim
	q := randomQuery(rng, 4*dim)
	const call = 256
	dst := make([]int32, 4*call)
	b.Run(fmt.Sprintf("DotRows%d/%s/%s", dim, size, v.Name), func(b *testing.B) {
		at := 0
		for b.Loop() {
			v.DotRows(dst[:call], table[at*dim:][:call*dim], q[:dim])
			at = (at + call) % n
		}
		perItem(b, call)
	})
	b.Run(fmt.Sprintf("DotBatch4x%d/%s/%s", dim, size, v.Name), func(b *testing.B) {
		at := 0
		for b.Loop() {
			v.DotBatch(dst, table[at*dim:][:call*dim], q, dim)
			at = (at + call) % n
		}
		perItem(b, 4*call)
	})
	rows := make([]uint32, 1<<16)
	for i := range rows {
		rows[i] = rng.Uint32N(uint32(n))
	}
	const gathered = 64
	b.Run(fmt.Sprintf("DotGather%d/%s/%s", dim, size, v.Name), func(b *testing.B) {
		at := 0
		for b.Loop() {
			v.DotGather(dst[:gathered], table, rows[at:][:gathered], q[:dim])
			at = (at + gathered) % len(rows)
		}
		perItem(b, gathered)
	})
}

// benchScan scans 16 blocks a call, which lie one after the other; f and h are of the same rows.
func benchScan(b *testing.B, v *Variant, size string, bits []byte, bytes int, rng *rand.Rand) {
	const call = 16
	n := len(bits) / (bytes + 8) / (BlockRows * call) * call // with f and h the size asked for
	_, lut, _, _, p := scanCase(rng, 1, bytes)
	f, h := make([]float32, n*BlockRows), make([]float32, n*BlockRows)
	for i := range f {
		f[i], h[i] = rng.Float32(), rng.Float32()
	}
	p.Limit = 1e30
	masks := make([]uint32, call)
	b.Run(fmt.Sprintf("Scan%dB/%s/%s", bytes, size, v.Name), func(b *testing.B) {
		at := 0
		for b.Loop() {
			v.Scan(masks, bits[at*BlockRows*bytes:][:call*BlockRows*bytes], lut, f[at*BlockRows:][:call*BlockRows], h[at*BlockRows:][:call*BlockRows], &p)
			at = (at + call) % n
		}
		perItem(b, call*BlockRows)
	})
}
