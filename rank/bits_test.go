package rank

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// TestSameBitsEverywhere holds the fold-in's arithmetic to the same bits on every CPU (ADR 2): on arm64 the compiler fuses a
// product with the addition after it unless the product is converted first.
func TestSameBitsEverywhere(t *testing.T) {
	const n, want = 23, uint64(0x236fc2e2dd8dbe07)
	rng := rand.New(rand.NewPCG(1, 2))
	a, b := make([]float64, n*n), make([]float64, n)
	for i := range n {
		b[i] = rng.Float64() - .5
		for j := range i + 1 {
			a[i*n+j] = rng.Float64() - .5
		}
		a[i*n+i] += n
	}
	factorise(a, n, nil)
	solve(a, n, b)
	addScaled(b, a[(n-1)*n:][:n], dot(b, b))
	if got := hashOf(append(a, b...)); got != want {
		t.Errorf("bits %#x, want %#x", got, want)
	}
}

func hashOf(list []float64) uint64 {
	sum := fnv.New64a()
	for _, x := range list {
		var bits [8]byte
		for i := range bits {
			bits[i] = byte(math.Float64bits(x) >> (8 * i))
		}
		sum.Write(bits[:])
	}
	return sum.Sum64()
}

// TestBlendsHaveTheSameBitsEverywhere is the same for a whole blend. What goes into the model is made of integers, since the
// generators of other numbers may differ between CPUs, too.
func TestBlendsHaveTheSameBitsEverywhere(t *testing.T) {
	const n, dim, want = 200, 12, uint64(0x3644d0a1b8b8b373)
	rng := rand.New(rand.NewPCG(3, 4))
	m := random(t, rand.New(rand.NewPCG(3, 5)), n, dim, func(b *model.Build) {
		b.Meta.Nu = .7
		for i := range b.Vectors {
			b.Vectors[i] = float32(rng.IntN(255)-127) / 16
		}
		b.Table, b.Session = dyadic(rng, n), dyadic(rng, n)
		for range n {
			b.PopularZ, b.RepeatQ = append(b.PopularZ, float32(rng.IntN(200)-99)/64), append(b.RepeatQ, float32(rng.IntN(200))/64)
		}
		b.Meta.Blends = []model.Blend{{
			Goal: model.GoalAny, TableHalfLifeDays: 70, FactorHalfLifeDays: 90, RepeatHalfLifeDays: 365, SessionPower: 1.7,
			Stages: []model.Stage{{Table: 1, Factors: 2, Popular: .2, Repeat: 12, Session: .75, Past: .5}},
		}}
	})
	q := &Request{Goal: model.GoalAny, N: n, Explain: true}
	for i := range 12 {
		day := int64(i*i) * 24 * 60 * 60 * 1000
		q.Recent = append(q.Recent, Recent{Row: edged.Row(rng.IntN(n)), Weight: float32(1 + rng.IntN(3)), Time: created.UnixMilli() - day, Session: i < 4})
	}
	var list []float64
	for _, item := range recommend(ranker(m), q).Items {
		list = append(list, float64(item.Row), float64(item.Score), float64(item.Reason.Rest), float64(item.Reason.Terms.Repeat))
		for _, share := range item.Reason.Shares {
			list = append(list, float64(share))
		}
	}
	if got := hashOf(list); got != want {
		t.Errorf("bits %#x, want %#x", got, want)
	}
}

// TestWideHasTheSameBitsEverywhere is the same for histories of more items than dimensions, and of heavy ones.
func TestWideHasTheSameBitsEverywhere(t *testing.T) {
	const n, dim, want = 100, 12, uint64(0x892639dcb73485b8)
	rng := rand.New(rand.NewPCG(3, 6))
	m := random(t, rand.New(rand.NewPCG(3, 7)), n, dim, func(b *model.Build) {
		b.Meta.Nu = .7
		for i := range b.Vectors {
			b.Vectors[i] = float32(rng.IntN(255)-127) / 16
		}
	})
	var list []float64
	for _, c := range []struct {
		items  int
		weight float32
	}{{8, 1e5}, {30, 1}} {
		recent := make([]Recent, c.items)
		for i, row := range rng.Perm(n)[:c.items] {
			recent[i] = Recent{Row: edged.Row(row), Weight: c.weight * float32(1+rng.IntN(3))}
		}
		s := new(Scratch)
		for _, x := range New(m, Release{}).FoldIn(nil, s, recent) {
			list = append(list, float64(x))
		}
		if list = append(list, s.fold.shares(m, 1)...); !s.fold.isWide {
			t.Errorf("%d items of %g are not folded in in float64", c.items, c.weight)
		}
	}
	if got := hashOf(list); got != want {
		t.Errorf("bits %#x, want %#x", got, want)
	}
}

// dyadic makes a table of n rows whose weights are exact.
func dyadic(rng *rand.Rand, n int) *model.Sparse {
	s := &model.Sparse{Start: make([]int, 1, n+1)}
	for i := range n {
		for j := range n {
			if j != i && rng.IntN(9) == 0 {
				s.Item, s.Weight = append(s.Item, uint32(j)), append(s.Weight, float32(1+rng.IntN(127))/64)
			}
		}
		s.Start = append(s.Start, len(s.Item))
	}
	return s
}
