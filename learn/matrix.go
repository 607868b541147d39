package learn

import (
	"cmp"
	"slices"
)

// sparse is a matrix by rows: row r holds index[start[r]:start[r+1]], ascending, with value beside it.
type Matrix struct {
	Cols  int
	Start []int
	Index []uint32
	Value []float32
}

func (m *Matrix) Rows() int  { return len(m.Start) - 1 }
func (m *Matrix) Pairs() int { return len(m.Index) }
func (m *Matrix) Row(r int) ([]uint32, []float32) {
	return m.Index[m.Start[r]:m.Start[r+1]], m.Value[m.Start[r]:m.Start[r+1]]
}
func (m *Matrix) Count(r int) int { return m.Start[r+1] - m.Start[r] }
func (m *Matrix) Has(r int, c uint32) bool {
	_, ok := slices.BinarySearch(m.Index[m.Start[r]:m.Start[r+1]], c)
	return ok
}

// transpose turns rows into columns, which come out ascending because rows are visited in order.
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

// weight sums the values of a row.
func (m *Matrix) Weight(r int) (sum float64) {
	_, values := m.Row(r)
	for _, v := range values {
		sum += float64(v)
	}
	return sum
}

// active counts the rows that hold anything.
func (m *Matrix) Active() (n int) {
	for r := range m.Rows() {
		if m.Count(r) > 0 {
			n++
		}
	}
	return n
}

// collect builds a matrix from triples in any order; of several for one place the largest value stays. each is called
// twice and must yield the same triples both times.
func Collect(rows, cols int, each func(yield func(r, c uint32, v float32))) *Matrix {
	m := &Matrix{Cols: cols, Start: make([]int, rows+1)}
	each(func(r, _ uint32, _ float32) { m.Start[r+1]++ })
	for r := range rows {
		m.Start[r+1] += m.Start[r]
	}
	cells := make([]cell, m.Start[rows])
	next := slices.Clone(m.Start[:rows])
	each(func(r, c uint32, v float32) {
		cells[next[r]] = cell{c, v}
		next[r]++
	})
	m.settle(cells)
	return m
}

type cell struct {
	col   uint32
	value float32
}

// settle sorts each row of cells and keeps the largest value of each column.
func (m *Matrix) settle(cells []cell) {
	lo := 0
	for r := range m.Rows() {
		hi := m.Start[r+1]
		row := cells[lo:hi]
		slices.SortFunc(row, func(a, b cell) int {
			return cmp.Or(cmp.Compare(a.col, b.col), cmp.Compare(b.value, a.value))
		})
		for _, c := range slices.CompactFunc(row, func(a, b cell) bool { return a.col == b.col }) {
			m.Index, m.Value = append(m.Index, c.col), append(m.Value, c.value)
		}
		lo, m.Start[r+1] = hi, len(m.Index)
	}
}

// weightOf is the value at row r, column c; 0 where there is none.
func (m *Matrix) WeightOf(r int, c uint32) float32 {
	cols, values := m.Row(r)
	if k, ok := slices.BinarySearch(cols, c); ok {
		return values[k]
	}
	return 0
}
