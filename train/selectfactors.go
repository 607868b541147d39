package train

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
)

// factorTrial is a candidate for the factors.
type factorTrial struct {
	learn.ALS
	halfLife float64 // a training pair weighs 0.5^(age/half-life); 0: 1
}

func (c factorTrial) String() string {
	return fmt.Sprintf("als d %d, a0 %g, λ %g, half-life %g d", c.Factors, c.A0, c.Reg, c.halfLife)
}

// chosenFactors are factors that were tried.
type chosenFactors struct {
	factorTrial
	factors *learn.Factors
	visits  float64 // half-life of a history's items in the fold-in
	alone   float64 // the reward without a table
	score   float64 // the reward with the table or without, whichever is higher
}

// factorGrid is the grid of ALS at one length, what is not to be chosen fixed.
func (s *selection) factorGrid(d int) []factorTrial {
	halfLives := []float64{0}
	if s.lab.part.timed() {
		halfLives = []float64{240, 120, 0}
	}
	var grid []factorTrial
	for _, h := range halfLives {
		for _, a0 := range orFixed(s.free.A0, 0.1, 0.03, 0.01, 0.3) {
			for _, reg := range orFixed(s.free.Reg, 0.003, 0.01, 0.001) {
				grid = append(grid, factorTrial{learn.ALS{Factors: d, A0: a0, Reg: reg, Nu: s.cfg.Nu, Sweeps: s.cfg.Sweeps, Seed: s.cfg.Seed}, h})
			}
		}
	}
	return grid
}

// orFixed is what was asked for, or the grid where nothing was.
func orFixed[T int | float64](fixed T, grid ...T) []T {
	if fixed != 0 {
		return []T{fixed}
	}
	return grid
}

// factorMixes are those in which factors are judged beside a table.
var factorMixes = []mix{
	{partTable: 1, partFactors: 0.5, partPopular: 0.2}, {partTable: 1, partFactors: 1, partPopular: 0.2},
	{partTable: 1, partFactors: 2, partPopular: 0.2}, {partTable: 1, partFactors: 1}, {partTable: 1, partFactors: 2}, {partTable: 1, partFactors: 4}, {partTable: 1, partFactors: 8},
}

// aloneMixes are those in which they are judged without one.
var aloneMixes = []mix{{partFactors: 1}, {partFactors: 1, partPopular: 0.2}}

// tryFactors learns factors with a share of the sweeps and sees what they find alone, all items before them, and what they add to
// the table: one that reaches little of use must hide none that find more.
func (s *selection) tryFactors(ctx context.Context, c factorTrial, t *chosenTable, share float64) (*chosenFactors, error) {
	l := s.lab
	als := c.ALS
	als.Sweeps = max(1, int(share*float64(c.Sweeps)+0.5))
	factors, err := als.Fit(ctx, l.matrix(c.halfLife), l.threads, func(int, float64) {})
	if err != nil {
		return nil, err
	}
	factors.X = nil // of many visitors large, and not needed
	best := &chosenFactors{factorTrial: c, factors: factors, visits: visitHalfLives(l.part.timed())[0]}
	b := l.base(s.cfg.TrendHalfLifeDays)
	b.vectors = newVectorPart(factors, best.visits)
	alone, err := l.sheet(ctx, model.GoalNew, b)
	if err != nil {
		return nil, err
	}
	b.sparse[partTable] = byTable(t.table, t.visits, l.active)
	beside, err := l.sheet(ctx, model.GoalNew, b)
	if err != nil {
		return nil, err
	}
	_, best.alone = alone.bestMix(aloneMixes, l.threads)
	_, best.score = beside.bestMix(factorMixes, l.threads)
	best.score = max(best.score, best.alone)
	return best, nil
}

// longestVectors bounds the vectors of all visitors and items, in bytes, where their length is chosen: those of many visitors
// are as large as all else together.
const longestVectors = 640 << 20

// lengths are those that are tried, ascending.
func (s *selection) lengths() []int {
	lengths := orFixed(s.free.Factors, 64, 128, 256)
	for len(lengths) > 1 && 4*lengths[len(lengths)-1]*s.rows > longestVectors {
		lengths = lengths[:len(lengths)-1]
	}
	return lengths
}

// longer are the candidates of a greater length: the best of the shortest, and the regularisation that long vectors take best
// on data of many kinds, which short ones may not show.
func (s *selection) longer(best []tried[factorTrial], d int) []factorTrial {
	var list []factorTrial
	add := func(c factorTrial) {
		if c.Factors = d; !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	for _, b := range best {
		add(b.candidate)
	}
	usual := best[0].candidate
	usual.A0, usual.Reg = cmp.Or(s.free.A0, 0.01), cmp.Or(s.free.Reg, 0.003)
	add(usual)
	return list
}

// chooseFactors returns the best factors of any length; of equals the shortest. Only the best so far are kept.
func (s *selection) chooseFactors(ctx context.Context, t *chosenTable) (best *chosenFactors, err error) {
	try := func(ctx context.Context, c factorTrial, share float64) (float64, error) {
		f, err := s.tryFactors(ctx, c, t, share)
		if err != nil {
			return 0, err
		}
		if share < 1 {
			s.alone = append(s.alone, tried[factorTrial]{c, f.alone, len(s.alone)})
		} else if best == nil || f.score > best.score {
			best = f
		}
		return f.score, nil
	}
	lengths := s.lengths()
	short, err := halve(ctx, s, "als", s.factorGrid(lengths[0]), []rung{{0.4, 6}, {1, 2}}, factorTrial.String, try)
	if err != nil {
		return nil, err
	}
	for _, d := range lengths[1:] {
		longer := s.longer(short, d)
		if s.over() {
			break
		}
		if _, err := halve(ctx, s, "als", longer, []rung{{1, 1}}, factorTrial.String, try); err != nil {
			return nil, err
		}
	}
	return best, nil
}
