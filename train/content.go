package train

import (
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
)

// itemFeatures counts what items say of themselves: words and pairs of words next to each other in title and description,
// categories and those above them, tags, brand and price band. Features are numbered in the order of their names, which are returned, too.
func itemFeatures(items []edged.Item) (*learn.Matrix, []string) {
	names := newInterner()
	type count struct{ item, feature uint32 }
	var counts []count
	for i := range items {
		model.EachFeature(&items[i], func(name string) { counts = append(counts, count{uint32(i), names.add(name)}) })
	}
	n := len(names.ids)
	place := names.sort()
	slices.SortFunc(counts, func(a, b count) int {
		if a.item != b.item {
			return int(a.item) - int(b.item)
		}
		return int(place[a.feature]) - int(place[b.feature])
	})
	m := &learn.Matrix{Cols: n, Start: make([]int, len(items)+1)}
	for at, i := 0, 0; i < len(items); i++ {
		for ; at < len(counts) && int(counts[at].item) == i; at++ {
			if f := place[counts[at].feature]; len(m.Index) > m.Start[i] && m.Index[len(m.Index)-1] == f {
				m.Value[len(m.Value)-1]++
			} else {
				m.Index, m.Value = append(m.Index, f), append(m.Value, 1)
			}
		}
		m.Start[i+1] = len(m.Index)
	}
	return m, names.ids
}
