package train

import (
	"context"

	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
)

// tableTrial is a candidate: how the table is learned, and how it is used.
type tableTrial struct {
	TableConfig
	visits float64 // half-life of a history's items
}

// ridgeGrid is the grid of the local ridge table, the default first.
func ridgeGrid(timed bool) []TableConfig {
	halfLives := []float64{0}
	if timed {
		halfLives = []float64{60, 120, 0}
	}
	grid := []TableConfig{defaultTable(timed)}
	for _, h := range halfLives {
		for _, l2 := range []float64{12, 4, 8, 2} {
			for _, p := range []float64{0, 0.5} {
				for _, e := range []float64{0.5, 0.3} {
					c := TableConfig{Model: ridgeTable, L2: l2, P: p, E: e, Neighbours: 100, Row: 100, HalfLifeDays: h}
					if c != grid[0] {
						grid = append(grid, c)
					}
				}
			}
		}
	}
	return grid
}

// visitHalfLives are how fast an item of a history is forgotten, for the table.
func visitHalfLives(timed bool) []float64 {
	if timed {
		return []float64{120, 240, 60, 0}
	}
	return []float64{0}
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
		learned.Neighbours, visits = c.Neighbours/2, visits[:1]
	}
	table, err := learned.fit(ctx, thin(l.matrix(c.HalfLifeDays), share, l.seed), l.part.alike, l.threads, nil, nil)
	if err != nil {
		return nil, err
	}
	return s.judge(ctx, c, table, visits)
}

// manyPairs are those of data from which on the first round of trials learns with half of the neighbours and judges with one half-life of
// the history: equations take most of the time, as the cube of the neighbours, whatever the share of the visitors.
const manyPairs = 400_000

// judge finds the half-life of the history a table does best with.
func (s *selection) judge(ctx context.Context, c TableConfig, table *learn.Table, visits []float64) (*chosenTable, error) {
	l, best := s.lab, &chosenTable{table: table}
	for at, halfLife := range visits {
		b := l.base(s.cfg.TrendHalfLifeDays)
		b.sparse[partTable] = byTable(table, halfLife, l.active)
		sheet, err := l.sheet(ctx, model.GoalNew, b)
		if err != nil {
			return nil, err
		}
		if _, score := sheet.bestMix(tableMixes, l.threads); at == 0 || score > best.score {
			best.tableTrial, best.score = tableTrial{c, halfLife}, score
		}
	}
	return best, nil
}

// tableMixes are the mixes in which a table is judged: alone, and with what is popular just now.
var tableMixes = []mix{{partTable: 1}, {partTable: 1, partPopular: 0.2}}

// chooseTable returns the best table. Of large data one takes hundreds of megabytes: only the best so far is kept.
func (s *selection) chooseTable(ctx context.Context) (best *chosenTable, err error) {
	try := func(ctx context.Context, c TableConfig, share float64) (float64, error) {
		t, err := s.tryTable(ctx, c, share)
		if err != nil {
			return 0, err
		}
		if share == 1 && (best == nil || t.score > best.score) {
			best = t
		}
		return t.score, nil
	}
	_, err = halve(ctx, s, ridgeTable, ridgeGrid(s.lab.part.timed()), s.tableRungs(), TableConfig.String, try)
	return best, err
}

// contentShares are what is tried for TableConfig.Content.
var contentShares = []float64{0.1, 0.2, 0.4}

// tryContent adds what items say of themselves to a table, where that is better.
func (s *selection) tryContent(ctx context.Context, t *chosenTable) (*chosenTable, error) {
	alike := s.lab.part.alike
	if alike == nil || len(alike.Item) == 0 {
		return t, nil
	}
	learned, best := t.table, t
	for _, share := range contentShares {
		if s.over() {
			break
		}
		c := t.TableConfig
		c.Content = share
		more, err := s.judge(ctx, c, learned.Plus(alike, share, c.Row), visitHalfLives(s.lab.part.timed()))
		if err != nil {
			return nil, err
		}
		s.record("content", c.String(), 1, more.score)
		if more.score > best.score {
			best = more
		}
	}
	return best, nil
}

// tableRungs spend less on many candidates where the data is large; without times there are few.
func (s *selection) tableRungs() []rung {
	if !s.lab.part.timed() || s.lab.matrix(0).Pairs() < 50_000 {
		return []rung{{1, 2}}
	}
	return []rung{{0.5, 10}, {1, 2}}
}
