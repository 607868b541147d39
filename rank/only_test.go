package rank

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/data"
	"github.com/edged/edged/index"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
)

// itemsOf imports the items of a file of real data.
func itemsOf(t testing.TB, file, mapping string) []edged.Item {
	t.Helper()
	path := testkit.DataFile(t, file)
	m, err := data.LoadMapping(vfs.OS, filepath.Join(testkit.Root(), "examples", mapping))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := data.CreateDir(vfs.OS, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if _, err := data.Import(context.Background(), dir, m, []string{path}, data.ImportOptions{Kind: data.Items}); err != nil {
		t.Fatal(err)
	}
	items, err := dir.Items(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(items, func(a, b edged.Item) int { return strings.Compare(a.ID, b.ID) })
	return items
}

// catalogueOf makes a model of real items with random vectors.
func catalogueOf(t testing.TB, items []edged.Item) *model.Model {
	rng := rand.New(rand.NewPCG(17, uint64(len(items))))
	return random(t, rng, len(items), 16, func(b *model.Build) {
		for i := range items {
			b.IDs[i], b.Popularity[i] = items[i].ID, float32(rng.IntN(50))
		}
		b.Items = items
		for _, country := range []string{"", "GB"} {
			trend := model.Trend{Setting: edged.Setting{Country: country}}
			for i, row := range rng.Perm(len(items))[:300] {
				trend.Rows, trend.Scores = append(trend.Rows, edged.Row(row)), append(trend.Scores, float32(300-i))
			}
			b.Trends = append(b.Trends, trend)
		}
	})
}

// condition is a filter beside its plain meaning.
type condition struct {
	name   string
	filter model.Filter
	meets  func(*edged.Item) bool
}

// words makes the words of titles tags, and the digits of codes categories: a shop's catalogue that has neither.
func words(items []edged.Item) {
	no := false
	for i := range items {
		it := &items[i]
		it.Tags = strings.Fields(it.Title)
		it.Categories = []string{fmt.Sprintf("%s/%s/%s", it.ID[:1], it.ID[1:2], it.ID[2:3])}
		if i%9 == 4 {
			it.Available = &no
		}
		if i%7 == 2 {
			it.Expires = created.UnixMilli() + int64(i%3-1)
		}
	}
}

func retailConditions(items []edged.Item) []condition {
	tagged := func(tag string) func(*edged.Item) bool {
		return func(it *edged.Item) bool { return slices.Contains(it.Tags, tag) }
	}
	in := func(category string) func(*edged.Item) bool {
		return func(it *edged.Item) bool {
			return it.Categories[0] == category || strings.HasPrefix(it.Categories[0], category+"/")
		}
	}
	one := items[len(items)/2]
	return []condition{
		{"all", model.And(), func(*edged.Item) bool { return true }},
		{"none", model.Or(), func(*edged.Item) bool { return false }},
		{"category", model.In("categories", "2"), in("2")},
		{"deep category", model.In("categories", "8/4", "2/1/0"), func(it *edged.Item) bool { return in("8/4")(it) || in("2/1/0")(it) }},
		{"price", model.Between("price", model.Range{Min: 2, Max: 3, OpenMax: true}), func(it *edged.Item) bool { return it.Price >= 2 && it.Price < 3 }},
		{"not cheap", model.Not(model.Between("price.GBP", model.Range{Min: 0, Max: 1.25})), func(it *edged.Item) bool { return it.Price > 1.25 || it.Price <= 0 }},
		{"tag", model.In("tags", "RED"), tagged("RED")},
		{"rare", model.And(model.In("tags", "RED"), model.In("categories", "2/2"), model.Between("price", model.Range{Min: 0, Max: 4})),
			func(it *edged.Item) bool { return tagged("RED")(it) && in("2/2")(it) && it.Price > 0 && it.Price <= 4 }},
		{"one", model.In("tags", one.Tags...), func(it *edged.Item) bool {
			return slices.ContainsFunc(one.Tags, func(tag string) bool { return tagged(tag)(it) })
		}},
		{"withheld", model.Is("available", false), func(it *edged.Item) bool { return it.Available != nil && !*it.Available }},
	}
}

// book is what the mapping makes attributes of.
type book struct {
	Language              string
	Year, Rating, Ratings *float64
}

func bookOf(it *edged.Item) (b book) {
	if len(it.Attributes) > 0 {
		if err := json.Unmarshal(it.Attributes, &b); err != nil {
			panic(err)
		}
	}
	return b
}

func bookConditions() []condition {
	between := func(v *float64, low, high float64) bool { return v != nil && *v >= low && *v <= high }
	number := func(name string, low, high float64) model.Filter {
		return model.Between("attributes."+name, model.Range{Min: low, Max: high})
	}
	return []condition{
		{"author", model.In("tags", "Stephen King"), func(it *edged.Item) bool { return slices.Contains(it.Tags, "Stephen King") }},
		{"first author", model.In("brand", "J.K. Rowling"), func(it *edged.Item) bool { return it.Brand == "J.K. Rowling" }},
		{"antiquity", number("year", -2000, 500), func(it *edged.Item) bool { return between(bookOf(it).Year, -2000, 500) }},
		{"nineties", number("year", 1990, 1999), func(it *edged.Item) bool { return between(bookOf(it).Year, 1990, 1999) }},
		{"language", model.In("attributes.language", "fre", "ger"), func(it *edged.Item) bool { l := bookOf(it).Language; return l == "fre" || l == "ger" }},
		{"not English", model.Not(model.In("attributes.language", "eng", "en-US", "en-GB")), func(it *edged.Item) bool {
			l := bookOf(it).Language
			return l != "eng" && l != "en-US" && l != "en-GB"
		}},
		{"beloved or old", model.Or(number("rating", 4.6, 5), model.And(number("year", 1800, 1850), model.Not(number("ratings", 0, 20000)))),
			func(it *edged.Item) bool {
				b := bookOf(it)
				return between(b.Rating, 4.6, 5) || between(b.Year, 1800, 1850) && !between(b.Ratings, 0, 20000)
			}},
		{"best ever", number("rating", 4.8, 5), func(it *edged.Item) bool { return between(bookOf(it).Rating, 4.8, 5) }},
	}
}

func TestFilteredAnswersOfOnlineRetail(t *testing.T) {
	items := itemsOf(t, "online-retail_2009-12_2010-12.csv.gz", "online-retail/mapping.yaml")
	words(items)
	checkFiltered(t, items, retailConditions(items))
}

func TestFilteredAnswersOfGoodbooks(t *testing.T) {
	items := itemsOf(t, "goodbooks10k_books.csv.gz", "goodbooks/books.yaml")
	if len(items) != 10_000 {
		t.Fatalf("%d books", len(items))
	}
	checkFiltered(t, items, bookConditions())
}

// Whatever is filtered by, answers are those of a scorer that ranks everything, then looks at each item.
func checkFiltered(t *testing.T, items []edged.Item, conditions []condition) {
	m := catalogueOf(t, items)
	r := ranker(m)
	rng := rand.New(rand.NewPCG(17, 3))
	var a Answer
	var s Scratch
	var fs model.FilterScratch
	selected := new(model.Selection)
	for i, c := range append(conditions, conditions...) {
		if err := m.Select(selected, &c.filter, &fs); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if i >= len(conditions) {
			m.Prepare(selected)
		}
		t.Logf("%s: %d of %d (%.2f %%)", c.name, selected.Len(), len(items), 100*float64(selected.Len())/float64(len(items)))
		for range 5 {
			q := &Request{Recent: someHistory(rng, len(items), 1+rng.IntN(8)), ExcludeSeen: rng.IntN(2) == 0, N: 1 + rng.IntN(40), Offset: rng.IntN(3) * 10, Only: selected}
			q.Recent[0].Weight = 1
			if rng.IntN(2) == 0 {
				q.Setting.Country = "GB"
			}
			r.Recommend(&a, &s, q)
			if got, want := rowsOf(&a), slowly(m, items, c.meets, q); !slices.Equal(got, want) {
				t.Errorf("%s, %d from %d: rows %v, want %v", c.name, q.N, q.Offset, got, want)
			}
		}
		possible := slowly(m, items, c.meets, &Request{N: 25})
		for name, call := range map[string]func(){
			"popular": func() { r.Popular(&a, &s, selected, nil, 25) }, "trending": func() { r.Trending(&a, &s, "GB", nil, selected, nil, 25) },
			"similar": func() { r.Similar(&a, &s, edged.Row(len(items)-1), selected, 25) },
		} {
			call()
			if len(a.Items) < min(25, len(possible)-1) || name != "similar" && len(a.Items) != len(possible) {
				t.Errorf("%s, %s: %d items, %d are possible", c.name, name, len(a.Items), len(possible))
			}
			for _, row := range rowsOf(&a) {
				if it := &items[row]; !c.meets(it) || !mayCome(it) {
					t.Errorf("%s, %s: %q may not come", c.name, name, it.ID)
				}
			}
		}
	}
}

func mayCome(it *edged.Item) bool {
	return (it.Available == nil || *it.Available) && (it.Expires == 0 || it.Expires > created.UnixMilli())
}

// slowly is Recommend without filters inside: everything ranked, then looked at item by item.
func slowly(m *model.Model, items []edged.Item, meets func(*edged.Item) bool, q *Request) (rows []edged.Row) {
	barred := make([]bool, len(items))
	if q.ExcludeSeen {
		for _, r := range q.Recent {
			barred[r.Row] = true
		}
	}
	take := func(row edged.Row) {
		if it := &items[row]; !barred[row] && meets(it) && mayCome(it) {
			rows, barred[row] = append(rows, row), true
		}
	}
	if len(q.Recent) > 0 {
		x := New(m, Release{}).FoldIn(nil, new(Scratch), q.Recent)
		for _, h := range m.Index().Search(nil, &index.Query{Vector: x, K: len(items), Recall: 2}, new(index.Scratch)) {
			if h.Score > 0 {
				take(h.Row)
			}
		}
	}
	for _, country := range slices.Compact([]string{q.Setting.Country, ""}) {
		trending, _, _ := m.Trend(edged.Setting{Country: country})
		for _, row := range trending {
			take(row)
		}
	}
	for _, row := range m.Popular() {
		take(row)
	}
	from := min(q.Offset, len(rows))
	return rows[from:min(from+q.N, len(rows))]
}

// With cells and codes, too, answers are full at every selectivity, of what was asked for, and mostly the best of it.
func TestFilteredAnswersOfAnApproximateSearch(t *testing.T) {
	const n, dim, k = 20_000, 16, 20
	shares := []int{1, 10, 100, 1000, 10_000} // one of so many
	rng := rand.New(rand.NewPCG(17, 6))
	m := random(t, rng, n, dim, func(b *model.Build) {
		for range 600 * dim {
			b.Search.Queries = append(b.Search.Queries, float32(rng.NormFloat64()))
		}
		for i := range b.Items {
			for _, share := range shares {
				if i%share == share/2 {
					b.Items[i].Tags = append(b.Items[i].Tags, fmt.Sprint(share))
				}
			}
		}
	})
	if m.Meta().Search == nil {
		t.Fatal("the search is exact")
	}
	r := ranker(m)
	var a Answer
	var s Scratch
	selected := new(model.Selection)
	for _, share := range shares {
		f := model.In("tags", fmt.Sprint(share))
		if err := m.Select(selected, &f, new(model.FilterScratch)); err != nil {
			t.Fatal(err)
		}
		found, all := 0, 0
		for range 20 {
			q := &Request{Recent: someHistory(rng, n, 4), N: k, Only: selected}
			q.Recent[0].Weight = 1
			r.Recommend(&a, &s, q)
			if len(a.Items) != min(k, n/share) {
				t.Fatalf("one of %d: %d items", share, len(a.Items))
			}
			best := slowly(m, marked(m, selected), func(it *edged.Item) bool { return it.Brand == "in" }, q)
			for _, row := range rowsOf(&a) {
				if !selected.Has(row) {
					t.Fatalf("one of %d: row %d is not of it", share, row)
				}
				if slices.Contains(best, row) {
					found++
				}
			}
			all += len(best)
		}
		if got := float64(found) / float64(all); got < .95 {
			t.Errorf("one of %d: recall %.3f", share, got)
		}
	}
}

// marked marks the selected rows.
func marked(m *model.Model, selected *model.Selection) []edged.Item {
	items := make([]edged.Item, m.Len())
	for row := range items {
		if selected.Has(edged.Row(row)) {
			items[row].Brand = "in"
		}
	}
	return items
}

func TestSelectionOfAnotherReleaseIsABug(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 4))
	selected := new(model.Selection)
	all := model.And()
	if err := random(t, rng, 30, 4, nil).Select(selected, &all, new(model.FilterScratch)); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if r := recover(); !strings.Contains(fmt.Sprint(r), "BUG") {
			t.Errorf("recovered %v", r)
		}
	}()
	ranker(random(t, rng, 31, 4, nil)).Popular(new(Answer), new(Scratch), selected, nil, 3)
}

