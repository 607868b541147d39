package learn

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func (t *Table) at(i, j int) float64 {
	items, weights := t.Row(i)
	for k, item := range items {
		if int(item) == j {
			return float64(weights[k])
		}
	}
	return 0
}

// TestAlikeAgainstPlainCosines: rows hold the k largest cosines, and nothing of features that too many rows have.
func TestAlikeAgainstPlainCosines(t *testing.T) {
	const n, k = 80, 7
	features := TFIDF(randomPairs(3, n, 60, 500))
	alike, err := Alike(context.Background(), features, k, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		var cosines [n]float64
		larger, others := 0, 0
		for j := range n {
			columns, values := features.Row(i)
			for c, f := range columns {
				theirs, weights := features.Row(j)
				for o, g := range theirs {
					if f == g {
						cosines[j] += float64(values[c]) * float64(weights[o])
					}
				}
			}
		}
		items, weights := alike.Row(i)
		least := math.Inf(1)
		for at, j := range items {
			least = min(least, float64(weights[at]))
			if int(j) == i || math.Abs(cosines[j]-float64(weights[at])) > 1e-6 {
				t.Fatalf("row %d: %v for %d, want %v", i, weights[at], j, cosines[j])
			}
		}
		for j := range n {
			if j == i || cosines[j] <= 0 {
				continue
			}
			others++
			if cosines[j] > least+1e-6 {
				larger++
			}
		}
		if larger >= k || len(items) != min(k, others) {
			t.Fatalf("row %d: %d items of %d, and %d more alike than the last", i, len(items), others, larger)
		}
	}
}

func TestAlikeSkipsWhatAllShare(t *testing.T) {
	const n = maxShared + 1
	features := Collect(n, 2, func(yield func(r, c uint32, v float32)) {
		for i := range uint32(n) {
			yield(i, 0, 1)
		}
		yield(3, 1, 1)
		yield(9, 1, 1)
	})
	alike, err := Alike(context.Background(), features, 5, 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(alike.Item) != 2 || alike.at(3, 9) != 1 || alike.at(9, 3) != 1 {
		t.Fatalf("%v alike, want 3 and 9 alone", alike.Item)
	}
}

func TestPlusIsAShare(t *testing.T) {
	learned := tableOf(4, func(i int, list []Scored) []Scored {
		return append(list, [][]Scored{{{1, 2}, {2, 6}}, {{0, 4}}, nil, {{0, 1}}}[i]...)
	})
	like := tableOf(4, func(i int, list []Scored) []Scored {
		return append(list, [][]Scored{{{2, .5}, {3, .5}}, {{3, 1}}, {{3, 1}}, {{2, 1}}}[i]...)
	})
	// Rows 0, 1 and 3 weigh 13 where likeness weighs 3, so that half of it counts 13/6.
	for _, c := range []struct {
		n    int
		i, j int
		want float64
	}{{9, 0, 1, 2}, {9, 0, 2, 6 + 13.0/12}, {9, 0, 3, 13.0 / 12}, {9, 2, 3, 13.0 / 6}, {2, 0, 3, 0}, {2, 0, 1, 2}} {
		if got := learned.Plus(like, .5, c.n).at(c.i, c.j); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%d of a row: weight of %d in row %d is %v, want %v", c.n, c.j, c.i, got, c.want)
		}
	}
	if got := learned.Plus(like, 0, 9).at(2, 3); got != 0 {
		t.Errorf("without a share row 2 has %v", got)
	}
}

func TestAmongRenumbers(t *testing.T) {
	table := tableOf(3, func(i int, list []Scored) []Scored { return append(list, Scored{uint32(i+1) % 3, float32(i + 1)}) })
	few := table.Among(2, []uint32{0, gone, 1})
	if few.Rows() != 2 || len(few.Item) != 1 || few.at(1, 0) != 3 {
		t.Fatalf("%+v, want 2 → 0 alone, as 1 → 0", few)
	}
	if (*Table)(nil).Among(1, nil) != nil {
		t.Error("no table among some is one")
	}
}

