package serve

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/valyala/fasthttp"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/rules"
	"github.com/edged/edged/trend"
)

// withBlends gives a shop tables, each item speaking for the next two, and a blend for each goal.
func withBlends(b *model.Build) {
	n := len(b.IDs)
	table := model.Sparse{Start: []int{0}}
	for i := range n {
		to := []uint32{uint32(i+1) % uint32(n), uint32(i+2) % uint32(n)}
		slices.Sort(to)
		table.Item, table.Weight = append(table.Item, to...), append(table.Weight, 1, .5)
		table.Start = append(table.Start, len(table.Item))
		b.PopularZ, b.RepeatQ = append(b.PopularZ, float32(n-2*i)/float32(n)), append(b.RepeatQ, float32(1+i%3)/2)
	}
	b.Table, b.Session = &table, &table
	b.Meta.Blends = []model.Blend{
		{Goal: model.GoalNew, TableHalfLifeDays: 120, Stages: []model.Stage{{Table: 1, Factors: 1, Popular: .2}}},
		{Goal: model.GoalAny, TableHalfLifeDays: 120, RepeatHalfLifeDays: 365, Stages: []model.Stage{{Table: 1, Popular: .2, Repeat: 4}}},
		{Goal: model.GoalNext, RepeatHalfLifeDays: 365, SessionPower: 2, Stages: []model.Stage{{Session: 1, Past: .5}}},
	}
}

// seen is an entry of recent, as a test gives it.
type seen struct {
	Item string `json:"item"`
	Type string `json:"type,omitempty"`
	Time int64  `json:"time,omitempty"`
}

// ask is a POST body.
type ask struct {
	Recent  []seen            `json:"recent"`
	Exclude []string          `json:"exclude,omitempty"`
	N       int               `json:"n"`
	Goal    string            `json:"goal,omitempty"`
	Explain bool              `json:"explain"`
	Context map[string]string `json:"context"`
	Slot    string            `json:"slot,omitempty"`
	Session string            `json:"session,omitempty"`

	Filter       string         `json:"filter,omitempty"`
	Boost        []askedBoost   `json:"boost,omitempty"`
	Diversity    *float32       `json:"diversity,omitempty"`
	Explore      *float32       `json:"explore,omitempty"`
	MinRelevance float32        `json:"minRelevance,omitempty"`
	Cap          map[string]int `json:"cap,omitempty"`
}

type askedBoost struct {
	Where string  `json:"where"`
	By    float32 `json:"by"`
}

// wishes draws what a request may want beside its items.
func (q *ask) wishes(rng *rand.Rand) {
	one := func(k int) bool { return rng.IntN(k) == 0 }
	condition := func() string { return bazaarConditions[rng.IntN(len(bazaarConditions))].text }
	part := func() *float32 { x := []float32{0, .25, .5, 1}[rng.IntN(4)]; return &x }
	q.Slot = []string{"", "hero", "list", "sale", "rare", "cart", "pins"}[rng.IntN(7)]
	q.Context["device"], q.Context["tier"] = []string{"tv", "phone"}[rng.IntN(2)], []string{"gold", "none"}[rng.IntN(2)]
	if one(3) {
		q.Session = fmt.Sprint("s", rng.IntN(3)) // nobody knows it
	}
	if one(4) {
		q.Filter = condition()
	}
	for one(4) {
		q.Boost = append(q.Boost, askedBoost{condition(), []float32{.01, .5, 2, 100}[rng.IntN(4)]})
	}
	if one(3) {
		q.Diversity = part()
	}
	if one(4) {
		q.Explore = part()
	}
	if one(6) {
		q.MinRelevance = rng.Float32()
	}
	if one(4) {
		q.Cap = map[string]int{[]string{"category", "brand"}[rng.IntN(2)]: 1 + rng.IntN(4)}
	}
}

func someAsk(rng *rand.Rand, m *model.Model) ask {
	q := ask{Recent: []seen{}, N: 1 + rng.IntN(12), Explain: rng.IntN(2) == 0, Goal: []string{"", "new", "any", "next"}[rng.IntN(4)], Context: map[string]string{"country": []string{"GB", "FR"}[rng.IntN(2)]}}
	id := func() string { return m.ID(edged.Row(rng.IntN(m.Len()))) }
	at := start
	for range rng.IntN(6) {
		e := seen{Item: id(), Type: []string{"", "view", "purchase", "impression", "dismiss"}[rng.IntN(5)]}
		at = at.Add(-time.Duration(rng.IntN(40)) * time.Minute)
		if rng.IntN(6) > 0 {
			e.Time = at.UnixMilli()
		}
		q.Recent = append(q.Recent, e)
	}
	for range rng.IntN(3) {
		q.Exclude = append(q.Exclude, id())
	}
	return q
}

