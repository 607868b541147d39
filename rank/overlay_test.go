package rank

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/model"
)

var colours = []string{"red", "green", "blue", "grey", "pink"}

// withContent gives a build items that say something, and a map from that to vectors.
func withContent(rng *rand.Rand, b *model.Build) {
	b.Content = &model.Content{}
	for _, colour := range []string{"blue", "green", "grey", "pink", "red"} {
		b.Content.Features, b.Content.Rarity = append(b.Content.Features, "w "+colour), append(b.Content.Rarity, 1+rng.Float32())
		for range b.Meta.Dim {
			b.Content.Vectors = append(b.Content.Vectors, float32(rng.NormFloat64()))
		}
	}
	for i := range b.Items {
		b.Items[i].Price, b.Items[i].Currency = float64(1+rng.IntN(50)), "EUR"
		b.Items[i].Title = colours[rng.IntN(5)] + " " + colours[rng.IntN(5)]
	}
}

// someChanges draws changes of a release.
func someChanges(rng *rand.Rand, m *model.Model) Changes {
	c := Changes{Tag: "some", Prices: map[edged.Row]float64{}}
	for i := range rng.IntN(6) {
		c.Items = append(c.Items, edged.Item{
			ID: fmt.Sprint("new-", i), Title: colours[rng.IntN(5)] + " " + colours[rng.IntN(5)], Brand: []string{"a", "b"}[rng.IntN(2)],
			Price: float64(1 + rng.IntN(50)), Currency: "EUR",
		})
	}
	n := m.Len() + len(c.Items)
	for i, row := range rng.Perm(n)[:rng.IntN(n/4)] {
		switch row := edged.Row(row); {
		case i%4 == 0:
			c.Off = append(c.Off, row)
		case i%4 == 1:
			c.On = append(c.On, row)
		case i%4 == 2:
			c.Boosts = append(c.Boosts, Boost{row, float32(math.Exp(rng.NormFloat64()))})
		case int(row) < m.Len():
			c.Prices[row] = float64(1 + rng.IntN(50))
		}
	}
	return c
}

func with(t testing.TB, r *Ranker, c Changes) *Ranker {
	t.Helper()
	out, err := r.With(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// mayNow says plainly which rows changes let come.
func mayNow(m *model.Model, c *Changes) func(edged.Row) bool {
	return func(row edged.Row) bool {
		return !slices.Contains(c.Off, row) && (slices.Contains(c.On, row) || m.Available(row))
	}
}

// The answer of a changed blend is what the plain computation gives, new and boosted items among the others.
func TestAChangedBlendIsThePlainSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 1))
	var a Answer
	var s Scratch
	models, least := 30, 20
	if testkit.Race {
		models, least = 6, 1
	}
	unsure, asked, fresh := 0, 0, 0
	for k := range models {
		m := blendedWith(t, rng, []int{60, 300, 700}[k%3], func(b *model.Build) { withContent(rng, b) }, goals[:1+k%3]...)
		for range 8 {
			c := someChanges(rng, m)
			r := with(t, ranker(m), c)
			for range 5 {
				q := someRequest(rng, r.m)
				o := newOracle(r.m, blendOf(r.m, q), q.Recent)
				o.boosts = map[edged.Row]float64{}
				for _, b := range c.Boosts {
					o.boosts[b.Row] = float64(b.By)
				}
				left, now := leavesOf(r.m, q), mayNow(r.m, &c)
				may := func(row edged.Row) bool { return left(row) && now(row) }
				want, sure := o.ranking(may, q.Only != nil && !isDense(q.Only))
				if asked++; !sure {
					unsure++
					continue
				}
				if len(o.rows) == 0 {
					want = nil
				}
				r.Recommend(&a, &s, q)
				for i := range a.Items {
					if int(a.Items[i].Row) >= m.Len() && a.Items[i].Level <= Session {
						fresh++
					}
				}
				checkBlended(t, r.m, q, o, &a, want, may)
				if t.Failed() {
					t.Fatalf("model %d: %+v, changes %+v", k, q, c)
				}
			}
		}
	}
	if unsure > asked/20 || fresh < least {
		t.Errorf("%d of %d requests could not be judged, %d new items came", unsure, asked, fresh)
	}
}

