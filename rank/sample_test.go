package rank

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestAbout: of a list no longer than a sample it is the number asked for, of a longer one about that. A sample of 25 to 48 is off by a standard
// deviation of up to a tenth of the list, neither way more than the other: .05 on average.
func TestAbout(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 1))
	var s sample
	var lists, off, above float64
	for range 5000 {
		list := make([]float32, 1+rng.IntN(900))
		for i := range list {
			list[i] = float32(rng.NormFloat64())
			if rng.IntN(8) == 0 {
				list[i] = scored
			}
		}
		k := rng.IntN(len(list))
		got := s.about(list, k)
		sorted := slices.Sorted(slices.Values(list))
		slices.Reverse(sorted)
		if len(list) <= sampled && got != sorted[k] {
			t.Fatalf("place %d of %v: %g", k, sorted, got)
		}
		at := slices.Index(sorted, got)
		if at < 0 {
			t.Fatalf("%g is not in the list", got)
		}
		if got == scored || len(list) <= sampled {
			continue
		}
		by := float64(at-k) / float64(len(list))
		if math.Abs(by) > .4 { // 4 standard deviations
			t.Fatalf("%g is at place %d of %d, asked for %d", got, at, len(list), k)
		}
		lists, off, above = lists+1, off+math.Abs(by), above+by
	}
	if off/lists > .06 || math.Abs(above)/lists > .01 {
		t.Errorf("places of %g lists are off by %.4f of them, %.4f too far down", lists, off/lists, above/lists)
	}
}
