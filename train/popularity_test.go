package train

import (
	"math"
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
		all[t.country] = t.list
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
