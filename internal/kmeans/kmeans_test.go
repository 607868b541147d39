package kmeans

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func blobs(rng *rand.Rand, n, dim, k int) (points []float32, truth []int) {
	centres := make([]float32, k*dim)
	for i := range centres {
		centres[i] = float32(rng.NormFloat64())
	}
	for range n {
		c := rng.IntN(k)
		size := float32(1 + 3*rng.Float64())
		for j := range dim {
			points = append(points, size*(centres[c*dim+j]+.05*float32(rng.NormFloat64())))
		}
		truth = append(truth, c)
	}
	return points, truth
}

func TestTrainFindsWhatGathers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n, dim, k = 2000, 16, 8
	points, truth := blobs(rng, n, dim, k)
	cells := Train(points, dim, 4*k, 10, 1, 2)
	var s Scratch
	owner := map[int]int{}
	for i, want := range truth {
		c := cells.Nearest(points[i*dim:][:dim], &s)
		if other, ok := owner[c]; ok && other != want {
			t.Fatalf("cell %d holds points of %d and of %d", c, other, want)
		}
		owner[c] = want
	}
}

func TestTrainIsTheSameWithAnyNumberOfThreads(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	points, _ := blobs(rng, 500, 24, 5)
	one, three := Train(points, 24, 9, 5, 3, 1), Train(points, 24, 9, 5, 3, 3)
	if !slices.Equal(one.Unit, three.Unit) {
		t.Error("cells differ")
	}
}

func TestFewPointsOrNone(t *testing.T) {
	var s Scratch
	for _, n := range []int{0, 1, 3} {
		points := make([]float32, n*8)
		for i := range points {
			points[i] = float32(i % 3)
		}
		cells := Train(points, 8, 5, 3, 1, 2)
		if c := cells.Nearest(make([]float32, 8), &s); cells.Len() != 5 || c != 0 {
			t.Errorf("%d points: %d cells, zero goes to %d", n, cells.Len(), c)
		}
	}
}
