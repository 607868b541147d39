package learn

import "math"

// Standardised is z(log1p(30/h · P_h(j))), z(x) = (x − mean)/deviation over all items: what the blend adds for what is
// popular just now. Where all items are equally popular it is 0.
func Standardised(popularity []float64, halfLife float64) []float32 {
	if halfLife <= 0 {
		halfLife = 30
	}
	x := make([]float64, len(popularity))
	sum, squared := 0.0, 0.0
	for j, p := range popularity {
		x[j] = math.Log1p(30 / halfLife * p)
		sum += x[j]
		squared += x[j] * x[j]
	}
	n := float64(max(len(x), 1))
	mean := sum / n
	z, deviation := make([]float32, len(x)), math.Sqrt(max(squared/n-mean*mean, 0))
	if !(deviation > 1e-9*math.Abs(mean)) {
		return z
	}
	for j := range x {
		z[j] = float32((x[j] - mean) / deviation)
	}
	return z
}

// Share divides by the sum: a distribution over items. All 0 stays all 0.
func Share(popularity []float64) []float64 {
	sum := 0.0
	for _, p := range popularity {
		sum += p
	}
	share := make([]float64, len(popularity))
	if sum > 0 {
		for j, p := range popularity {
			share[j] = p / sum
		}
	}
	return share
}

// Backoff is a group's distribution over items, shrunk towards that of the level above (country towards world):
//
//	(C(j) + shrink·parent(j)) / (ΣC + shrink)
//
// C being the group's (decayed) counts. Where there is nothing to divide by, it is the parent's. Levels chain: the result
// is the parent of the next. This is the mean of the Dirichlet posterior with shrink observations of prior weight.
func Backoff(counts, parent []float64, shrink float64) []float64 {
	sum := shrink
	for _, c := range counts {
		sum += c
	}
	p := make([]float64, len(parent))
	if !(sum > 0) {
		copy(p, parent)
		return p
	}
	for j := range p {
		p[j] = (counts[j] + shrink*parent[j]) / sum
	}
	return p
}
