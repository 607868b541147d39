package serve

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
)

// greedy chooses a varied, capped list the slow way, by docs/rules.md: each next item is the best of its tier by (1−λ)·score/best − λ·likeness, likeness being
// the cosine to the most similar item before it, that no cap refuses.
type greedy struct {
	t      *testing.T
	m      *model.Model
	lambda float32
	caps   map[string]int
	groups map[edged.Row][]string // "category c", "brand b"
	vector map[edged.Row][]float64
}

// follow says how far the list that was served is the one chosen greedily from what rank found: where items are as good as equal, either is right.
func (g *greedy) follow(found []rank.Item, served []edged.Row, n int) {
	g.t.Helper()
	tier := make([]int, len(found))
	best := map[int]float32{}
	for i := range found {
		if i > 0 {
			tier[i] = tier[i-1]
			if before := found[i-1]; found[i].Level != before.Level || found[i].Level > rank.Session && found[i].Source != before.Source {
				tier[i]++
			}
		}
		if _, ok := best[tier[i]]; !ok {
			best[tier[i]] = found[i].Score
		}
	}
	counts, placed := map[string]int{}, []edged.Row{}
	for _, row := range served {
		lowest, most := -1, float32(0)
		at := slices.IndexFunc(found, func(it rank.Item) bool { return it.Row == row })
		if at < 0 || slices.Contains(placed, row) || !g.fits(counts, row) {
			g.t.Fatalf("row %d at %d of %d: place %d of %d found, twice there, or above a cap: %v %v %v", row, len(placed), len(served), at, len(found), g.groups[row], counts, g.caps)
		}
		for i := range found {
			if slices.Contains(placed, found[i].Row) || !g.fits(counts, found[i].Row) || lowest >= 0 && tier[i] > lowest {
				continue
			}
			if worth := g.worth(&found[i], best[tier[i]], placed); lowest < 0 || worth > most {
				lowest, most = tier[i], worth
			}
		}
		if got := g.worth(&found[at], best[tier[at]], placed); tier[at] != lowest || got < most-1e-5 {
			g.t.Fatalf("row %d of tier %d at %d is worth %v; one of tier %d is worth %v", row, tier[at], len(placed), got, lowest, most)
		}
		for _, group := range g.groups[row] {
			counts[group]++
		}
		placed = append(placed, row)
	}
	for i := range found {
		if len(placed) < n && !slices.Contains(placed, found[i].Row) && g.fits(counts, found[i].Row) {
			g.t.Fatalf("%d of %d items, though row %d fits", len(placed), n, found[i].Row)
		}
	}
}

func (g *greedy) fits(counts map[string]int, row edged.Row) bool {
	return !slices.ContainsFunc(g.groups[row], func(group string) bool {
		kind, _, _ := strings.Cut(group, " ")
		return g.caps[kind] > 0 && counts[group] >= g.caps[kind]
	})
}

func (g *greedy) worth(it *rank.Item, best float32, placed []edged.Row) float32 {
	worth := float32(0)
	if it.Score > 0 {
		worth = (1 - g.lambda) * it.Score / best
	}
	near := 0.
	for _, row := range placed {
		near = max(near, dotOf(g.unit(it.Row), g.unit(row)))
	}
	return worth - g.lambda*float32(near)
}

// unit is the vector of a row at length 1, kept; zeros where it has none.
func (g *greedy) unit(row edged.Row) []float64 {
	if v, ok := g.vector[row]; ok {
		return v
	}
	var v []float64
	for _, x := range g.m.AppendVector(nil, row) {
		v = append(v, float64(x))
	}
	if length := dotOf(v, v); length > 0 {
		for i := range v {
			v[i] /= math.Sqrt(length)
		}
	}
	g.vector[row] = v
	return v
}

