// Package kmeans finds directions around which vectors gather: spherical k-means.
//
// Distances are the integer dot products of package kernel, so the same vectors and seed give the same assignment on
// every CPU, with any number of threads. Sums of a cell are taken in the order of the vectors.
package kmeans

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/edged/edged/internal/kernel"
)

// Cells are k unit vectors in 8-bit codes. They may be shared by any number of goroutines.
type Cells struct {
	Dim    int
	Unit   []float32 // k × Dim
	codes  []int8
	scales []float32
}

// Len returns k.
func (c *Cells) Len() int { return len(c.scales) }

func newCells(unit []float32, dim int) *Cells {
	c := &Cells{Dim: dim, Unit: unit, codes: make([]int8, len(unit)), scales: make([]float32, len(unit)/dim)}
	for i := range c.scales {
		v := unit[i*dim:][:dim]
		var peak float64
		for _, x := range v {
			peak = max(peak, math.Abs(float64(x)))
		}
		if peak == 0 {
			continue
		}
		c.scales[i] = float32(peak / 127)
		for k, x := range v {
			c.codes[i*dim+k] = int8(math.RoundToEven(float64(x) * 127 / peak))
		}
	}
	return c
}

// Scratch is the working memory of Nearest.
type Scratch struct {
	point []int16
	dots  []int32
}

// Nearest returns the cell whose direction is nearest to x, of any length.
func (c *Cells) Nearest(x []float32, s *Scratch) int {
	if cap(s.point) < c.Dim || cap(s.dots) < c.Len() {
		s.point, s.dots = make([]int16, c.Dim), make([]int32, c.Len())
	}
	point, dots := s.point[:c.Dim], s.dots[:c.Len()]
	var peak float32
	for _, v := range x {
		peak = max(peak, v, -v)
	}
	if !(peak > 0) {
		return 0
	}
	inverse := 32767 / float64(peak)
	for i, v := range x {
		point[i] = int16(max(-32767, min(32767, math.RoundToEven(float64(v)*inverse))))
	}
	kernel.DotRowsI8I16(dots, c.codes, point)
	best, at := float32(math.Inf(-1)), 0
	for i, d := range dots {
		if v := float32(d) * c.scales[i]; v > best {
			best, at = v, i
		}
	}
	return at
}

// Train returns k cells of points, rows of dim floats, dim a multiple of 8. With fewer points than cells some cells
// are equal.
func Train(points []float32, dim, k, rounds int, seed uint64, threads int) *Cells {
	n := len(points) / dim
	unit := make([]float32, k*dim)
	if n == 0 {
		return newCells(unit, dim)
	}
	rng := rand.New(rand.NewPCG(seed, 0x65646765642d6b6d)) // "edged-km"
	pick := rng.Perm(n)
	for c := range k {
		copy(unit[c*dim:][:dim], points[pick[c%n]*dim:][:dim])
		normalise(unit[c*dim:][:dim])
	}
	cells := newCells(unit, dim)
	nearest := make([]int32, n)
	for range rounds {
		assign(cells, points, nearest, threads)
		unit = means(points, nearest, dim, k, rng)
		cells = newCells(unit, dim)
	}
	return cells
}

func assign(cells *Cells, points []float32, nearest []int32, threads int) {
	var wg sync.WaitGroup
	n := len(nearest)
	threads = max(1, threads)
	for t := range threads {
		wg.Go(func() {
			var s Scratch
			for i := n * t / threads; i < n*(t+1)/threads; i++ {
				nearest[i] = int32(cells.Nearest(points[i*cells.Dim:][:cells.Dim], &s))
			}
		})
	}
	wg.Wait()
}

// means returns the normalised sums of the unit points of each cell; an empty cell takes a random point.
func means(points []float32, nearest []int32, dim, k int, rng *rand.Rand) []float32 {
	sums := make([]float64, k*dim)
	count := make([]int, k)
	for i, c := range nearest {
		x, sum := points[i*dim:][:dim], sums[int(c)*dim:][:dim]
		norm := length(x)
		if norm == 0 {
			continue
		}
		count[c]++
		for j, v := range x {
			sum[j] += float64(float64(v) * (1 / norm))
		}
	}
	unit := make([]float32, k*dim)
	for c := range k {
		u := unit[c*dim:][:dim]
		if count[c] == 0 {
			copy(u, points[rng.IntN(len(nearest))*dim:][:dim])
		} else {
			for j, v := range sums[c*dim:][:dim] {
				u[j] = float32(v)
			}
		}
		normalise(u)
	}
	return unit
}

func length(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(float64(v) * float64(v))
	}
	return math.Sqrt(sum)
}

func normalise(x []float32) {
	norm := length(x)
	if norm == 0 {
		return
	}
	for i, v := range x {
		x[i] = float32(float64(v) / norm)
	}
}