// What is changed about items of the release answers as a release does in whose catalogue it stands.
func TestChangesAreLikeAnotherCatalogue(t *testing.T) {
	for seed := range uint64(20) {
		build := func(change func(*model.Build)) *model.Model {
			rng := rand.New(rand.NewPCG(33, 100+seed))
			return blendedWith(t, rng, 300, func(b *model.Build) { withContent(rng, b); change(b) }, goals...)
		}
		m := build(func(*model.Build) {})
		rng := rand.New(rand.NewPCG(34, seed))
		c := someChanges(rng, m)
		c.Boosts, c.Items = nil, nil
		inRelease := func(rows []edged.Row) []edged.Row {
			return slices.DeleteFunc(rows, func(row edged.Row) bool { return int(row) >= m.Len() })
		}
		c.On, c.Off = inRelease(c.On), inRelease(c.Off)
		other := ranker(build(func(b *model.Build) {
			yes, no := true, false
			for row, price := range c.Prices {
				b.Items[row].Price = price
			}
			for _, row := range c.On {
				b.Items[row].Available = &yes
			}
			for _, row := range c.Off {
				b.Items[row].Available = &no
			}
		}))
		r := with(t, ranker(m), c)
		for range 40 {
			q := someRequest(rng, m)
			p := *q
			q.Only, p.Only = nil, nil
			if rng.IntN(2) == 0 {
				condition := fmt.Appendf(nil, []string{"price < %d", "price >= %d", "not (price == %d) and brand == \"b\"", "price > %d or brand == \"a\""}[rng.IntN(4)], 1+rng.IntN(50))
				q.Only, p.Only = where(t, r, condition), where(t, other, condition)
				if rng.IntN(2) == 0 {
					r.m.Prepare(q.Only)
				}
				if q.Only.Len() != p.Only.Len() {
					t.Fatalf("%s: %d items, want %d", condition, q.Only.Len(), p.Only.Len())
				}
			}
			same(t, recommend(r, q), recommend(other, &p))
		}
		row := edged.Row(rng.IntN(m.Len()))
		for _, list := range []func(*Ranker, *Answer, *Scratch, edged.Row, *model.Selection, int){(*Ranker).Similar, (*Ranker).Together} {
			var a, b Answer
			list(r, &a, new(Scratch), row, nil, 30)
			list(other, &b, new(Scratch), row, nil, 30)
			same(t, &a, &b)
		}
	}
}

func where(t *testing.T, r *Ranker, condition []byte) *model.Selection {
	t.Helper()
	s, err := r.Where(condition)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func same(t *testing.T, a, b *Answer) {
	t.Helper()
	if len(a.Items) != len(b.Items) {
		t.Fatalf("%d items, want %d", len(a.Items), len(b.Items))
	}
	for i := range a.Items {
		if x, y := &a.Items[i], &b.Items[i]; x.Row != y.Row || x.Score != y.Score || x.Source != y.Source {
			t.Fatalf("item %d: %+v, want %+v", i, x, y)
		}
	}
}

// A new item has the vector that its words map to, is found by filters, lists, and what is like it, and can be asked about.
func TestANewItem(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 3))
	m := random(t, rng, 300, 8, func(b *model.Build) {
		withContent(rng, b)
		for i := range b.Items {
			b.Items[i].Brand = "a"
		}
		b.Neighbours, b.NeighbourScores = ring(300, 12)
	})
	red := edged.Item{ID: "new", Title: "Reds and red", Brand: "fresh", Price: 7, Currency: "EUR", Categories: []string{"home/kitchen"}, Attributes: []byte(`{"size":[1,2],"loud":true}`)}
	r := with(t, ranker(m), Changes{Items: []edged.Item{red}})
	row, ok := r.m.Row("new")
	if !ok || int(row) != m.Len() || r.m.ID(row) != "new" {
		t.Fatal(row, ok)
	}
	y := r.m.AppendVector(nil, row)
	if y[0] == 0 && len(y) > 1 && y[1] == 0 {
		t.Fatalf("no vector: %v", y)
	}
	for condition, want := range map[string]bool{
		`brand == "fresh"`: true, `price < 8`: true, `price < 7`: false, `"home" in categories`: true, `"home/kit" in categories`: false,
		`attributes.size == 2`: true, `attributes.loud`: true, `not (brand == "fresh")`: false, `attributes.size > 2`: false, `brand in ["a", "fresh"]`: true,
	} {
		s := where(t, r, []byte(condition))
		if s.Has(row) != want || s.Total() != r.m.Len() {
			t.Errorf("%s: %v", condition, s.Has(row))
		}
		if want {
			if a := recommend(r, &Request{N: 400, Only: s}); !slices.Contains(rowsOf(a), row) {
				t.Errorf("%s: it does not come", condition)
			}
		}
	}
	// Whoever looked at it gets what is like it, and it comes to whoever looked at that.
	a := recommend(r, &Request{Recent: weights(row), N: 5, Explain: true})
	if len(a.Items) != 5 || a.Items[0].Level > Session || a.Items[0].Reason.Rows[0] != row {
		t.Errorf("%+v", a.Items)
	}
	var similar Answer
	r.Similar(&similar, new(Scratch), row, nil, 10)
	if len(similar.Items) != 10 || similar.Items[0].Source != SourceVector || similar.Items[0].Level != Session {
		t.Errorf("similar to it: %+v", similar.Items[:1])
	}
	found := 0
	for near := range edged.Row(m.Len()) {
		r.Similar(&similar, new(Scratch), near, nil, 10)
		if slices.Contains(rowsOf(&similar), row) {
			found++
		}
	}
	if found < 50 {
		t.Errorf("it is similar to %d items", found)
	}
	for of := range edged.Row(40) {
		r.Similar(&similar, new(Scratch), of, nil, 13)
		checkMerged(t, r, of, row, rowsOf(&similar))
	}
	if a := recommend(r, &Request{N: 3, LiveGlobal: live("new")}); a.Items[0].Row != row || a.Items[0].Source != SourceLive {
		t.Errorf("trending: %+v", a.Items)
	}
	if all := recommend(r, &Request{N: 400}); !slices.Contains(rowsOf(all), row) {
		t.Error("it is not among all")
	}
	gone := with(t, ranker(m), Changes{Items: []edged.Item{red}, Off: []edged.Row{row}})
	if all := recommend(gone, &Request{N: 400}); slices.Contains(rowsOf(all), row) {
		t.Error("it comes though it is not available")
	}
}

