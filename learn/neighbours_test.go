package learn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// naiveNeighbours follows the formula over dense rows.
func naiveNeighbours(users *Matrix, i, k int, shrink float64) (list []Scored) {
	count := func(test func(u int) bool) (n float64) {
		for u := range users.Rows() {
			if test(u) {
				n++
			}
		}
		return n
	}
	has := func(item int) func(u int) bool { return func(u int) bool { return users.Has(u, uint32(item)) } }
	for j := range users.Cols {
		both := count(func(u int) bool { return has(i)(u) && has(j)(u) })
		if j != i && both > 0 {
			list = append(list, Scored{uint32(j), float32(both / (math.Sqrt(count(has(i))*count(has(j))) + shrink))})
		}
	}
	slices.SortFunc(list, ByScore)
	return list[:min(k, len(list))]
}

func TestNeighboursAgainstNaive(t *testing.T) {
	users := randomPairs(1, 60, 40, 500)
	for _, k := range []int{1, 5, 100} {
		for i, got := range Neighbours(users, users.Transpose(), k, 3, 2) {
			if want := naiveNeighbours(users, i, k, 3); !slices.Equal(got, want) {
				t.Fatalf("item %d, k %d: got %v, want %v", i, k, got, want)
			}
		}
	}
}

func TestNeighboursLeaveRobotsOut(t *testing.T) {
	robot := Collect(3, maxBasket+1, func(yield func(r, c uint32, v float32)) {
		for i := range uint32(maxBasket + 1) {
			yield(0, i, 1)
		}
		yield(1, 0, 1)
		yield(1, 1, 1)
		yield(2, 0, 1)
	})
	got := Neighbours(robot, robot.Transpose(), 10, 1, 1)
	want := []Scored{{1, float32(1 / (math.Sqrt(6) + 1))}}
	if !slices.Equal(got[0], want) || len(got[2]) != 0 {
		t.Fatalf("got %v and %v, want %v and none", got[0], got[2], want)
	}
}

func TestBestIsASortedPrefix(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 60 {
		list := make([]Scored, n)
		for i := range list {
			list[i] = Scored{uint32(i), float32(rng.IntN(5))}
		}
		rng.Shuffle(n, func(i, j int) { list[i], list[j] = list[j], list[i] })
		want := slices.Clone(list)
		slices.SortFunc(want, ByScore)
		k := 1 + rng.IntN(19)
		if got := Best(list, k); !slices.Equal(got, want[:min(k, n)]) {
			t.Fatalf("%d of %d: got %v, want %v", k, n, got, want[:min(k, n)])
		}
	}
}
