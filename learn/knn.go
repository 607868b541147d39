package learn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// KNN are the hyper-parameters of the asymmetric neighbour table (after Aiolli, "Efficient top-N recommendation for very
// large scale binary rated datasets", 2013). With G as in Ridge and pop_i = Σ_u x_ui,
//
//	B_ij = G_ij / (pop_i^Source · pop_j^Target)
type KNN struct {
	Source, Target float64 // 0.7, 0.2
	Row            int     // targets kept of a source: 200
}

// Fit trains on visitors by items, weights not negative. Of visitors with more than 5,000 items it takes no notice. The
// time is Σ_u |u|² multiply-adds, the memory beyond pairs its transpose and 16·I·Row bytes. progress may be nil.
func (p KNN) Fit(ctx context.Context, pairs *Matrix, threads int, progress func(done, total int)) (*Table, error) {
	err := pairs.Check()
	if math.IsNaN(p.Source+p.Target) || max(math.Abs(p.Source), math.Abs(p.Target)) > 4 || p.Row < 1 {
		err = errors.Join(err, fmt.Errorf("%+v: exponents must be between -4 and 4, row at least 1", p))
	}
	if err != nil {
		return nil, fmt.Errorf("learn: kNN: %w", err)
	}
	threads = max(threads, 1)
	g := newGramian(pairs, threads)
	source, target := make([]float32, pairs.Cols), make([]float32, pairs.Cols)
	for i := range source {
		if pop := g.items.Weight(i); pop > 0 {
			source[i], target[i] = float32(math.Pow(pop, -p.Source)), float32(math.Pow(pop, -p.Target))
		}
	}
	lists, work := make([][]Scored, pairs.Cols), make([][]Scored, threads)
	err = g.each(ctx, threads, func(w, i int, row *sparse) {
		list := work[w][:0]
		for _, j := range row.touched {
			if score := row.value[j] * source[i] * target[j]; int(j) != i && score > 0 {
				list = append(list, Scored{j, score})
			}
		}
		work[w] = list
		lists[i] = slices.Clone(Best(list, p.Row))
	})
	if err != nil {
		return nil, err
	}
	if progress != nil {
		progress(pairs.Cols, pairs.Cols)
	}
	return tableOf(pairs.Cols, func(i int, list []Scored) []Scored { return append(list, lists[i]...) }), nil
}
