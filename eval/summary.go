package eval

import "slices"

// summary is the figures of some cases, nil being all. Coverage and Gini are of all cases only.
func (r *Result) summary(cases []int32) (m Metrics) {
	var n, lists, popularity, chosen float64
	add := func(s *score) {
		n++
		m.Recall += s.recall
		m.Precision += s.precision
		m.NDCG += s.ndcg
		m.MAP += s.ap
		m.MRR += s.rr
		m.HitRate += s.hit
		m.Novelty += s.novelty
		popularity += s.popularity
		chosen += s.chosen
		if s.pairs {
			lists++
			m.Diversity += s.diversity
		}
	}
	if cases == nil {
		for c := range r.scores {
			add(&r.scores[c])
		}
		m.Coverage, m.Gini = coverage(r.exposure), gini(r.exposure)
	}
	for _, c := range cases {
		add(&r.scores[c])
	}
	for _, sum := range []*float64{&m.Recall, &m.Precision, &m.NDCG, &m.MAP, &m.MRR, &m.HitRate, &m.Novelty} {
		*sum /= max(n, 1)
	}
	m.Diversity /= max(lists, 1)
	if chosen > 0 {
		m.PopularityLift = popularity / chosen
	}
	return m
}

// At are the accuracy figures had the lists ended after k places, k from 1 to K; the others are 0.
func (r *Result) At(k int) (m Metrics) {
	for c := range r.scores {
		var s score
		s.rate(r.hits[c*r.words:][:r.words], k, len(r.set.Cases[c].Relevant))
		m.Recall += s.recall
		m.Precision += s.precision
		m.NDCG += s.ndcg
		m.MAP += s.ap
		m.MRR += s.rr
		m.HitRate += s.hit
	}
	for _, sum := range []*float64{&m.Recall, &m.Precision, &m.NDCG, &m.MAP, &m.MRR, &m.HitRate} {
		*sum /= float64(len(r.scores))
	}
	return m
}

// Values are the scores of the cases by one metric, in the order of the set.
func (r *Result) Values(m Metric) []float64 {
	values := make([]float64, len(r.scores))
	for c := range r.scores {
		values[c] = r.scores[c].of(m)
	}
	return values
}

func coverage(exposure []uint32) float64 {
	shown := 0
	for _, n := range exposure {
		if n > 0 {
			shown++
		}
	}
	return float64(shown) / float64(len(exposure))
}

// gini is how unequally items were shown.
func gini(exposure []uint32) float64 {
	x := slices.Clone(exposure)
	slices.Sort(x)
	n := float64(len(x))
	var weighted, sum float64
	for j, count := range x {
		weighted += (2*float64(j+1) - n - 1) * float64(count)
		sum += float64(count)
	}
	if sum == 0 || n < 2 {
		return 0
	}
	return weighted / ((n - 1) * sum)
}
