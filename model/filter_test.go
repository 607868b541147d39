package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
)

// varied is a release whose items differ in everything a filter can ask, some values common, most rare.
func varied(n int) *Build {
	b := sample(n)
	rng := rand.New(rand.NewPCG(41, uint64(n)))
	pick := func(of int) int { return int(float64(of) * math.Pow(rng.Float64(), 3)) } // the first ones often
	for i := range b.Items {
		it := &b.Items[i]
		*it = edged.Item{ID: it.ID}
		if rng.IntN(3) > 0 {
			it.Categories = append(it.Categories, fmt.Sprintf("c%d/d%d/e%d", pick(4), pick(9), pick(30)), "/c1//x")
		}
		if rng.IntN(4) > 0 {
			it.Brand = fmt.Sprintf("b%d", pick(60))
		}
		for range rng.IntN(4) {
			it.Tags = append(it.Tags, fmt.Sprintf("t%d", pick(400)))
		}
		if rng.IntN(5) > 0 {
			it.Price, it.Currency = float64(rng.IntN(40))/4, []string{"", "GBP", "EUR"}[pick(3)]
		}
		if available := rng.IntN(6) > 0; rng.IntN(2) == 0 {
			it.Available = &available
		}
		if rng.IntN(7) == 0 {
			it.Published, it.Expires = 1e12+int64(rng.IntN(50)), 2e12+int64(rng.IntN(9))
		}
		it.Attributes = attributesOf(rng, pick, i)
	}
	return b
}

func attributesOf(rng *rand.Rand, pick func(int) int, i int) json.RawMessage {
	values := map[string]any{}
	if rng.IntN(3) > 0 {
		values["colour"] = fmt.Sprintf("k%d", pick(12))
		values["sizes"] = []any{float64(36 + pick(9)), float64(36 + pick(9)), "M", true}
	}
	if rng.IntN(2) == 0 {
		values["sale"], values["weight"] = rng.IntN(2) == 0, rng.NormFloat64()
	}
	values["sku"], values["deep"], values["nothing"] = fmt.Sprintf("sku-%d", i), map[string]any{"colour": "k0"}, nil
	raw, err := json.Marshal(values)
	if err != nil {
		panic(err)
	}
	return raw
}

// meets is the plain meaning of a filter.
func meets(f *Filter, it *edged.Item) bool {
	any := func(of []Filter, want bool) bool {
		return slices.ContainsFunc(of, func(g Filter) bool { return meets(&g, it) == want })
	}
	switch f.op {
	case filterAnd:
		return !any(f.args, false)
	case filterOr:
		return any(f.args, true)
	case filterNot:
		return !meets(&f.args[0], it)
	}
	for _, v := range valuesOf(it, f.field) {
		switch v := v.(type) {
		case string:
			if f.op == filterIn && slices.ContainsFunc(f.texts, func(s string) bool {
				return s == v || f.field == "categories" && strings.HasPrefix(v, s+"/") && s != ""
			}) {
				return true
			}
		case bool:
			if f.op == filterIs && v == f.flag {
				return true
			}
		case float64:
			r := f.span
			if f.op == filterBetween && v >= r.Min && v <= r.Max && !(r.OpenMin && v == r.Min) && !(r.OpenMax && v == r.Max) {
				return true
			}
		}
	}
	return false
}

func valuesOf(it *edged.Item, field string) (out []any) {
	texts := func(list []string) {
		for _, s := range list {
			out = append(out, s)
		}
	}
	switch {
	case field == "categories":
		texts(it.Categories)
	case field == "tags":
		texts(it.Tags)
	case field == "brand" && it.Brand != "":
		out = []any{it.Brand}
	case field == "price."+it.Currency && it.Price != 0:
		out = []any{it.Price}
	case field == "published" && it.Published > 0:
		out = []any{float64(it.Published)}
	case field == "expires" && it.Expires > 0:
		out = []any{float64(it.Expires)}
	case field == "available":
		out = []any{it.Available == nil || *it.Available}
	case strings.HasPrefix(field, "attributes."):
		var values map[string]any
		_ = json.Unmarshal(it.Attributes, &values)
		v := values[strings.TrimPrefix(field, "attributes.")]
		if list, ok := v.([]any); ok {
			return list
		}
		out = []any{v}
	}
	return out
}

func plainly(b *Build, f *Filter) (rows []edged.Row) {
	for i := range b.Items {
		if meets(f, &b.Items[i]) {
			rows = append(rows, edged.Row(i))
		}
	}
	return rows
}

