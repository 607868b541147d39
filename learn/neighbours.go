package learn

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/edged/edged/internal/parallel"
)

// maxBasket leaves visitors with more items out of the neighbours: such a one is a robot or a reseller, says little about
// what goes together, and costs the square of its items.
const maxBasket = 5000

// Scored is an item with a score; lists of it go by score descending, then item ascending.
type Scored struct {
	Item  uint32
	Score float32
}

func ByScore(a, b Scored) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Item, b.Item))
}

// Ordinary is the matrix without the rows of such visitors, which are empty there; the matrix itself where there are none.
func (m *Matrix) Ordinary() *Matrix {
	kept := 0
	for r := range m.Rows() {
		if n := m.Count(r); n <= maxBasket {
			kept += n
		}
	}
	if kept == m.Pairs() {
		return m
	}
	o := &Matrix{Cols: m.Cols, Start: make([]int, 1, m.Rows()+1), Index: make([]uint32, 0, kept), Value: make([]float32, 0, kept)}
	for r := range m.Rows() {
		if m.Count(r) <= maxBasket {
			index, value := m.Row(r)
			o.Index, o.Value = append(o.Index, index...), append(o.Value, value...)
		}
		o.Start = append(o.Start, len(o.Index))
	}
	return o
}

// Neighbours finds for every item its k most similar others by shrunk cosine over visitors, best first:
//
//	sim(i, j) = c_ij / (√(n_i·n_j) + shrink)        c: visitors of both, n: visitors of one
//
// It ends early when ctx does.
func Neighbours(ctx context.Context, users, items *Matrix, k int, shrink float64, threads int) [][]Scored {
	lists := make([][]Scored, items.Rows())
	work := make([]*counter, threads)
	parallel.For(threads, items.Rows(), 16, func(w, lo, hi int) {
		if work[w] == nil {
			work[w] = &counter{count: make([]uint32, items.Rows())}
		}
		for i := lo; i < hi && ctx.Err() == nil; i++ {
			lists[i] = work[w].neighboursOf(i, users, items, k, shrink)
		}
	})
	return lists
}

// counter counts visitors in common with one item at a time.
type counter struct {
	count   []uint32
	touched []uint32
	list    []Scored
}

func (c *counter) neighboursOf(i int, users, items *Matrix, k int, shrink float64) []Scored {
	visitors, _ := items.Row(i)
	for _, u := range visitors {
		if users.Count(int(u)) <= maxBasket {
			c.add(users, u)
		}
	}
	c.list = c.list[:0]
	for _, j := range c.touched {
		if int(j) != i {
			both := math.Sqrt(float64(len(visitors)) * float64(items.Count(int(j))))
			c.list = append(c.list, Scored{j, float32(float64(c.count[j]) / (both + shrink))})
		}
		c.count[j] = 0
	}
	c.touched = c.touched[:0]
	return slices.Clone(Best(c.list, k))
}

func (c *counter) add(users *Matrix, u uint32) {
	basket, _ := users.Row(int(u))
	for _, j := range basket {
		if c.count[j] == 0 {
			c.touched = append(c.touched, j)
		}
		c.count[j]++
	}
}

// Best moves the k (at least one) first of list by ByScore to its front, in order, and returns them. A list much longer than k is
// filtered through a heap of k, whose root is the worst kept.
func Best(list []Scored, k int) []Scored {
	if len(list) > k {
		heap := list[:k]
		for at := k/2 - 1; at >= 0; at-- {
			sift(heap, at)
		}
		for at := k; at < len(list); at++ {
			if ByScore(list[at], heap[0]) < 0 {
				heap[0], list[at] = list[at], heap[0]
				sift(heap, 0)
			}
		}
		list = heap
	}
	slices.SortFunc(list, ByScore)
	return list
}

func sift(heap []Scored, at int) {
	for {
		worst := at
		for child := 2*at + 1; child <= 2*at+2 && child < len(heap); child++ {
			if ByScore(heap[child], heap[worst]) > 0 {
				worst = child
			}
		}
		if worst == at {
			return
		}
		heap[at], heap[worst] = heap[worst], heap[at]
		at = worst
	}
}
