package train

import (
	"context"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/eval"
	"github.com/edged/edged/learn"
)

// similarItems is how many training items like it tell how a new item will sell.
const similarItems = 20

// contentModel ranks items without a history by what they say of themselves.
const contentModel = "content"

// answerItems puts the exam of items without a history, where the catalogue says anything of them.
func (e *evaluation) answerItems(ctx context.Context, p *part, items map[string]edged.Item) error {
	f, err := coldItems(p, e.fold.at, e.fold.until)
	if err != nil || len(items) == 0 {
		return nil // nobody to ask, or nothing to go by
	}
	q := f.quiz(f.exam(examItems), e.visits)
	docs := aligned(slices.Concat(e.fold.train.ids, q.ids), items)
	counts, _ := itemFeatures(docs)
	features := learn.TFIDF(counts)
	n := e.fold.train.items
	w, err := e.lesson.contentMap(ctx, features, e.cfg.Config.Threads)
	if err != nil {
		return err
	}
	y := learn.Apply(w, features, e.lesson.factors.ALS.Factors)
	near := nearest(features, n, similarItems)
	part := eval.Part{Name: titles[q.name], Question: examQuestions[q.name], K: e.cfg.K, Users: q.users(), Cases: len(q.questions), Chosen: contentModel}
	var results []*eval.Result
	for _, r := range []recommender{
		byRandom(q.exam, e.cfg.Config.Seed),
		bySimilarSales(near, f.train.firstWeek()),
		q.byContent(contentModel, e.lesson, y[n*e.lesson.factors.ALS.Factors:], near, e.cfg.Config.Threads),
	} {
		result, err := q.ask(ctx, r, e.cfg.K, e.cfg.Config.Threads)
		if err != nil {
			return err
		}
		results = append(results, result)
		part.Results = append(part.Results, result.Row(e.boot()))
	}
	for _, r := range results[:2] {
		c, err := eval.Compare(results[2], r, eval.HitRate, e.boot())
		if err != nil {
			return err
		}
		part.Comparisons = append(part.Comparisons, c)
	}
	e.report.Parts = append(e.report.Parts, part)
	return nil
}

// contentMap maps rows of features, of which the first are those of the lesson's items, to vectors.
func (l *lesson) contentMap(ctx context.Context, features *learn.Matrix, threads int) ([]float32, error) {
	d := l.factors.ALS.Factors
	known, weight := make([]float32, features.Rows()*d), make([]float32, features.Rows())
	copy(known, l.factors.Y)
	for i := range l.items.Rows() {
		weight[i] = float32(l.evidence(i))
	}
	return learn.ContentMap{Reg: 1, Steps: 40}.Fit(ctx, features, known, d, weight, threads)
}

// evidence is what an item's vector is worth to a content map, from 0 to 1.
func (l *lesson) evidence(item int) float64 {
	return min(1, float64(l.taught[item])/contentEvidence)
}

// contentEvidence is how many visitors make an item's vector worth its full weight.
const contentEvidence = 10

// nearest lists, for each row of features from n on, the k rows below n most like it, by cosine.
func nearest(features *learn.Matrix, n, k int) [][]learn.Scored {
	by := features.Transpose()
	sums := newTally(n)
	var lists [][]learn.Scored
	for j := n; j < features.Rows(); j++ {
		cols, values := features.Row(j)
		for c, f := range cols {
			rows, weights := by.Row(int(f))
			for at, i := range rows {
				if int(i) < n {
					sums.add(i, values[c]*weights[at])
				}
			}
		}
		var list []learn.Scored
		for _, i := range sums.items {
			list = append(list, learn.Scored{Item: i, Score: sums.score[i]})
		}
		sums.clear()
		if len(list) > 0 {
			list = learn.Best(list, k)
		}
		lists = append(lists, list)
	}
	return lists
}

// byContent scores a candidate by the product of its mapped vector and the user's, and by how like it is to what the user
// had, each over its deviation.
func (q *quiz) byContent(name string, l *lesson, y []float32, near [][]learn.Scored, threads int) recommender {
	product := q.byVectors(l.users, l.factors, y, threads)
	return q.byScores(name, func() func(dst []float32, at int) {
		vector, history, like := product(), make([]float32, q.part.items), make([]float32, q.size)
		return func(dst []float32, at int) {
			vector(dst, at)
			q.had(l.users, at, func(i uint32, w float32) { history[i] = w })
			for j := range like {
				like[j] = similarity(history, near[j])
			}
			q.had(l.users, at, func(i uint32, _ float32) { history[i] = 0 })
			over(dst)
			over(like)
			for j := range dst {
				dst[j] += like[j]
			}
		}
	})
}

// over divides by the deviation, where there is any.
func over(x []float32) {
	t := &tally{score: x, items: make([]uint32, len(x))}
	for i := range x {
		t.items[i] = uint32(i)
	}
	t.standardise(len(x))
}