// TestSessionAgainstItsFormula: every entry is what the comment above Session says.
func TestSessionAgainstItsFormula(t *testing.T) {
	const items = 30
	rng := rand.New(rand.NewPCG(5, 5))
	s := &Sequences{Items: items, Start: []int{0}}
	for range 60 {
		for range 2 + rng.IntN(9) {
			s.Item = append(s.Item, uint32(rng.IntN(items-2)))
		}
		s.Start, s.Weight = append(s.Start, len(s.Item)), append(s.Weight, rng.Float32())
	}
	alike, err := Alike(context.Background(), TFIDF(randomPairs(8, items, 20, 120)), 6, 1)
	if err != nil {
		t.Fatal(err)
	}
	p := Session{Window: 4, Power: .7, Shrink: 1.5, Rho: .4, Prior: 2, Target: .3, Row: items}
	got, err := p.Fit(context.Background(), s, alike, 2)
	if err != nil {
		t.Fatal(err)
	}
	var c [items][items]float64
	var n [items]float64
	for i := range n {
		n[i] = p.Shrink
	}
	for k := range s.Sessions() {
		list, w := s.Session(k), float64(s.Weight[k])
		for a, i := range list {
			n[i] += w
			for b, j := range list {
				switch d := math.Abs(float64(b - a)); {
				case d == 0 || d > float64(p.Window):
				case b > a:
					c[i][j] += w * math.Pow(d, -p.Power)
				default:
					c[i][j] += w * p.Rho * math.Pow(d, -p.Power)
				}
			}
		}
	}
	for i := range items {
		for j := range items {
			want := (c[i][j] + p.Prior*alike.at(i, j)) / (n[i] * math.Pow(n[j], p.Target))
			if i == j {
				want = 0
			}
			if math.Abs(got.at(i, j)-want) > 1e-5*(1+want) {
				t.Fatalf("T[%d][%d] = %v, want %v", i, j, got.at(i, j), want)
			}
		}
	}
	if len(got.Item) == 0 || got.Rows() != items {
		t.Fatal("an empty table")
	}
	if _, err := p.Fit(context.Background(), s, tableOf(3, func(_ int, l []Scored) []Scored { return l }), 1); err == nil {
		t.Error("alike of other items is taken")
	}
	p.Shrink = 0
	unsold, err := p.Fit(context.Background(), s, alike, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range unsold.Weight {
		if math.IsInf(float64(w), 0) || math.IsNaN(float64(w)) {
			t.Fatal("an item without sessions and without shrinkage has a weight that is no number")
		}
	}
}

// TestTellingFeaturesFirst: of a row with more than can be looked at the rarest features count, and what is looked at is bounded.
func TestTellingFeaturesFirst(t *testing.T) {
	const rows, common = 1500, 60 // all rows have all of the common features: 90,000 others for each
	m := &Matrix{Cols: common + rows/2, Start: []int{0}}
	for i := range rows {
		for f := range common {
			m.Index = append(m.Index, uint32(f))
			m.Value = append(m.Value, 1)
		}
		m.Index = append(m.Index, uint32(common+i/2)) // which two have
		m.Value = append(m.Value, .01)
		m.Start = append(m.Start, len(m.Index))
	}
	by := m.Transpose()
	columns, _ := m.Row(7)
	places := telling(columns, by)
	met := 0
	for _, c := range places {
		met += by.Count(int(columns[c]))
	}
	if met > maxMet || met+rows <= maxMet {
		t.Errorf("%d of %d are looked at", met, maxMet)
	}
	if !slices.IsSorted(places) || places[len(places)-1] != common {
		t.Errorf("the places are %v: want them in order, and that of the rarest, %d, among them", places, common)
	}
	alike, err := Alike(context.Background(), m, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if items, _ := alike.Row(i); len(items) != 1 || int(items[0]) != i^1 {
			t.Fatalf("row %d is like %v, want %d", i, items, i^1)
		}
	}
}
