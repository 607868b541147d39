package learn

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/edged/edged/internal/parallel"
)

// maxShared leaves out features that more items have: they say little, and would make items alike in number of items squared.
const maxShared = 2000

// Alike finds for every row of features (see TFIDF) the k others most like it by cosine. Features that more than 2,000
// rows have do not make rows alike. The time is Σ_f rows(f)² multiply-adds over the others.
func Alike(ctx context.Context, features *Matrix, k, threads int) (*Table, error) {
	if k < 1 {
		return nil, fmt.Errorf("learn: alike: the %d most like each: want 1 at least", k)
	}
	if err := errors.Join(features.Check(), ctx.Err()); err != nil {
		return nil, err
	}
	by, n := features.Transpose(), features.Rows()
	lists, rows := make([][]Scored, n), make([]*sparse, max(threads, 1))
	parallel.For(len(rows), n, 64, func(w, lo, hi int) {
		if rows[w] == nil {
			rows[w] = newSparse(n)
		}
		for i := lo; i < hi && ctx.Err() == nil; i++ {
			lists[i] = alikeRow(rows[w], features, by, i, k)
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return tableOf(n, func(i int, list []Scored) []Scored { return append(list, lists[i]...) }), nil
}

func alikeRow(row *sparse, features, by *Matrix, i, k int) []Scored {
	row.clear()
	columns, values := features.Row(i)
	for c, f := range columns {
		if by.Count(int(f)) > maxShared {
			continue
		}
		others, weights := by.Row(int(f))
		for at, j := range others {
			row.add(j, values[c]*weights[at])
		}
	}
	var list []Scored
	for _, j := range row.touched {
		if int(j) != i && row.value[j] > 0 {
			list = append(list, Scored{j, row.value[j]})
		}
	}
	return slices.Clone(heaviest(list, k))
}