// plain is what rank is asked for a body, said another way than the server does.
func (q *ask) plain(m *model.Model) *rank.Request {
	r := &rank.Request{N: q.N, Goal: model.Goal(q.Goal), ExcludeSeen: q.Goal == "" || q.Goal == "new", Explain: q.Explain, Setting: edged.SettingOf(q.Context), Now: start}
	recent := slices.Clone(q.Recent)
	if !slices.ContainsFunc(recent, func(e seen) bool { return e.Time == 0 }) {
		slices.SortStableFunc(recent, func(a, b seen) int { return int(b.Time - a.Time) })
	}
	for _, id := range q.Exclude {
		row, _ := m.Row(id)
		r.Exclude = append(r.Exclude, row)
	}
	last, session := start.UnixMilli(), true
	for _, e := range recent {
		if e.Time > 0 {
			session = session && last-e.Time <= 30*60*1000
			last = min(last, e.Time)
		}
		row, _ := m.Row(e.Item)
		weight := map[string]float32{"": 1, "view": 1, "purchase": 2}[e.Type]
		if e.Type == "dismiss" && slices.ContainsFunc(r.Recent, func(v rank.Recent) bool { return v.Row == row }) {
			continue
		} else if e.Type == "dismiss" {
			r.Exclude = append(r.Exclude, row)
		} else if weight > 0 && !slices.Contains(r.Exclude[len(q.Exclude):], row) {
			r.Recent = append(r.Recent, rank.Recent{Row: row, Weight: weight, Type: edged.EventType(e.Type), Time: e.Time, Session: session})
		}
	}
	return r
}

// answered is an answer read back.
type answered struct {
	Level string
	Items []struct {
		ID     string
		Score  json.Number
		Source string
		Reason *reasoned
	}
}

type reasoned struct {
	Code   string
	Items  []string
	Shares []json.Number
	Rest   json.Number
	Terms  map[string]json.Number
	Share  json.Number
	Pinned string
	Text   string
}

// requests is how many requests a test makes: EDGED_REQUESTS, or so many.
func requests(n int) int {
	if wanted, err := strconv.Atoi(os.Getenv("EDGED_REQUESTS")); err == nil {
		return wanted
	}
	return n
}

// What is served is what rank and rules make in process, item by item, score by score, share by share: for shops with blends and without, searched exactly
// and not, with an overlay, by rules of every kind, with filters, boosts, caps, variety and exploration, beside live trends. EDGED_REQUESTS asks for more
// of them.
func TestServedIsRanked(t *testing.T) {
	n := requests(3000)
	rng := rand.New(rand.NewPCG(31, 1))
	document := oneDocument{t: t}
	live := someTrends(rng, 3000)
	f := newFixture(t, func(c *Config) { c.Rules, c.Trends = &document, live })
	h := f.server.Handler()
	var ctx fasthttp.RequestCtx
	prepareGet(&ctx, "/v1/recommend")
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.Header.SetContentType("application/json")
	shops := someShops(t, rng)
	p := process{live: live}
	items, most := 0, 0
	for i := range n {
		if i%300 == 0 {
			r := shops[i/300%len(shops)]
			f.releases.Store(r)
			p.ranker, document.sets, document.text = r, nil, []string{bazaarRules, "rules: []"}[i/300/len(shops)%2]
			p.set = document.For(r)
		}
		q := someAsk(rng, p.ranker.Model())
		if i%4 > 0 {
			q.wishes(rng)
		}
		if i%20 == 0 {
			q.N = 1 + rng.IntN(500)
		}
		body, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		ctx.Request.SetBody(body)
		ctx.Response.Reset()
		h(&ctx)
		resp := ctx.Response.Body()
		var got answered
		d := json.NewDecoder(bytes.NewReader(resp))
		d.UseNumber()
		if err := d.Decode(&got); err != nil || got.Items == nil {
			t.Fatalf("%s: %s: %v", body, resp, err)
		}
		if want := p.answer(t, &q); want != got.spelled() {
			t.Fatalf("%s:\n%s\ngot  %s\nwant %s", body, resp, got.spelled(), want)
		}
		p.check(t, &q, &got)
		items, most = items+len(got.Items), max(most, len(got.Items))
	}
	t.Logf("%d requests, %d items, %d at most", n, items, most)
}

