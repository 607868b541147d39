package train

import (
	"slices"
	"testing"

	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
)

func TestLengthsFitMemory(t *testing.T) {
	for _, c := range []struct {
		rows, asked int
		want        []float64
	}{
		{100_000, 0, []float64{32, 64, 128, 256}}, {1_000_000, 0, []float64{32, 64, 128}}, {2_200_000, 0, []float64{32, 64}}, {50_000_000, 0, []float64{32, 64}}, {2_200_000, 256, []float64{256}},
	} {
		s := &selection{rows: c.rows, free: Config{Factors: c.asked}}
		if got := s.lengths().window; !slices.Equal(got, c.want) {
			t.Errorf("%d rows, %d asked: got %v, want %v", c.rows, c.asked, got, c.want)
		}
	}
}

// TestOtherLengthsTryTheUsual: the best of the first length at another, each once, and the usual regularisation.
func TestOtherLengthsTryTheUsual(t *testing.T) {
	als := func(d int, a0, reg float64) factorTrial {
		return factorTrial{learn.ALS{Factors: d, A0: a0, Reg: reg}, 120}
	}
	s := &selection{}
	best := []tried[factorTrial]{{candidate: als(64, .3, .01)}, {candidate: als(64, .1, .01)}}
	if got := s.atLength(best, 256); !slices.Equal(got, []factorTrial{als(256, .3, .01), als(256, .1, .01), als(256, .01, .003)}) {
		t.Errorf("got %v", got)
	}
	best[1].candidate = als(64, .01, .003)
	if got := s.atLength(best, 128); !slices.Equal(got, []factorTrial{als(128, .3, .01), als(128, .01, .003)}) {
		t.Errorf("got %v", got)
	}
}

// TestFactorsAreJudgedByBothGoals: where things are taken again, by any item as much as by new ones.
func TestFactorsAreJudgedByBothGoals(t *testing.T) {
	cfg := Config{Auto: true}
	cfg.EnsureDefaults()
	f, err := temporal(logOf(t, cfg, newShop(1).events...).part(), opening+70*dayMs, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &selection{cfg: &cfg, lab: newLab(f, 5, probeLimit, 1, 2), watch: newStopwatch(&cfg, nil)}
	if !s.lab.repeats {
		t.Fatal("nobody takes anything again")
	}
	table, err := s.tryTable(t.Context(), defaultTable(true), 1)
	if err != nil {
		t.Fatal(err)
	}
	als := factorTrial{ALS: learn.ALS{Factors: 8, A0: 0.1, Reg: 0.01, Nu: 1, Sweeps: 3, Seed: 1}}
	both, err := s.tryFactors(t.Context(), als, table, 1)
	if err != nil {
		t.Fatal(err)
	}
	s.lab.repeats = false
	one, err := s.tryFactors(t.Context(), als, table, 1)
	if err != nil {
		t.Fatal(err)
	}
	alone, beside, err := s.judgeFactors(t.Context(), model.GoalAny, one, table)
	if want := (one.score + max(alone, beside)) / 2; err != nil || both.score != want || both.score == one.score || both.alone != one.alone {
		t.Errorf("got %v, alone %v, want %v, alone %v; by new items alone %v (%v)", both.score, both.alone, want, one.alone, one.score, err)
	}
}
