package learn

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Matrix is sparse, by rows: row r holds Index[Start[r]:Start[r+1]], ascending, with Value beside it. It takes 8 bytes an
// element and 8 a row. Nothing here changes one once it is made; any number of goroutines may read it.
type Matrix struct {
	Cols  int
	Start []int
	Index []uint32
	Value []float32
}

// Rows is the number of rows, empty ones included.
func (m *Matrix) Rows() int { return len(m.Start) - 1 }

// Pairs is the number of elements.
func (m *Matrix) Pairs() int { return len(m.Index) }

// Row gives the columns of row r and their values. The slices are the matrix's own.
func (m *Matrix) Row(r int) ([]uint32, []float32) {
	return m.Index[m.Start[r]:m.Start[r+1]], m.Value[m.Start[r]:m.Start[r+1]]
}

// Count is the number of elements of row r.
func (m *Matrix) Count(r int) int { return m.Start[r+1] - m.Start[r] }

// Has says whether row r has an element at column c.
func (m *Matrix) Has(r int, c uint32) bool {
	_, ok := slices.BinarySearch(m.Index[m.Start[r]:m.Start[r+1]], c)
	return ok
}

// WeightOf is the value at row r, column c; 0 where there is none.
func (m *Matrix) WeightOf(r int, c uint32) float32 {
	cols, values := m.Row(r)
	if k, ok := slices.BinarySearch(cols, c); ok {
		return values[k]
	}
	return 0
}

// Weight sums the values of a row.
func (m *Matrix) Weight(r int) (sum float64) {
	_, values := m.Row(r)
	for _, v := range values {
		sum += float64(v)
	}
	return sum
}

// Active counts the rows that hold anything.
func (m *Matrix) Active() (n int) {
	for r := range m.Rows() {
		if m.Count(r) > 0 {
			n++
		}
	}
	return n
}

// Check says what is wrong with a matrix of observations: its shape, or weights that are no numbers, infinite or negative.
func (m *Matrix) Check() error {
	if err := checkStarts(m.Start, len(m.Index)); err != nil {
		return err
	}
	if len(m.Value) != len(m.Index) || m.Cols < 0 {
		return fmt.Errorf("%d values for %d elements, %d columns", len(m.Value), len(m.Index), m.Cols)
	}
	for r := range m.Rows() {
		cols, values := m.Row(r)
		for k, c := range cols {
			if int(c) >= m.Cols || k > 0 && c <= cols[k-1] {
				return fmt.Errorf("row %d, column %d: columns must ascend and be below %d", r, c, m.Cols)
			}
			if !isWeight(values[k]) {
				return fmt.Errorf("row %d, column %d weighs %v: a weight must be a number, not negative", r, c, values[k])
			}
		}
	}
	return nil
}

func isWeight(w float32) bool { return w >= 0 && !math.IsInf(float64(w), 0) }

// checkStarts wants offsets from 0 to n that do not descend.
func checkStarts(start []int, n int) error {
	switch {
	case len(start) == 0:
		return errors.New("no offsets: a matrix of no rows has one")
	case start[0] != 0 || start[len(start)-1] != n || !slices.IsSorted(start):
		return fmt.Errorf("offsets must ascend from 0 to the %d elements", n)
	}
	return nil
}

// Transpose turns rows into columns, which come out ascending because rows are visited in order.
func (m *Matrix) Transpose() *Matrix {
	t := &Matrix{Cols: m.Rows(), Start: make([]int, m.Cols+1), Index: make([]uint32, m.Pairs()), Value: make([]float32, m.Pairs())}
	for _, c := range m.Index {
		t.Start[c+1]++
	}
	for c := range m.Cols {
		t.Start[c+1] += t.Start[c]
	}
	next := slices.Clone(t.Start[:m.Cols])
	for r := range m.Rows() {
		cols, values := m.Row(r)
		for k, c := range cols {
			t.Index[next[c]], t.Value[next[c]] = uint32(r), values[k]
			next[c]++
		}
	}
	return t
}

// Collect builds a matrix from triples in any order; of several for one place the largest value stays. each is called
// twice and must yield the same triples both times. It takes 8 bytes a triple, 16 a row and the longest row once more;
// the matrix keeps 8 a pair, where at least a quarter of the triples were repeats, else 8 a triple.
func Collect(rows, cols int, each func(yield func(r, c uint32, v float32))) *Matrix {
	m := &Matrix{Cols: cols, Start: make([]int, rows+1)}
	each(func(r, _ uint32, _ float32) { m.Start[r+1]++ })
	for r := range rows {
		m.Start[r+1] += m.Start[r]
	}
	m.Index, m.Value = make([]uint32, m.Start[rows]), make([]float32, m.Start[rows])
	next := slices.Clone(m.Start[:rows])
	each(func(r, c uint32, v float32) {
		m.Index[next[r]], m.Value[next[r]] = c, v
		next[r]++
	})
	m.settle()
	return m
}

type cell struct {
	col   uint32
	value float32
}

// settle sorts each row and keeps the largest value of each column, moving rows together. Memory is given back, one
// array at a time, when it is worth copying for.
func (m *Matrix) settle() {
	var row []cell
	lo, n := 0, 0
	for r := range m.Rows() {
		hi := m.Start[r+1]
		row = row[:0]
		for k := lo; k < hi; k++ {
			row = append(row, cell{m.Index[k], m.Value[k]})
		}
		slices.SortFunc(row, func(a, b cell) int {
			return cmp.Or(cmp.Compare(a.col, b.col), cmp.Compare(b.value, a.value))
		})
		for _, c := range slices.CompactFunc(row, func(a, b cell) bool { return a.col == b.col }) {
			m.Index[n], m.Value[n] = c.col, c.value
			n++
		}
		lo, m.Start[r+1] = hi, n
	}
	worth := n < len(m.Index)-len(m.Index)/4
	m.Index, m.Value = m.Index[:n], m.Value[:n]
	if worth {
		m.Index = slices.Clone(m.Index)
		m.Value = slices.Clone(m.Value)
	}
}