func TestFilteredAnswersAllocateNothing(t *testing.T) {
	no := false
	m := random(t, rand.New(rand.NewPCG(17, 5)), 20_000, 16, func(b *model.Build) {
		withTrends(b)
		for i := range b.Items {
			b.Items[i].Tags = []string{fmt.Sprintf("t%d", i%3), fmt.Sprintf("u%d", i%1000)}
		}
		b.Items[3].Available = &no
	})
	r := ranker(m)
	var a Answer
	var s Scratch
	var fs model.FilterScratch
	var dense, sparse model.Selection
	many, few := model.In("tags", "t1"), model.In("tags", "u7", "u500")
	q := &Request{Recent: weights(1, 2, 3), N: 40, Setting: edged.Setting{Country: "GB"}}
	testkit.Allocs(t, 0, func() {
		for f, selected := range map[*model.Filter]*model.Selection{&many: &dense, &few: &sparse} {
			if err := m.Select(selected, f, &fs); err != nil {
				t.Fatal(err)
			}
			q.Only = selected
			r.Recommend(&a, &s, q)
			r.Similar(&a, &s, 5, selected, 30)
			r.Popular(&a, &s, selected, nil, 30)
		}
	})
	if dense.Bits() == nil || sparse.Bits() != nil || len(a.Items) != 30 {
		t.Errorf("%d and %d rows, %d items", dense.Len(), sparse.Len(), len(a.Items))
	}
}