func dotOf(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// Lists that requests want varied, capped and filtered are those that a slow and plain choice makes.
func TestVariedListsAreTheGreedyOnes(t *testing.T) {
	f := newFixture(t)
	h := f.server.Handler()
	var ctx fasthttp.RequestCtx
	prepareGet(&ctx, "/v1/recommend")
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.Header.SetContentType("application/json")
	rng := rand.New(rand.NewPCG(8, 4))
	shops := someShops(t, rng)[:3]
	var a rank.Answer
	var s rank.Scratch
	deep, n := 0, requests(150)
	for i := range n {
		r := shops[i%len(shops)]
		f.releases.Store(r)
		m := r.Model()
		q := someAsk(rng, m)
		q.Explain, q.N = false, 1+rng.IntN(30)
		lambda := []float32{.05, .3, .7, 1}[rng.IntN(4)]
		q.Diversity = &lambda
		if rng.IntN(2) == 0 {
			q.Cap = map[string]int{"category": 1 + rng.IntN(3), "brand": 1 + rng.IntN(5)}
		}
		if rng.IntN(3) == 0 {
			q.Filter = bazaarConditions[rng.IntN(len(bazaarConditions))].text
		}
		body, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		ctx.Request.SetBody(body)
		ctx.Response.Reset()
		h(&ctx)
		var got answered
		if err := json.Unmarshal(ctx.Response.Body(), &got); err != nil {
			t.Fatalf("%s: %s", body, ctx.Response.Body())
		}
		var served []edged.Row
		for _, it := range got.Items {
			row, _ := m.Row(it.ID)
			served = append(served, row)
		}
		plain := q.plain(m)
		if q.Filter != "" {
			if plain.Only, err = r.Where([]byte(q.Filter)); err != nil {
				t.Fatal(err)
			}
		}
		g := &greedy{t: t, m: m, lambda: lambda, caps: q.Cap, groups: map[edged.Row][]string{}, vector: map[edged.Row][]float64{}}
		plain.N = min(4*q.N+50, rank.MaxDepth)
		r.Recommend(&a, &s, plain)
		isFound := func(row edged.Row) bool {
			return slices.ContainsFunc(a.Items, func(it rank.Item) bool { return it.Row == row })
		}
		if len(q.Cap) > 0 && (len(served) < q.N || slices.ContainsFunc(served, func(row edged.Row) bool { return !isFound(row) })) {
			plain.N, deep = rank.MaxDepth, deep+1 // caps let too few of them through
			r.Recommend(&a, &s, plain)
		}
		for _, it := range a.Items {
			item, _ := itemOfRow(t, m, it.Row)
			if g.groups[it.Row] = []string{"category " + item.Categories[0]}; item.Brand != "" {
				g.groups[it.Row] = append(g.groups[it.Row], "brand "+item.Brand)
			}
		}
		g.follow(a.Items, served, q.N)
	}
	t.Logf("%d requests, %d of them as deep as there is", n, deep)
}

// Whenever time runs out, as many items come, none twice; in time, they are the varied ones.
func TestVarietyKeepsTheDeadline(t *testing.T) {
	var looks, late int
	f := newFixture(t, func(c *Config) {
		c.Clock = func() time.Time {
			if looks++; looks > late {
				return start.Add(time.Hour)
			}
			return start
		}
	})
	rng := rand.New(rand.NewPCG(8, 5))
	r := someShops(t, rng)[0].WithClock(func() time.Time { return start })
	f.releases.Store(r)
	h := f.server.Handler()
	var ctx fasthttp.RequestCtx
	prepareGet(&ctx, "/v1/recommend?recent=b00001,b00041&n=40&diversity=.5&capBrand=6&timeoutMs=1000")
	answers := map[string]int{}
	for late = 1; ; late++ {
		looks = 0
		ctx.Response.Reset()
		h(&ctx)
		ids := idsIn(string(ctx.Response.Body()))
		list := strings.Fields(ids)
		slices.Sort(list)
		if n := len(slices.Compact(list)); n != 40 {
			t.Fatalf("late after %d looks at the clock: %d items: %s", late, n, ctx.Response.Body())
		}
		if answers[ids]++; looks <= late {
			break
		}
	}
	if late < 20 || len(answers) < 10 {
		t.Errorf("%d looks at the clock, %d different answers: was it looked at?", late, len(answers))
	}
}
