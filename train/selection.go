package train

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/edged/edged/eval"
)

// selection is a search for a configuration: trials on the validation part, within a budget.
type selection struct {
	cfg    *Config
	free   Config // as asked for: what is 0 is free to choose
	lab    *lab
	any    *lab // where any item is asked for; may be lab
	next   *lab // of sessions; nil where there are none
	k      int  // length of the lists; 0: 20
	watch  *stopwatch
	trials []eval.Trial
	alone  []tried[factorTrial] // factors tried with fewest sweeps, as they did without a table
	rivals rivals
	rows   int  // visitors and items of all there is to learn from, of which trials may see a sample
	budget int  // trials
	most   int  // trials made when the choice at hand ends; 0: budget
	chosen int  // the trial of the blend for new items that was chosen
	cut    bool // the limit came first

	deadline time.Time // zero: no limit
}

// rung is one round of successive halving (Jamieson, Talwalkar 2016; Hyperband's inner loop): every candidate left is tried with
// a share of what a full trial takes, and the best go on.
type rung struct {
	share float64
	keep  int
}

// over tells whether the budget or the time is spent.
func (s *selection) over() bool {
	if !s.deadline.IsZero() && s.cfg.Clock().After(s.deadline) {
		s.cut = true
	}
	return s.cut || len(s.trials) >= cmp.Or(s.most, s.budget)
}

// until bounds the choices that follow: they end when a share of the budget is spent.
func (s *selection) until(share float64) { s.most = max(1, int(share*float64(s.budget))) }

// attempt makes a trial, notes it and shows it.
func (s *selection) attempt(family, name string, share float64, try func() (score float64, err error)) (float64, error) {
	began := s.cfg.Clock()
	score, err := try()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return 0, err
	}
	t := eval.Trial{Family: family, Name: name, Budget: share, Score: score, Seconds: s.cfg.Clock().Sub(began).Seconds()}
	note := name
	if err != nil { // settings that these data do not bear: others may do
		t.Score, t.Fault = 0, err.Error()
		note += ": " + t.Fault
	}
	s.trials = append(s.trials, t)
	s.watch.say(Step{Done: len(s.trials), Total: max(s.budget, len(s.trials)), Unit: "trials", Note: note})
	return t.Score, nil
}

// made tells whether a trial was made, with all there is to spend on it.
func (s *selection) made(family, name string) bool {
	return slices.ContainsFunc(s.trials, func(t eval.Trial) bool { return t.Family == family && t.Name == name && t.Budget == 1 })
}

// halve tries candidates round after round and returns those of the last, best first. The first candidate of each round is
// tried whatever the budget, so that there is always an answer: put the default first.
func halve[C any](ctx context.Context, s *selection, family string, candidates []C, rungs []rung, name func(C) string,
	try func(ctx context.Context, c C, share float64) (float64, error)) ([]tried[C], error) {
	var results []tried[C]
	for _, r := range rungs {
		results = results[:0]
		for at, c := range candidates {
			if at > 0 && s.over() {
				break
			}
			score, err := s.attempt(family, name(c), r.share, func() (float64, error) { return try(ctx, c, r.share) })
			if err != nil {
				return nil, err
			}
			results = append(results, tried[C]{c, score, at})
		}
		slices.SortFunc(results, byScore[C])
		results = results[:min(len(results), r.keep)]
		candidates = candidates[:0:0]
		for _, t := range results {
			candidates = append(candidates, t.candidate)
		}
	}
	return results, nil
}
