package model

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edged/edged"
)

func TestRounded(t *testing.T) {
	for x, want := range map[float32]float32{0: 0, 1: 1, -2.5: -2.5, 1 + 1.0/256: 1, 1 + 3.0/256: 1 + 4.0/256, math.MaxFloat32: 3.3895314e38} {
		if got := rounded(x); got != want {
			t.Errorf("rounded(%g) = %g, want %g", x, got, want)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		x := float32(rng.NormFloat64())
		if d := math.Abs(float64(rounded(x) - x)); d > math.Abs(float64(x))/256 {
			t.Fatalf("rounded(%g) is off by %g", x, d)
		}
	}
}

func TestSettledKeepsWhatIsNear(t *testing.T) {
	for _, c := range []struct{ x, old, want float32 }{
		{1.003, 1, 1}, {0.997, 1, 1}, {1.02, 1, 1.0234375}, {1.003, unknown, 1}, {0, 1, 0}, {-1, 1, -1}, {5, 0, 5}, {0, 0, 0},
	} {
		if got := settled(c.x, c.old, asNear); got != c.want {
			t.Errorf("settled(%g, %g) = %g, want %g", c.x, c.old, got, c.want)
		}
	}
}

// TestTrendsFadeTogether: a list whose scores all fell alike is the same list.
func TestTrendsFadeTogether(t *testing.T) {
	b := sample(40)
	list := Trend{Setting: edged.Setting{Country: "FR"}}
	for i := range 20 {
		list.Rows, list.Scores = append(list.Rows, edged.Row(i)), append(list.Scores, float32(30-i))
	}
	b.Trends = []Trend{list}
	m := open(t, b)
	faded := list
	faded.Scores = slices.Clone(list.Scores)
	for i := range faded.Scores {
		faded.Scores[i] *= 0.95
	}
	faded.Scores[7] *= 2 // but one was bought
	like := newEarlier(m, b.IDs)
	got := like.trendHits(faded)
	if got[0].Row != 7 || got[0].Score < 45 || got[0].Score > 47 {
		t.Errorf("the one bought is %v", got[0])
	}
	for _, h := range got[1:] {
		if h.Score != list.Scores[h.Row] {
			t.Errorf("row %d scores %g, %g before", h.Row, h.Score, list.Scores[h.Row])
		}
	}
}

// TestSettledTable: codes of weights that moved little stay, whatever the row is called now; others are near what they are.
func TestSettledTable(t *testing.T) {
	b := sample(40)
	b.Table = &Sparse{Start: []int{0}, Most: 4}
	add := func(w *Sparse, list map[uint32]float32) {
		for i := range uint32(40) {
			if x, ok := list[i]; ok {
				w.Item, w.Weight = append(w.Item, i), append(w.Weight, x)
			}
		}
		w.Start = append(w.Start, len(w.Item))
	}
	rest := func(w *Sparse) {
		for len(w.Start) < 41 {
			w.Start = append(w.Start, len(w.Item))
		}
	}
	add(b.Table, map[uint32]float32{1: 1, 2: .5, 3: .25, 9: .1})
	rest(b.Table)
	old := open(t, b)
	now := sample(40)
	now.Before = old
	now.Table = &Sparse{Start: []int{0}, Most: 4}
	add(now.Table, map[uint32]float32{1: 1.01, 2: .497, 3: .4, 9: .098, 11: .105}) // the last is no better than what was there
	rest(now.Table)
	m := open(t, now)
	was, err := old.Table().Row(0, new(TableBuffer))
	if err != nil {
		t.Fatal(err)
	}
	row, err := m.Table().Row(0, new(TableBuffer))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(row.Rows, []edged.Row{1, 2, 3, 9}) || row.Codes[0] != was.Codes[0] || row.Codes[1] != was.Codes[1] || row.Codes[3] != was.Codes[3] {
		t.Fatalf("%+v after %+v", row, was)
	}
	if x := float32(row.Codes[2]) * row.Scale; x < .39 || x > .41 {
		t.Errorf("the weight that changed is %g, want 0.4", x)
	}
}

// TestBeforeItself: a release that goes on from one with the same numbers has its bytes, and ids may be in any order.
func TestBeforeItself(t *testing.T) {
	b := sample(70)
	slices.Reverse(b.IDs)
	for i := range b.Items {
		b.Items[i].ID = b.IDs[i]
	}
	first, catalogue := b.bytes(t)
	m, err := Parse(first, catalogue)
	if err != nil {
		t.Fatal(err)
	}
	again := *b
	again.Before = m
	second, _ := again.bytes(t)
	if !bytes.Equal(first, second) {
		t.Error("the same numbers have other bytes")
	}
}
