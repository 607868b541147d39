package rank

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rules"
)

// large is a shop of 100,000 items in 200 tastes: 256 factors, a table of 100 entries a row within the taste, all parts of a blend.
var large = sync.OnceValue(func() *model.Model { return shop(100_000, 256, 100) })

func shop(n, dim, entries int) *model.Model {
	rng := rand.New(rand.NewPCG(41, 1))
	tastes := n / 500
	centres := make([]float64, tastes*dim)
	for i := range centres {
		centres[i] = rng.NormFloat64() / math.Sqrt(1+float64(i%dim)/8)
	}
	b := &model.Build{Meta: model.Meta{Dim: dim, Users: n, Created: created, A0: .01, Reg: .003, Nu: 1}}
	b.Table, b.Session = &model.Sparse{Start: []int{0}}, &model.Sparse{Start: []int{0}}
	for i := range n {
		taste, length := i%tastes, .3*math.Exp(.6*rng.NormFloat64())
		b.IDs = append(b.IDs, fmt.Sprintf("i%06d", i))
		b.Popularity = append(b.Popularity, float32(length))
		b.PopularZ, b.RepeatQ = append(b.PopularZ, float32(2*math.Log(length)+2)), append(b.RepeatQ, rng.Float32()*2)
		for k := range dim {
			noise := rng.NormFloat64() / math.Sqrt(1+float64(k)/8)
			b.Vectors = append(b.Vectors, float32(length*(.5*centres[taste*dim+k]+noise)/4))
		}
		for _, t := range []*model.Sparse{b.Table, b.Session} {
			for _, j := range near(rng, i, n, tastes, entries) {
				t.Item, t.Weight = append(t.Item, uint32(j)), append(t.Weight, float32(math.Exp(1.2*rng.NormFloat64())))
			}
			t.Start = append(t.Start, len(t.Item))
		}
	}
	stage := model.Stage{Table: 1, Factors: 2, Popular: .2}
	again := stage
	again.Repeat = 12
	b.Meta.Blends = []model.Blend{
		{Goal: model.GoalNew, TableHalfLifeDays: 120, FactorHalfLifeDays: 120, Stages: []model.Stage{stage}},
		{Goal: model.GoalAny, TableHalfLifeDays: 120, FactorHalfLifeDays: 120, RepeatHalfLifeDays: 365, Stages: []model.Stage{again}},
		{Goal: model.GoalNext, RepeatHalfLifeDays: 365, SessionPower: 2, Stages: []model.Stage{{Session: 1, Past: .5}}},
	}
	var mb, cb bytes.Buffer
	if err := errors.Join(b.WriteModel(&mb), b.WriteCatalogue(&cb)); err != nil {
		panic(err)
	}
	m, err := model.Parse(mb.Bytes(), cb.Bytes())
	if err != nil {
		panic(err)
	}
	return m
}

// near draws entries other items of the taste of i, ascending.
func near(rng *rand.Rand, i, n, tastes, entries int) (list []int) {
	for _, k := range rng.Perm(n / tastes)[:entries] {
		if j := i%tastes + k*tastes; j != i {
			list = append(list, j)
		}
	}
	slices.Sort(list)
	return list
}

// shoppers are histories of 10 items in three tastes, of the last three months.
func shoppers(m *model.Model, n int) []*Request {
	rng := rand.New(rand.NewPCG(41, 2))
	tastes := m.Len() / 500
	list := make([]*Request, n)
	for i := range list {
		q := &Request{N: 10}
		mine := []int{rng.IntN(tastes), rng.IntN(tastes), rng.IntN(tastes)}
		for k := range 10 {
			row := edged.Row(mine[rng.IntN(3)] + tastes*rng.IntN(m.Len()/tastes))
			q.Recent = append(q.Recent, Recent{Row: row, Weight: 1, Time: created.UnixMilli() - int64(k)*9*24*60*60*1000, Session: k < 5})
		}
		list[i] = q
	}
	return list
}

func BenchmarkRecommend(b *testing.B) {
	m := large()
	r, asked := ranker(m), shoppers(m, 512)
	for _, goal := range goals {
		b.Run(string(goal), func(b *testing.B) { benchmarkGoal(b, r, asked, goal, goal == model.GoalNew) })
	}
}

func benchmarkGoal(b *testing.B, r *Ranker, asked []*Request, goal model.Goal, excludeSeen bool) {
	a, s := new(Answer), new(Scratch)
	i, scanned := 0, 0
	call := func() {
		q := *asked[i%len(asked)]
		q.Goal, q.ExcludeSeen = goal, excludeSeen
		r.Recommend(a, s, &q)
		i++
		scanned += a.Scanned
	}
	for range asked {
		call()
	}
	testkit.Allocs(b, 0, call)
	b.ResetTimer()
	i, scanned = 0, 0
	for b.Loop() {
		call()
	}
	b.ReportMetric(float64(scanned)/float64(i), "scored/op")
}

// BenchmarkVaried is what variety adds to a list.
func BenchmarkVaried(b *testing.B) {
	m := large()
	r, asked := ranker(m), shoppers(m, 64)
	for _, n := range []int{10, 100, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var a Answer
			var s Scratch
			var l Likeness
			var plan rules.Plan
			lists := make([][]rules.Item, len(asked))
			for i, q := range asked {
				q := *q
				q.N = min(4*n+50, MaxDepth)
				r.Recommend(&a, &s, &q)
				for _, it := range a.Items {
					lists[i] = append(lists[i], rules.Item{Row: it.Row, Score: it.Score, Tier: uint8(it.Level)})
				}
			}
			(*rules.Set)(nil).Match(&plan, &rules.Context{})
			plan.Add(&rules.Wish{Diversity: .3, Explore: -1})
			i := 0
			for b.Loop() {
				i++
				if got := plan.Apply(lists[i%len(lists)], n, &rules.Scope{Alike: l.Of(r)}); len(got) != n {
					b.Fatalf("%d items", len(got))
				}
			}
		})
	}
}
