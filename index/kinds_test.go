package index

import (
	"math"
	"testing"
)

// TestEachKindOfQueryCounts: a kind that finds little is not hidden by others that find all.
func TestEachKindOfQueryCounts(t *testing.T) {
	shares := []float64{1, .5, 1, .9, 1, .7, 1}
	for kinds, want := range map[int]struct {
		least   float64
		queries int
	}{1: {6.1 / 7, 7}, 2: {.7, 3}, 3: {.75, 2}, 9: {.5, 1}} {
		if got, _, n := leastOfKinds(shares, kinds); math.Abs(got-want.least) > 1e-12 || n != want.queries {
			t.Errorf("%d kinds: %v of %d queries, want %v of %d", kinds, got, n, want.least, want.queries)
		}
	}
}
