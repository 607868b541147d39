package index

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/quant"
)

// TestPlainSettingWithFullLengthsIsTheBruteForceAnswer: where nothing is estimated and whole lengths count, nothing is missed.
func TestPlainSettingWithFullLengthsIsTheBruteForceAnswer(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(8, 20))
		var s Scratch
		for round := range 60 {
			n, dim := 1+rng.IntN(900), 1+rng.IntN(70)
			x, rows := laid(t, vectors(rng, n, dim, float64(round%3), round%4 == 0), vectors(rng, 40, dim, 0, false), dim, round%2 == 0, LayoutConfig{Head: n})
			x.settings = []Setting{{Recall: 1, K: 1000, Eps: PlainEps, Kappa: 1, Slack: 900}}
			for range 6 {
				q := Query{Vector: vectors(rng, 1, dim, 1, false), K: []int{1, 3, 10, 16, 17, 100}[rng.IntN(6)]}
				randomFilter(rng, &q, n)
				got := x.Search(nil, &q, &s)
				if want := brute(rows, &q); !slices.Equal(got, want) {
					t.Fatalf("round %d (n=%d dim=%d k=%d): %s", round, n, dim, q.K, difference(got, want))
				}
			}
		}
	})
}

// TestCalibrateScansPlainlyWhereLengthsDecide: a scan in norm order is the cheapest of skewed lengths, and stops earlier the less is asked.
func TestCalibrateScansPlainlyWhereLengthsDecide(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 21))
	const n, dim = 4000, 16
	x, _ := laid(t, vectors(rng, n, dim, 2, false), vectors(rng, 500, dim, 0, false), dim, true, LayoutConfig{Head: n})
	if err := x.Calibrate(Calibration{Queries: vectors(rng, 1000, dim, 0, false), Ks: []int{10}, Recalls: []float32{.9, .99}, Threads: 2}); err != nil {
		t.Fatal(err)
	}
	s := x.Settings()
	if len(s) != 2 || !s[0].plain() || !s[1].plain() || s[0].Kappa >= s[1].Kappa || s[0].Cost >= s[1].Cost {
		t.Fatalf("settings %+v", s)
	}
}

func TestSettingBetweenAnEstimateAndAPlainScan(t *testing.T) {
	x := &Index{settings: []Setting{{Recall: .9, K: 10, Eps: PlainEps, Kappa: .7, Slack: 2}, {Recall: .9, K: 100, Eps: 2, Kappa: .3, Slack: 4}}}
	for k, want := range map[int]Setting{
		10: x.settings[0], 100: x.settings[1], 50: {Recall: .9, K: 100, Eps: PlainEps, Kappa: 1, Slack: 4},
	} {
		if got, ok := x.Setting(&Query{K: k, Recall: .9}); !ok || got != want {
			t.Errorf("k=%d: %+v, want %+v", k, got, want)
		}
	}
}

func TestAppendSet(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 22))
	for round := range 500 {
		masks := make([]uint32, rng.IntN(10))
		var want []uint32
		for b := range masks {
			for range round % 6 {
				masks[b] |= rng.Uint32() >> (round % 20)
			}
			for r := range 32 {
				if masks[b]>>r&1 != 0 {
					want = append(want, uint32(32*b+r))
				}
			}
		}
		n := 0
		for _, m := range masks {
			n += bits.OnesCount32(m)
		}
		if got := appendSet(append(make([]uint32, 0, n+5), 7), masks); got[0] != 7 || !slices.Equal(got[1:], want) {
			t.Fatalf("%x: %v, want %v", masks, got, want)
		}
	}
}

// TestExpectIsReached: k of the rows score at least what is expected, whatever their remainders are.
func TestExpectIsReached(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 23))
	var list top
	for range 2000 {
		k, n, dim := 1+rng.IntN(fewest), 2*fewest+rng.IntN(200), 8
		var q quant.Query
		q.Set(vectors(rng, 1, dim, 1, false))
		dots, scales := make([]int32, n), make([]float32, n)
		for i := range dots {
			dots[i], scales[i] = int32(rng.IntN(2_000_000)-1_000_000), rng.Float32()
		}
		less := rng.Float32() * float32(q.Norm)
		list.reset(k)
		list.expect(&q, dots, scales, less)
		reached := 0
		for i, dot := range dots {
			if float64(q.Score(dot, scales[i]))-float64(less)*float64(scales[i]) >= float64(list.limit) {
				reached++
			}
		}
		if reached < k {
			t.Fatalf("k=%d n=%d: %d reach %g", k, n, reached, list.limit)
		}
		list.expect(&q, dots, scales, 0)
		least := slices.Sorted(func(yield func(float32) bool) {
			for i, dot := range dots {
				if !yield(-q.Score(dot, scales[i])) {
					return
				}
			}
		})
		if -least[k-1] < list.limit {
			t.Fatalf("k=%d: the k-th is %g, expected %g", k, -least[k-1], list.limit)
		}
	}
}

// TestTopFillsFromBelowTheLimit: scores that only their remainders may lift are kept, and do not count among the best.
func TestTopFillsFromBelowTheLimit(t *testing.T) {
	var list top
	list.reset(3)
	list.limit = 5
	for i, score := range []float32{4.5, 7, 4.9, 4.8, 6, 9, 8} {
		list.offer(score, edged.Row(i))
	}
	if list.settle(); list.limit != 7 {
		t.Fatalf("limit %g, want 7", list.limit)
	}
}

func TestAppendBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 24))
	for round := range 300 {
		words := make([]uint64, rng.IntN(9))
		var want []edged.Row
		for i := range words {
			words[i] = rng.Uint64() >> (round % 64) & rng.Uint64()
			for r := range 64 {
				if words[i]>>r&1 != 0 {
					want = append(want, edged.Row(640+64*i+r))
				}
			}
		}
		if got := appendBits(make([]edged.Row, 0, len(want)+2), words, 640); !slices.Equal(got, want) {
			t.Fatalf("%x: %v, want %v", words, got, want)
		}
	}
}
