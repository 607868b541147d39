package rank

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rules"
)

// priced makes a model of items with prices, brands, categories, attributes and dates.
func priced(t testing.TB, n int) *model.Model {
	return random(t, rand.New(rand.NewPCG(71, 1)), n, 12, func(b *model.Build) {
		withTrends(b)
		for i := range b.Items {
			it := &b.Items[i]
			it.Price, it.Brand, it.Tags = float64(i%40+1)/2, fmt.Sprint("b", i%7), []string{"t" + fmt.Sprint(i%3), "all"}
			it.Categories = []string{fmt.Sprintf("a/b%d/c%d", i%4, i%5)}
			it.Published = created.AddDate(0, 0, -i%100).UnixMilli()
			it.Attributes = fmt.Appendf(nil, `{"size":%d,"code":"%d","new":%t,"flag":"%t"}`, i%6, i%6, i%4 == 0, i%2 == 0)
			if i%9 == 0 {
				it.Attributes = nil
			}
			b.Popularity[i] = float32(i % 11)
		}
	})
}

func TestWhereMeansWhatItSays(t *testing.T) {
	const n = 900
	m := priced(t, n)
	r := ranker(m)
	has := func(i int) bool { return i%9 != 0 }
	published := func(i int) time.Time { return created.AddDate(0, 0, -i%100) }
	for text, meets := range map[string]func(i int) bool{
		`price < 5`:                              func(i int) bool { return i%40 < 9 },
		`5 <= price and price <= 7.5`:            func(i int) bool { return i%40 >= 9 && i%40 <= 14 },
		`price in [1, 2, "3"]`:                   func(i int) bool { return i%40 == 1 || i%40 == 3 || i%40 == 5 },
		`not (price > -1)`:                       func(int) bool { return false },
		`brand == "b1" or brand in ["b3", "b9"]`: func(i int) bool { return i%7 == 1 || i%7 == 3 },
		`brand != "b1" and "t2" in tags`:         func(i int) bool { return i%7 != 1 && i%3 == 2 },
		`tags == "all"`:                          func(int) bool { return true },
		`categories == "a/b2"`:                   func(i int) bool { return i%4 == 2 },
		`"a/b2/c1" in categories`:                func(i int) bool { return i%4 == 2 && i%5 == 1 },
		`categories not in ["a/b", "c1"]`:        func(int) bool { return true },
		`attributes.size >= 4`:                   func(i int) bool { return has(i) && i%6 >= 4 },
		`attributes.size == "4"`:                 func(i int) bool { return has(i) && i%6 == 4 },
		`attributes.code == 4`:                   func(i int) bool { return has(i) && i%6 == 4 },
		`attributes.size != 4`:                   func(i int) bool { return !has(i) || i%6 != 4 },
		`attributes.new`:                         func(i int) bool { return has(i) && i%4 == 0 },
		`attributes.new == false`:                func(i int) bool { return has(i) && i%4 != 0 },
		`attributes.flag == true`:                func(i int) bool { return has(i) && i%2 == 0 },
		`!attributes.flag`:                       func(i int) bool { return !has(i) || i%2 != 0 },
		`attributes.none > 1`:                    func(int) bool { return false },
		`true and not false`:                     func(int) bool { return true },
		`published >= "` + created.AddDate(0, 0, -10).Format(time.RFC3339) + `"`: func(i int) bool { return !published(i).Before(created.AddDate(0, 0, -10)) },
		strings.Repeat(`price == 1 or `, 30) + `price == 2`:                      func(i int) bool { return i%40 == 1 || i%40 == 3 },
	} {
		got, err := r.Where([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for i := range n {
			row, _ := m.Row(fmt.Sprintf("i%03d", i))
			if got.Has(row) != meets(i) {
				t.Fatalf("%s: item %d: %v", text, i, got.Has(row))
			}
		}
	}
}

// A name that no item has is refused where it is nearly one that items have, those the overlay brought included; else it is one nobody has yet.
func TestMisspeltAttributesAreRefused(t *testing.T) {
	m := priced(t, 100)
	patched, err := m.With(model.Patch{Items: []edged.Item{{ID: "new", Attributes: []byte(`{"colour":"red"}`)}}})
	if err != nil {
		t.Fatal(err)
	}
	for condition, says := range map[string]string{
		`price > 1 and attributes.sise == 3`: "no item has attributes.sise; did you mean attributes.size?",
		`attributes.color == "red"`:          "no item has attributes.color; did you mean attributes.colour?",
		`attributes.Size == 3`:               "did you mean attributes.size?",
		`attributes.size1 == 3`:              "", `attributes.weight > 3`: "", `attributes.colour == "red"`: "",
	} {
		if _, err := ranker(patched).Where([]byte(condition)); says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, want %q", condition, err, says)
		}
	}
	if _, err := ranker(m).Where([]byte(`attributes.color == "red"`)); err != nil {
		t.Errorf("without the overlay: %v", err)
	}
}

func TestWhereIsKeptAndBounded(t *testing.T) {
	r := ranker(priced(t, 100))
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for i := range 3 * maxSelections {
				if _, err := r.Where(fmt.Appendf(nil, "price < %d", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if n := len(*r.selections.known.Load()); n != maxSelections {
		t.Errorf("%d kept", n)
	}
	condition := []byte(`brand == "b1"`)
	testkit.Allocs(t, 0, func() {
		if s, err := r.Where(condition); err != nil || s.Len() == 0 {
			t.Error(s, err)
		}
	})
}

// What is asked again and again stays, whatever others ask once, and what was prepared of those that went is free again.
func TestNewConditionsTakeThePlaceOfThoseNobodyAsksFor(t *testing.T) {
	r := ranker(priced(t, 100))
	ask := func(condition string) *model.Selection {
		t.Helper()
		got, err := r.Where([]byte(condition))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	hot := func(i int) string { return fmt.Sprintf("price > %d", i) }
	var kept [maxSelections / 2]*model.Selection
	for i := range kept {
		kept[i] = ask(hot(i))
		ask(hot(i))
	}
	for i := range 5 * maxSelections {
		ask(fmt.Sprintf("price < %d", i))
	}
	for i := range kept {
		if !r.Knows([]byte(hot(i))) || ask(hot(i)) != kept[i] {
			t.Errorf("%s was asked twice, and went for what was asked once", hot(i))
		}
	}
	one := (*r.selections.known.Load())[hot(0)]
	r.selections.spent.Add(1000)
	one.spent.Store(1000)
	for i := range 2 * maxSelections {
		ask(fmt.Sprintf("price == %d", i))
		ask(fmt.Sprintf("price == %d", i))
	}
	if r.Knows([]byte(hot(0))) || !one.gone.Load() || r.selections.spent.Load() != 0 {
		t.Errorf("what was asked longest ago is there, %d bytes are counted", r.selections.spent.Load())
	}
}

// Nobody waits for what another condition's rows take to be found.
func TestConditionsAreAskedBesideEachOther(t *testing.T) {
	r := ranker(priced(t, 100))
	w, err := rules.ParseWhere("price < 3")
	if err != nil {
		t.Fatal(err)
	}
	r.selections.mu.Lock()
	defer r.selections.mu.Unlock()
	if rows, err := r.selections.make(r.m, w); err != nil || rows.Len() == 0 {
		t.Errorf("%v %v", rows, err)
	}
}

// TestWhatIsOftenAskedForIsPrepared: in the background, each once, and not more than half the index takes.
func TestWhatIsOftenAskedForIsPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 2000
		r := ranker(priced(t, n))
		ask := func(condition string, times int) *model.Selection {
			var found *model.Selection
			for range times {
				var err error
				if found, err = r.Where([]byte(condition)); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			return found
		}
		if ask(`price < 3`, leastOften).Filter() != nil {
			t.Error("prepared too early")
		}
		few := ask(`price < 3`, n)
		if few.Filter() == nil || few.Filter().Len() == 0 || few.Filter().Len() > few.Len() {
			t.Fatalf("%d rows, filter %v", few.Len(), few.Filter())
		}
		before := few.Filter()
		if ask(`price < 3`, n).Filter() != before {
			t.Error("prepared twice")
		}
		if all := ask(`price >= 0`, n); 4*all.Len() <= 3*n || all.Filter() != nil {
			t.Errorf("%d of %d rows prepared", all.Len(), n)
		}
		prepared := float64(before.Bytes())
		for i := range 40 {
			if f := ask(fmt.Sprintf(`price > %d`, 14+i%5)+strings.Repeat(" ", i), n).Filter(); f != nil {
				prepared += float64(f.Bytes())
			}
		}
		if x := r.m.Index(); prepared < x.Bytes()*n/4 || prepared > x.Bytes()*n/2 {
			t.Errorf("%g bytes prepared, of %g", prepared, x.Bytes()*n)
		}
	})
}

func TestLikenessIsTheCosine(t *testing.T) {
	rng := rand.New(rand.NewPCG(72, 1))
	for round := range 30 {
		m := random(t, rng, 40+rng.IntN(100), 1+rng.IntN(40), func(b *model.Build) {
			clear(b.Vectors[:b.Meta.Dim]) // one without a vector
			b.Search.Coarse = round%2 == 0
		})
		r, rows := ranker(m), []edged.Row(nil)
		for _, row := range rng.Perm(m.Len())[:30] {
			rows = append(rows, edged.Row(row))
		}
		l := new(Likeness).Of(r)
		l.Begin(rows)
		want := make([]float64, len(rows))
		for _, placed := range rows[:5] {
			l.Place(placed)
			a := m.AppendVector(nil, placed)
			for i, row := range rows {
				b := m.AppendVector(nil, row)
				if lengths := math.Sqrt(dot(a, a) * dot(b, b)); lengths > 0 {
					want[i] = max(want[i], dot(a, b)/lengths)
				}
				if math.Abs(float64(l.Near(i))-want[i]) > 1e-5 {
					t.Fatalf("item %d: %v, want %v", i, l.Near(i), want[i])
				}
			}
		}
	}
}

func TestExplorationShowsNewItems(t *testing.T) {
	m := priced(t, 900)
	r := ranker(m)
	fresh := func(row edged.Row) bool { return m.PopularityOf(row) == 0 || int(row)%100 <= 30 }
	var a Answer
	var s Scratch
	var e Exploration
	shown, places := 0, map[string]bool{}
	for seed := range uint64(200) {
		q := &Request{N: 20, Exclude: []edged.Row{0, 11, 22}, Now: created}
		r.Recommend(&a, &s, q)
		r.Explore(&e, &s, q, 20, .25, seed)
		if len(e.Places) != 20 || e.Places[0] {
			t.Fatalf("places %v", e.Places)
		}
		wanted := 0
		for _, p := range e.Places {
			if p {
				wanted++
			}
		}
		shown += wanted
		if len(e.Rows) < wanted {
			t.Fatalf("%d new items for %d places", len(e.Rows), wanted)
		}
		for i, row := range e.Rows {
			if !fresh(row) || slices.Contains(q.Exclude, row) || slices.Contains(e.Rows[:i], row) || !r.May(row, created) ||
				slices.ContainsFunc(a.Items, func(it Item) bool { return it.Row == row }) {
				t.Fatalf("row %d of %v", row, e.Rows)
			}
		}
		first := fmt.Sprint(e)
		places[first] = true
		r.Recommend(&a, &s, q)
		if r.Explore(&e, &s, q, 20, .25, seed); fmt.Sprint(e) != first {
			t.Fatal("the same seed draws others")
		}
	}
	if mean := float64(shown) / (200 * 19); math.Abs(mean-.25) > .03 || len(places) < 190 {
		t.Errorf("%.3f of the places, %d different draws of 200", mean, len(places))
	}
	testkit.Allocs(t, 0, func() { r.Explore(&e, &s, &Request{N: 20, Now: created}, 20, .5, 1) })
}

func TestRelevanceCutsTheList(t *testing.T) {
	rng := rand.New(rand.NewPCG(73, 1))
	for range 40 {
		m := blended(t, rng, 60+rng.IntN(100), model.GoalNew)
		for _, r := range []*Ranker{ranker(m), ranker(priced(t, 80))} {
			q := &Request{N: 50, ExcludeSeen: true, Recent: []Recent{{Row: edged.Row(rng.IntN(60)), Weight: 1}, {Row: edged.Row(rng.IntN(60)), Weight: 1}}}
			all := recommend(r, q)
			cut := *q
			cut.Relevance = rng.Float32()
			var want []Item
			for _, it := range all.Items {
				if it.Level <= Session && it.Score >= cut.Relevance*all.Items[0].Score {
					want = append(want, it)
				}
			}
			if got := recommend(r, &cut).Items; !slices.EqualFunc(got, want, func(a, b Item) bool { return a.Row == b.Row && a.Score == b.Score }) {
				t.Fatalf("relevance %v: %v\nwant %v", cut.Relevance, got, want)
			}
		}
	}
}

// Whatever is asked, it is an error or a selection.
func FuzzWhere(f *testing.F) {
	for _, text := range []string{"price < 5", `brand in ["b1"] and not ("t1" in tags)`, `attributes.size >= -4`, `published > "2026-01-01"`, "true", `1 in [1]`, `"x" == brand`} {
		f.Add(text)
	}
	r := ranker(priced(f, 100))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := r.Where([]byte(text))
		if (err == nil) == (s == nil) || s != nil && s.Total() != 100 {
			t.Fatalf("%q: %v, %v", text, s, err)
		}
	})
}

// Shares of past items, the rest and the named terms sum to the score, for visitors of a shop as shops are. All shares, not the three that
// are told alone, are recomputed from the tables and the fold-in.
func TestReasonsOfTenThousandVisitorsSumUp(t *testing.T) {
	m := shop(4000, 32, 40)
	r := ranker(m)
	rng := rand.New(rand.NewPCG(74, 1))
	var a Answer
	var s Scratch
	told := 0
	for i := range 10_000 {
		q := &Request{N: 5, Explain: true, Goal: goals[i%3], ExcludeSeen: goals[i%3] == model.GoalNew, Relevance: float32(i%7/6) * .3}
		for k := range 1 + rng.IntN(30) {
			q.Recent = append(q.Recent, Recent{
				Row: edged.Row(rng.IntN(8) + 8*rng.IntN(m.Len()/8)), Weight: float32(rng.IntN(4)), Type: "view", Session: k < i%9,
				Time: created.UnixMilli() - int64(k)*int64(rng.IntN(1000*60*60*24)),
			})
		}
		r.Recommend(&a, &s, q)
		for _, it := range a.Items {
			if it.Level > Session {
				continue
			}
			sum := float64(it.Reason.Rest) + float64(it.Reason.Terms.sum())
			for k, share := range it.Reason.Shares {
				if sum += float64(share); it.Reason.Rows[k] == it.Row {
					t.Fatalf("visitor %d: %+v is there because of itself", i, it)
				}
			}
			all := float64(it.Reason.Terms.sum()) + sharesOf(r, &s, it.Row)
			for _, total := range []float64{sum, all} {
				if math.Abs(total-float64(it.Score)) > 1e-4*max(1, math.Abs(float64(it.Score))) {
					t.Fatalf("visitor %d: %+v: %v and %v, want the score", i, it, sum, all)
				}
			}
			told++
		}
	}
	if told < 30_000 {
		t.Fatalf("%d reasons: this looked at little", told)
	}
}

// Items explained one by one, some of them and in any order, have the reasons that they have when all are.
func TestSomeAreExplainedAsAllAre(t *testing.T) {
	rng := rand.New(rand.NewPCG(75, 1))
	var all, some Answer
	var s Scratch
	told := map[string]int{}
	for _, m := range []*model.Model{blended(t, rng, 400, goals...), blended(t, rng, 400)} {
		r := ranker(m)
		for range 300 {
			q := someRequest(rng, m)
			q.Explain = true
			r.Recommend(&all, &s, q)
			q.Explain = false
			r.Recommend(&some, &s, q)
			for _, i := range rng.Perm(len(all.Items))[:(len(all.Items)+1)/2] {
				got, want := some.Items[i], all.Items[i]
				terms := want.Reason.Terms
				terms.Repeat = got.Reason.Terms.Repeat // what the item adds to its own score is told with the shares
				if got.Reason.Code != "" || got.Reason.Terms != terms || terms.Repeat > want.Reason.Terms.Repeat {
					t.Fatalf("%+v: before it was asked for", got)
				}
				r.Explain(&some, &s, q, &got)
				if !reflect.DeepEqual(got, want) || got.Reason.Code == "" {
					t.Fatalf("%+v\n%+v, want\n%+v", q, got, want)
				}
				told[got.Reason.Code]++
			}
		}
	}
	if len(told) < 6 {
		t.Errorf("%v: the test looked at little", told)
	}
}

// sharesOf adds up what all other items of the history last asked with add to the score of a row.
func sharesOf(r *Ranker, s *Scratch, row edged.Row) (sum float64) {
	b, h := &s.blend, &s.history
	if b.byFactors > 0 {
		for i, share := range s.fold.shares(r.m, row) {
			if h.rows[i] != row {
				sum += float64(b.byFactors) * share
			}
		}
	}
	if b.byTable > 0 {
		for i, from := range h.rows {
			if from != row {
				sum += float64(b.byTable) * h.table[i] * b.table.weightOf(r.m.Table(), from, row)
			}
		}
	}
	if b.bySession > 0 {
		for at, from := range h.session {
			if from != row {
				sum += float64(b.bySession) * b.plan.places[at] * b.session.weightOf(r.m.SessionTable(), from, row)
			}
		}
	}
	return sum
}
