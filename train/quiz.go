package train

import (
	"context"

	"github.com/edged/edged/eval"
	"github.com/edged/edged/model"
)

// quiz is an exam made ready to be put to models.
type quiz struct {
	*exam
	part   *part
	newest int64   // when the newest event of the training part happened
	size   int     // items there are to choose from
	probes []probe // of the questions
	set    *eval.Set
}

// quiz makes an exam ready; visits are the histories of the training part.
func (f *fold) quiz(x *exam, visits *histories) *quiz {
	_, newest := f.train.span()
	q := &quiz{exam: x, part: f.train, newest: newest, size: f.train.items, set: x.set(f.train), probes: make([]probe, len(x.questions))}
	for i := range x.questions {
		q.probes[i] = visits.probe(model.Goal(x.goal), &x.questions[i], newest)
	}
	if x.ids != nil { // candidates that nobody had
		q.size = len(x.ids)
		for i := range q.probes {
			q.probes[i].without = nil
		}
	}
	return q
}

// recommender names a model and makes, for one goroutine, the function that lists its k best items for a question of a
// quiz: best first, none of what a list may not hold. The list is valid until the next call.
type recommender struct {
	name string
	open func() func(question, k int) []uint32
}

// ask puts every question to a recommender.
func (q *quiz) ask(ctx context.Context, r recommender, k, threads int) (*eval.Result, error) {
	return eval.Measure(ctx, q.set, eval.Recommender{Name: r.name, Open: r.open}, k, threads)
}
