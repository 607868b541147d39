package learn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// KNN are the hyper-parameters of the neighbour table: cosine with its two sides weighed apart (Aiolli, "Efficient top-N
// recommendation for very large scale binary rated datasets", RecSys 2013) and shrunk (Bell & Koren, "Scalable collaborative
// filtering with jointly derived neighborhood interpolation weights", ICDM 2007). With G as in Ridge and pop_i = Σ_u x_ui,
//
//	B_ij = G_ij / (pop_i^Source · pop_j^Target + Shrink)        for the Neighbours items i ≠ j of target j where it is largest
//
// and each source keeps its Row heaviest targets.
type KNN struct {
	Source, Target float64 // 0.7, 0.2; both 0.5: cosine
	Shrink         float64 // 0, or 10 for cosine: what few visitors say counts less
	Neighbours     int     // of a target: 50 to 200
	Row            int     // targets kept of a source: 100
	Plain          bool    // G = XᵀX: visitors do not weigh less the more they have
}

func (p KNN) check() (err error) {
	if math.IsNaN(p.Source+p.Target) || max(math.Abs(p.Source), math.Abs(p.Target)) > 4 {
		err = errors.Join(err, fmt.Errorf("exponents are %v and %v: they must be between -4 and 4", p.Source, p.Target))
	}
	if !(p.Shrink >= 0) || math.IsInf(p.Shrink, 0) {
		err = errors.Join(err, fmt.Errorf("shrink is %v: it must not be negative", p.Shrink))
	}
	if p.Neighbours < 1 || p.Neighbours > MaxNeighbours {
		err = errors.Join(err, fmt.Errorf("neighbours is %d: it must be 1 to %d", p.Neighbours, MaxNeighbours))
	}
	if p.Row < 1 {
		err = errors.Join(err, fmt.Errorf("row is %d: it must be at least 1", p.Row))
	}
	return err
}

// Fit trains on visitors by items, weights not negative. Of visitors with more than 5,000 items it takes no notice. The
// time is Σ_u |u|² multiply-adds, the memory beyond pairs its transpose and 8·I·(Neighbours + Row) bytes. progress may be nil.
func (p KNN) Fit(ctx context.Context, pairs *Matrix, threads int, progress func(done, total int)) (*Table, error) {
	if err := errors.Join(p.check(), pairs.Check()); err != nil {
		return nil, fmt.Errorf("learn: kNN: %w", err)
	}
	threads = max(threads, 1)
	g := newGramian(pairs, threads)
	if p.Plain {
		g.plain()
	}
	source, target := make([]float64, pairs.Cols), make([]float64, pairs.Cols)
	for i := range source {
		pop := g.items.Weight(i)
		source[i], target[i] = math.Pow(pop, p.Source), math.Pow(pop, p.Target)
	}
	lists, work := make([][]Scored, pairs.Cols), make([][]Scored, threads)
	err := g.each(ctx, threads, func(w, j int, row *sparse) {
		list := work[w][:0]
		for _, i := range row.touched {
			b := float32(float64(row.value[i]) / (source[i]*target[j] + p.Shrink))
			if int(i) != j && b > 0 {
				list = append(list, Scored{i, b})
			}
		}
		work[w] = list
		lists[j] = slices.Clone(Best(list, p.Neighbours))
	})
	if err != nil {
		return nil, err
	}
	if progress != nil {
		progress(pairs.Cols, pairs.Cols)
	}
	return transposed(pairs.Cols, lists).Cut(p.Row), nil
}
