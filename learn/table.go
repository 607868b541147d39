package learn

import (
	"cmp"
	"math"
	"slices"
)

// Table holds for each source item the targets it speaks for: row i is Item[Start[i]:Start[i+1]], ascending, with a weight
// above 0 beside each. A visitor's score for target j is Σ_i h_i·weight(i, j) over the items i of the history, h_i being
// what the caller makes of their age. A Table is not changed once made; any number of goroutines may read it.
type Table struct {
	Start  []int
	Item   []uint32
	Weight []float32
}

// Rows is the number of source items.
func (t *Table) Rows() int { return len(t.Start) - 1 }

// Row gives the targets of item i and their weights. The slices are the table's own.
func (t *Table) Row(i int) ([]uint32, []float32) {
	lo, hi := t.Start[i], t.Start[i+1]
	return t.Item[lo:hi], t.Weight[lo:hi]
}

// Cut keeps the n heaviest targets of each row; of equal ones those with the smaller number.
func (t *Table) Cut(n int) *Table {
	return tableOf(t.Rows(), func(i int, list []Scored) []Scored {
		items, weights := t.Row(i)
		for k, j := range items {
			list = append(list, Scored{j, weights[k]})
		}
		return heaviest(list, n)
	})
}

// gone is the place of an item that is left out.
const gone = math.MaxUint32

// Among is the table of n of the items: place gives an item's new number, or math.MaxUint32 where it is left out.
func (t *Table) Among(n int, place []uint32) *Table {
	if t == nil {
		return nil
	}
	old := make([]int, n)
	for i, p := range place {
		if p != gone {
			old[p] = i
		}
	}
	return tableOf(n, func(i int, list []Scored) []Scored {
		items, weights := t.Row(old[i])
		for k, j := range items {
			if place[j] != gone {
				list = append(list, Scored{place[j], weights[k]})
			}
		}
		return list
	})
}

// Plus adds likeness to what was learned: k·w̄·L_ij to the weight of j in row i, w̄ being what an entry of the rows that both
// have weighs on average beside one of L, so that k is a share. The n heaviest of each row are kept.
func (t *Table) Plus(alike *Table, k float64, n int) *Table {
	learned, like := 0.0, 0.0
	for i := range t.Rows() {
		if t.Start[i] < t.Start[i+1] {
			_, weights := t.Row(i)
			_, likeness := alike.Row(i)
			learned, like = learned+sum(weights), like+sum(likeness)
		}
	}
	if like == 0 || k == 0 {
		return t.Cut(n)
	}
	share, row := float32(k*learned/like), newSparse(t.Rows())
	return tableOf(t.Rows(), func(i int, list []Scored) []Scored {
		row.clear()
		items, weights := t.Row(i)
		for at, j := range items {
			row.add(j, weights[at])
		}
		items, weights = alike.Row(i)
		for at, j := range items {
			row.add(j, share*weights[at])
		}
		for _, j := range row.touched {
			list = append(list, Scored{j, row.value[j]})
		}
		return heaviest(list, n)
	})
}

func sum(x []float32) (s float64) {
	for _, v := range x {
		s += float64(v)
	}
	return s
}

// tableOf makes a table of rows. row appends number i to an empty list, whose memory it gets to use again; targets in any
// order, each at most once.
func tableOf(rows int, row func(i int, list []Scored) []Scored) *Table {
	t := &Table{Start: make([]int, rows+1)}
	var list []Scored
	for i := range rows {
		list = row(i, list[:0])
		slices.SortFunc(list, byItem)
		for _, s := range list {
			t.Item, t.Weight = append(t.Item, s.Item), append(t.Weight, s.Score)
		}
		t.Start[i+1] = len(t.Item)
	}
	t.Item, t.Weight = slices.Clip(t.Item), slices.Clip(t.Weight)
	return t
}

// transposed makes a table of n rows out of columns: lists[j] holds the sources of target j.
func transposed(n int, lists [][]Scored) *Table {
	t := &Table{Start: make([]int, n+1)}
	for _, list := range lists {
		for _, s := range list {
			t.Start[s.Item+1]++
		}
	}
	for i := range n {
		t.Start[i+1] += t.Start[i]
	}
	next := slices.Clone(t.Start[:n])
	t.Item, t.Weight = make([]uint32, t.Start[n]), make([]float32, t.Start[n])
	for j, list := range lists {
		for _, s := range list {
			t.Item[next[s.Item]], t.Weight[next[s.Item]] = uint32(j), s.Score
			next[s.Item]++
		}
	}
	return t
}

// heaviest is Best, for any n.
func heaviest(list []Scored, n int) []Scored {
	if n <= 0 {
		return nil
	}
	return Best(list, n)
}

func byItem(a, b Scored) int { return cmp.Compare(a.Item, b.Item) }
