package index

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/edged/edged/quant"
)

// population is a kind of embeddings: items and queries of one dimension.
type population struct {
	name    string
	dim     int
	queries int // Make gets
	items   func(rng *rand.Rand, n, dim int) []float32
	query   func(rng *rand.Rand, items []float32, n, dim int) []float32
}

// populations differ in what may lead a calibration astray.
func populations() []population {
	alike := func(skew float64) func(*rand.Rand, int, int) []float32 {
		return func(rng *rand.Rand, n, dim int) []float32 { return gathered(rng, n, dim, skew) }
	}
	return []population{
		{"clusters", 32, 1000, alike(0), tastes},
		{"popularity in the lengths", 40, 1000, alike(.7), tastes},
		{"a few giants", 100, 1000, alike(1.5), tastes},
		{"unit length", 24, 1000, func(rng *rand.Rand, n, dim int) []float32 { return toUnit(gathered(rng, n, dim, 0), dim) }, tastes},
		{"noise", 8, 1000, func(rng *rand.Rand, n, dim int) []float32 { return vectors(rng, n, dim, 0, false) }, strangers},
		{"noise of many dimensions", 72, 1000, func(rng *rand.Rand, n, dim int) []float32 { return vectors(rng, n, dim, .3, false) }, strangers},
		{"copies", 20, 1000, func(rng *rand.Rand, n, dim int) []float32 { return copies(rng, gathered(rng, n, dim, .5), n*2/3, dim) }, tastes},
		{"few distinct", 16, 1000, func(rng *rand.Rand, n, dim int) []float32 { return copies(rng, gathered(rng, n, dim, .5), 60, dim) }, tastes},
		{"few directions", 64, 1000, func(rng *rand.Rand, n, dim int) []float32 { return lowRank(rng, n, dim, 5) }, tastes},
		{"few queries", 32, 200, alike(.3), tastes},
		{"some queries", 48, 500, alike(.7), strangers},
	}
}

// tastes are sums of a few items, shaken.
func tastes(rng *rand.Rand, items []float32, n, dim int) []float32 {
	out := vectors(rng, n, dim, 0, false)
	for i := range n {
		q := out[i*dim:][:dim]
		for range 4 {
			item := items[rng.IntN(len(items)/dim)*dim:][:dim]
			for k, v := range item {
				q[k] += v
			}
		}
	}
	return out
}

// strangers have nothing to do with the items.
func strangers(rng *rand.Rand, _ []float32, n, dim int) []float32 {
	return vectors(rng, n, dim, .5, false)
}

func toUnit(v []float32, dim int) []float32 {
	for i := 0; i < len(v); i += dim {
		norm := 0.0
		for _, x := range v[i:][:dim] {
			norm += float64(x) * float64(x)
		}
		for k := range dim {
			v[i+k] = float32(float64(v[i+k]) / math.Sqrt(norm))
		}
	}
	return v
}

// copies replaces rows by some of the first few.
func copies(rng *rand.Rand, v []float32, few, dim int) []float32 {
	for i := few * dim; i < len(v); i += dim {
		copy(v[i:][:dim], v[rng.IntN(few)*dim:])
	}
	return v
}

func lowRank(rng *rand.Rand, n, dim, rank int) []float32 {
	basis, at := vectors(rng, rank, dim, 0, false), vectors(rng, n, rank, .4, false)
	out := vectors(rng, n, dim, 0, false)
	for i := range n {
		for k := range dim {
			out[i*dim+k] *= .01
			for r := range rank {
				out[i*dim+k] += at[i*rank+r] * basis[r*dim+k]
			}
		}
	}
	return out
}

// TestRecallAskedIsRecallGot: on queries that Make has not seen, of every K, no more than .005 below, and what the number of
// queries makes uncertain. EDGED_RECALL=N repeats it N times with other numbers, and more of them.
func TestRecallAskedIsRecallGot(t *testing.T) {
	rounds, _ := strconv.Atoi(os.Getenv("EDGED_RECALL"))
	n, count := 2100, 500
	if rounds > 0 {
		n, count = 20000, 4000
	}
	for round := range max(1, rounds) {
		for i, p := range populations() {
			t.Run(fmt.Sprint(p.name, " ", round), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(uint64(i), uint64(round)))
				items := p.items(rng, n, p.dim)
				queries := p.query(rng, items, p.queries+count, p.dim)
				o := Options{Recall: .95, Queries: queries[:p.queries*p.dim], Seed: 1, Threads: 2}
				if i > 1 && rounds == 0 {
					o.Layout.Bits = 1 + i%2 // saves the comparison of layouts
				}
				keepsItsPromise(t, items, o, queries[p.queries*p.dim:], p.dim)
			})
		}
	}
}

func keepsItsPromise(t *testing.T, items []float32, o Options, others []float32, dim int) {
	rows, err := quant.EncodeFine(items, dim)
	if err != nil {
		t.Fatal(err)
	}
	made, err := Make(rows, o)
	if err != nil {
		t.Fatal(err)
	}
	x := made.Index
	for _, k := range []int{1, 3, 10, 40, 100, 200} {
		truth := x.exactAnswers(others, k, 2, nil)
		for _, asked := range []float32{.9, .95, .99, .999} {
			set, ok := x.Setting(&Query{K: k, Recall: asked})
			if !ok {
				t.Logf("recall@%d of %g is searched exactly", k, asked)
				continue
			}
			o := x.evaluate(set, &Calibration{Queries: others, Threads: 2, scores: truth}, len(others)/dim, k, math.Inf(1))
			t.Logf("recall@%d asked %g, got %.4f ± %.4f for %.0f ns", k, asked, o.got, o.error, o.cost)
			if o.got < float64(asked)-.005-2*o.error {
				t.Errorf("recall@%d asked %g, got %.4f ± %.4f", k, asked, o.got, o.error)
			}
		}
	}
}
