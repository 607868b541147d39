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

// maxMet bounds how many pairs of a feature and another row are looked at for one row. Those of the rarest features, which say most, come first.
const maxMet = 1 << 16

// Alike finds for every row of features (see TFIDF) the k others most like it by cosine. Features that more than 2,000
// rows have do not make rows alike, nor do the commonest of a row whose features have more than 65,536 rows between them. The time is
// Σ_f rows(f)² multiply-adds over the others, at most 65,536 a row.
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
	for _, c := range telling(columns, by) {
		others, weights := by.Row(int(columns[c]))
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

// telling lists the places, in order, of the columns that make a row alike to others: the rarest, within maxShared and maxMet.
func telling(columns []uint32, by *Matrix) []int {
	places, met := make([]int, 0, len(columns)), 0
	for c, f := range columns {
		if n := by.Count(int(f)); n <= maxShared {
			places = append(places, c)
			met += n
		}
	}
	if met <= maxMet {
		return places
	}
	slices.SortStableFunc(places, func(a, b int) int { return by.Count(int(columns[b])) - by.Count(int(columns[a])) })
	for ; met > maxMet; places = places[1:] {
		met -= by.Count(int(columns[places[0]]))
	}
	slices.Sort(places)
	return places
}
