package eval

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// fixed recommends given lists.
func fixed(name string, lists ...[]uint32) Recommender {
	return Recommender{name, func() func(c, k int) []uint32 { return func(c, _ int) []uint32 { return lists[c] } }}
}

func measured(t *testing.T, set *Set, k int, lists ...[]uint32) *Result {
	t.Helper()
	r, err := Measure(context.Background(), set, fixed("fixed", lists...), k, 2)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12 || math.IsNaN(a) && math.IsNaN(b) }

func TestAccuracyByHand(t *testing.T) {
	log3 := 1 / math.Log2(3)
	for _, c := range []struct {
		name     string
		list     []uint32
		relevant []uint32
		k        int
		want     Metrics // of which accuracy only
	}{
		{"all found, in front", []uint32{4, 2, 9}, []uint32{2, 4}, 3, Metrics{Recall: 1, Precision: 2. / 3, NDCG: 1, MAP: 1, MRR: 1, HitRate: 1}},
		{"second and third place", []uint32{9, 2, 4}, []uint32{2, 4}, 3,
			Metrics{Recall: 1, Precision: 2. / 3, NDCG: (log3 + 0.5) / (1 + log3), MAP: (1./2 + 2./3) / 2, MRR: 0.5, HitRate: 1}},
		{"recall divides by all that is relevant, the ideals by k at most", []uint32{1, 9}, []uint32{1, 2, 3, 4}, 2,
			Metrics{Recall: 0.25, Precision: 0.5, NDCG: 1 / (1 + log3), MAP: 0.5, MRR: 1, HitRate: 1}},
		{"beyond k does not count", []uint32{9, 8, 1}, []uint32{1}, 2, Metrics{}},
		{"a short list", []uint32{1}, []uint32{1}, 20, Metrics{Recall: 1, Precision: 1. / 20, NDCG: 1, MAP: 1, MRR: 1, HitRate: 1}},
		{"nothing recommended", nil, []uint32{1}, 20, Metrics{}},
	} {
		set := &Set{Items: 10, Cases: []Case{{Relevant: c.relevant}}}
		got := measured(t, set, c.k, c.list).Metrics
		got.Coverage, got.Gini = 0, 0
		if !reflect.DeepEqual(rounded(got), rounded(c.want)) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

func rounded(m Metrics) Metrics {
	v := reflect.ValueOf(&m).Elem()
	for i := range v.NumField() {
		v.Field(i).SetFloat(math.Round(v.Field(i).Float()*1e12) / 1e12)
	}
	return m
}

func TestBeyondAccuracyByHand(t *testing.T) {
	set := &Set{Items: 4, Cases: []Case{{User: 0, Relevant: []uint32{0}}, {User: 1, Relevant: []uint32{1, 2}}},
		Popularity: []uint32{8, 4, 2, 0}, Population: 8,
		Vectors: []float32{2, 0, 0, 5, 3, 0, 0, 0}, Dim: 2}
	got := measured(t, set, 2, []uint32{0, 1}, []uint32{0, 3}).Metrics
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"coverage", got.Coverage, 0.75},
		{"gini", got.Gini, (-3*0 - 1*1 + 1*1 + 3*2) / (3 * 4.)},
		{"novelty", got.Novelty, ((0+1.)/2 + (0+3.)/2) / 2},
		{"diversity", got.Diversity, 1},
		{"lift", got.PopularityLift, ((8+4)/2. + (8+0)/2.) / (8 + (4+2)/2.)},
	} {
		if !near(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
	if got := measured(t, set, 3, []uint32{0, 1, 2}, []uint32{3}).Metrics.Diversity; !near(got, 1-1./3) {
		t.Errorf("diversity of two like and one other, a list of one left out: %v", got)
	}
	set.Vectors, set.Categories = nil, [][]uint32{{1, 2}, {2, 3}, {}, {}}
	if got := measured(t, set, 2, []uint32{0, 1}, []uint32{2, 3}).Metrics.Diversity; !near(got, (2./3+1)/2) {
		t.Errorf("diversity by categories: %v", got)
	}
}

func TestGiniEnds(t *testing.T) {
	for _, c := range []struct {
		exposure []uint32
		want     float64
	}{{[]uint32{5, 5, 5}, 0}, {[]uint32{0, 9, 0}, 1}, {[]uint32{0, 0}, 0}, {[]uint32{3}, 0}} {
		if got := gini(c.exposure); !near(got, c.want) {
			t.Errorf("%v: %v, want %v", c.exposure, got, c.want)
		}
	}
}

// random makes a set and lists for it.
func random(seed uint64, cases, items, k int) (*Set, [][]uint32) {
	rng := rand.New(rand.NewPCG(seed, 0))
	set := &Set{Items: items, Population: 1000, Popularity: make([]uint32, items), Groups: []Group{{"parity", "even"}, {"parity", "odd"}, {"nobody", "none"}},
		Vectors: make([]float32, items*3), Dim: 3}
	for i := range set.Popularity {
		set.Popularity[i] = rng.Uint32N(1000)
	}
	for i := range set.Vectors {
		set.Vectors[i] = float32(rng.NormFloat64())
	}
	var lists [][]uint32
	for c := range cases {
		relevant := some(rng, items, 1+rng.IntN(8))
		slices.Sort(relevant)
		set.Cases = append(set.Cases, Case{User: rng.IntN(cases), Relevant: relevant, Groups: []uint16{uint16(c % 2)}})
		lists = append(lists, some(rng, items, rng.IntN(k+1)))
	}
	return set, lists
}

func some(rng *rand.Rand, items, n int) (list []uint32) {
	for _, i := range rng.Perm(items)[:n] {
		list = append(list, uint32(i))
	}
	return list
}

// plain computes the figures of the doc comment in the most direct way.
func plain(s *Set, lists [][]uint32, k int) (m Metrics) {
	shown := make(map[uint32]int)
	var lift, chosen, diverse float64
	for c, list := range lists {
		relevant := make(map[uint32]bool)
		for _, i := range s.Cases[c].Relevant {
			relevant[i] = true
			chosen += float64(s.Popularity[i]) / float64(len(s.Cases[c].Relevant))
		}
		var hits, gain, best, ap, first float64
		for at, i := range list {
			shown[i]++
			m.Novelty += -math.Log2(max(float64(s.Popularity[i]), 1)/float64(s.Population)) / float64(len(list))
			lift += float64(s.Popularity[i]) / float64(len(list))
			if relevant[i] {
				hits++
				gain += 1 / math.Log2(float64(at+2))
				ap += hits / float64(at+1)
				if first == 0 {
					first = 1 / float64(at+1)
				}
			}
		}
		for at := 0; at < k && at < len(relevant); at++ {
			best += 1 / math.Log2(float64(at+2))
		}
		m.Recall += hits / float64(len(relevant))
		m.Precision += hits / float64(k)
		m.NDCG += gain / best
		m.MAP += ap / float64(min(k, len(relevant)))
		m.MRR += first
		m.HitRate += min(hits, 1)
		if n := float64(len(list)); n > 1 {
			diverse++
			sum := 0.0
			for a, i := range list {
				for _, j := range list[:a] {
					sum += cosine(s.Vectors[i*3:][:3], s.Vectors[j*3:][:3])
				}
			}
			m.Diversity += 1 - sum/(n*(n-1)/2)
		}
	}
	n := float64(len(lists))
	for _, x := range []*float64{&m.Recall, &m.Precision, &m.NDCG, &m.MAP, &m.MRR, &m.HitRate, &m.Novelty} {
		*x /= n
	}
	m.Diversity /= diverse
	m.PopularityLift = lift / chosen
	m.Coverage = float64(len(shown)) / float64(s.Items)
	var differences, total float64 // Gini is also half the mean difference over the mean
	for i := range s.Items {
		total += float64(shown[uint32(i)])
		for j := range s.Items {
			differences += math.Abs(float64(shown[uint32(i)] - shown[uint32(j)]))
		}
	}
	items := float64(s.Items)
	m.Gini = differences / (2 * items * items) / (total / items) * items / (items - 1)
	return m
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for k := range a {
		ab, aa, bb = ab+float64(a[k]*b[k]), aa+float64(a[k]*a[k]), bb+float64(b[k]*b[k])
	}
	return ab / math.Sqrt(aa*bb)
}

func TestMeasureAgainstPlain(t *testing.T) {
	for _, k := range []int{1, 5, 64, 65} {
		set, lists := random(uint64(k), 200, 90, k)
		got, want := measured(t, set, k, lists...), plain(set, lists, k)
		g, w := reflect.ValueOf(got.Metrics), reflect.ValueOf(want)
		for i := range g.NumField() {
			a, b := g.Field(i).Float(), w.Field(i).Float()
			if k == 1 && g.Type().Field(i).Name == "Diversity" {
				b = 0 // lists of one have none
			}
			if !(math.Abs(a-b) < 1e-6) {
				t.Errorf("k %d: %s is %v, want %v", k, g.Type().Field(i).Name, a, b)
			}
		}
		for shorter := 1; shorter <= k; shorter++ {
			cut := make([][]uint32, len(lists))
			for c, list := range lists {
				cut[c] = list[:min(len(list), shorter)]
			}
			if a, b := got.At(shorter), measured(t, set, shorter, cut...).Metrics; !near(a.NDCG, b.NDCG) || !near(a.MAP, b.MAP) || !near(a.Recall, b.Recall) || !near(a.MRR, b.MRR) {
				t.Fatalf("cut at %d of %d: %+v, want %+v", shorter, k, a, b)
			}
		}
	}
}

func TestThreadsChangeNothing(t *testing.T) {
	set, lists := random(3, 500, 50, 20)
	var rows []Row
	for _, threads := range []int{1, 7} {
		r, err := Measure(context.Background(), set, fixed("m", lists...), 20, threads)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r.Row(Bootstrap{Resamples: 200, Threads: threads}))
	}
	if !reflect.DeepEqual(rows[0], rows[1]) {
		t.Fatal("seven threads measure something else than one")
	}
}

func TestMeasureRefuses(t *testing.T) {
	good := func() *Set { return &Set{Items: 3, Cases: []Case{{Relevant: []uint32{1}}}} }
	ctx, cancel := context.WithCancel(context.Background())
	for _, c := range []struct {
		name   string
		change func(*Set)
		list   []uint32
		want   error
	}{
		{"an item twice", nil, []uint32{1, 1}, ErrList},
		{"an unknown item", nil, []uint32{3}, ErrList},
		{"no cases", func(s *Set) { s.Cases = nil }, nil, ErrSet},
		{"no items", func(s *Set) { s.Items = 0 }, nil, ErrSet},
		{"nothing relevant", func(s *Set) { s.Cases[0].Relevant = nil }, nil, ErrSet},
		{"not ascending", func(s *Set) { s.Cases[0].Relevant = []uint32{1, 1} }, nil, ErrSet},
		{"relevant and unknown", func(s *Set) { s.Cases[0].Relevant = []uint32{3} }, nil, ErrSet},
		{"a negative user", func(s *Set) { s.Cases[0].User = -1 }, nil, ErrSet},
		{"an unknown group", func(s *Set) { s.Cases[0].Groups = []uint16{0} }, nil, ErrSet},
		{"popularity of other items", func(s *Set) { s.Popularity = []uint32{1} }, nil, ErrSet},
		{"vectors of other items", func(s *Set) { s.Vectors, s.Dim = []float32{1}, 1 }, nil, ErrSet},
		{"categories of other items", func(s *Set) { s.Categories = [][]uint32{nil} }, nil, ErrSet},
	} {
		set := good()
		if c.change != nil {
			c.change(set)
		}
		if _, err := Measure(ctx, set, fixed("m", c.list), 2, 1); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := Measure(ctx, good(), fixed("m", nil), 0, 1); err == nil {
		t.Error("lists of 0 were measured")
	}
	cancel()
	if _, err := Measure(ctx, good(), fixed("m", nil), 2, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestGroupsAndUsers(t *testing.T) {
	set, lists := random(5, 300, 50, 10)
	r := measured(t, set, 10, lists...)
	groups := r.Groups(Bootstrap{Resamples: 50})
	if len(groups) != 2 || groups[0].Name != "even" || groups[0].Cases != 150 {
		t.Fatalf("groups %+v", groups)
	}
	users := make(map[int]bool)
	even := &Set{Items: set.Items, Population: set.Population, Popularity: set.Popularity, Vectors: set.Vectors, Dim: set.Dim}
	var evenLists [][]uint32
	for c := 0; c < 300; c += 2 {
		users[set.Cases[c].User] = true
		even.Cases, evenLists = append(even.Cases, set.Cases[c]), append(evenLists, lists[c])
		even.Cases[len(even.Cases)-1].Groups = nil
	}
	want := measured(t, even, 10, evenLists...).Metrics
	want.Coverage, want.Gini = 0, 0
	if groups[0].Users != len(users) || !reflect.DeepEqual(rounded(groups[0].Metrics), rounded(want)) {
		t.Fatalf("got %+v,\nwant %+v of %d users", groups[0], want, len(users))
	}
}