// listed returns a selection as a list, and checks that its three views agree.
func listed(t testing.TB, s *Selection, n int) (rows []edged.Row) {
	t.Helper()
	for row := range edged.Row(n) {
		if s.Has(row) {
			rows = append(rows, row)
		}
	}
	list, sparse := s.Rows()
	switch {
	case s.Len() != len(rows):
		t.Fatalf("%d rows, Len says %d", len(rows), s.Len())
	case sparse && !slices.Equal(list, rows), sparse != (s.Bits() == nil), sparse != (len(rows) <= few(n)):
		t.Fatalf("%d rows of %d: listed %v: %v", len(rows), n, sparse, list)
	case !sparse && onesIn(s.Bits()) != len(rows):
		t.Fatalf("%d bits, want %d", onesIn(s.Bits()), len(rows))
	case s.Has(edged.Row(n)) || s.Has(edged.NoRow):
		t.Fatal("a row beyond the last is selected")
	}
	return rows
}

func filters(depth int) *rapid.Generator[Filter] {
	leaf := rapid.Custom(func(t *rapid.T) Filter {
		values := func(form string, of int) []string {
			return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf(form, rapid.IntRange(0, of).Draw(t, "value")) }), 0, 3).Draw(t, "values")
		}
		switch rapid.IntRange(0, 8).Draw(t, "leaf") {
		case 0:
			return In("categories", append(values("c%d", 4), values("c1/d%d", 9)...)...)
		case 1:
			return In("brand", values("b%d", 60)...)
		case 2:
			return In("tags", values("t%d", 400)...)
		case 3:
			return In("attributes.colour", values("k%d", 12)...)
		case 4:
			return Is(rapid.SampledFrom([]string{"available", "attributes.sale", "attributes.sizes", "attributes.none"}).Draw(t, "flag"), rapid.Bool().Draw(t, "set"))
		case 5:
			return In(rapid.SampledFrom([]string{"attributes.sizes", "attributes.none", "categories"}).Draw(t, "field"), "M", "/c1/", "/c1//x", "")
		}
		field := rapid.SampledFrom([]string{"price.", "price.GBP", "price.EUR", "price.USD", "published", "expires", "attributes.sizes", "attributes.weight"}).Draw(t, "number")
		ends := rapid.SampledFrom([]float64{math.Inf(-1), -1, 0, .25, 2, 5, 9.75, 36, 38, 1e12 + 9, 2e12 + 3, math.Inf(1)})
		return Between(field, Range{ends.Draw(t, "min"), ends.Draw(t, "max"), rapid.Bool().Draw(t, "openMin"), rapid.Bool().Draw(t, "openMax")})
	})
	if depth == 0 {
		return leaf
	}
	return rapid.Custom(func(t *rapid.T) Filter {
		some := func() []Filter { return rapid.SliceOfN(filters(depth-1), 0, 3).Draw(t, "args") }
		switch rapid.IntRange(0, 4).Draw(t, "op") {
		case 0:
			return And(some()...)
		case 1:
			return Or(some()...)
		case 2:
			return Not(filters(depth-1).Draw(t, "arg"))
		}
		return leaf.Draw(t, "leaf")
	})
}

func TestSelectIsWhatItemsMeet(t *testing.T) {
	for _, n := range []int{0, 1, 64, 500, 9000} {
		b := varied(n)
		m := open(t, b)
		if n == 9000 {
			wantForms(t, m)
		}
		var s FilterScratch
		var got Selection
		rapid.Check(t, func(rt *rapid.T) {
			f := filters(3).Draw(rt, "filter")
			if err := m.Select(&got, &f, &s); err != nil {
				rt.Fatal(err)
			}
			if rows, want := listed(t, &got, n), plainly(b, &f); !slices.Equal(rows, want) {
				rt.Fatalf("%d rows, want %d: %v", len(rows), len(want), f)
			}
		})
	}
}

// wantForms makes sure that postings of every form are under test.
func wantForms(t *testing.T, m *Model) {
	t.Helper()
	for form := range formCount {
		if m.Attributes().terms.countForm(form) == 0 {
			t.Errorf("no posting of form %d", form)
		}
	}
}

func TestZeroFilterSelectsAll(t *testing.T) {
	m := open(t, varied(500))
	var s FilterScratch
	var got Selection
	if err := m.Select(&got, new(Filter), &s); err != nil || got.Len() != 500 {
		t.Errorf("%d rows, %v", got.Len(), err)
	}
}

func TestCategoriesAreFoundFromAbove(t *testing.T) {
	b := sample(6)
	deep := strings.Repeat("x/", 40) + "x"
	b.Items[3].Categories = []string{"home/kitchen/mugs", "/odd//path/"}
	b.Items[4].Categories = []string{deep}
	m := open(t, b)
	var s FilterScratch
	var got Selection
	for path, want := range map[string][]edged.Row{
		"home": {0, 3}, "home/kitchen": {3}, "home/kitchen/mugs": {3}, "home/kit": nil, "kitchen": nil, "mugs": nil, "": nil, "/": nil,
		"/odd": {3}, "/odd/": {3}, "/odd//path": {3}, "/odd//path/": {3}, "odd": nil,
		deep: {4}, deep[:31]: {4}, deep[:33]: nil, // 16 levels, and the whole
	} {
		f := In("categories", path)
		if err := m.Select(&got, &f, &s); err != nil {
			t.Fatal(err)
		}
		if rows := listed(t, &got, 6); !slices.Equal(rows, want) {
			t.Errorf("%q: rows %v, want %v", path, rows, want)
		}
	}
}

