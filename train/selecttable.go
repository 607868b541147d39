package train

import (
	"context"
	"math"

	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
)

// tableTrial is a candidate: how the table is learned, and how it is used.
type tableTrial struct {
	TableConfig
	visits float64 // half-life of a history's items
}

// tableAxes are what is tried of a kind of table. Of neighbours the window of one value is gone beyond both ways, where they are best.
func tableAxes(kind string, timed bool) []axis[TableConfig] {
	type c = TableConfig
	start := defaultTable(timed)
	halfLives := fixed(0.0)
	if timed {
		halfLives = ladder[float64]{[]float64{15, 30}, []float64{60, 120, 0}, nil, start.HalfLifeDays}
	}
	axes := []axis[c]{number(halfLives, func(c *c) *float64 { return &c.HalfLifeDays })}
	if kind == knnTable {
		return append(axes,
			whole(ladder[float64]{[]float64{15, 25}, []float64{50, 200}, []float64{400}, 50}, func(c *c) *int { return &c.Neighbours }),
			number(ladder[float64]{[]float64{0, 1, 3}, []float64{10}, []float64{30, 100}, 10}, func(c *c) *float64 { return &c.Shrink }))
	}
	return append(axes,
		number(ladder[float64]{[]float64{0.5, 1}, []float64{2, 4, 8, 12}, []float64{24, 48, 96, 192}, start.L2}, func(c *c) *float64 { return &c.L2 }),
		number(ladder[float64]{nil, []float64{0, 0.5}, []float64{1, 2}, start.P}, func(c *c) *float64 { return &c.P }),
		number(ladder[float64]{[]float64{0, 0.15}, []float64{0.3, 0.5}, []float64{0.7, 1}, start.E}, func(c *c) *float64 { return &c.E }))
}

// tableGrid are the tables that are tried, the default first, then each kind in turn: few trials see something of all.
func tableGrid(timed bool) []TableConfig {
	return alternating(crossed(defaultTable(timed), tableAxes(ridgeTable, timed)),
		crossed(TableConfig{Model: knnTable, Source: 0.5, Target: 0.5, Plain: true, Row: 200}, tableAxes(knnTable, timed)),
		crossed(TableConfig{Model: knnTable, Source: 0.7, Target: 0.2, Row: 200}, tableAxes(knnTable, timed)))
}

// alternating are the firsts of some lists, then the seconds, and so on.
func alternating[C any](lists ...[]C) (all []C) {
	for at, more := 0, true; more; at++ {
		more = false
		for _, list := range lists {
			if at < len(list) {
				all, more = append(all, list[at]), true
			}
		}
	}
	return all
}

// visitHalfLives are how fast an item of a history is forgotten.
func visitHalfLives(timed bool) ladder[float64] {
	if timed {
		return ladder[float64]{[]float64{15, 30}, []float64{60, 120, 240, 0}, nil, 120}
	}
	return fixed(0.0)
}

// chosenTable is a table that was tried.
type chosenTable struct {
	tableTrial
	table *learn.Table
	score float64
}

// tryTable learns a table from a share of the visitors and judges it.
func (s *selection) tryTable(ctx context.Context, c TableConfig, share float64) (*chosenTable, error) {
	l := s.lab
	learned, visits := c, visitHalfLives(l.part.timed())
	if share < 1 && l.matrix(0).Pairs() > manyPairs {
		visits = fixed(visits.start)
		if c.Model == ridgeTable {
			learned.Neighbours = c.Neighbours / 2
		}
	}
	table, err := learned.fit(ctx, thin(l.matrix(c.HalfLifeDays), share, l.seed), l.part.alike, l.threads, nil, nil)
	if err != nil {
		return nil, err
	}
	return s.judge(ctx, c, table, visits)
}

// manyPairs are those of data from which on the first round of trials learns a ridge with half of the neighbours, and judges with one half-life of
// the history: equations take most of the time, as the cube of the neighbours, whatever the share of the visitors.
const manyPairs = 400_000

