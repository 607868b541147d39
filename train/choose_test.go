package train

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
)

// TestUselessTableIsLeftOut: of a table of chance a blend makes no use, and its candidates are then those of the
// vectors; one that names the right ones stays.
func TestUselessTableIsLeftOut(t *testing.T) {
	cfg := Config{Auto: true, Sweeps: 4, Threads: 2}
	cfg.EnsureDefaults()
	f, err := leaveLast(logOf(t, cfg, newShop(1).events...).part(), 0.2)
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(f, 3, probeLimit, 1, 2)
	als := learn.ALS{Factors: 8, A0: 0.1, Reg: 0.01, Nu: 1, Sweeps: 4, Seed: 1}
	factors, err := als.Fit(context.Background(), l.matrix(0), 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	right, err := defaultTable(false).fit(context.Background(), l.matrix(0), nil, 2, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	wrong := &learn.Table{Start: make([]int, l.part.items+1)} // every item speaks for any, by chance
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range l.part.items {
		for j := range l.part.items {
			wrong.Item, wrong.Weight = append(wrong.Item, uint32(j)), append(wrong.Weight, rng.Float32())
		}
		wrong.Start[i+1] = len(wrong.Item)
	}
	for _, c := range []struct {
		name  string
		table *learn.Table
		used  bool
	}{{"right", right, true}, {"wrong", wrong, false}} {
		s := &selection{cfg: &cfg, lab: l, watch: newStopwatch(&cfg, nil), budget: 100}
		cfg.Blends = nil
		_, err := s.weigh(context.Background(), l, model.GoalNew, &chosenTable{table: c.table}, &chosenFactors{factorTrial: factorTrial{ALS: als}, factors: factors}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := weighTable(cfg.Blends); got != c.used {
			t.Errorf("%s table: used %v; %+v", c.name, got, s.trials)
		}
	}
}
