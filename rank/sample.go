package rank

import (
	"math"

	"github.com/edged/edged/internal/kernel"
)

// sample is the working memory of a look at a few of many numbers.
type sample struct {
	keys, ordered [sampled]uint64
}

const sampled = 48

// about returns the number of a list that about k others are above; k is below their number.
func (s *sample) about(list []float32, k int) float32 {
	step, n := (len(list)+sampled-1)/sampled, 0
	for i := step / 2; i < len(list); i += step {
		s.keys[n] = uint64(ascending(list[i]))<<32 | uint64(i)
		n++
	}
	kernel.Order(s.ordered[:n], s.keys[:n])
	return list[uint32(s.ordered[min(k*n/len(list), n-1)])]
}

// ascending turns the bits of a float so that they are in the order of floats.
func ascending(x float32) uint32 {
	b := math.Float32bits(x)
	return b ^ (uint32(int32(b)>>31) | 1<<31)
}
