package train

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
)

// newRing is a shop without times whose items lie on a ring; users take what is near two places of it, which neighbours find and factors
// hardly.
func newRing(users, items int) *shop {
	rng := rand.New(rand.NewPCG(1, 9))
	s := new(shop)
	for u := range users {
		centres := []float64{rng.Float64(), rng.Float64()}
		for range 14 {
			at := math.Mod(centres[rng.IntN(2)]+0.012*rng.NormFloat64()+1, 1)
			s.events = append(s.events, edged.Event{User: fmt.Sprintf("u%03d", u), Item: fmt.Sprintf("i%03d", int(at*float64(items))), Type: edged.Purchase, Time: opening})
		}
	}
	return s
}

// TestNeighbourTableIsServed: where a table of neighbours is best it is chosen, it is what the release holds, and its card
// reproduces the release to the byte.
func TestNeighbourTableIsServed(t *testing.T) {
	disk := vfs.NewMem()
	cfg := Config{Auto: true, Factors: 8, A0: 0.1, Reg: 0.01, Sweeps: 1}
	card, m := trainOn(t, disk, "rel", "", newRing(300, 200), cfg)
	c := card.Config.Table
	if c == nil || c.Model != knnTable {
		for _, x := range card.Selection.Trials {
			t.Logf("%s: %.4f", x.Name, x.Score)
		}
		t.Fatalf("chosen: %+v", c)
	}
	if !weighTable(card.Config.Blends) {
		t.Fatalf("no weight for it: %+v", card.Config.Blends)
	}
	p := logOf(t, Config{}, newRing(300, 200).events...).part()
	want, err := c.fit(t.Context(), p.pairs(0), nil, 1, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	buf := new(model.TableBuffer)
	for row, id := range p.ids {
		got, err := m.Table().Row(edged.Row(row), buf)
		if err != nil || m.ID(edged.Row(row)) != id {
			t.Fatalf("%s: %v", id, err)
		}
		items, weights := want.Row(row)
		for k, j := range got.Rows {
			if at, ok := slices.BinarySearch(items, uint32(j)); !ok || weights[at] <= 0 {
				t.Fatalf("%s: entry %d is item %d, which is none of its %d neighbours", id, k, j, len(items))
			}
		}
		if len(items) > 0 && len(got.Rows) == 0 {
			t.Fatalf("%s: no entries, %d learned", id, len(items))
		}
	}
	var read Card
	if err := json.Unmarshal(readAll(t, disk, CardFile), &read); err != nil {
		t.Fatal(err)
	}
	pinned := vfs.NewMem()
	trainOn(t, pinned, "rel", "", newRing(300, 200), read.Config)
	for _, file := range []string{ModelFile, CatalogueFile} {
		if !bytes.Equal(readAll(t, disk, file), readAll(t, pinned, file)) {
			t.Errorf("the card's configuration gives another %s", file)
		}
	}
}

// TestOtherTableWinsInTheBlend: the table that is released is the one that is better in the whole blend, whichever was better alone.
func TestOtherTableWinsInTheBlend(t *testing.T) {
	cfg := Config{Auto: true}
	cfg.EnsureDefaults()
	f, err := leaveLast(logOf(t, cfg, newRing(300, 200).events...).part(), 0.2)
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(f, 10, probeLimit, 1, 2)
	als := factorTrial{ALS: cfg.als()}
	als.Factors, als.Sweeps = 8, 2
	factors, err := als.Fit(t.Context(), l.matrix(0), 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	near := TableConfig{Model: knnTable, Source: 0.5, Target: 0.5, Plain: true, Shrink: 10, Neighbours: 20, Row: 200}
	one := TableConfig{Model: ridgeTable, L2: 4, Neighbours: 1, Row: 1} // says next to nothing
	for _, c := range []struct{ first, second, want TableConfig }{{near, one, near}, {one, near, near}} {
		s := &selection{cfg: &cfg, lab: l, watch: newStopwatch(&cfg, nil), budget: 100}
		cfg.Blends = nil
		first := &chosenTable{tableTrial: tableTrial{TableConfig: c.first}}
		if first.table, err = c.first.fit(t.Context(), l.matrix(0), nil, 2, nil, nil); err != nil {
			t.Fatal(err)
		}
		second := &chosenTable{tableTrial: tableTrial{TableConfig: c.second}}
		got, err := s.weighNew(t.Context(), first, second, &chosenFactors{factorTrial: als, factors: factors})
		if err != nil || got.TableConfig != c.want || got.table == nil || len(cfg.Blends) != 1 {
			t.Errorf("%s before %s: got %+v, %d blends, %v", c.first, c.second, got.TableConfig, len(cfg.Blends), err)
		}
		r := s.report()
		for _, x := range r.Trials {
			if x.Score > r.Trials[r.Chosen].Score {
				t.Errorf("the card names trial %d of %+v", r.Chosen, r.Trials)
			}
		}
	}
}
