package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/eval"
	"github.com/edged/edged/model"
)

// fashions are events of users who come once, over so many days; what is popular is something else from a day on.
func fashions(days, from int) (events []edged.Event) {
	rng := rand.New(rand.NewPCG(1, uint64(days+from)))
	for n := range 6000 {
		day := n * days / 6000
		for range 2 {
			at := int(math.Abs(rng.NormFloat64()) * 40)
			if day >= from {
				at += 200
			}
			events = append(events, buy(fmt.Sprint("u", n), fmt.Sprintf("i%03d", at), day))
		}
	}
	return events
}

// TestPopularIsForgottenAsFastAsItChanges: where nothing changes for years much is remembered, beyond the first grid; where all is new of
// late, little; and what was asked for stays.
func TestPopularIsForgottenAsFastAsItChanges(t *testing.T) {
	for _, c := range []struct {
		name        string
		events      []edged.Event
		asked       float64
		least, most float64
	}{
		{"the same for years", fashions(3000, 3000), 0, 56, 448},
		{"another since ten days", fashions(200, 150), 0, 1.75, 7},
		{"as asked", fashions(3000, 3000), 3, 3, 3},
	} {
		cfg, trials := chosenCold(t, Config{TrendHalfLifeDays: c.asked}, 100, c.events)
		if got := cfg.TrendHalfLifeDays; got < c.least || got > c.most {
			t.Errorf("%s: %g days, want %g to %g; %+v", c.name, got, c.least, c.most, trials)
		}
	}
}

// chosenCold makes the choices for customers without a history, and returns what they were made of.
func chosenCold(t *testing.T, free Config, budget int, events []edged.Event) (Config, []eval.Trial) {
	t.Helper()
	cfg := free
	cfg.EnsureDefaults()
	s := &selection{cfg: &cfg, free: free, watch: newStopwatch(&cfg, nil), budget: budget}
	if err := s.open(logOf(t, cfg, events...).part(), expected{}); err != nil {
		t.Fatal(err)
	}
	if err := s.chooseCold(t.Context()); err != nil {
		t.Fatal(err)
	}
	return cfg, s.trials
}

// TestListsGoByWhatTells: a device that says what a newcomer takes gets lists, an hour that says nothing does not; and what was asked for stays.
func TestListsGoByWhatTells(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var events []edged.Event
	for n := range 6000 {
		device, shift := "phone", 0
		if n%2 == 1 {
			device, shift = "desktop", 40
		}
		for range 2 {
			e := buy(fmt.Sprint("u", n), fmt.Sprintf("i%03d", shift+int(math.Abs(rng.NormFloat64())*30)), n/60)
			e.Context = map[string]string{edged.Device: device, edged.LocalHour: fmt.Sprint(rng.IntN(24))}
			events = append(events, e)
		}
	}
	for _, asked := range [][]string{nil, {edged.LocalHour}} {
		cfg, trials := chosenCold(t, Config{TrendBy: asked}, 100, events)
		want := asked
		if want == nil {
			want = []string{edged.Device}
		}
		if !slices.Equal(cfg.TrendBy, want) {
			t.Errorf("asked for %v: %v, want %v; %+v", asked, cfg.TrendBy, want, trials)
		}
	}
}

// TestListsGoByWhatTellsOfLate: where a device tells, and all is new of late, lists go by the device and forget; either alone gains less.
func TestListsGoByWhatTellsOfLate(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var events []edged.Event
	for n := range 6000 {
		device, at := "phone", 0
		if n%2 == 1 {
			device, at = "desktop", 40
		}
		if n >= 4500 {
			at += 200
		}
		for range 2 {
			e := buy(fmt.Sprint("u", n), fmt.Sprintf("i%03d", at+int(math.Abs(rng.NormFloat64())*30)), n/30)
			e.Context = map[string]string{edged.Device: device}
			events = append(events, e)
		}
	}
	cfg, trials := chosenCold(t, Config{}, 300, events)
	if !slices.Equal(cfg.TrendBy, []string{edged.Device}) || cfg.PlaceHalfLifeDays > 30 {
		t.Errorf("%v, place half-life %g d; %+v", cfg.TrendBy, cfg.PlaceHalfLifeDays, trials)
	}
}

func TestTrendByIsChecked(t *testing.T) {
	for _, by := range [][]string{{"weather"}, {edged.Device, edged.Device}, {edged.Country}} {
		cfg := Config{TrendBy: by}
		cfg.EnsureDefaults()
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "trendBy") {
			t.Errorf("%v: %v", by, err)
		}
	}
}

// TestFewTrialsReachEveryKind: of few trials each choice gets some, and of the tables each kind.
func TestFewTrialsReachEveryKind(t *testing.T) {
	cfg := Config{Auto: true, Trials: 20, Sweeps: 1, Factors: 8}
	free := cfg
	cfg.EnsureDefaults()
	p := logOf(t, cfg, newShop(1).events...).part()
	selection, _, err := choose(t.Context(), &cfg, &free, p, expected{}, newStopwatch(&cfg, nil))
	if err != nil {
		t.Fatal(err)
	}
	made := make(map[string]int)
	for _, x := range selection.Trials {
		made[x.Family]++
		if x.Family == tableFamily {
			made[x.Name[:3]]++
		}
	}
	for _, family := range []string{coldFamily, tableFamily, alsFamily, blendFamily(model.GoalNew), "rid", "knn", "pla"} {
		if made[family] < 2 {
			t.Errorf("%s: %d trials of %+v", family, made[family], selection.Trials)
		}
	}
}
