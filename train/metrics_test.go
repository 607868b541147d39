package train

import (
	"math"
	"testing"

	"github.com/edged/edged/learn"
)

// one makes a matrix of one user with these items.
func one(cols int, items ...uint32) *learn.Matrix {
	return learn.Collect(1, cols, func(yield func(r, c uint32, v float32)) {
		for _, i := range items {
			yield(0, i, 1)
		}
	})
}

func TestMeasureByHand(t *testing.T) {
	log3 := 1 / math.Log2(3)
	for _, c := range []struct {
		name string
		list []uint32
		test []uint32
		k    int
		want userMetrics
	}{
		{"all found, in front", []uint32{4, 2, 9}, []uint32{2, 4}, 3, userMetrics{1, 1, 1, 1}},
		{"second and third place", []uint32{9, 2, 4}, []uint32{2, 4}, 3, userMetrics{1, (log3 + 0.5) / (1 + log3), 1, 0.5}},
		{"recall divides by all test items, the ideal by k at most", []uint32{1, 9}, []uint32{1, 2, 3, 4}, 2,
			userMetrics{0.25, 1 / (1 + log3), 1, 1}},
		{"beyond k does not count", []uint32{9, 8, 1}, []uint32{1}, 2, userMetrics{}},
		{"a short list", []uint32{1}, []uint32{1}, 20, userMetrics{1, 1, 1, 1}},
		{"nothing recommended", nil, []uint32{1}, 20, userMetrics{}},
	} {
		got := measure(c.list, one(10, c.test...), 0, c.k)
		for _, pair := range [][2]float64{{got.recall, c.want.recall}, {got.ndcg, c.want.ndcg}, {got.hit, c.want.hit}, {got.mrr, c.want.mrr}} {
			if math.Abs(pair[0]-pair[1]) > 1e-15 {
				t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
				break
			}
		}
	}
}

func TestAverage(t *testing.T) {
	got := average("m", []userMetrics{{1, 0.5, 1, 1}, {0, 0, 0, 0}}, []bool{true, false, false, true, true})
	if want := (Metrics{"m", 0.5, 0.25, 0.5, 0.5, 0.6}); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
}
