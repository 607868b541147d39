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
	score   float64 // the reward with the table or without, whichever is higher, on the mean of the goals
}

// factorAxes are what is tried of ALS at one length, what is not to be chosen fixed.
func (s *selection) factorAxes() []axis[factorTrial] {
	type c = factorTrial
	halfLives := fixed(0.0)
	if s.lab.part.timed() {
		halfLives = ladder[float64]{[]float64{30, 60}, []float64{120, 240, 0}, nil, 240}
	}
	return []axis[c]{
		number(halfLives, func(c *c) *float64 { return &c.halfLife }),
		number(orFixed(s.free.A0, ladder[float64]{[]float64{0.001, 0.003}, []float64{0.01, 0.03, 0.1, 0.3}, []float64{1, 3}, 0.1}), func(c *c) *float64 { return &c.A0 }),
		number(orFixed(s.free.Reg, ladder[float64]{[]float64{0.0001, 0.0003}, []float64{0.001, 0.003, 0.01}, []float64{0.03, 0.1, 0.3, 1}, 0.003}),
			func(c *c) *float64 { return &c.Reg }),
	}
}

// orFixed is what was asked for, or the ladder where nothing was.
func orFixed(asked float64, l ladder[float64]) ladder[float64] {
	if asked != 0 {
		return fixed(asked)
	}
	return l
}

// factorMixes are those in which factors are judged beside a table.
var factorMixes = []mix{
	{partTable: 1, partFactors: 0.5, partPopular: 0.2}, {partTable: 1, partFactors: 1, partPopular: 0.2},
	{partTable: 1, partFactors: 2, partPopular: 0.2}, {partTable: 1, partFactors: 1}, {partTable: 1, partFactors: 2}, {partTable: 1, partFactors: 4}, {partTable: 1, partFactors: 8},
}

// aloneMixes are those in which they are judged without one.
var aloneMixes = []mix{{partFactors: 1}, {partFactors: 1, partPopular: 0.2}}

// repeatWeights are those of what is taken again, for any item.
var repeatWeights = []float32{3, 12}

// tryFactors learns factors with a share of the sweeps and judges them: by new items and, where things are taken again, by any items as
// well. A blend for new items may have so little use for vectors that it cannot tell good ones from bad.
func (s *selection) tryFactors(ctx context.Context, c factorTrial, t *chosenTable, share float64) (*chosenFactors, error) {
	l := s.lab
	als := c.ALS
	als.Sweeps = max(1, int(share*float64(c.Sweeps)+0.5))
	factors, err := als.Fit(ctx, l.matrix(c.halfLife), l.threads, func(int, float64) {})
	if err != nil {
		return nil, err
	}
	factors.X = nil // of many visitors large, and not needed
	f := &chosenFactors{factorTrial: c, factors: factors, visits: visitHalfLives(l.part.timed()).start}
	beside := 0.0
	if f.alone, beside, err = s.judgeFactors(ctx, model.GoalNew, f, t); err != nil {
		return nil, err
	}
	f.score = max(f.alone, beside)
	if l.repeats {
		alone, beside, err := s.judgeFactors(ctx, model.GoalAny, f, t)
		if err != nil {
			return nil, err
		}
		f.score = (f.score + max(alone, beside)) / 2
	}
	return f, nil
}

// judgeFactors sees what factors find alone, all items before them, and what they add to the table: one that reaches little of use must hide none
// that find more.
func (s *selection) judgeFactors(ctx context.Context, goal model.Goal, f *chosenFactors, t *chosenTable) (alone, beside float64, err error) {
	l := s.lab
	b := l.base(s.cfg.TrendHalfLifeDays)
	b.vectors = newVectorPart(f.factors, f.visits)
	without, with := aloneMixes, factorMixes
	if goal == model.GoalAny {
		b.sparse[partRepeat] = byRepeat(l.q, defaultRepeatHalfLife)
		without, with = repeating(without), repeating(with)
	}
	sheet, err := l.sheet(ctx, goal, b)
	if err != nil {
		return 0, 0, err
	}
	_, alone = sheet.bestMix(without, l.threads)
	b.sparse[partTable] = byTable(t.table, t.visits, l.active)
	if sheet, err = l.sheet(ctx, goal, b); err != nil {
		return 0, 0, err
	}
	_, beside = sheet.bestMix(with, l.threads)
	return alone, beside, nil
}

// repeating are mixes with each weight of what is taken again.
func repeating(mixes []mix) (list []mix) {
	for _, m := range mixes {
		for _, m[partRepeat] = range repeatWeights {
			list = append(list, m)
		}
	}
	return list
}

// longestVectors bounds the vectors of all visitors and items, in bytes, where their length is chosen: those of many visitors
// are as large as all else together.
const longestVectors = 640 << 20

// lengths are those that are tried.
func (s *selection) lengths() ladder[float64] {
	if s.free.Factors != 0 {
		return fixed(float64(s.free.Factors))
	}
	l := ladder[float64]{[]float64{8, 16}, []float64{32, 64, 128, 256}, nil, 64}
	for len(l.window) > 2 && 4*int(l.window[len(l.window)-1])*s.rows > longestVectors {
		l.window = l.window[:len(l.window)-1]
	}
	return l
}

// atLength are the candidates of another length than the first: the best of that, and a0 0.01 with λ 0.003. That pair was added after a figure of
// a public test set, Gowalla's, whose long vectors it suits.
func (s *selection) atLength(best []tried[factorTrial], d int) []factorTrial {
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

// chooseFactors returns the best factors of any length. Only the best so far are kept.
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
	axes := s.factorAxes()
	first := factorTrial{ALS: learn.ALS{Factors: int(s.lengths().start), Nu: s.cfg.Nu, Sweeps: s.cfg.Sweeps, Seed: s.cfg.Seed}}
	list, err := halve(ctx, s, alsFamily, crossed(first, axes), []rung{{0.4, 6}, {1, 2}}, factorTrial.String, try)
	if err != nil {
		return nil, err
	}
	_, err = s.resize(ctx, alsFamily, list, try)
	return best, err
}

// resize goes on from the best of one length, best first: beyond the edges of the grid, to the other lengths, and once more beyond the edges, of
// length as well.
func (s *selection) resize(ctx context.Context, family string, first []tried[factorTrial],
	try func(ctx context.Context, c factorTrial, share float64) (float64, error)) (best tried[factorTrial], err error) {
	axes, lengths := s.factorAxes(), s.lengths()
	if best, err = outgrow(ctx, s, family, first[0], axes, factorTrial.String, try); err != nil {
		return best, err
	}
	if best.candidate != first[0].candidate {
		first = append([]tried[factorTrial]{best}, first...)[:len(first)]
	}
	for _, d := range lengths.values()[1:] {
		if s.over() {
			break
		}
		list, err := halve(ctx, s, family, s.atLength(first, int(d)), []rung{{1, 1}}, factorTrial.String, try)
		if err != nil {
			return best, err
		}
		if list[0].score > best.score {
			best = list[0]
		}
	}
	axes = append(axes, whole(lengths, func(c *factorTrial) *int { return &c.Factors }))
	return outgrow(ctx, s, family, best, axes, factorTrial.String, try)
}

// alsFamily is that of the trials of factors beside a table.
const alsFamily = "als"
