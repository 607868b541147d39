package eval

import "math"

// space is where items are near or far: unit vectors, or sets of categories.
type space struct {
	dim        int
	unit       []float32 // by item, length 1 or 0
	categories [][]uint32
}

func newSpace(s *Set) *space {
	if s.Vectors == nil {
		return &space{categories: s.Categories}
	}
	sp := &space{dim: s.Dim, unit: make([]float32, len(s.Vectors))}
	for i := range s.Items {
		v := s.Vectors[i*s.Dim:][:s.Dim]
		norm := 0.0
		for _, x := range v {
			norm += float64(x) * float64(x)
		}
		if norm = math.Sqrt(norm); norm == 0 {
			continue
		}
		for k, x := range v {
			sp.unit[i*s.Dim+k] = float32(float64(x) / norm)
		}
	}
	return sp
}

// diversity is 1 − the mean similarity of the pairs of a list; 0 where there are none, or no space. sum is scratch of dim
// numbers.
func (sp *space) diversity(list []uint32, sum []float64) float64 {
	if len(list) < 2 {
		return 0
	}
	pairs := float64(len(list)*(len(list)-1)) / 2
	switch {
	case sp.unit != nil:
		return 1 - sp.cosines(list, sum)/pairs
	case sp.categories != nil:
		return 1 - sp.overlaps(list)/pairs
	}
	return 0
}

// cosines sums the cosines of all pairs: Σ_{a<b} a·b = (|Σ a|² − Σ |a|²)/2.
func (sp *space) cosines(list []uint32, sum []float64) float64 {
	clear(sum)
	own := 0.0
	for _, i := range list {
		for k, x := range sp.unit[int(i)*sp.dim:][:sp.dim] {
			sum[k] += float64(x)
			own += float64(x) * float64(x)
		}
	}
	all := 0.0
	for _, x := range sum {
		all += x * x
	}
	return (all - own) / 2
}

func (sp *space) overlaps(list []uint32) (sum float64) {
	for a, i := range list {
		for _, j := range list[:a] {
			sum += jaccard(sp.categories[i], sp.categories[j])
		}
	}
	return sum
}

// jaccard is |a ∩ b| / |a ∪ b| of ascending sets; 0 where both are empty.
func jaccard(a, b []uint32) float64 {
	both, i, j := 0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			both, i, j = both+1, i+1, j+1
		}
	}
	if both == 0 {
		return 0
	}
	return float64(both) / float64(len(a)+len(b)-both)
}
