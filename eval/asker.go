package eval

import (
	"errors"
	"fmt"
	"math"
)

// ErrList says that a recommender returned what is no list: an item twice, or one that the set does not have.
var ErrList = errors.New("not a list of items")

// asker is one goroutine's part of a measurement.
type asker struct {
	r        *Result
	space    *space
	ask      func(c, k int) []uint32
	seen     []uint32 // by item: the case that saw it last, plus one
	exposure []uint32
	sum      []float64
}

func (a *asker) measure(c int) error {
	list := a.ask(c, a.r.K)
	list = list[:min(len(list), a.r.K)]
	if err := a.check(c, list); err != nil {
		return err
	}
	kase, s := &a.r.set.Cases[c], &a.r.scores[c]
	hits := a.r.hits[c*a.r.words:][:a.r.words]
	for at, item := range list {
		if kase.relevant(item) {
			hits[at/64] |= 1 << (at % 64)
		}
	}
	s.rate(hits, a.r.K, len(kase.Relevant))
	s.diversity, s.pairs = a.space.diversity(list, a.sum), len(list) > 1
	if a.r.set.Popularity != nil {
		s.novelty, s.popularity = a.r.set.tastes(list)
		_, s.chosen = a.r.set.tastes(kase.Relevant)
	}
	return nil
}

// check counts what was shown on the way.
func (a *asker) check(c int, list []uint32) error {
	if a.exposure == nil {
		a.exposure = make([]uint32, a.r.set.Items)
	}
	for _, item := range list {
		switch {
		case int(item) >= len(a.seen):
			return fmt.Errorf("%w: case %d: item %d of %d", ErrList, c, item, len(a.seen))
		case a.seen[item] == uint32(c)+1:
			return fmt.Errorf("%w: case %d: item %d twice", ErrList, c, item)
		}
		a.seen[item] = uint32(c) + 1
		a.exposure[item]++
	}
	return nil
}

func (a *asker) addExposure(to []uint32) {
	for i, n := range a.exposure {
		to[i] += n
	}
}

// tastes are the mean self-information and the mean popularity of items; 0 of none.
func (s *Set) tastes(items []uint32) (novelty, popularity float64) {
	for _, i := range items {
		n := float64(s.Popularity[i])
		novelty += math.Log2(float64(s.Population) / max(n, 1))
		popularity += n
	}
	n := float64(max(len(items), 1))
	return novelty / n, popularity / n
}
