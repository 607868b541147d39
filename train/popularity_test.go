package train

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/learn"
)

func in(country string, e edged.Event) edged.Event {
	e.Context = map[string]string{edged.Country: country}
	return e
}

func trendsOf(l *eventLog, halfLife float64, length int) map[string][]learn.Scored {
	all := make(map[string][]learn.Scored)
	cfg := Config{TrendHalfLifeDays: halfLife, TrendLength: length, PlaceHalfLifeDays: halfLife, PlaceShrink: 1e-9}
	for _, t := range l.part().trends(&cfg) {
		all[t.at.Country] = t.list
	}
	return all
}

func TestTrendsByHand(t *testing.T) {
	l := logOf(t, Config{},
		in("GB", buy("a", "x", 0)),
		in("GB", buy("a", "y", 14)), in("GB", buy("a", "y", 14)), in("GB", buy("a", "y", 14)), // one voice
		in("FR", buy("b", "x", 28)),
		in("FR", buy("", "x", 28)), in("FR", buy("", "x", 28)), // nobody known: each counts
		buy("c", "z", 28), // no country: the world only
	)
	got := trendsOf(l, 14, 10)
	want := map[string][]learn.Scored{
		"":   {{Item: 0, Score: 3.25}, {Item: 2, Score: 1}, {Item: 1, Score: 0.5}},
		"GB": {{Item: 1, Score: 0.5 / 0.75}, {Item: 0, Score: 0.25 / 0.75}}, // z and the world weigh nothing beside them
		"FR": {{Item: 0, Score: 1}},
	}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for country, list := range want {
		for i, s := range list {
			if len(got[country]) < len(list) || got[country][i].Item != s.Item || math.Abs(float64(got[country][i].Score-s.Score)) > 1e-6 {
				t.Fatalf("%q: got %v, want %v", country, got[country], list)
			}
		}
	}
}

// TestPlacesListWhatEnoughVisitorsHad: whoever is in two places of a country is one, often is once, and nobody is none; what too few had weighs there what
// it weighs elsewhere.
func TestPlacesListWhatEnoughVisitorsHad(t *testing.T) {
	on := func(device string, e edged.Event) edged.Event {
		e.Context = map[string]string{edged.Country: "GB", edged.Device: device}
		return e
	}
	p := logOf(t, Config{},
		on("phone", buy("a", "x", 28)), on("desk", buy("b", "x", 28)), on("phone", buy("c", "x", 28)),
		on("phone", buy("a", "y", 26)), on("desk", buy("a", "y", 28)), on("phone", buy("b", "y", 28)), on("desk", buy("", "y", 28)), on("desk", buy("", "y", 28)),
		in("FR", buy("f", "z", 28)), in("FR", buy("g", "z", 28)), in("FR", buy("h", "z", 28))).part()
	for _, c := range []struct {
		floor int
		by    []string
		want  map[string][]uint32 // items that weigh more there than in the world
	}{
		{1, nil, map[string][]uint32{"country GB": {0, 1}, "country FR": {2}}},
		{2, nil, map[string][]uint32{"country GB": {0, 1}, "country FR": {2}}},
		{3, nil, map[string][]uint32{"country GB": {0}, "country FR": {2}}},
		{4, nil, map[string][]uint32{"country GB": nil, "country FR": nil}},
		{2, []string{edged.Device}, map[string][]uint32{"device phone": {0, 1}, "device desk": nil}},
		{1, []string{edged.Device}, map[string][]uint32{"device phone": {0, 1}, "device desk": {1}}},
	} {
		cfg := Config{TrendHalfLifeDays: 14, TrendLength: 3, PlaceHalfLifeDays: 14, PlaceShrink: 1e-3, PlaceVisitors: c.floor, TrendBy: c.by}
		lists := map[string][]float32{}
		for _, l := range p.trends(&cfg) {
			scores := make([]float32, 3)
			for _, s := range l.list {
				scores[s.Item] = s.Score
			}
			lists[l.at.String()] = scores
		}
		world := lists["everywhere"]
		for at, want := range c.want {
			var got []uint32
			for item, score := range lists[at] {
				if share := world[item] / (world[0] + world[1] + world[2]); score > 1.05*share {
					got = append(got, uint32(item))
				}
			}
			if lists[at] == nil || !slices.Equal(got, want) {
				t.Errorf("from %d visitors on, %s: %v, want %v of %v beside %v", c.floor, at, got, want, lists[at], world)
			}
		}
	}
}

