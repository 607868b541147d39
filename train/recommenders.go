package train

import (
	"context"
	"math"
	"slices"

	"github.com/edged/edged/eval"
	"github.com/edged/edged/learn"
	"github.com/viterin/vek/vek32"
)

// recommender names a model and makes, for one goroutine, the function that lists its k best items for a user of the
// split: best first, training items left out, ties by ascending item. The list is valid until the next call.
type recommender struct {
	name string
	open func() func(user, k int) []uint32
}

// byOrder recommends the same order to everybody.
func byOrder(name string, train *learn.Matrix, order []learn.Scored) recommender {
	return recommender{name, func() func(user, k int) []uint32 {
		var list []uint32
		return func(user, k int) []uint32 {
			list = list[:0]
			for _, s := range order {
				if len(list) == k {
					break
				}
				if !train.Has(user, s.Item) {
					list = append(list, s.Item)
				}
			}
			return list
		}
	}}
}

// byScores recommends by a score for every item, which fill writes into dst.
func byScores(name string, train *learn.Matrix, fill func(dst []float32, user int)) recommender {
	return recommender{name, func() func(user, k int) []uint32 {
		scores := make([]float32, train.Cols)
		list, items := make([]learn.Scored, 0, train.Cols), []uint32(nil)
		return func(user, k int) []uint32 {
			fill(scores, user)
			list, items = list[:0], items[:0]
			for i, s := range mask(scores, train, user) {
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

// mask sinks what the user has in training.
func mask(scores []float32, train *learn.Matrix, user int) []float32 {
	seen, _ := train.Row(user)
	for _, i := range seen {
		scores[i] = float32(math.Inf(-1))
	}
	return scores
}

// byPopularity counts distinct users; items that nobody has come last, by ascending item, as any item may be asked for.
func byPopularity(name string, train, counted *learn.Matrix) recommender {
	order := make([]learn.Scored, 0, train.Cols)
	for i, n := range popularity(counted.Transpose()) {
		order = append(order, learn.Scored{Item: uint32(i), Score: n})
	}
	slices.SortFunc(order, learn.ByScore)
	return byOrder(name, train, order)
}

// byNeighbours scores an item by its similarity to what the user has, as far as that is among the item's own k nearest:
// score(j) = Σ_{i in history ∩ N(j)} w_i·sim(i, j). (Summing over the neighbours of the history instead favours hubs.)
func byNeighbours(name string, train *learn.Matrix, lists [][]learn.Scored, k int) recommender {
	return recommender{name, func() func(user, k int) []uint32 {
		history := make([]float32, train.Cols)
		return byScores(name, train, func(dst []float32, user int) {
			items, weights := train.Row(user)
			for at, i := range items {
				history[i] = weights[at]
			}
			for j := range dst {
				dst[j] = similarity(history, lists[j][:min(k, len(lists[j]))])
			}
			for _, i := range items {
				history[i] = 0
			}
		}).open()
	}}
}

func similarity(history []float32, near []learn.Scored) (sum float32) {
	for _, n := range near {
		sum += history[n.Item] * n.Score
	}
	return sum
}

// byFactors scores an item by the product of its vector and the user's.
func byFactors(name string, train *learn.Matrix, x, y []float32, d int) recommender {
	return byScores(name, train, func(dst []float32, user int) {
		v := x[user*d : user*d+d]
		for i := range dst {
			dst[i] = vek32.Dot(v, y[i*d:i*d+d])
		}
	})
}

// measure puts every user with test pairs to a recommender.
func (s *split) measure(ctx context.Context, set *eval.Set, r recommender, k, threads int) (*eval.Result, error) {
	return eval.Measure(ctx, set, eval.Recommender{Name: r.name, Open: func() func(c, k int) []uint32 {
		ask := r.open()
		return func(c, k int) []uint32 { return ask(int(s.asked[c]), k) }
	}}, k, threads)
}
