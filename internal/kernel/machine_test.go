package kernel

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestNoVariantIsMissing asks the system, not package cpu, what the CPU can do: a variant that silently does not run
// would pass every other test.
func TestNoVariantIsMissing(t *testing.T) {
	t.Logf("%s/%s: variants run by these tests: %v", runtime.GOOS, runtime.GOARCH, Names())
	if len(archVariants()) == 0 && purego {
		t.Log("built without assembly")
		return
	}
	needs := map[string][]string{}
	switch runtime.GOARCH {
	case "amd64":
		needs["avx2"] = []string{"avx2", "bmi1"}
		needs["avx512"] = []string{"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vbmi", "avx512_vnni", "gfni", "bmi2"}
	case "arm64":
		if !slices.Contains(Names(), "neon") {
			t.Error("neon does not run, and every arm64 CPU has it")
		}
		needs["neondot"] = []string{"asimddp"}
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Skipf("what this CPU has is read from /proc/cpuinfo: %v", err)
	}
	flags := strings.Fields(string(info))
	for name, needed := range needs {
		has := !slices.ContainsFunc(needed, func(f string) bool { return !slices.Contains(flags, f) })
		if has && !slices.Contains(Names(), name) {
			t.Errorf("%s does not run, and the CPU has %v", name, needed)
		}
	}
}

// TestQueriesAtTheEdgeOfTwoBytes: variants that split a query into bytes have their limits near ±32640.
func TestQueriesAtTheEdgeOfTwoBytes(t *testing.T) {
	edges := []int16{-32767, -32641, -32640, -32639, -32513, -32512, -129, -128, -127, -1, 0, 1, 127, 128, 129, 255, 256, 32511, 32512, 32639, 32640, 32641, 32767}
	each(t, func(t *testing.T, v *Variant) {
		for _, dim := range []int{8, 16, 24, 64, 128, 136} {
			codes, q := make([]int8, 9*dim), make([]int16, dim)
			for i := range codes {
				codes[i] = int8(37*i + 11)
			}
			for _, a := range edges {
				for _, b := range edges {
					for i := range q {
						q[i] = int16(i)
					}
					q[dim-1], q[dim/2] = a, b
					got, want := make([]int32, 9), make([]int32, 9)
					v.DotRows(got, codes, q)
					dotRowsGeneric(want, codes, q)
					if !slices.Equal(got, want) {
						t.Fatalf("dim %d, %d and %d: %v, want %v", dim, a, b, got, want)
					}
				}
			}
		}
	})
}

// words makes an endless sequence of numbers of the fuzzer's bytes.
type words struct {
	data []byte
	at   int
	turn uint64
}

func (w *words) next() uint64 {
	if w.at+8 > len(w.data) {
		w.at, w.turn = 0, w.turn+0x9e3779b97f4a7c15
	}
	x := w.turn
	if len(w.data) >= 8 {
		x ^= binary.LittleEndian.Uint64(w.data[w.at:])
	}
	w.at++
	return x
}

func FuzzDot(f *testing.F) {
	f.Add([]byte("\xff\x7f\x01\x80\x80\x80\x80\x80\x7f\x7f\x7f"), uint8(8), uint8(5), uint8(4))
	f.Add([]byte("seed"), uint8(16), uint8(64), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, eights, rows, queries uint8) {
		w := words{data: data}
		dim, n, m := 8+8*(int(eights)%(MaxDim/8)), 1+int(rows)%70, 1+int(queries)%9
		codes, qs := make([]int8, n*dim), make([]int16, m*dim)
		for i := range codes {
			codes[i] = int8(w.next())
		}
		for i := range qs {
			qs[i] = max(int16(w.next()), -32767)
		}
		picked := make([]uint32, 1+int(queries)+int(rows)%3)
		for i := range picked {
			picked[i] = uint32(w.next() % uint64(n))
		}
		want, gathered := make([]int32, m*n), make([]int32, len(picked))
		dotBatchGeneric(want, codes, qs, dim)
		dotGatherGeneric(gathered, codes, picked, qs[:dim])
		for i := range variants[1:] {
			v := &variants[1+i]
			got, check := canary[int32](m*n, 77)
			v.DotBatch(got, codes, qs, dim)
			check(t, "DotBatch")
			if !slices.Equal(got, want) {
				t.Fatalf("%s: DotBatch of dim %d, %d rows, %d queries", v.Name, dim, n, m)
			}
			for j := range m {
				clear(got[:n])
				v.DotRows(got[:n], codes, qs[j*dim:][:dim])
				if !slices.Equal(got[:n], want[j*n:][:n]) {
					t.Fatalf("%s: DotRows of dim %d, %d rows", v.Name, dim, n)
				}
			}
			got, check = canary[int32](len(picked), 78)
			v.DotGather(got, codes, picked, qs[:dim])
			check(t, "DotGather")
			if !slices.Equal(got, gathered) {
				t.Fatalf("%s: DotGather of dim %d, %d rows", v.Name, dim, len(picked))
			}
			odd := int(w.next() % uint64(dim+1)) // any length, any start
			if got, want := v.Dot(codes[dim-odd:dim], qs[:odd]), dotGeneric(codes[dim-odd:dim], qs[:odd]); got != want {
				t.Fatalf("%s: Dot of %d: %d, want %d", v.Name, odd, got, want)
			}
		}
	})
}

// TestScanOfNumbersThatAreNone: not-a-number never passes, infinities and the smallest numbers do as IEEE 754 says.
func TestScanOfNumbersThatAreNone(t *testing.T) {
	odd := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)),
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, math.MaxFloat32, -math.MaxFloat32, 1e-20, 1}
	each(t, func(t *testing.T, v *Variant) {
		rng := rand.New(rand.NewPCG(14, 1))
		pick := func() float32 { return odd[rng.IntN(len(odd))] }
		for range 2000 {
			bytes, blocks := 2*(1+rng.IntN(16)), 1+rng.IntN(3)
			codes, lut, f, h, p := scanCase(rng, blocks, bytes)
			for i := range f {
				if rng.IntN(2) == 0 {
					f[i] = pick()
				}
				if rng.IntN(2) == 0 {
					h[i] = pick()
				}
			}
			for _, x := range []*float32{&p.Mul, &p.Add, &p.Base, &p.Limit} {
				if rng.IntN(3) == 0 {
					*x = pick()
				}
			}
			compareScan(t, v, blocks, codes, lut, f, h, &p)
		}
	})
}