// TestPlacesCountVisitorsOfLate: who came more than four half-lives ago makes nobody's choice of now one of many.
func TestPlacesCountVisitorsOfLate(t *testing.T) {
	l := logOf(t, Config{},
		in("GB", buy("a", "x", 0)), in("GB", buy("b", "x", 0)), in("GB", buy("a", "y", 1)), in("GB", buy("b", "y", 1)),
		in("GB", buy("c", "x", 29)), in("GB", buy("c", "y", 29)), in("FR", buy("f", "z", 29)), in("FR", buy("g", "z", 29)), in("FR", buy("h", "z", 29)))
	cfg := Config{TrendHalfLifeDays: 7, TrendLength: 3, PlaceHalfLifeDays: 7, PlaceShrink: 1e-3, PlaceVisitors: 3}
	for _, list := range l.part().trends(&cfg) {
		if list.at.Country == "GB" && (list.list[0].Item != 1 || list.list[0].Score < .9) {
			t.Errorf("%v, want y before all: x has one visitor of the last four weeks, and y three", list.list)
		}
		if list.at.Country == "" && len(list.list) != 3 {
			t.Errorf("%v in the world, want all three", list.list)
		}
	}
}

// TestTrendsBySetting: each refinement leans on the setting above it.
func TestTrendsBySetting(t *testing.T) {
	at := func(country, device string, hour string, e edged.Event) edged.Event {
		e.Context = map[string]string{edged.Country: country, edged.Device: device, edged.LocalHour: hour}
		return e
	}
	l := logOf(t, Config{},
		at("GB", "phone", "7", buy("a", "x", 14)), at("GB", "phone", "19", buy("b", "y", 14)), at("GB", "desk", "8", buy("c", "y", 14)),
		at("", "phone", "", buy("d", "z", 14)))
	cfg := Config{TrendHalfLifeDays: 14, TrendLength: 3, PlaceHalfLifeDays: 14, PlaceShrink: 1, TrendBy: []string{edged.Device}}
	got := make(map[string][]learn.Scored)
	for _, t := range l.part().trends(&cfg) {
		got[t.at.String()] = t.list
	}
	// x, y, z are items 0, 1, 2; the world says 1/4, 2/4, 1/4
	want := map[string][]learn.Scored{
		"everywhere":               {{Item: 1, Score: 2}, {Item: 0, Score: 1}, {Item: 2, Score: 1}},
		"device phone":             {{Item: 1, Score: 1.5 / 4}, {Item: 0, Score: 1.25 / 4}, {Item: 2, Score: 1.25 / 4}},
		"device desk":              {{Item: 1, Score: 1.5 / 2}, {Item: 0, Score: .25 / 2}, {Item: 2, Score: .25 / 2}},
		"country GB":               {{Item: 1, Score: 2.5 / 4}, {Item: 0, Score: 1.25 / 4}, {Item: 2, Score: .25 / 4}},
		"country GB, device phone": {{Item: 1, Score: 1.625 / 3}, {Item: 0, Score: 1.3125 / 3}, {Item: 2, Score: .0625 / 3}},
		"country GB, device desk":  {{Item: 1, Score: 1.625 / 2}, {Item: 0, Score: .3125 / 2}, {Item: 2, Score: .0625 / 2}},
	}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for name, list := range want {
		for i, s := range list {
			if len(got[name]) != len(list) || got[name][i].Item != s.Item || math.Abs(float64(got[name][i].Score-s.Score)) > 1e-6 {
				t.Errorf("%s: got %v, want %v", name, got[name], list)
				break
			}
		}
	}
}

// TestBusySettingsStay: what was rare and first shuts nothing out that is common and came later.
func TestBusySettingsStay(t *testing.T) {
	var c Config
	c.EnsureDefaults()
	l := newLog(&c)
	for i := range mostPlaces + 1000 {
		e := in("GB", buy("", "x", 0))
		e.Context[edged.Device], e.Context[edged.Referrer] = "phone", strconv.Itoa(i)
		if i >= mostPlaces {
			e.Context = map[string]string{edged.Country: "FR", edged.Device: "desktop", edged.Referrer: "news.example"}
		}
		if err := l.add(&e); err != nil {
			t.Fatal(err)
		}
	}
	l.finish()
	p := l.part()
	n := 0
	for _, place := range p.place {
		if p.places[place] == (edged.Setting{Country: "FR", Device: "desktop", Referrer: "news.example"}) {
			n++
		}
	}
	if n != 1000 {
		t.Errorf("%d events, want 1000", n)
	}
}

