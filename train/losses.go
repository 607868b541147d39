package train

import (
	"github.com/edged/edged/eval"
)

// steps are the models on the way from floats to the visitor, and what each step does.
var steps = []struct{ model, step string }{
	{blendModel, ""}, {exactModel, "int8"}, {servedModel, "search"}, {onlineModel, "HTTP"},
}

// losses says what each step cost, by each figure the question has, with the interval of a paired bootstrap; and, where there
// are several, all of them together.
func (e *evaluation) losses(part *eval.Part, results []*eval.Result, metrics []eval.Metric) error {
	var path []*eval.Result
	var names []string
	for _, s := range steps {
		for _, r := range results {
			if r.Model == s.model {
				path, names = append(path, r), append(names, s.step)
			}
		}
	}
	if len(path) < 2 {
		return nil
	}
	if path[0].Model == blendModel && path[1].Model == servedModel { // both in one
		names[1] = "int8"
		if recallOf(e.fold.train.items) < 1 {
			names[1] = "int8 and search"
		}
	}
	last := len(path) - 1
	for at := 1; at <= last; at++ {
		if err := e.loss(part, names[at], path[at-1], path[at], metrics); err != nil {
			return err
		}
	}
	if last < 2 {
		return nil
	}
	return e.loss(part, "all", path[0], path[last], metrics)
}

func (e *evaluation) loss(part *eval.Part, step string, before, after *eval.Result, metrics []eval.Metric) error {
	for _, m := range metrics {
		c, err := eval.Compare(after, before, m, e.boot())
		if err != nil {
			return err
		}
		e.report.Serving = append(e.report.Serving, eval.Loss{Step: part.Name + ": " + step, Metric: m, Before: mean(before.Values(m)), After: mean(after.Values(m)), Interval: c.Interval})
	}
	return nil
}

// figures are what a question is judged by.
func (q *quiz) figures() []eval.Metric {
	if q.name == examNext || q.name == examPast {
		return []eval.Metric{eval.HitRate, eval.MRR, eval.NDCG}
	}
	return []eval.Metric{eval.Recall, eval.NDCG}
}
