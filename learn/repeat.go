package learn

// RepeatPropensity is how readily an item is bought again, in units of the mean over items:
//
//	q_j = (visitors with at least two occasions + ½) / (visitors + 2),        q_j / mean(q)
//
// occasions holds, by visitor and item, on how many occasions (invoices, sessions, days) the visitor had the item.
func RepeatPropensity(occasions *Matrix) []float32 {
	again, all := make([]float64, occasions.Cols), make([]float64, occasions.Cols)
	for k, j := range occasions.Index {
		all[j]++
		if occasions.Value[k] >= 2 {
			again[j]++
		}
	}
	mean := 0.0
	for j := range again {
		again[j] = (again[j] + 0.5) / (all[j] + 2)
		mean += again[j] / float64(len(again))
	}
	q := make([]float32, len(again))
	for j := range q {
		q[j] = float32(again[j] / mean)
	}
	return q
}
