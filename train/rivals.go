package train

import (
	"context"
	"fmt"
	"slices"

	"github.com/edged/edged/learn"
)

// rivals are plain models with hyper-parameters chosen like the others', so that a blend is compared with the best they can do.
type rivals struct {
	als  *factorTrial // judged alone; nil: not tuned
	knn  *neighbourTrial
	ease float64 // l2 of EASE as published, in units of the mean diagonal; 0: not tuned
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
	if s.over() {
		return nil
	}
	if err := s.chooseNeighbours(ctx); err != nil || s.over() || !easeFits(s.lab.matrix(0)) {
		return err
	}
	return s.chooseEASE(ctx)
}

// chooseAlone finds the factors that are best without a table: of those tried with fewest sweeps the two best, then on from the better
// of them as beside a table.
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
	list, err := halve(ctx, s, aloneFamily, two, []rung{{1, 1}}, factorTrial.String, try)
	if err != nil {
		return err
	}
	best, err := s.resize(ctx, aloneFamily, list, try)
	s.rivals.als = &best.candidate
	return err
}

// Families of trials that do not compete for the release.
const (
	aloneFamily     = "als alone"
	neighbourFamily = "item-knn"
	easeFamily      = "ease"
)

// neighbourTrial is a candidate for item-knn.
type neighbourTrial struct {
	size   int // neighbours of an item
	shrink float64
}

func (c neighbourTrial) String() string {
	return fmt.Sprintf("item-knn %d, shrink %g", c.size, c.shrink)
}

// easeL2 is what is tried of EASE, whose diagonal is not scaled: by factors of two from 10, as long as that is better.
var easeL2 = ladder[float64]{[]float64{0.625, 1.25, 2.5, 5}, []float64{10}, []float64{20, 40, 80, 160, 320, 640, 1280}, 10}

// chooseEASE finds l2.
func (s *selection) chooseEASE(ctx context.Context) error {
	q, most := s.lab.fold.quiz(s.lab.fold.exam(examNew), s.lab.visits), -1.0
	return easeL2.seek(s.over, func(l2 float64) (float64, error) {
		return s.attempt(easeFamily, fmt.Sprintf("ease l2 %g", l2), 1, func() (float64, error) {
			b, err := learn.EASE{L2: l2, Plain: true}.Dense(ctx, s.lab.matrix(0), s.cfg.Threads)
			if err != nil {
				return 0, err
			}
			score, err := s.examine(ctx, q, q.byDense(easeFamily, s.lab.matrix(0), b))
			if score > most {
				s.rivals.ease, most = l2, score
			}
			return score, err
		})
	})
}

// knnSizesTried and knnShrinks are what is tried of item-knn, one after the other.
var (
	knnSizesTried = ladder[float64]{[]float64{10, 20}, []float64{50, 100, 200}, []float64{400}, 50}
	knnShrinks    = ladder[float64]{[]float64{0, 1, 3}, []float64{10}, []float64{30, 100, 300}, 10}
)

// chooseNeighbours finds how many, and how far their similarity is shrunk.
func (s *selection) chooseNeighbours(ctx context.Context) error {
	q, most, pairs := s.lab.fold.quiz(s.lab.fold.exam(examNew), s.lab.visits), -1.0, s.lab.matrix(0)
	items := pairs.Transpose()
	try := func(c neighbourTrial) (float64, error) {
		if s.made(neighbourFamily, c.String()) {
			return most, nil
		}
		return s.attempt(neighbourFamily, c.String(), 1, func() (float64, error) {
			score, err := s.examine(ctx, q, q.byNeighbours(neighbourFamily, pairs, learn.Neighbours(ctx, pairs, items, c.size, c.shrink, s.cfg.Threads), c.size))
			if score > most {
				s.rivals.knn, most = &c, score
			}
			return score, err
		})
	}
	err := knnSizesTried.seek(s.over, func(k float64) (float64, error) { return try(neighbourTrial{int(k), knnShrinks.start}) })
	if err != nil {
		return err
	}
	size := s.rivals.knn.size
	return knnShrinks.seek(s.over, func(shrink float64) (float64, error) { return try(neighbourTrial{size, shrink}) })
}

// examine is a plain model's reward.
func (s *selection) examine(ctx context.Context, q *quiz, r recommender) (float64, error) {
	result, err := q.ask(ctx, r, s.listLength(), s.cfg.Threads)
	if err != nil {
		return 0, err
	}
	return result.Metrics.Recall + result.Metrics.NDCG, nil
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
