package eval

import (
	"math"
	"slices"
)

// Metrics are the figures of one model: means over cases, but for Coverage, Gini and PopularityLift, which are of all lists
// together. The package comment defines them.
type Metrics struct {
	Recall    float64 `json:"recall"`
	Precision float64 `json:"precision"`
	NDCG      float64 `json:"ndcg"`
	MAP       float64 `json:"map"`
	MRR       float64 `json:"mrr"`
	HitRate   float64 `json:"hitRate"`

	Coverage       float64 `json:"coverage"`
	Gini           float64 `json:"gini"`
	Novelty        float64 `json:"novelty,omitempty"`        // bits; 0: popularity was not given
	Diversity      float64 `json:"diversity,omitempty"`      // 0: neither vectors nor categories were given
	PopularityLift float64 `json:"popularityLift,omitempty"` // 0: popularity was not given
}

// Metric names a figure that exists for each case, as in JSON.
type Metric string

// The metrics of a case.
const (
	Recall    Metric = "recall"
	Precision Metric = "precision"
	NDCG      Metric = "ndcg"
	MAP       Metric = "map"
	MRR       Metric = "mrr"
	HitRate   Metric = "hitRate"
)

// CaseMetrics are the metrics of a case, in the order in which reports show them.
var CaseMetrics = []Metric{Recall, NDCG, HitRate, MRR, Precision, MAP}

// score is one case's.
type score struct {
	recall, precision, ndcg, ap, rr, hit float64

	novelty, diversity, popularity, chosen float64 // means over the list, and over the relevant items
	pairs                                  bool    // the list has two items or more: diversity is defined
}

// of picks a metric.
func (s *score) of(m Metric) float64 {
	switch m {
	case Recall:
		return s.recall
	case Precision:
		return s.precision
	case NDCG:
		return s.ndcg
	case MAP:
		return s.ap
	case MRR:
		return s.rr
	case HitRate:
		return s.hit
	}
	panic("BUG: eval: no metric " + string(m))
}

// rate fills the accuracy of a list of which hits says which places were right, of k places and m relevant items.
func (s *score) rate(hits []uint64, k, m int) {
	var found, gain, precision float64
	for at := range k {
		if hits[at/64]>>(at%64)&1 == 0 {
			continue
		}
		if found == 0 {
			s.hit, s.rr = 1, 1/float64(at+1)
		}
		found++
		gain += Discount(at)
		precision += found / float64(at+1)
	}
	possible := min(k, m)
	s.recall, s.precision = found/float64(m), found/float64(k)
	s.ndcg, s.ap = gain/ideal(possible), precision/float64(possible)
}

// maxK bounds the length of a list.
const maxK = 4096

// discounts holds 1/log2(k+1) for place k = at+1, and ideals their sums.
var discounts, ideals = func() (d, sums []float64) {
	sum := 0.0
	sums = append(sums, 0)
	for at := range maxK {
		d = append(d, 1/math.Log2(float64(at)+2))
		sum += d[at]
		sums = append(sums, sum)
	}
	return d, sums
}()

// Discount is 1/log2(k+1), what a hit at place k = at+1 gains in NDCG; at is below 4096.
func Discount(at int) float64 { return discounts[at] }

// ideal is the gain of a list whose first n places are right.
func ideal(n int) float64 { return ideals[n] }

// relevant reports whether the case chose an item.
func (c *Case) relevant(item uint32) bool {
	_, ok := slices.BinarySearch(c.Relevant, item)
	return ok
}
