package rank

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/model"
)

// checked makes a model that holds its own checks, changed at the end where asked.
func checked(t *testing.T, change func([]model.Check)) *Ranker {
	var b *model.Build
	m := random(t, rand.New(rand.NewPCG(13, 1)), 300, 12, func(build *model.Build) { b = build })
	b.Checks = MakeChecks(m, 20, 5)
	if change != nil {
		change(b.Checks)
	}
	return New(write(t, b), Release{})
}

func TestSelfCheckPassesOnWhatWasMade(t *testing.T) {
	if err := checked(t, nil).SelfCheck(); err != nil {
		t.Error(err)
	}
}

func TestSelfCheckForgivesTheLastBits(t *testing.T) {
	r := checked(t, func(checks []model.Check) {
		for _, c := range checks {
			for i := range c.Hits {
				c.Hits[i].Score *= 1.0005
			}
		}
	})
	if err := r.SelfCheck(); err != nil {
		t.Error(err)
	}
}

func TestSelfCheckFails(t *testing.T) {
	for name, change := range map[string]func([]model.Check){
		"scores off":    func(c []model.Check) { c[7].Hits[0].Score *= 1.01 },
		"other history": func(c []model.Check) { c[7].Recent = []edged.Row{250, 251, 252} },
		"other hits":    func(c []model.Check) { c[19].Hits = []index.Hit{{Row: 299, Score: 9}, {Row: 298, Score: 8}} },
		"unknown rows twice": func(c []model.Check) {
			last := len(c[3].Hits) - 1
			for i := last - 1; i <= last; i++ {
				c[3].Hits[i] = index.Hit{Row: edged.Row(298 + i - last), Score: c[3].Hits[i].Score}
			}
		},
	} {
		if err := checked(t, change).SelfCheck(); !errors.Is(err, ErrSelfCheck) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSelfCheckWantsChecks(t *testing.T) {
	m := random(t, rand.New(rand.NewPCG(13, 2)), 20, 4, nil)
	if err := New(m, Release{}).SelfCheck(); !errors.Is(err, ErrSelfCheck) {
		t.Errorf("no checks: %v", err)
	}
}

func TestMakeChecksIsDeterministic(t *testing.T) {
	m := random(t, rand.New(rand.NewPCG(13, 3)), 50, 4, nil)
	a, b, c := MakeChecks(m, 5, 1), MakeChecks(m, 5, 1), MakeChecks(m, 5, 2)
	if len(a) != 5 || !reflect.DeepEqual(a, b) || reflect.DeepEqual(a, c) {
		t.Error("equal seeds must give equal checks, others others")
	}
	for _, check := range a {
		if len(check.Recent) == 0 || len(check.Hits) != 10 {
			t.Errorf("%+v", check)
		}
	}
	if got := MakeChecks(random(t, rand.New(rand.NewPCG(13, 4)), 0, 4, nil), 5, 1); len(got) != 0 {
		t.Errorf("empty model: %v", got)
	}
	for _, n := range []int{1, 2, 3} {
		if got := MakeChecks(random(t, rand.New(rand.NewPCG(13, 5)), n, 4, nil), 5, 1); len(got) != 5 {
			t.Errorf("%d items: %d checks", n, len(got))
		}
	}
}

// TestQuantisedRecall: all of it for the vectors the model was made of, little for others.
func TestQuantisedRecall(t *testing.T) {
	var b *model.Build
	m := random(t, rand.New(rand.NewPCG(13, 1)), 300, 12, func(build *model.Build) { b = build })
	checks := MakeChecks(m, 20, 5)
	if got := QuantisedRecall(m, b.Vectors, checks); got < .95 || got > 1 {
		t.Errorf("%g", got)
	}
	others := make([]float32, len(b.Vectors))
	rng := rand.New(rand.NewPCG(99, 1))
	for i := range others {
		others[i] = rng.Float32() - .5
	}
	if got := QuantisedRecall(m, others, checks); got > .3 {
		t.Errorf("of other vectors: %g", got)
	}
}
