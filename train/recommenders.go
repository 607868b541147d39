package train

import (
	"math"
	"slices"

	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
	"github.com/viterin/vek/vek32"
)

// byOrder recommends the same order to everybody.
func (q *quiz) byOrder(name string, order []uint32) recommender {
	return recommender{name, func() func(at, k int) []uint32 {
		var list []uint32
		return func(at, k int) []uint32 {
			list = list[:0]
			for _, i := range order {
				if len(list) == k {
					break
				}
				if _, out := slices.BinarySearch(q.probes[at].without, i); !out {
					list = append(list, i)
				}
			}
			return list
		}
	}}
}

// byScores recommends by a score for every item, which fill writes into dst; ties by ascending item.
func (q *quiz) byScores(name string, fill func() func(dst []float32, at int)) recommender {
	return recommender{name, func() func(at, k int) []uint32 {
		n, score := q.size, fill()
		scores, list, items := make([]float32, n), make([]learn.Scored, 0, n), []uint32(nil)
		return func(at, k int) []uint32 {
			score(scores, at)
			for _, i := range q.probes[at].without {
				scores[i] = float32(math.Inf(-1))
			}
			list, items = list[:0], items[:0]
			for i, s := range scores {
				if !math.IsInf(float64(s), -1) {
					list = append(list, learn.Scored{Item: uint32(i), Score: s})
				}
			}
			for _, s := range learn.Best(list, k) {
				items = append(items, s.Item)
			}
			return items
		}
	}}
}

// had calls fn for all that a question's user has and for what the session holds, each item once with its weight.
func (q *quiz) had(pairs *learn.Matrix, at int, fn func(item uint32, weight float32)) {
	x := &q.questions[at]
	if x.user != none {
		items, weights := pairs.Row(int(x.user))
		for k, i := range items {
			if !slices.Contains(x.session, i) {
				fn(i, weights[k])
			}
		}
	}
	for _, i := range x.session {
		fn(i, 1)
	}
}

// byPopularity counts distinct users; items that nobody has come last, by ascending item, as any item may be asked for.
func (q *quiz) byPopularity(name string, counted *learn.Matrix) recommender {
	return q.byOrder(name, order(popularity(counted.Transpose())))
}

// byNeighbours scores an item by its similarity to what the user has, as far as that is among the item's own k nearest:
// score(j) = Σ_{i in history ∩ N(j)} w_i·sim(i, j). (Summing over the neighbours of the history instead favours hubs.)
func (q *quiz) byNeighbours(name string, pairs *learn.Matrix, lists [][]learn.Scored, k int) recommender {
	return q.byWholeTable(name, pairs, turned(lists, k))
}

// turned is the table of what each item is among the k nearest of.
func turned(lists [][]learn.Scored, k int) *learn.Table {
	t := &learn.Table{Start: make([]int, len(lists)+1)}
	each := func(fn func(i, j uint32, sim float32)) {
		for j, list := range lists {
			for _, n := range list[:min(k, len(list))] {
				fn(n.Item, uint32(j), n.Score)
			}
		}
	}
	each(func(i, _ uint32, _ float32) { t.Start[i+1]++ })
	for i := range lists {
		t.Start[i+1] += t.Start[i]
	}
	next := slices.Clone(t.Start)
	t.Item, t.Weight = make([]uint32, t.Start[len(lists)]), make([]float32, t.Start[len(lists)])
	each(func(i, j uint32, sim float32) {
		t.Item[next[i]], t.Weight[next[i]] = j, sim
		next[i]++
	})
	return t
}

// byWholeTable sums the rows of a table over all the user has.
func (q *quiz) byWholeTable(name string, pairs *learn.Matrix, t *learn.Table) recommender {
	return q.byScores(name, func() func(dst []float32, at int) {
		return func(dst []float32, at int) {
			clear(dst)
			q.had(pairs, at, func(i uint32, w float32) {
				targets, weights := t.Row(int(i))
				for k, j := range targets {
					dst[j] += w * weights[k]
				}
			})
		}
	})
}

// byFactors scores an item by the product of its vector and the user's, folded in from all the user has.
func (q *quiz) byFactors(name string, pairs *learn.Matrix, f *learn.Factors, threads int) recommender {
	return q.byScores(name, q.byVectors(pairs, f, f.Y, threads))
}

// byVectors is the products of the users' vectors with y.
func (q *quiz) byVectors(pairs *learn.Matrix, f *learn.Factors, y []float32, threads int) func() func(dst []float32, at int) {
	d := f.ALS.Factors
	x := f.FoldIn(learn.Collect(len(q.probes), q.part.items, func(yield func(r, c uint32, v float32)) {
		for at := range q.probes {
			q.had(pairs, at, func(i uint32, w float32) { yield(uint32(at), i, w) })
		}
	}), threads)
	return func() func(dst []float32, at int) {
		return func(dst []float32, at int) {
			v := x[at*d : at*d+d]
			for i := range dst {
				dst[i] = vek32.Dot(v, y[i*d:i*d+d])
			}
		}
	}
}

// byBlend is the blend in floats, over the candidates of a sheet; what is missing comes by popularity.
func (q *quiz) byBlend(name string, parts *blendParts, blend *model.Blend, threads int) recommender {
	if parts.vectors != nil {
		parts.vectors.fold(q.probes, threads)
	}
	return recommender{name, func() func(at, k int) []uint32 {
		w := newSheetWorker(q.part.items, parts)
		var list []learn.Scored
		var items []uint32
		return func(at, k int) []uint32 {
			p := &q.probes[at]
			row := w.row(at, p)
			list = row.mixed(list[:0], mixOf(*blend.Stage(p.distinct)))
			items = items[:0]
			for _, s := range learn.Best(list, k) {
				items = append(items, s.Item)
			}
			return items
		}
	}}
}

// mixed appends the candidates with their scores under a mix.
func (r *sheetRow) mixed(list []learn.Scored, m mix) []learn.Scored {
	for c, i := range r.items {
		s := learn.Scored{Item: i}
		for part, w := range m {
			if w != 0 && r.score[part] != nil {
				s.Score += w * r.score[part][c]
			}
		}
		list = append(list, s)
	}
	return list
}

// similarity is what a list of neighbours says of a history.
func similarity(history []float32, near []learn.Scored) (sum float32) {
	for _, n := range near {
		sum += history[n.Item] * n.Score
	}
	return sum
}
