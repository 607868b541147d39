package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
)

// bazaarTitle has titles as catalogues have them: some with commas, with blanks around them or nothing else, some too long for a sentence.
func bazaarTitle(i int) string {
	switch {
	case i%5 == 0:
		return fmt.Sprintf("Thing %d, red, and more", i)
	case i%11 == 0:
		return fmt.Sprintf(" \u00a0 Thing %d  ", i)
	case i%101 == 0:
		return "   "
	case i%7 == 0:
		return fmt.Sprintf("Thing %d, %s", i, strings.Repeat("é☕,", 20))
	}
	return fmt.Sprintf("Thing %d", i)
}

// bazaarFiles writes a shop as shops are: n items around tastes, in categories that follow from them, of brands and prices of their own, some out of
// stock, some soon to go, some new; popularity falls off steeply; tables within and across tastes; blends for all goals, their weights by stages.
func bazaarFiles(t testing.TB, n int, change ...func(*model.Build)) (modelFile, catalogueFile []byte) {
	t.Helper()
	const dim, tastes = 24, 40
	rng := rand.New(rand.NewPCG(57, uint64(n)))
	no := false
	b := &model.Build{Meta: model.Meta{
		Dim: dim, Users: 5 * n, Created: start.Add(-time.Hour), A0: .01, Reg: .003, Nu: 1, HalfLifeDays: 14,
		EventWeights: map[string]float64{"view": 1, "purchase": 2, "impression": 0},
	}}
	centres := make([]float64, tastes*dim)
	for i := range centres {
		centres[i] = rng.NormFloat64()
	}
	b.Table, b.Session = &model.Sparse{Start: []int{0}}, &model.Sparse{Start: []int{0}}
	for i := range n {
		taste, popular := i%tastes, math.Floor(float64(n)/float64(1+i)+rng.ExpFloat64())
		for k := range dim {
			b.Vectors = append(b.Vectors, float32((centres[taste*dim+k]+rng.NormFloat64())/4*(.3+rng.Float64())))
		}
		it := edged.Item{ID: fmt.Sprintf("b%05d", i), Title: bazaarTitle(i), Price: float64(1+rng.IntN(200)) / 2,
			Categories: []string{fmt.Sprintf("c%d/t%d", taste%8, taste)}, Tags: []string{[]string{"sale", "gift", "own"}[rng.IntN(3)]}}
		if rng.IntN(10) > 0 {
			it.Brand = fmt.Sprintf("brand%d", rng.IntN(12))
		}
		if rng.IntN(3) == 0 {
			it.Attributes = json.RawMessage(fmt.Sprintf(`{"size":%d,"colour":%q,"bio":%t}`, rng.IntN(5), []string{"red", "blue"}[rng.IntN(2)], rng.IntN(2) == 0))
		}
		if rng.IntN(15) == 0 {
			it.Available = &no
		}
		if rng.IntN(20) == 0 {
			it.Expires = start.UnixMilli() + int64(rng.IntN(3)-1)*1000
		}
		if it.Published = start.AddDate(0, 0, -rng.IntN(400)).UnixMilli(); rng.IntN(4) == 0 {
			it.Published = 0
		}
		b.IDs, b.Items = append(b.IDs, it.ID), append(b.Items, it)
		b.Popularity = append(b.Popularity, float32(popular))
		b.PopularZ, b.RepeatQ = append(b.PopularZ, float32(math.Log1p(popular)-1)), append(b.RepeatQ, float32(rng.ExpFloat64()))
		for _, s := range []*model.Sparse{b.Table, b.Session} {
			bazaarRow(rng, s, i, n, tastes)
		}
		first := len(b.Neighbours)
		for len(b.Neighbours) < first+4 {
			b.Neighbours, b.NeighbourScores = append(b.Neighbours, edged.Row((i+len(b.Neighbours)-first+1)%n)), append(b.NeighbourScores, rng.Float32())
		}
	}
	b.Trends = []model.Trend{bazaarTrend(rng, "", n), bazaarTrend(rng, "GB", n)}
	stages := func(s model.Stage) []model.Stage {
		few := s
		few.From, few.Popular = 0, s.Popular*2
		s.From = 4
		return []model.Stage{few, s}
	}
	b.Meta.Blends = []model.Blend{
		{Goal: model.GoalNew, TableHalfLifeDays: 120, FactorHalfLifeDays: 60, Stages: stages(model.Stage{Table: 1, Factors: 2, Popular: .2})},
		{Goal: model.GoalAny, TableHalfLifeDays: 120, RepeatHalfLifeDays: 365, Stages: stages(model.Stage{Table: 1, Factors: 1, Popular: .2, Repeat: 6, Session: .3})},
		{Goal: model.GoalNext, RepeatHalfLifeDays: 365, SessionPower: 2, Stages: stages(model.Stage{Session: 1, Past: .5})},
	}
	for _, f := range change {
		f(b)
	}
	var m, c bytes.Buffer
	if err := errors.Join(b.WriteModel(&m), b.WriteCatalogue(&c)); err != nil {
		t.Fatal(err)
	}
	return m.Bytes(), c.Bytes()
}