// someShops are shops of 3,000 items with blends, without, with an overlay, and by a search that is not exact, and a small one.
func someShops(t *testing.T, rng *rand.Rand) (shops []*rank.Ranker) {
	of := func(m *model.Model) *rank.Ranker {
		return rank.New(m, rank.Release{ID: fmt.Sprintf("%d-bbbb", len(shops)+2), Version: uint64(len(shops) + 2), Created: start.Add(-time.Hour)})
	}
	for _, change := range [][]func(*model.Build){nil, {withoutBlends}, {withoutBlends, searched}, {searched}} {
		m, c := bazaarFiles(t, 3000, change...)
		opened, err := model.Parse(m, c)
		if err != nil {
			t.Fatal(err)
		}
		shops = append(shops, of(opened))
	}
	if shops[2].Model().Meta().Search == nil {
		t.Fatal("the search is exact")
	}
	changed, err := shops[0].With(someChanges(rng, 3000))
	if err != nil {
		t.Fatal(err)
	}
	return append(shops, changed, of(shop(t, "", withBlends)))
}

// searched has the search calibrated, so that it is not exact.
func searched(b *model.Build) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range 600 * b.Meta.Dim {
		b.Search.Queries = append(b.Search.Queries, float32(rng.NormFloat64()))
	}
}

// someChanges are those of an overlay.
func someChanges(rng *rand.Rand, n int) rank.Changes {
	c := rank.Changes{Tag: "1", Prices: map[edged.Row]float64{}, Items: []edged.Item{{ID: "new-1", Title: "Thing", Brand: "brand1", Price: 7, Tags: []string{"own"}, Categories: []string{"c1/t1"}}}}
	rows := rng.Perm(n)
	for i := range 60 {
		c.Off, c.On = append(c.Off, edged.Row(rows[i])), append(c.On, edged.Row(rows[60+i]))
		c.Boosts = append(c.Boosts, rank.Boost{Row: edged.Row(rows[120+i]), By: []float32{.1, 3, 50}[i%3]})
		c.Prices[edged.Row(rows[180+i])] = float64(i)
	}
	return c
}

// lists is what trends, by country.
type lists map[string]*trend.List

func (l lists) Top(country, _ string) *trend.List { return l[country] }
func (lists) Add(*edged.Event)                    {}

func someTrends(rng *rand.Rand, n int) lists {
	l := lists{}
	for _, country := range []string{"", "GB"} {
		l[country] = &trend.List{}
		for k, row := range rng.Perm(n)[:20] {
			l[country].Entries = append(l[country].Entries, trend.Entry{ID: fmt.Sprintf("b%05d", row), Score: float64(30 - k)})
		}
	}
	return l
}

// process answers by calling rank and rules.
type process struct {
	ranker *rank.Ranker
	set    *rules.Set
	live   lists
	a      rank.Answer
	s      rank.Scratch
	alike  rank.Likeness
}

