package train

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/edged/edged/learn"
)

// rivals are plain models with hyper-parameters chosen like the others', so that a blend is compared with the best they can do.
type rivals struct {
	als  *factorTrial // judged alone; nil: not tuned
	ease float64      // l2 of EASE as published, in units of the mean diagonal; 0: not tuned
}

// largestEASE bounds the matrix that the rival inverts, and largestEASEItems its weights: some seconds, some hundred megabytes.
const (
	largestEASE      = 4096
	largestEASEItems = 12_288
)

// easeFits tells whether EASE is a matter of seconds.
func easeFits(pairs *learn.Matrix) bool {
	return min(pairs.Cols, pairs.Active()) <= largestEASE && pairs.Cols <= largestEASEItems
}

// chooseRivals tunes them; tried are the trials of factors so far.
func (s *selection) chooseRivals(ctx context.Context, t *chosenTable) error {
	if err := s.chooseAlone(ctx, t); err != nil {
		return err
	}
	if s.over() || !easeFits(s.lab.matrix(0)) {
		return nil
	}
	return s.chooseEASE(ctx)
}

// chooseAlone finds the factors that are best without a table: of those tried with fewest sweeps the two best, and the best
// of them and the usual regularisation at every other length.
func (s *selection) chooseAlone(ctx context.Context, t *chosenTable) error {
	short := slices.Clone(s.alone)
	if len(short) == 0 {
		return nil
	}
	slices.SortFunc(short, byScore[factorTrial])
	try := func(ctx context.Context, c factorTrial, share float64) (float64, error) {
		f, err := s.tryFactors(ctx, c, t, share)
		if err != nil {
			return 0, err
		}
		return f.alone, nil
	}
	var two []factorTrial
	for _, x := range short[:min(2, len(short))] {
		two = append(two, x.candidate)
	}
	best, err := halve(ctx, s, aloneFamily, two, []rung{{1, 1}}, factorTrial.String, try)
	if err != nil {
		return err
	}
	var longer []factorTrial
	for _, d := range s.lengths()[1:] {
		longer = append(longer, s.longer(best[:1], d)...)
	}
	if len(longer) > 0 && !s.over() {
		more, err := halve(ctx, s, aloneFamily, longer, []rung{{1, 1}}, factorTrial.String, try)
		if err != nil {
			return err
		}
		best = append(best, more...)
	}
	slices.SortStableFunc(best, func(a, b tried[factorTrial]) int { return cmp.Compare(b.score, a.score) })
	s.rivals.als = &best[0].candidate
	return nil
}

// Families of trials that do not compete for the release.
const (
	aloneFamily = "als alone"
	easeFamily  = "ease"
)

// chooseEASE climbs over l2 by factors of two.
func (s *selection) chooseEASE(ctx context.Context) error {
	scores := make(map[float64]float64)
	try := func(l2 float64) (float64, error) {
		if x, ok := scores[l2]; ok || s.over() {
			return x, nil
		}
		b, err := learn.EASE{L2: l2, Plain: true}.Dense(ctx, s.lab.matrix(0), s.cfg.Threads)
		if err != nil {
			return 0, err
		}
		q := s.lab.fold.quiz(s.lab.fold.exam(examNew), s.lab.visits)
		r, err := q.ask(ctx, q.byDense(easeFamily, s.lab.matrix(0), b), s.listLength(), s.cfg.Threads)
		if err != nil {
			return 0, err
		}
		scores[l2] = r.Metrics.Recall + r.Metrics.NDCG
		s.record(easeFamily, fmt.Sprintf("ease l2 %g", l2), 1, scores[l2])
		return scores[l2], nil
	}
	best := 10.0
	at, err := try(best)
	if err != nil {
		return err
	}
	for _, factor := range []float64{2, 0.5} {
		from := best
		for {
			next, err := try(best * factor)
			if err != nil {
				return err
			}
			if next <= at {
				break
			}
			best, at = best*factor, next
		}
		if best != from {
			break
		}
	}
	s.rivals.ease = best
	return nil
}

// byDense sums the rows of a whole matrix of weights over all the user has.
func (q *quiz) byDense(name string, pairs *learn.Matrix, b []float32) recommender {
	n := q.part.items
	return q.byScores(name, func() func(dst []float32, at int) {
		return func(dst []float32, at int) {
			clear(dst)
			q.had(pairs, at, func(i uint32, w float32) {
				for j, x := range b[int(i)*n:][:n] {
					dst[j] += w * x
				}
			})
		}
	})
}