func TestPriceNeedsOneCurrency(t *testing.T) {
	var s FilterScratch
	var got Selection
	price := Between("price", Range{Min: 2, Max: 3})
	if err := open(t, varied(500)).Select(&got, &price, &s); !errors.Is(err, ErrFilter) || !strings.Contains(err.Error(), "price.GBP") {
		t.Errorf("several currencies: %v", err)
	}
	if err := open(t, sample(70)).Select(&got, &price, &s); err != nil || got.Len() != 1 || !got.Has(0) {
		t.Errorf("one currency: %d rows, %v", got.Len(), err)
	}
	if err := open(t, sample(3)).Select(&got, &price, &s); err != nil || got.Len() != 0 {
		t.Errorf("no prices: %d rows, %v", got.Len(), err)
	}
}

func TestFiltersThatCannotBeAsked(t *testing.T) {
	deep := Is("available", true)
	for range MaxFilterDepth {
		deep = Not(deep)
	}
	m := open(t, varied(3000))
	var s FilterScratch
	for name, tc := range map[string]struct {
		f    Filter
		want error
		text string
	}{
		"unknown field":         {In("colour", "red"), ErrFilter, `"colour"`},
		"text of a number":      {In("price.GBP", "2"), ErrFilter, "number"},
		"number of a text":      {Between("brand", Range{}), ErrFilter, "text"},
		"flag of a text":        {Or(Is("tags", true)), ErrFilter, "text"},
		"text of a flag":        {Not(In("available", "true")), ErrFilter, "flag"},
		"NaN":                   {And(Between("published", Range{Min: math.NaN()})), ErrFilter, "NaN"},
		"too deep":              {deep, ErrFilter, "deeper"},
		"too many":              {And(make([]Filter, MaxFilterNodes)...), ErrFilter, "1024"},
		"too many values":       {In("tags", make([]string, MaxFilterValues+1)...), ErrFilter, "1025 values"},
		"each item has its own": {In("attributes.sku", "sku-7"), ErrNotIndexed, "attributes.sku"},
	} {
		got := Selection{dense: true, total: 64, count: 64, bits: []uint64{math.MaxUint64}}
		if err := m.Select(&got, &tc.f, &s); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v, want %q in it", name, err, tc.text)
		}
		if got.Len() != 0 || got.Has(3) {
			t.Errorf("%s: something is selected", name)
		}
	}
}

func TestAttributesLeftOut(t *testing.T) {
	b := sample(2000)
	for i := range b.Items {
		values := map[string]any{"common": "x", "much": strings.Repeat("y", maxFilterText+1), fmt.Sprintf("own-%04d", i): 1, "vast": json.Number("1e999")}
		b.Items[i].Attributes, _ = json.Marshal(values)
	}
	m := open(t, b)
	var s FilterScratch
	var got Selection
	for field, want := range map[string]error{
		"attributes.common": nil, "attributes.much": ErrNotIndexed, "attributes.own-0003": nil, "attributes.own-1999": ErrNotIndexed,
		"attributes.nobody": ErrNotIndexed, // some were left out unnamed: it may be one of them
	} {
		f := In(field, "x")
		if err := m.Select(&got, &f, &s); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", field, err, want)
		}
	}
	bounded := slices.DeleteFunc(slices.Clone(m.Attributes().Fields()), func(f AttributeField) bool { return !strings.Contains(f.Name, ".") })
	if len(bounded) != maxFilterFields {
		t.Errorf("%d attributes and prices, want %d", len(bounded), maxFilterFields)
	}
}

func TestSelectAllocatesNothing(t *testing.T) {
	m := open(t, varied(9000))
	var s FilterScratch
	var got Selection
	f := And(Or(In("categories", "c1", "c2/d3"), Not(In("tags", "t1", "t2"))), Between("price.GBP", Range{Min: 1, Max: 5}), Is("available", true),
		Not(Or(In("brand", "b3", "b50"), And(Is("attributes.sale", true), In("attributes.colour", "k1")))))
	testkit.Allocs(t, 0, func() {
		if err := m.Select(&got, &f, &s); err != nil || got.Len() == 0 {
			t.Fatal(err)
		}
	})
}

func TestCatalogueFromBeforeFiltersOpens(t *testing.T) {
	var files [2][]byte
	for i, name := range []string{"model-2.snap", "catalogue-1.snap"} {
		var err error
		if files[i], err = os.ReadFile(filepath.Join("testdata", "compat", name)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := Parse(files[0], files[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := use(m); err != nil || m.Len() != 9 || m.Attributes() != nil {
		t.Errorf("%d items, %v", m.Len(), err)
	}
	if err := m.Select(new(Selection), new(Filter), new(FilterScratch)); !errors.Is(err, ErrNotIndexed) {
		t.Errorf("a filter: %v", err)
	}
}
