package testkit

import "slices"

// Scored is one answer of TopK.
type Scored struct {
	Row   int
	Score float64
}

// TopK is the oracle of every search: the k vectors with the largest inner product with q, summed in float64, best
// first and equal ones by row. It is as slow as it is plain.
func TopK[T float32 | float64](vectors [][]T, q []T, k int) []Scored {
	all := make([]Scored, len(vectors))
	for row, v := range vectors {
		all[row] = Scored{row, dot(v, q)}
	}
	slices.SortFunc(all, func(a, b Scored) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return a.Row - b.Row
	})
	return all[:min(k, len(all))]
}

func dot[T float32 | float64](a, b []T) float64 {
	var sum float64
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}
