package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edged/edged"
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

// visitsOnce are events of users who come once and take four items, the users over 100 days.
func visitsOnce(users int) (events []edged.Event) {
	for u := range users {
		for k := range 4 {
			events = append(events, buy(fmt.Sprint("u", u), fmt.Sprint("i", (u+3*k)%20), u*100/users))
		}
	}
	return events
}

// TestValidationAsksEnough: where nobody comes back after the split, or too few have items enough, one item of some users is kept back; too
// few of those are none.
func TestValidationAsksEnough(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []edged.Event
		like   expected
		asked  int // 0: ErrSplit
		items  int // kept back of each
	}{
		{"nobody comes back", visitsOnce(300), expected{}, 300, 1},
		{"every fourth of many", visitsOnce(4000), expected{}, 1000, 1},
		{"too few", visitsOnce(90), expected{}, 0, 0},
		{"by share", visitsOnce(300), expected{share: 0.5}, 300, 2},
		{"by share, which is too few", visitsOnce(300), expected{share: 0.01, random: true}, 300, 1},
	} {
		f, _, err := validationFold(logOf(t, Config{}, c.events...).part(), c.like, 1)
		if c.asked == 0 {
			if !errors.Is(err, ErrSplit) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || f.asks(examNew) != c.asked || f.exam(examNew).pairs() != c.items*c.asked {
			t.Errorf("%s: %d questions, want %d (%v)", c.name, f.asks(examNew), c.asked, err)
		}
	}
}

// TestValidationHeedsNoStrayDates: a few bad dates neither lengthen the validation part nor move it to where nothing is.
func TestValidationHeedsNoStrayDates(t *testing.T) {
	shop := newShop(1)
	clean, _, err := validationFold(logOf(t, Config{UsersOnly: true}, shop.events...).part(), expected{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range []int{-20000, -700, 1000, 20000} {
		stray := append(slices.Clone(shop.events), buy("u001", "i01", day), buy("u002", "i02", day))
		f, _, err := validationFold(logOf(t, Config{UsersOnly: true}, stray...).part(), expected{}, 1)
		if err != nil || f.at == 0 || math.Abs(float64(f.at-clean.at)) > 10*dayMs {
			t.Errorf("day %d: from %s, without it %s: %v", day, clock(f.at), clock(clean.at), err)
		}
	}
	if first, last := logOf(t, Config{}, shop.events...).part().extent(); first != opening || last < opening+99*dayMs {
		t.Errorf("without strays: %s to %s", clock(first), clock(last))
	}
}

// TestWhatIsPopularStaysUnlessClearlyBeaten: of weights of a part that says nothing in validation none is left.
func TestWhatIsPopularStaysUnlessClearlyBeaten(t *testing.T) {
	cfg := Config{Auto: true}
	cfg.EnsureDefaults()
	s := &selection{cfg: &cfg, lab: &lab{threads: 1}}
	one := &sheet{k: 1, gains: []float64{1}, ideals: []float64{1}}
	ask := func(hit int, popular, table float32) { // of two candidates one is right
		one.hit = append(one.hit, hit == 0, hit == 1)
		one.start = append(one.start, len(one.hit))
		one.score[partPopular] = append(one.score[partPopular], popular, 0)
		one.score[partTable] = append(one.score[partTable], 0, table)
		one.wanted, one.stage = append(one.wanted, 1), append(one.stage, 1)
	}
	one.start = []int{0}
	for range 100 {
		ask(0, 1, 0)
	}
	start := mix{partTable: 1, partPopular: 0.2}
	if got, _ := s.climb(one, start, weightAxes, nil); got != popularFirst {
		t.Errorf("a table that says nothing: %v", got)
	}
	for range 100 {
		ask(1, 1, 40)
	}
	if got, rewards := s.climb(one, start, weightAxes, nil); got == popularFirst || mean(rewards) != 2 {
		t.Errorf("a table that is right: %v, %v", got, mean(rewards))
	}
}
