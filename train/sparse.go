package train

import (
	"cmp"
	"slices"
)

// sparse is a matrix by rows: row r holds index[start[r]:start[r+1]], ascending, with value beside it.
type sparse struct {
	cols  int
	start []int
	index []uint32
	value []float32
}

func (m *sparse) rows() int  { return len(m.start) - 1 }
func (m *sparse) pairs() int { return len(m.index) }
func (m *sparse) row(r int) ([]uint32, []float32) {
	return m.index[m.start[r]:m.start[r+1]], m.value[m.start[r]:m.start[r+1]]
}
func (m *sparse) count(r int) int { return m.start[r+1] - m.start[r] }
func (m *sparse) has(r int, c uint32) bool {
	_, ok := slices.BinarySearch(m.index[m.start[r]:m.start[r+1]], c)
	return ok
}

// transpose turns rows into columns, which come out ascending because rows are visited in order.
func (m *sparse) transpose() *sparse {
	t := &sparse{cols: m.rows(), start: make([]int, m.cols+1), index: make([]uint32, m.pairs()), value: make([]float32, m.pairs())}
	for _, c := range m.index {
		t.start[c+1]++
	}
	for c := range m.cols {
		t.start[c+1] += t.start[c]
	}
	next := slices.Clone(t.start[:m.cols])
	for r := range m.rows() {
		cols, values := m.row(r)
		for k, c := range cols {
			t.index[next[c]], t.value[next[c]] = uint32(r), values[k]
			next[c]++
		}
	}
	return t
}

// weight sums the values of a row.
func (m *sparse) weight(r int) (sum float64) {
	_, values := m.row(r)
	for _, v := range values {
		sum += float64(v)
	}
	return sum
}

// active counts the rows that hold anything.
func (m *sparse) active() (n int) {
	for r := range m.rows() {
		if m.count(r) > 0 {
			n++
		}
	}
	return n
}

// collect builds a matrix from triples in any order; of several for one place the largest value stays. each is called
// twice and must yield the same triples both times.
func collect(rows, cols int, each func(yield func(r, c uint32, v float32))) *sparse {
	m := &sparse{cols: cols, start: make([]int, rows+1)}
	each(func(r, _ uint32, _ float32) { m.start[r+1]++ })
	for r := range rows {
		m.start[r+1] += m.start[r]
	}
	cells := make([]cell, m.start[rows])
	next := slices.Clone(m.start[:rows])
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
func (m *sparse) settle(cells []cell) {
	lo := 0
	for r := range m.rows() {
		hi := m.start[r+1]
		row := cells[lo:hi]
		slices.SortFunc(row, func(a, b cell) int {
			return cmp.Or(cmp.Compare(a.col, b.col), cmp.Compare(b.value, a.value))
		})
		for _, c := range slices.CompactFunc(row, func(a, b cell) bool { return a.col == b.col }) {
			m.index, m.value = append(m.index, c.col), append(m.value, c.value)
		}
		lo, m.start[r+1] = hi, len(m.index)
	}
}

// weightOf is the value at row r, column c; 0 where there is none.
func (m *sparse) weightOf(r int, c uint32) float32 {
	cols, values := m.row(r)
	if k, ok := slices.BinarySearch(cols, c); ok {
		return values[k]
	}
	return 0
}