// TestSettingsOfAnyText: texts come back as they were, and too long ones count for the country alone.
func TestSettingsOfAnyText(t *testing.T) {
	long := strings.Repeat("<", longestPart+1)
	for _, c := range []struct{ context, want edged.Setting }{
		{edged.Setting{Country: "\ufffd"}, edged.Setting{Country: "\ufffd"}},
		{edged.Setting{Country: "GB", Device: "a\ufffd", Daypart: edged.Night}, edged.Setting{Country: "GB", Device: "a\ufffd", Daypart: edged.Night}},
		{edged.Setting{Device: "a\x00b", Referrer: "x.example"}, edged.Setting{Device: "a\x00b", Referrer: "x.example"}},
		{edged.Setting{Country: "GB", Referrer: long}, edged.Setting{Country: "GB"}},
		{edged.Setting{Country: long}, edged.Setting{Country: long}},
	} {
		e := buy("a", "x", 0)
		e.Context = c.context.Context()
		p := logOf(t, Config{}, e).part()
		if got := p.places[p.place[0]]; got != c.want {
			t.Errorf("%q: %q, want %q", c.context, got, c.want)
		}
	}
}

// TestManySettings: what is beyond the bound counts for the setting above.
func TestManySettings(t *testing.T) {
	var c Config
	c.EnsureDefaults()
	l := newLog(&c)
	for i := range math.MaxUint16 + 100 {
		e := in("GB", buy("", "x", 0))
		e.Context[edged.Device] = strconv.Itoa(i)
		if err := l.add(&e); err != nil {
			t.Fatal(err)
		}
	}
	l.finish()
	p := l.part()
	if n := len(p.places); n != mostPlaces/2+2 {
		t.Fatalf("%d places", n)
	}
	for i, place := range p.place {
		if p.places[place].Country != "GB" {
			t.Fatalf("event %d is in %v", i, p.places[place])
		}
	}
	if n := len(p.busiest(edged.ByCountry | edged.ByDevice)); n != maxPlaces {
		t.Errorf("%d settings, want %d", n, maxPlaces)
	}
}

func TestTrendsAreCut(t *testing.T) {
	l := logOf(t, Config{}, buy("a", "x", 0), buy("a", "y", 1), buy("a", "z", 2))
	if got := trendsOf(l, 14, 2)[""]; len(got) != 2 || got[0].Item != 2 || got[1].Item != 1 {
		t.Fatalf("got %v, want z, then y", got)
	}
}

func TestTrendsHearAVisitorEachDay(t *testing.T) {
	l := logOf(t, Config{}, buy("a", "x", 14), buy("a", "x", 0), buy("a", "x", 14))
	if got := trendsOf(l, 14, 2)[""]; len(got) != 1 || got[0] != (learn.Scored{Item: 0, Score: 1.5}) {
		t.Fatalf("got %v, want 1.5: one voice of day 14, half a voice of day 0", got)
	}
}

func TestTrendWeights(t *testing.T) {
	cfg := Config{EventWeights: map[edged.EventType]float64{edged.View: 0.5, edged.Purchase: 3, edged.Return: 0}}
	view := buy("b", "y", 0)
	view.Type = edged.View
	got := trendsOf(logOf(t, cfg, buy("a", "x", 0), view), 14, 5)[""]
	if len(got) != 2 || got[0] != (learn.Scored{Item: 0, Score: 3}) || got[1] != (learn.Scored{Item: 1, Score: 0.5}) {
		t.Fatalf("got %v", got)
	}
}

func TestPopularityCountsVisitorsOnce(t *testing.T) {
	session := buy("", "x", 1)
	session.Session = "s"
	l := logOf(t, Config{}, buy("a", "x", 0), buy("a", "x", 5), buy("b", "x", 0), session, buy("a", "y", 0), buy("", "y", 0))
	m := l.part().pairs(0)
	if got := popularity(m.Transpose()); got[0] != 3 || got[1] != 1 {
		t.Fatalf("got %v, want 3 (two users, a session) and 1", got)
	}
}

// TestUserIsNotSession: the same text as user and as session is two visitors.
func TestUserIsNotSession(t *testing.T) {
	session := buy("", "x", 1)
	session.Session = "a"
	if l := logOf(t, Config{}, buy("a", "x", 0), session); len(l.visitors.ids) != 2 {
		t.Fatalf("visitors: %q", l.visitors.ids)
	}
}

func TestPairKeepsTheLargestWeight(t *testing.T) {
	cfg := Config{EventWeights: map[edged.EventType]float64{edged.View: 1, edged.Purchase: 4}}
	view := buy("a", "x", 3)
	view.Type = edged.View
	l := logOf(t, cfg, view, buy("a", "x", 0), view)
	m := l.part().pairs(0)
	if m.Pairs() != 1 || m.WeightOf(0, 0) != 4 {
		t.Fatalf("%d pairs, weight %v, want one of 4", m.Pairs(), m.WeightOf(0, 0))
	}
}