// answer spells the answer to a request.
func (p *process) answer(t *testing.T, q *ask) string {
	t.Helper()
	r, m := p.ranker, p.ranker.Model()
	ask := q.plain(m)
	ask.Live, ask.LiveGlobal = p.live[ask.Setting.Country], p.live[""]
	where := func(text string) *model.Selection {
		s, err := r.Where([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	wish := rules.Wish{Category: q.Cap["category"], Brand: q.Cap["brand"], Diversity: -1, Explore: -1}
	if q.Diversity != nil {
		wish.Diversity = *q.Diversity
	}
	if q.Explore != nil {
		wish.Explore = *q.Explore
	}
	for _, b := range q.Boost {
		wish.Boosts = append(wish.Boosts, rules.Lift{Of: where(b.Where), By: b.By})
	}
	if ask.Relevance = q.MinRelevance; q.Filter != "" {
		ask.Only = where(q.Filter)
	}
	var plan rules.Plan
	p.set.Match(&plan, &rules.Context{
		Slot: []byte(q.Slot), Country: []byte(q.Context["country"]), Device: []byte(q.Context["device"]), Time: start.UnixMilli(),
		Visitor: []rules.Attribute{{Name: []byte("tier"), Value: rules.Text([]byte(q.Context["tier"]))}},
	})
	plan.Add(&wish)
	if goal := plan.Goal(); goal != "" && q.Goal == "" {
		ask.Goal, ask.ExcludeSeen = model.Goal(goal), goal == "new"
	}
	if ask.Rules = &plan; ask.Relevance > 0 && plan.Refuses() {
		ask.Obey = &plan
	}
	r.Recommend(&p.a, &p.s, ask)
	if plan.Empty() {
		return spelled(m, &p.a, nil, q.Explain)
	}
	made, lifts := p.compose(t, &plan, ask, q)
	if len(made) < q.N && plan.Narrows() {
		ask.N, ask.Rules, ask.Obey = 1000, nil, &plan
		r.Recommend(&p.a, &p.s, ask)
		made, lifts = p.compose(t, &plan, ask, q)
	}
	p.a.Items = made
	return spelled(m, &p.a, lifts, q.Explain)
}

// compose makes of the ranker's list what the plan wants.
func (p *process) compose(t *testing.T, plan *rules.Plan, ask *rank.Request, q *ask) (made []rank.Item, lifts []float32) {
	var list []rules.Item
	tier := uint8(0)
	for i, it := range p.a.Items {
		if i > 0 {
			before := p.a.Items[i-1]
			if it.Level != before.Level || it.Level > rank.Session && it.Source != before.Source {
				tier++
			}
		}
		list = append(list, rules.Item{Row: it.Row, Score: it.Score, Tier: tier})
	}
	groups, err := p.ranker.Groups()
	if err != nil {
		t.Fatal(err)
	}
	var e rank.Exploration
	if !(q.MinRelevance > 0) {
		p.ranker.Explore(&e, &p.s, ask, q.N, plan.Explore(), q.seed(ask))
	}
	in := &rules.Scope{Groups: groups, Alike: p.alike.Of(p.ranker), Fresh: e.Rows, Places: e.Places, May: func(row edged.Row) bool {
		return p.ranker.May(row, start) && !slices.Contains(ask.Exclude, row) && (ask.Only == nil || ask.Only.Has(row))
	}}
	chosen := plan.Apply(list, q.N, in)
	level := p.level(chosen)
	for _, it := range chosen {
		item := rank.Item{Row: it.Row, Source: "pinned", Level: rank.Global, Reason: rank.Reason{Code: "pinned"}}
		if it.Fresh {
			item.Source, item.Reason.Code = "explore", "new"
		}
		if it.From >= 0 {
			item = p.a.Items[it.From]
		}
		lifts = append(lifts, it.Score-item.Score)
		item.Score = it.Score
		made = append(made, item)
	}
	p.a.Level = level
	return made, lifts
}

// level is that of what was found of what is shown: by the first that no pin placed, else by the best of those that pins placed.
func (p *process) level(chosen []rules.Item) rank.Level {
	if len(chosen) == 0 {
		return rank.Static
	}
	found := slices.DeleteFunc(slices.Clone(chosen), func(it rules.Item) bool { return it.From < 0 })
	if len(found) == 0 {
		return rank.Global
	}
	if i := slices.IndexFunc(found, func(it rules.Item) bool { return !it.Pinned }); i >= 0 {
		return p.a.Items[found[i].From].Level
	}
	best := slices.MinFunc(found, func(a, b rules.Item) int { return int(a.From - b.From) })
	return p.a.Items[best.From].Level
}

// seed is what exploration is drawn by.
func (q *ask) seed(ask *rank.Request) uint64 {
	b := []byte("\xff" + q.Session + "\xff" + q.Slot + "\xff")
	for _, v := range ask.Recent {
		b = binary.LittleEndian.AppendUint32(b, uint32(v.Row))
	}
	return xxhash.Sum64(b) + uint64(start.Unix()/3600)
}

// check holds an answer against what was asked, whatever rank says of it.
func (p *process) check(t *testing.T, q *ask, got *answered) {
	t.Helper()
	m := p.ranker.Model()
	counts, seen := map[string]int{}, map[string]bool{}
	for _, it := range got.Items {
		row, ok := m.Row(it.ID)
		if !ok || seen[it.ID] || slices.Contains(q.Exclude, it.ID) {
			t.Fatalf("%+v: %s is unknown, twice there, or excluded", q, it.ID)
		}
		seen[it.ID] = true
		item, attributes := itemOfRow(t, m, row)
		for _, c := range bazaarConditions {
			if c.text == q.Filter && len(item.Tags) > 0 && !c.meets(item, attributes) {
				t.Fatalf("%s: %+v", c.text, item)
			}
		}
		for kind, group := range map[string]string{"category": strings.Join(item.Categories, " "), "brand": item.Brand} {
			if group == "" {
				continue
			}
			if counts[group]++; q.Cap[kind] > 0 && counts[group] > q.Cap[kind] && q.Slot != "hero" && q.Slot != "pins" { // there are pins there, which count, and are not refused
				t.Fatalf("%+v: %d of %s", q, counts[group], group)
			}
		}
		if q.Explain {
			sumsUp(t, it.Score, it.Reason)
			if want := p.sentence(t, q, it.Score, it.Reason); it.Reason.Text != want {
				t.Fatalf("%+v: %+v says %q, want %q", q, it.Reason, it.Reason.Text, want)
			}
		}
	}
}

func itemOfRow(t *testing.T, m *model.Model, row edged.Row) (*edged.Item, *bazaarAttributes) {
	t.Helper()
	b := []byte("{")
	for _, name := range catalogueFields {
		from := len(b)
		out, ok, err := m.AppendField(fmt.Appendf(b, "%q:", name), row, name)
		if err != nil {
			t.Fatal(err)
		}
		if b = append(out, ','); !ok {
			b = b[:from]
		}
	}
	var raw struct {
		edged.Item
		Published, Expires string
		Attributes         bazaarAttributes
	}
	if err := json.Unmarshal(append(bytes.TrimRight(b, ","), '}'), &raw); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	if at, err := time.Parse(time.RFC3339, raw.Published); err == nil {
		raw.Item.Published = at.UnixMilli()
	}
	return &raw.Item, &raw.Attributes
}

// sumsUp checks that shares, rest and terms sum to the score.
func sumsUp(t *testing.T, score json.Number, r *reasoned) {
	t.Helper()
	if r == nil || r.Rest == "" {
		return // of a list, pinned or new: nothing is said to add up
	}
	number := func(n json.Number) float64 { x, _ := n.Float64(); return x }
	sum := number(r.Rest)
	for _, share := range r.Shares {
		sum += number(share)
	}
	for _, term := range r.Terms {
		sum += number(term)
	}
	if want := number(score); math.Abs(sum-want) > 1e-4*max(1, math.Abs(want)) {
		t.Fatalf("shares %v, rest %v and terms %v sum to %g, not to %g", r.Shares, r.Rest, r.Terms, sum, want)
	}
}

func (a *answered) spelled() string {
	b := a.Level
	for _, it := range a.Items {
		b += fmt.Sprintf("\n%s %s %s", it.ID, it.Score, it.Source)
		if r := it.Reason; r != nil {
			b += fmt.Sprint(" ", r.Code, r.Items, r.Shares, r.Rest, r.Terms["popular"], r.Terms["repeat"], r.Terms["past"], r.Terms["rules"])
		}
	}
	return b
}

func spelled(m *model.Model, a *rank.Answer, lifts []float32, explain bool) string {
	number := func(x float32, zero string) json.Number {
		if x == 0 {
			return json.Number(zero)
		}
		return json.Number(appendFloat(nil, x))
	}
	b := a.Level.String()
	for i, it := range a.Items {
		lift := float32(0)
		if lifts != nil {
			lift = lifts[i]
		}
		b += fmt.Sprintf("\n%s %s %s", m.ID(it.Row), number(it.Score, "0"), it.Source)
		if !explain {
			continue
		}
		var ids []string
		var shares []json.Number
		for i, row := range it.Reason.Rows {
			ids, shares = append(ids, m.ID(row)), append(shares, number(it.Reason.Shares[i], "0"))
		}
		rest := number(it.Reason.Rest, "0")
		if it.Level > rank.Session {
			rest = ""
		}
		terms := it.Reason.Terms
		b += fmt.Sprint(" ", it.Reason.Code, ids, shares, rest, number(terms.Popular, ""), number(terms.Repeat, ""), number(terms.Past, ""), number(lift, ""))
	}
	return b
}
