package rank

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/model"
)

// sorted is a model whose items are in categories.
func sorted(t testing.TB, n int) (*model.Model, []edged.Item) {
	t.Helper()
	var items []edged.Item
	m := random(t, rand.New(rand.NewPCG(3, 4)), n, 4, func(b *model.Build) {
		withTrends(b)
		for i := range b.Items {
			list := []string{"home/kitchen", "home", "home2", "garden/tools/hand"}[i%4 : i%4+1]
			if i%97 == 0 {
				list = append(slices.Clone(list), "rare/things")
			}
			b.Items[i].Categories = list
		}
		items = b.Items
	})
	return m, items
}

// inCategory is what a category has, said slowly.
func inCategory(it *edged.Item, category string) bool {
	return slices.ContainsFunc(it.Categories, func(c string) bool { return c == category || strings.HasPrefix(c, category+"/") })
}

// A list of a category is the list of everything without what is elsewhere, in the same order, as far as it goes; what rules leave out is left out.
func TestListsOfACategory(t *testing.T) {
	const n = MaxDepth // a list has no more
	m, items := sorted(t, n)
	r := ranker(m)
	var few, many model.Selection
	m.Choose(&few, func(row edged.Row) bool { return row%53 == 0 })
	m.Choose(&many, func(row edged.Row) bool { return row%7 != 0 })
	var a Answer
	var s Scratch
	for _, category := range []string{"home", "home/kitchen", "garden", "garden/tools", "rare", "home2", "kitchen", "hom"} {
		within, err := r.Category([]byte(category))
		if err != nil {
			t.Fatal(err)
		}
		for what, only := range map[string]*model.Selection{"all": nil, "few": &few, "many": &many} {
			for name, list := range map[string]func(within *model.Selection, n int){
				"popular": func(within *model.Selection, n int) { r.Popular(&a, &s, only, within, n) },
				"trending": func(within *model.Selection, n int) {
					r.Trending(&a, &s, "GB", live("i0040", "i0031", "i0106"), only, within, n)
				},
			} {
				list(nil, n)
				var want []edged.Row
				for _, row := range rowsOf(&a) {
					if inCategory(&items[row], category) {
						want = append(want, row)
					}
				}
				for _, most := range []int{1, 10, MaxDepth} {
					list(within, most)
					if got, want := rowsOf(&a), want[:min(len(want), most)]; !slices.Equal(got, want) {
						t.Fatalf("%s of %s in %q, at most %d: %v, want %v", name, what, category, most, got, want)
					}
				}
			}
		}
	}
	within, _ := r.Category([]byte("home"))
	testkit.Allocs(t, 0, func() {
		if again, err := r.Category([]byte("home")); err != nil || again != within {
			t.Error("looked for twice")
		}
		r.Trending(&a, &s, "GB", nil, &many, within, 30)
	})
}

// What the overlay brings is in its categories at once, and categories are kept for as long as the items are the same.
func TestCategoriesOfNewItems(t *testing.T) {
	m, _ := sorted(t, 300)
	r := ranker(m)
	before, err := r.Category([]byte("home"))
	if err != nil {
		t.Fatal(err)
	}
	changed := with(t, r, Changes{Tag: "off", Off: []edged.Row{0}})
	if same, err := changed.WithClock(at(created)).Category([]byte("home")); err != nil || same != before {
		t.Errorf("looked for again: %v", err)
	}
	more := with(t, r, Changes{Tag: "new", Items: []edged.Item{{ID: "new", Categories: []string{"home/attic"}}}})
	for category, want := range map[string]int{"home": before.Len() + 1, "home/attic": 1, "attic": 0} {
		if got, err := more.Category([]byte(category)); err != nil || got.Len() != want {
			t.Errorf("%s: %d, %v, want %d", category, got.Len(), err, want)
		}
	}
}

// Names of no category are not remembered, and push none out; of categories so many are.
func TestCategoriesThatAreRemembered(t *testing.T) {
	m, _ := sorted(t, 300)
	var own []edged.Item
	for i := range 2 * maxSelections {
		own = append(own, edged.Item{ID: fmt.Sprint("own", i), Categories: []string{fmt.Sprint("own/", i)}})
	}
	r := with(t, ranker(m), Changes{Tag: "new", Items: own})
	ask := func(category string, want bool) {
		t.Helper()
		if got, err := r.Category([]byte(category)); err != nil || (got.Len() > 0) != want || r.KnowsCategory([]byte(category)) != want {
			t.Errorf("%s: %d, %v, known: %t", category, got.Len(), err, !want)
		}
	}
	ask("home", true)
	for i := range 3 * maxSelections {
		ask(fmt.Sprint(i), false)
	}
	if !r.KnowsCategory([]byte("home")) {
		t.Error("names of no category have pushed one out")
	}
	for i := range own {
		ask(own[i].Categories[0], true)
	}
	if n := len(*r.categories.known.Load()); n != maxSelections {
		t.Errorf("%d kept", n)
	}
}
