package rank

import (
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/rules"
	"github.com/edged/edged/trend"
)

// fill puts items into an answer: the first skip that fit are passed over, the next want are kept.
type fill struct {
	r       *Ranker
	a       *Answer
	s       *Scratch
	allowed *allowed
	skip    int
	want    int
	passed  int

	deadline  time.Time // zero: never
	relevance float32
	best      float32     // score that it goes by; 0: that of the list
	rules     *rules.Plan // scores count times what they say; nil: as they are
}

// least is what a score must reach where the best one of the first rung is this.
func (f *fill) least(best float32) float32 {
	if f.a.Best = best; f.best > 0 {
		best = f.best
	}
	return float32(f.relevance * best)
}

// newFill wants n items after the first offset ones. The scratch's set is to say what must not come.
func (r *Ranker) newFill(a *Answer, s *Scratch, n, offset int) fill {
	offset = max(offset, 0)
	n = max(min(n, MaxDepth-offset, r.m.Len()), 0)
	return fill{r: r, a: a, s: s, skip: min(offset, MaxDepth), want: n}
}

func (f *fill) full() bool { return len(f.a.Items) >= f.want }

// may reports whether a row may come and has not.
func (f *fill) may(row edged.Row) bool { return f.allowed.has(row) && !f.s.taken.has(row) }

// add takes a row unless it may not come or has come. It returns the item where it is one of the wanted.
func (f *fill) add(row edged.Row, score float32, source Source, level Level) *Item {
	if !f.allowed.has(row) || !f.s.taken.add(row) {
		return nil
	}
	if f.passed < f.skip {
		f.passed++
		return nil
	}
	f.a.Items = append(f.a.Items, Item{Row: row, Score: score, Source: source, Level: level})
	return &f.a.Items[len(f.a.Items)-1]
}

// ladder tops the answer up.
func (f *fill) ladder(at edged.Setting, live, liveGlobal *trend.List) {
	if narrow, ok := at.Narrowest(f.r.m.TrendsBy(), f.r.m.HasTrend); ok {
		f.trend(narrow, Segment)
	}
	if at.Country != "" {
		f.live(live, Regional)
		f.trend(at.Only(edged.ByCountry), Regional)
	} else {
		f.live(live, Global)
	}
	f.live(liveGlobal, Global)
	f.trend(edged.Setting{}, Global)
	f.popular()
}

func (f *fill) live(list *trend.List, level Level) {
	if list == nil {
		return
	}
	f.s.hits = f.s.hits[:0]
	for i := range list.Entries {
		if f.full() {
			return
		}
		row, ok := f.r.m.Row(list.Entries[i].ID)
		switch score := float32(list.Entries[i].Score); {
		case !ok:
		case f.r.hasSpecial():
			f.s.hits = append(f.s.hits, index.Hit{Row: row, Score: score})
		default:
			f.add(row, score, SourceLive, level)
		}
	}
	f.ranked(f.s.hits, SourceLive, level)
}

func (f *fill) trend(at edged.Setting, level Level) {
	rows, scores, _ := f.r.m.Trend(at)
	f.s.hits = f.s.hits[:0]
	for i, row := range rows {
		if f.r.hasSpecial() {
			f.s.hits = append(f.s.hits, index.Hit{Row: row, Score: scores[i]})
			continue
		}
		if f.full() {
			return
		}
		f.add(row, scores[i], SourceTrend, level)
	}
	f.ranked(f.s.hits, SourceTrend, level)
}

func (f *fill) popular() {
	if f.full() {
		return
	}
	rows := f.r.m.Popular()
	switch {
	case f.allowed.fewListed(f.skip+f.want, len(rows)):
		rows = f.s.only.byPopularity(f.r, f.allowed.rows)
	case f.r.hasSpecial():
		f.addPopular(rows)
		return
	}
	for _, row := range rows {
		if f.full() {
			return
		}
		f.add(row, f.r.popularityOf(row), SourcePopular, Global)
	}
}

func (f *fill) done() {
	if len(f.a.Items) > 0 {
		f.a.Level = f.a.Items[0].Level
	}
}
