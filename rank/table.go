package rank

import (
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// sums are scores of all rows by a table, nearly all of them 0: s(j) = Σ_i h_i B_ij over the items i of a history. They take
// 4 bytes a row of the model, and clearing them costs no more than filling them did.
type sums struct {
	score []float32   // by row
	rows  []edged.Row // those that were reached: score above 0
	buf   model.TableBuffer

	touched uint32 // nothing but what keeps touch from being left out
}

func (s *sums) reset(n int) {
	for _, row := range s.rows {
		s.score[row] = 0
	}
	s.rows = s.rows[:0]
	if len(s.score) < n {
		s.score = make([]float32, n)
	}
}

// smallestWeight is what a source at least weighs to count: below, a product with it might be 0, and reached rows are told by
// not being 0.
const smallestWeight = 1e-30

// add adds a row of the table, weighed.
func (s *sums) add(t *model.Table, row edged.Row, weight float64) error {
	r, err := t.Row(row, &s.buf)
	if err != nil {
		return err
	}
	scale := float32(weight * float64(r.Scale))
	if scale < smallestWeight {
		return nil
	}
	n := len(s.rows)
	s.rows = slices.Grow(s.rows, len(r.Rows))
	score, codes, rows := s.score, r.Codes[:len(r.Rows)], s.rows[n:n+len(r.Rows)]
	n = 0
	for i, to := range r.Rows {
		before := score[to]
		rows[n] = to // stays if it is new; told by the sign of bits-1, which costs less than a branch nobody can foresee
		n += int((uint64(math.Float32bits(before)) - 1) >> 63)
		score[to] = before + float32(scale*float32(codes[i]))
	}
	s.rows = s.rows[:len(s.rows)+n]
	return nil
}

// touch has the CPU fetch rows of the table all at once; one after the other they would be waited for.
func (s *sums) touch(t *model.Table, rows []edged.Row) {
	for _, row := range rows {
		s.touched += t.Touch(row)
	}
}

// drop makes rows count as not reached, for good.
func (s *sums) drop(rows []edged.Row) {
	for _, row := range rows {
		if int(row) < len(s.score) {
			s.score[row] = 0
		}
	}
}

// deviation returns σ = √(Σ s²/I − (Σ s/I)²) over I items, those not reached scoring 0.
func (s *sums) deviation(items int) float64 {
	var sum, squares float64
	for _, row := range s.rows {
		x := float64(s.score[row])
		sum += x
		squares += float64(x * x)
	}
	mean := sum / float64(items)
	return math.Sqrt(max(squares/float64(items)-float64(mean*mean), 0))
}

// weightOf returns B_ij, 0 where j is not in row i.
func (s *sums) weightOf(t *model.Table, i, j edged.Row) float64 {
	r, err := t.Row(i, &s.buf)
	if err != nil {
		return 0
	}
	k, ok := slices.BinarySearch(r.Rows, j)
	if !ok {
		return 0
	}
	return float64(r.Scale) * float64(r.Codes[k])
}