// judge finds the half-life of the history a table does best with.
func (s *selection) judge(ctx context.Context, c TableConfig, table *learn.Table, visits ladder[float64]) (*chosenTable, error) {
	l, best := s.lab, &chosenTable{table: table, score: math.Inf(-1)}
	err := visits.seek(never, func(halfLife float64) (float64, error) {
		b := l.base(s.cfg.TrendHalfLifeDays)
		b.sparse[partTable] = byTable(table, halfLife, l.active)
		sheet, err := l.sheet(ctx, model.GoalNew, b)
		if err != nil {
			return 0, err
		}
		_, score := sheet.bestMix(tableMixes, l.threads)
		if score > best.score {
			best.tableTrial, best.score = tableTrial{c, halfLife}, score
		}
		return score, nil
	})
	return best, err
}

// tableMixes are the mixes in which a table is judged: alone, and with what is popular just now.
var tableMixes = []mix{{partTable: 1}, {partTable: 1, partPopular: 0.2}}

// tableFamily is that of the trials of tables.
const tableFamily = "table"

// chooseTable returns the best table, and how the best of another kind is learned; nil where none was tried to the end. Of large data
// a table takes hundreds of megabytes: only the best so far is kept.
func (s *selection) chooseTable(ctx context.Context) (best, other *chosenTable, err error) {
	try := func(ctx context.Context, c TableConfig, share float64) (float64, error) {
		t, err := s.tryTable(ctx, c, share)
		if err != nil || share < 1 {
			return t.value(), err
		}
		behind := t
		if best == nil || t.score > best.score {
			behind, best = best, t
		}
		if behind != nil && behind.Model != best.Model && (other == nil || other.Model == best.Model || behind.score > other.score) {
			other = behind.plan()
		}
		return t.score, nil
	}
	timed := s.lab.part.timed()
	if _, err = halve(ctx, s, tableFamily, tableGrid(timed), s.tableRungs(), TableConfig.String, try); err != nil {
		return nil, nil, err
	}
	for _, t := range []*chosenTable{best, other} { // each beyond the edges of its grid
		if t == nil {
			continue
		}
		from := tried[TableConfig]{candidate: t.TableConfig, score: t.score}
		if _, err = outgrow(ctx, s, tableFamily, from, tableAxes(t.Model, timed), TableConfig.String, try); err != nil {
			return nil, nil, err
		}
	}
	return best, other, nil
}

// value is the score of a table, if there is one.
func (t *chosenTable) value() float64 {
	if t == nil {
		return 0
	}
	return t.score
}

// plan is how a table is learned, without it.
func (t *chosenTable) plan() *chosenTable {
	return &chosenTable{tableTrial: t.tableTrial, score: t.score}
}

// contentShares are what is tried for TableConfig.Content.
var contentShares = ladder[float64]{nil, []float64{0, 0.1, 0.2, 0.4}, []float64{0.8, 1.6}, 0}

// tryContent adds what items say of themselves to a table, where that is better.
func (s *selection) tryContent(ctx context.Context, t *chosenTable) (*chosenTable, error) {
	alike := s.lab.part.alike
	if alike == nil || len(alike.Item) == 0 {
		return t, nil
	}
	learned, best := t.table, t
	err := contentShares.seek(s.over, func(share float64) (float64, error) {
		if share == 0 {
			return t.score, nil
		}
		c := t.TableConfig
		c.Content = share
		return s.attempt("content", c.String(), 1, func() (float64, error) {
			more, err := s.judge(ctx, c, learned.Plus(alike, share, c.Row), visitHalfLives(s.lab.part.timed()))
			if err == nil && more.score > best.score {
				best = more
			}
			return more.value(), err
		})
	})
	return best, err
}

// tableRungs spend less on many candidates where the data is large; without times there are few.
func (s *selection) tableRungs() []rung {
	if !s.lab.part.timed() || s.lab.matrix(0).Pairs() < 50_000 {
		return []rung{{1, 2}}
	}
	return []rung{{0.5, 10}, {1, 2}}
}
