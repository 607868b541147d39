package train

import (
	"math"

	"github.com/edged/edged/learn"
)

// Metrics are means over the test users of one model's first K recommendations. With r_k = 1 where place k (from 1) holds
// one of the user's m test items:
//
//	Recall   Σ r_k / m
//	NDCG     Σ r_k/log2(k+1) / Σ_{k ≤ min(K, m)} 1/log2(k+1)
//	HitRate  1 if any r_k
//	MRR      1/k of the first r_k = 1
//	Coverage the share of the training items that were recommended to anybody
type Metrics struct {
	Model    string  `json:"model"`
	Recall   float64 `json:"recall"`
	NDCG     float64 `json:"ndcg"`
	HitRate  float64 `json:"hitRate"`
	MRR      float64 `json:"mrr"`
	Coverage float64 `json:"coverage"`
}

// userMetrics are one user's.
type userMetrics struct{ recall, ndcg, hit, mrr float64 }

// measure compares a list with the user's test items, which are not empty and ascending.
func measure(list []uint32, test *learn.Matrix, user, k int) (m userMetrics) {
	var hits, gain, ideal float64
	relevant := test.Count(user)
	for at, item := range list[:min(k, len(list))] {
		if !test.Has(user, item) {
			continue
		}
		if hits == 0 {
			m.hit, m.mrr = 1, 1/float64(at+1)
		}
		hits++
		gain += discount(at)
	}
	for at := range min(k, relevant) {
		ideal += discount(at)
	}
	m.recall, m.ndcg = hits/float64(relevant), gain/ideal
	return m
}

// discount is 1/log2(k+1) for place k = at+1.
func discount(at int) float64 { return 1 / math.Log2(float64(at)+2) }

// average sums in the order of users, whichever goroutine measured them.
func average(model string, users []userMetrics, recommended []bool) Metrics {
	m := Metrics{Model: model}
	for _, u := range users {
		m.Recall += u.recall
		m.NDCG += u.ndcg
		m.HitRate += u.hit
		m.MRR += u.mrr
	}
	n := float64(len(users))
	m.Recall, m.NDCG, m.HitRate, m.MRR = m.Recall/n, m.NDCG/n, m.HitRate/n, m.MRR/n
	m.Coverage = share(recommended)
	return m
}

func share(flags []bool) float64 {
	n := 0
	for _, f := range flags {
		if f {
			n++
		}
	}
	return float64(n) / float64(len(flags))
}
