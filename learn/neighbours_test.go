package learn

import (
	"context"
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
		for i, got := range Neighbours(t.Context(), users, users.Transpose(), k, 3, 2) {
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
	got := Neighbours(t.Context(), robot, robot.Transpose(), 10, 1, 1)
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

// naiveKNN is B_ij by the formula over dense rows.
func naiveKNN(p KNN, users *Matrix, i, j int) float64 {
	var both, popI, popJ float64
	for u := range users.Rows() {
		_, values := users.Row(u)
		scale := 1 / math.Sqrt(squares(values))
		if p.Plain {
			scale = 1
		}
		x, y := float64(users.WeightOf(u, uint32(i))), float64(users.WeightOf(u, uint32(j)))
		if len(values) > 0 {
			both += scale * x * y
		}
		popI, popJ = popI+x, popJ+y
	}
	return both / (math.Pow(popI, p.Source)*math.Pow(popJ, p.Target) + p.Shrink)
}

// TestKNNAgainstNaive: every entry is that of the formula, each target's are the largest of all its sources, and rows are cut.
func TestKNNAgainstNaive(t *testing.T) {
	users := randomPairs(1, 60, 40, 500)
	for _, p := range []KNN{
		{Source: 0.7, Target: 0.2, Neighbours: 5, Row: 100}, {Source: 0.5, Target: 0.5, Shrink: 3, Neighbours: 100, Row: 100, Plain: true},
		{Source: 0.7, Target: 0.2, Shrink: 1, Neighbours: 10, Row: 4},
	} {
		table, err := p.Fit(context.Background(), users, 2, nil)
		if err != nil {
			t.Fatal(err)
		}
		lists := make([][]Scored, users.Cols)
		for j := range lists {
			for i := range users.Cols {
				if x := naiveKNN(p, users, i, j); i != j && x > 0 {
					lists[j] = append(lists[j], Scored{uint32(i), float32(x)})
				}
			}
			lists[j] = Best(lists[j], p.Neighbours)
		}
		want := transposed(users.Cols, lists).Cut(p.Row)
		if !slices.Equal(table.Start, want.Start) || !slices.Equal(table.Item, want.Item) {
			t.Fatalf("%+v: other entries than by the formula", p)
		}
		for k, w := range table.Weight {
			if math.Abs(float64(w/want.Weight[k])-1) > 1e-5 {
				t.Fatalf("%+v: entry %d: got %v, want %v", p, k, w, want.Weight[k])
			}
		}
	}
}

// TestKNNIsTheCosineOfNeighbours: with equal exponents it is what Neighbours finds, turned round.
func TestKNNIsTheCosineOfNeighbours(t *testing.T) {
	users := randomPairs(2, 60, 40, 500)
	for k := range users.Value {
		users.Value[k] = 1
	}
	table, err := KNN{Source: 0.5, Target: 0.5, Shrink: 10, Neighbours: 7, Row: 100, Plain: true}.Fit(context.Background(), users, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := transposed(users.Cols, Neighbours(t.Context(), users, users.Transpose(), 7, 10, 1))
	if !slices.Equal(table.Start, want.Start) || !slices.Equal(table.Item, want.Item) {
		t.Fatal("other entries than the cosine's")
	}
}

func TestKNNRefuses(t *testing.T) {
	users := randomPairs(1, 6, 4, 10)
	for _, p := range []KNN{
		{Source: math.NaN(), Neighbours: 1, Row: 1}, {Target: 5, Neighbours: 1, Row: 1}, {Shrink: -1, Neighbours: 1, Row: 1}, {Neighbours: 0, Row: 1},
		{Neighbours: MaxNeighbours + 1, Row: 1}, {Neighbours: 1},
	} {
		if _, err := p.Fit(context.Background(), users, 1, nil); err == nil {
			t.Errorf("%+v was taken", p)
		}
	}
}
