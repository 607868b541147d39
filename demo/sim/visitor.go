package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// visitor is somebody with tastes.
type visitor struct {
	id       string
	country  int
	device   string
	occasion []float64 // weight of each occasion
	later    []float64 // the same from turn on, for those who change
	turn     int64
	style    []float64
	budget   int     // the price band liked
	keenness float64 // expected visits
}

// craze is a product everybody in one country looks at for some days.
type craze struct {
	country, product int
	from, to         int64
}

const meanVisits = 10

func (s *Shop) invite(rng *rand.Rand) {
	shares := make([]float64, len(countries))
	for i, c := range countries {
		shares[i] = c.share
	}
	home := newWheel(shares)
	for i := range s.cfg.Visitors {
		v := visitor{id: fmt.Sprintf("visitor-%04d", i+1), country: home.spin(rng)}
		v.device = []string{"phone", "phone", "laptop", "tablet"}[rng.IntN(4)]
		v.occasion = peaked(rng, len(occasions), .62, .24)
		v.later, v.turn = v.occasion, math.MaxInt64
		if rng.IntN(4) == 0 {
			v.later, v.turn = peaked(rng, len(occasions), .62, .24), s.start+rng.Int64N(s.end-s.start)
		}
		v.style = peaked(rng, len(styles), .58, .22)
		for _, j := range countries[v.country].likes {
			v.style[j] += .15
		}
		v.budget = rng.IntN(3)
		// A log-normal whose mean is meanVisits: exp(σ²/2) is the mean of exp(σ·N).
		v.keenness = meanVisits * math.Exp(.8*rng.NormFloat64()-.32)
		s.visitors = append(s.visitors, v)
	}
}

// peaked gives one place the weight first, another second, and shares the rest among all.
func peaked(rng *rand.Rand, n int, first, second float64) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = (1 - first - second) / float64(n)
	}
	w[rng.IntN(n)] += first
	w[rng.IntN(n)] += second
	return w
}

// plan sets the crazes: about one a country every four days, up to the last day and a week beyond it, for live visits.
func (s *Shop) plan(rng *rand.Rand) {
	for c := range countries {
		for d := 0; d < s.cfg.Days+7; d += 2 + rng.IntN(4) {
			from := s.start + int64(d)*day
			s.crazes = append(s.crazes, craze{c, s.ranking.spin(rng), from, from + (3+rng.Int64N(4))*day})
		}
	}
}

// craze is one of the products talked about in the country at the time, or false.
func (s *Shop) craze(country int, at int64, rng *rand.Rand) (int, bool) {
	var on []int
	for _, c := range s.crazes {
		if c.country == country && c.from <= at && at < c.to && s.products[c.product].published <= at {
			on = append(on, c.product)
		}
	}
	if len(on) == 0 {
		return 0, false
	}
	return on[rng.IntN(len(on))], true
}
