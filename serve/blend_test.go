package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
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
	r := &rank.Request{N: q.N, Goal: model.Goal(q.Goal), ExcludeSeen: q.Goal == "" || q.Goal == "new", Explain: q.Explain, Country: q.Context["country"], Now: start}
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
		if e.Type == "dismiss" {
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
		Reason *struct {
			Code   string
			Items  []string
			Shares []json.Number
			Rest   json.Number
			Terms  map[string]json.Number
		}
	}
}

// What is served is what rank answers in process, item by item, score by score, share by share. EDGED_REQUESTS asks for more of them.
func TestServedIsRanked(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("EDGED_REQUESTS"))
	rng := rand.New(rand.NewPCG(31, 1))
	f := newFixture(t)
	h := f.server.Handler()
	var ctx fasthttp.RequestCtx
	prepareGet(&ctx, "/v1/recommend")
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.Header.SetContentType("application/json")
	var a rank.Answer
	var s rank.Scratch
	for i := range max(n, 2000) {
		if i%1000 == 0 {
			f.publish("2-bbbb", 2, "", [][]func(*model.Build){{withBlends}, nil}[i/1000%2]...)
		}
		r := f.releases.Current()
		q := someAsk(rng, r.Model())
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
		if err := d.Decode(&got); err != nil {
			t.Fatalf("%s: %s: %v", body, resp, err)
		}
		r.Recommend(&a, &s, q.plain(r.Model()))
		if want := spelled(r.Model(), &a, q.Explain); want != got.spelled() {
			t.Fatalf("%s:\n%s\ngot  %s\nwant %s", body, resp, got.spelled(), want)
		}
	}
}

func (a *answered) spelled() string {
	b := a.Level
	for _, it := range a.Items {
		b += fmt.Sprintf("\n%s %s %s", it.ID, it.Score, it.Source)
		if r := it.Reason; r != nil {
			b += fmt.Sprint(" ", r.Code, r.Items, r.Shares, r.Rest, r.Terms["popular"], r.Terms["repeat"], r.Terms["past"])
		}
	}
	return b
}

func spelled(m *model.Model, a *rank.Answer, explain bool) string {
	number := func(x float32, zero string) json.Number {
		if x == 0 {
			return json.Number(zero)
		}
		return json.Number(appendFloat(nil, x))
	}
	b := a.Level.String()
	for _, it := range a.Items {
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
		b += fmt.Sprint(" ", it.Reason.Code, ids, shares, rest, number(terms.Popular, ""), number(terms.Repeat, ""), number(terms.Past, ""))
	}
	return b
}