// bazaar is a release of such a shop.
func bazaar(t testing.TB, n int, change ...func(*model.Build)) *rank.Ranker {
	t.Helper()
	m, err := model.Parse(bazaarFiles(t, n, change...))
	if err != nil {
		t.Fatal(err)
	}
	return rank.New(m, rank.Release{ID: "2-bbbb", Version: 2, Created: start.Add(-time.Hour)})
}

// bazaarRow gives an item up to 30 neighbours, most of its taste.
func bazaarRow(rng *rand.Rand, s *model.Sparse, i, n, tastes int) {
	var to []uint32
	for range rng.IntN(30) {
		j := rng.IntN(n)
		if rng.IntN(4) > 0 {
			j = (j/tastes*tastes + i%tastes) % n
		}
		if j != i {
			to = append(to, uint32(j))
		}
	}
	slices.Sort(to)
	for _, j := range slices.Compact(to) {
		s.Item, s.Weight = append(s.Item, j), append(s.Weight, float32(rng.ExpFloat64()+.01))
	}
	s.Start = append(s.Start, len(s.Item))
}

func bazaarTrend(rng *rand.Rand, country string, n int) model.Trend {
	t := model.Trend{Setting: edged.Setting{Country: country}}
	for k, row := range rng.Perm(n)[:60] {
		t.Rows, t.Scores = append(t.Rows, edged.Row(row)), append(t.Scores, float32(100-k))
	}
	return t
}

func withoutBlends(b *model.Build) {
	b.Meta.Blends, b.Table, b.Session, b.PopularZ, b.RepeatQ = nil, nil, nil, nil, nil
}

// bazaarRules are rules of every kind.
const bazaarRules = `
rules:
- {name: recalled, exclude: [{brand: brand3, tag: sale}, {item: [b00001, b00002]}]}
- {name: own, boost: [{tag: own, by: 1.4}, {where: price > 60 and attributes.bio, by: 0.5}]}
- {name: hero, when: {slot: hero, country: GB}, pin: [{item: b00017, at: 2}, {item: b00001, at: 1}, {item: b00040, at: 9}], cap: {category: 2}}
- {name: bury, when: {slot: [hero, list]}, bury: {category: c1}}
- {name: varied, when: {slot: list}, diversity: 0.4, explore: 0.2}
- {name: sale, when: {slot: sale}, only: {tag: sale}, cap: {brand: 3}}
- {name: rare, when: {slot: rare}, only: {category: c5/t13, brand: brand2}}
- {name: pins, when: {slot: pins}, only: {item: [b00040, b00017, b00052]}, pin: [{item: b00040, at: 1}, {item: b00017, at: 2}, {item: b00052, at: 3}]}
- {name: cart, when: {slot: cart}, goal: next}
- {name: gold, when: {if: visitor.tier == "gold" and device != "tv"}, boost: {brand: [brand1, brand5], by: 3}, diversity: 0.1}
`

// bazaarConditions are conditions on its items beside what they mean.
var bazaarConditions = []struct {
	text  string
	meets func(it *edged.Item, a *bazaarAttributes) bool
}{
	{`price < 20`, func(it *edged.Item, _ *bazaarAttributes) bool { return it.Price < 20 }},
	{`price >= 99.5 or price == 3`, func(it *edged.Item, _ *bazaarAttributes) bool { return it.Price >= 99.5 || it.Price == 3 }},
	{`brand in ["brand1", "brand2"] and not ("sale" in tags)`, func(it *edged.Item, _ *bazaarAttributes) bool {
		return (it.Brand == "brand1" || it.Brand == "brand2") && it.Tags[0] != "sale"
	}},
	{`brand != "brand4"`, func(it *edged.Item, _ *bazaarAttributes) bool { return it.Brand != "brand4" }},
	{`categories == "c3"`, func(it *edged.Item, _ *bazaarAttributes) bool { return it.Categories[0][:2] == "c3" }},
	{`attributes.size > 2 && attributes.colour == "red"`, func(_ *edged.Item, a *bazaarAttributes) bool {
		return a.Size != nil && *a.Size > 2 && a.Colour == "red"
	}},
	{`attributes.bio or attributes.size in [0, "4"]`, func(_ *edged.Item, a *bazaarAttributes) bool {
		return a.Bio || a.Size != nil && (*a.Size == 0 || *a.Size == 4)
	}},
	{`published > "2025-12-15" and 40 > price`, func(it *edged.Item, _ *bazaarAttributes) bool {
		return it.Published > time.Date(2025, 12, 15, 0, 0, 0, 0, time.UTC).UnixMilli() && it.Price < 40
	}},
	{`attributes.nothing == 1`, func(*edged.Item, *bazaarAttributes) bool { return false }},
	{`true`, func(*edged.Item, *bazaarAttributes) bool { return true }},
}

type bazaarAttributes struct {
	Size   *float64
	Colour string
	Bio    bool
}
