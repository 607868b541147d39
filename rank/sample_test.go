package rank

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestAbout: of a list no longer than a sample it is the number asked for, of a longer one about that.
func TestAbout(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 1))
	var s sample
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
		if got != scored && (at < k-len(list)/2 || at > k+len(list)/2) {
			t.Fatalf("%g is at place %d of %d, asked for %d", got, at, len(list), k)
		}
	}
}