// checkMerged: a new item stands among neighbours before the first whose vector is at a wider angle.
func checkMerged(t *testing.T, r *Ranker, of, fresh edged.Row, rows []edged.Row) {
	t.Helper()
	cosine := func(row edged.Row) float64 {
		x, y := r.m.AppendVector(nil, of), r.m.AppendVector(nil, row)
		var xy, xx, yy float64
		for i := range x {
			xy, xx, yy = xy+x[i]*y[i], xx+x[i]*x[i], yy+y[i]*y[i]
		}
		return xy / math.Sqrt(xx*yy)
	}
	want := slices.DeleteFunc(slices.Clone(rows), func(row edged.Row) bool { return row == fresh })
	if c := cosine(fresh); c > 0 {
		at := slices.IndexFunc(want[:12], func(row edged.Row) bool { return cosine(row) < c })
		if at < 0 {
			return // it is among what the vector finds
		}
		want = slices.Insert(want, at, fresh)
	}
	if !slices.Equal(rows, want) {
		t.Errorf("similar to %d: %d, want %d", of, rows, want)
	}
}

// Lists are ordered by boosted scores, too, each row once, and all that may come do.
func TestBoostedLists(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 4))
	for range 20 {
		m := blendedWith(t, rng, 200, func(b *model.Build) { withContent(rng, b) }, goals...)
		c := someChanges(rng, m)
		r := with(t, ranker(m), c)
		boosts, now := map[edged.Row]float32{}, mayNow(r.m, &c)
		for _, b := range c.Boosts {
			boosts[b.Row] = b.By
		}
		possible := 0
		for row := range edged.Row(r.m.Len()) {
			if now(row) {
				possible++
			}
		}
		var a Answer
		r.Popular(&a, new(Scratch), nil, nil, r.m.Len())
		if len(a.Items) != possible {
			t.Fatalf("%d popular ones, want %d", len(a.Items), possible)
		}
		for i := range a.Items {
			row := a.Items[i].Row
			by, ok := boosts[row]
			if !ok {
				by = 1
			}
			if want := r.m.PopularityOf(row) * by; a.Items[i].Score != want || i > 0 && a.Items[i-1].Score < want || !now(row) {
				t.Fatalf("item %d: %+v, want %g after %g", i, a.Items[i], want, a.Items[max(0, i-1)].Score)
			}
		}
		r.Trending(&a, new(Scratch), "GB", nil, nil, nil, 10)
		for i := 1; i < len(a.Items); i++ {
			if a.Items[i].Level == a.Items[i-1].Level && a.Items[i].Source == a.Items[i-1].Source && a.Items[i].Score > a.Items[i-1].Score {
				t.Fatalf("trending: %+v", a.Items)
			}
		}
	}
}

func TestAChangedBlendAllocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 5))
	m := blendedWith(t, rng, 700, func(b *model.Build) { withContent(rng, b) }, goals...)
	c := someChanges(rng, m)
	r, a, s := with(t, ranker(m), c), new(Answer), new(Scratch)
	q := make([]*Request, 20)
	for i := range q {
		q[i] = someRequest(rng, r.m)
	}
	testkit.Allocs(t, 0, func() {
		for _, q := range q {
			r.Recommend(a, s, q)
		}
		for row := range edged.Row(20) {
			r.Similar(a, s, row, nil, 20)
		}
	})
}

// With as many boosts and new items as an overlay may have.
func BenchmarkRecommendChanged(b *testing.B) {
	m := large()
	var c Changes
	for i := range 500 {
		c.Items = append(c.Items, edged.Item{ID: fmt.Sprint("new-", i), Title: "red"})
		c.Boosts = append(c.Boosts, Boost{edged.Row(i * 97), 1.5})
	}
	r, asked := with(b, ranker(m), c), shoppers(m, 512)
	for _, goal := range goals {
		b.Run(string(goal), func(b *testing.B) { benchmarkGoal(b, r, asked, goal, goal == model.GoalNew) })
	}
}
