package rank

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rules"
)

// someRules are rules of all kinds that follow from each item alone, and now and then a cap.
func someRules(t *testing.T, rng *rand.Rand, m *model.Model) *rules.Plan {
	t.Helper()
	text := "rules:\n"
	for i := range 1 + rng.IntN(5) {
		what := []string{"boost: {brand: %s, by: 3}", "boost: {brand: %s, by: 0.4}", "bury: {brand: %s}", "exclude: {brand: %s}", "only: {brand: [%s, c]}"}[rng.IntN(5)]
		text += fmt.Sprintf("- {name: r%d, when: {slot: s}, "+what+"}\n", i, []string{"a", "a", "b"}[rng.IntN(3)])
	}
	if rng.IntN(8) == 0 {
		text += "- {name: cap, cap: {brand: 3}}\n"
	}
	if rng.IntN(3) == 0 {
		var items []string
		for range 20 {
			items = append(items, m.ID(edged.Row(rng.IntN(m.Len()))))
		}
		text += fmt.Sprintf("- {name: some, boost: {item: [%s], by: %v}}\n", strings.Join(items, ", "), []float64{20, 50, .05}[rng.IntN(3)])
	}
	set, faults := rules.Compile([]byte(text), m)
	if set == nil {
		t.Fatalf("%s%v", text, faults)
	}
	plan := new(rules.Plan)
	set.Match(plan, &rules.Context{Slot: []byte(strings.Repeat("s", rng.IntN(6)%2+rng.IntN(2)))})
	if rng.IntN(4) == 0 {
		of := new(model.Selection)
		brand := model.In("brand", "b")
		if err := m.Select(of, &brand, new(model.FilterScratch)); err != nil {
			t.Fatal(err)
		}
		plan.Add(&rules.Wish{Boosts: []rules.Lift{{Of: of, By: .25 + 2*rng.Float32()}}, Diversity: -1, Explore: -1})
	}
	return plan
}

// bent is what rules make of a whole list, the first rung's part of it: those that may come, by their scores times the factors.
func bent(plan *rules.Plan, whole []Item) (list []Item) {
	factors := map[edged.Row]float32{}
	for _, it := range whole {
		var factor [1]float32
		plan.Bend(factor[:], []edged.Row{it.Row})
		if factors[it.Row] = factor[0]; factor[0] > 0 && it.Level <= Session {
			list = append(list, it)
		}
	}
	slices.SortFunc(list, func(a, b Item) int {
		return cmp.Or(cmp.Compare(b.Score*factors[b.Row], a.Score*factors[a.Row]), cmp.Compare(a.Row, b.Row))
	})
	return list
}

// TestBendIn: by the order of a model, rules make of scores what they make of them by rows.
func TestBendIn(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 10))
	m := blendedWith(t, rng, 300, func(b *model.Build) { withContent(rng, b) }, goals...)
	at, bent := make([]uint32, 40), 0
	got, want := make([]float32, len(at)), make([]float32, len(at))
	for range 400 {
		plan := someRules(t, rng, m)
		rows := make([]edged.Row, len(at))
		for i := range at {
			rows[i] = edged.Row(rng.IntN(m.Len()))
			at[i] = m.Place(rows[i])
		}
		plan.Bend(want, rows)
		if plan.BendIn(got, m.Order(), at); !slices.Equal(got, want) {
			t.Fatalf("%v by the order, %v by rows", got, want)
		}
		if slices.ContainsFunc(got, func(f float32) bool { return f != 1 }) {
			bent++
		}
	}
	if bent < 100 {
		t.Errorf("%d of 400 plans bend: this looked at little", bent)
	}
}

// With rules, the answer is the best of all that a blend finds by what rules make of their scores, or a longer list for rules to choose from.
func TestRulesChooseAmongAllThatABlendFinds(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 9))
	chosen, arranged, models := 0, 0, 30
	if testkit.Race {
		models = 6
	}
	var a Answer
	var s Scratch
	for k := range models {
		m := blendedWith(t, rng, []int{60, 300, 700}[k%3], func(b *model.Build) { withContent(rng, b) }, goals...)
		r := ranker(m)
		if k%2 == 1 {
			r = with(t, r, someChanges(rng, m))
			m = r.m
		}
		for range 40 {
			q := someRequest(rng, m)
			q.Offset, q.N = 0, 1+rng.IntN(20)
			whole := *q
			whole.N = MaxDepth
			plan := someRules(t, rng, m)
			all := recommend(r, &whole).Items
			want := bent(plan, all)
			q.Rules = plan
			r.Recommend(&a, &s, q)
			switch {
			case !plan.Narrows() && !plan.Reorders():
				want = all[:min(q.N, len(all))]
			case plan.Bends() && plan.Arranges() && len(want) >= 4*q.N+50:
				want = want[:4*q.N+50]
				arranged++
			case plan.Bends() && !plan.Arranges() && len(want) >= q.N:
				want = want[:q.N]
				chosen++
			default:
				want = all[:min(4*q.N+50, len(all))]
			}
			sameItems(t, a.Items, want)
			if t.Failed() {
				t.Fatalf("model %d: %+v", k, q)
			}
		}
	}
	if chosen < models*10 || arranged < models/3 {
		t.Errorf("rules chose in %d answers, and arranged in %d, only", chosen, arranged)
	}
}

func sameItems(t *testing.T, got, want []Item) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d items, want %d", len(got), len(want))
		return
	}
	for i := range want {
		if got[i].Row != want[i].Row || got[i].Score != want[i].Score || got[i].Source != want[i].Source || got[i].Level != want[i].Level {
			t.Errorf("item %d: %+v, want %+v", i, got[i], want[i])
		}
	}
}
