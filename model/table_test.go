package model

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/snapshot"
)

// TestTableByPlace: a row of a table says the same by rows and by places, in memory and in the mapped file, and is what was written.
func TestTableByPlace(t *testing.T) {
	b := sample(90)
	b.Table = someTable(90)
	modelBytes, catalogueBytes := b.bytes(t)
	list := sectionsOf(t, modelBytes, ModelKind)
	for i := range list {
		if name := list[i].Name; name == tableSections.rows || name == tableSections.codes {
			list[i].Flags &^= snapshot.Hot
		}
	}
	mapped, err := Parse(assemble(t, ModelKind, list), catalogueBytes)
	if err != nil {
		t.Fatal(err)
	}
	entries := 0
	for _, m := range []*Model{open(t, b), mapped} {
		var buf, other TableBuffer
		for i := range edged.Row(m.Len() + 1) {
			rows, err := m.Table().Row(i, &buf)
			if err != nil {
				t.Fatal(err)
			}
			placed, err := m.Table().Placed(i, &other)
			if err != nil {
				t.Fatal(err)
			}
			var named []edged.Row
			for _, place := range placed.Places {
				named = append(named, m.Order()[place])
			}
			if !slices.Equal(named, rows.Rows) || !slices.Equal(placed.Codes, rows.Codes) || placed.Scale != rows.Scale {
				t.Fatalf("row %d: %+v by places, %+v by rows", i, placed, rows)
			}
			if int(i) < m.Len() && !slices.Equal(kept(b.Table, i), rows.Rows) {
				t.Fatalf("row %d: %v, want %v", i, rows.Rows, kept(b.Table, i))
			}
			checkWeights(t, m.Table(), i, rows)
			entries += len(rows.Rows)
		}
	}
	if entries < 100 {
		t.Errorf("%d entries: this looked at little", entries)
	}
}

// checkWeights looks for each entry of a row, and for what is none: all rows of the model and one more.
func checkWeights(t *testing.T, table *Table, row edged.Row, r TableRow) {
	t.Helper()
	want := map[edged.Row]float64{}
	for k, to := range r.Rows {
		want[to] = float64(r.Scale) * float64(r.Codes[k])
	}
	var buf TableBuffer
	for to := range edged.Row(len(table.scales) + 1) {
		if got, err := table.Weight(row, to, &buf); got != want[to] || err != nil {
			t.Fatalf("row %d for %d: weight %g (%v), want %g", row, to, got, err, want[to])
		}
	}
}

// someTable has up to 20 entries a row, of weights that no code of 0 is for.
func someTable(n int) *Sparse {
	rng := rand.New(rand.NewPCG(9, 10))
	w := &Sparse{Start: []int{0}}
	for row := range n {
		for to := range n {
			if to != row && rng.IntN(n) < row%20 {
				w.Item, w.Weight = append(w.Item, uint32(to)), append(w.Weight, 1+rng.Float32())
			}
		}
		w.Start = append(w.Start, len(w.Item))
	}
	return w
}

// kept are the rows that a row of a matrix names.
func kept(w *Sparse, row edged.Row) (rows []edged.Row) {
	for _, to := range w.Item[w.Start[row]:w.Start[row+1]] {
		rows = append(rows, edged.Row(to))
	}
	return rows
}
