package index

import (
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/quant"
)

// Order returns the rows in the order an Index wants them: longest decoded vector first, equal lengths by row.
func Order(rows *quant.Rows) []edged.Row {
	norms := make([]float64, rows.Len())
	order := make([]edged.Row, rows.Len())
	for i := range norms {
		norms[i], order[i] = rows.Norm(i), edged.Row(i)
	}
	slices.SortFunc(order, func(a, b edged.Row) int {
		if inOrder(norms[a], norms[b], a, b) {
			return -1
		}
		return 1
	})
	return order
}

func inOrder(normA, normB float64, a, b edged.Row) bool {
	return normA > normB || normA == normB && a < b
}

// Arrange returns a copy of rows in which place i holds row order[i].
func Arrange(rows *quant.Rows, order []edged.Row) quant.Rows {
	size := len(order) * quant.Stride(rows.Dim)
	out := quant.Rows{Codes: make([]int8, 0, size), Scales: make([]float32, 0, len(order)), Dim: rows.Dim}
	if rows.Low != nil {
		out.Low = make([]int8, 0, size)
	}
	for _, row := range order {
		out.Codes = append(out.Codes, rows.Row(int(row))...)
		if rows.Low != nil {
			out.Low = append(out.Low, rows.LowRow(int(row))...)
		}
		out.Scales = append(out.Scales, rows.Scales[row])
	}
	return out
}
