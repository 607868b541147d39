package index

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/edged/edged/quant"
)

// withZerosAndCopies makes some rows zero and others copies of one.
func withZerosAndCopies(rng *rand.Rand, v []float32, dim int) []float32 {
	n := len(v) / dim
	for range n / 8 {
		clear(v[rng.IntN(n)*dim:][:dim])
		copy(v[rng.IntN(n)*dim:][:dim], v[:dim])
	}
	return v
}

// sameScores returns want if got has its scores.
func sameScores(got, want []Hit) []Hit {
	if slices.EqualFunc(got, want, func(a, b Hit) bool { return a.Score == b.Score }) {
		return want
	}
	return got
}

// TestSizesAtTheEdges: around the sizes at which something changes, with and without a layout, exactly and by estimates too careful to
// miss, answers are those of brute force. EDGED_EDGES tries more of them.
func TestSizesAtTheEdges(t *testing.T) {
	var s Scratch
	eachVariant(t, func(t *testing.T) {
		sizes, dims := []int{1, 2, 7, 64}, []int{1, 8, 13}
		if os.Getenv("EDGED_EDGES") != "" {
			sizes, dims = []int{1, 2, 7, 64, 2047, 2048, 2049}, []int{1, 8, 13, 511, 512}
		}
		for _, n := range sizes {
			for _, dim := range dims {
				rng := rand.New(rand.NewPCG(uint64(n), uint64(dim)))
				v := withZerosAndCopies(rng, vectors(rng, n, dim, 1, false), dim)
				plain, rows := build(t, v, dim)
				indexes := []*Index{plain}
				for i, cfg := range []LayoutConfig{{Head: n}, {Bits: 1 + dim%2, Cells: 5}} {
					x, _ := laid(t, v, vectors(rng, 30, dim, 0, false), dim, false, cfg)
					if x.settings = []Setting{exactly}; i == 0 {
						x.settings[0].Eps, x.settings[0].Kappa = PlainEps, 1
					}
					indexes = append(indexes, x)
				}
				query := vectors(rng, 3, dim, 1, false)
				clear(query[dim : 2*dim])
				for _, k := range []int{1, 10, 500, 501, n + 1} {
					for i := range 3 {
						q := Query{Vector: query[i*dim:][:dim], K: k}
						want := brute(rows, &q)
						for j, x := range indexes {
							for _, q.Recall = range []float32{1, 2} {
								got := x.Search(nil, &q, &s)
								if j == 2 && i == 1 && q.Recall == 1 { // estimates let rows that are as good as the worst found pass by
									got = sameScores(got, want)
								}
								if !slices.Equal(got, want) {
									t.Fatalf("n=%d dim=%d k=%d index %d query %d recall %g: %s", n, dim, k, j, i, q.Recall, difference(got, want))
								}
							}
						}
					}
				}
			}
		}
	})
}

// TestMakeAtTheEdges: whatever comes in, an index comes out that answers, or an error.
func TestMakeAtTheEdges(t *testing.T) {
	rng := rand.New(rand.NewPCG(43, 1))
	var s Scratch
	for _, n := range []int{0, 1, 7, 2048} {
		for name, spoil := range map[string]func(v []float32){
			"all alike": func(v []float32) {
				for i := range v {
					v[i] = v[i%13]
				}
			},
		} {
			v := vectors(rng, n, 13, 1, false)
			spoil(v)
			rows, err := quant.EncodeFine(v, 13)
			if err != nil {
				t.Fatal(err)
			}
			made, err := Make(rows, Options{Recall: .95, Queries: vectors(rng, 450, 13, 0, false), Threads: 2})
			if err != nil {
				t.Fatalf("%d rows, %s: %v", n, name, err)
			}
			for _, k := range []int{1, 10, 500, 501, n + 1} {
				q := Query{Vector: vectors(rng, 1, 13, 0, false), K: k, Recall: 2}
				if got, want := made.Index.Search(nil, &q, &s), brute(rows, &q); !slices.Equal(got, want) {
					t.Fatalf("%d rows, %s, k=%d: %s", n, name, k, difference(got, want))
				}
				q.Recall = 0
				if got := made.Index.Search(nil, &q, &s); len(got) != min(k, n) {
					t.Fatalf("%d rows, %s, k=%d: %d hits", n, name, k, len(got))
				}
			}
		}
	}
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		if _, err := quant.EncodeFine([]float32{1, bad, 3, 4}, 2); err == nil {
			t.Errorf("a row with %g is taken", bad)
		}
		x, _ := build(t, []float32{1, 2, 3, 4}, 2)
		if got := x.Search(nil, &Query{Vector: []float32{1, bad}, K: 2}, &s); fmt.Sprint(got) != "[{0 0} {1 0}]" {
			t.Errorf("a query with %g: %v, want that of the zero query", bad, got)
		}
	}
	if _, err := quant.Encode(make([]float32, 2*513), 513); err == nil {
		t.Error("513 dimensions are taken")
	}
}
