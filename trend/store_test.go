package trend

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/edged/edged"
)

const start = int64(1_700_000_000_000)

// world is a few stores that share a clock and a key; what one publishes is kept until it is delivered. One visitor is enough for a list unless a
// test says otherwise.
type world struct {
	now    int64
	stores []*Store
	facts  []fact
}

type fact struct {
	node  string
	boot  uint64
	key   string
	value []byte
}

func (w *world) add(o Options) *Store {
	o.Clock = func() time.Time { return time.UnixMilli(w.now) }
	o.Publish = func(key string, value []byte) {
		w.facts = append(w.facts, fact{o.Node, o.Boot, key, value})
	}
	o.Visitors = cmp.Or(o.Visitors, 1)
	s := New(o)
	s.Rekey([]byte("the key of all"))
	w.stores = append(w.stores, s)
	return s
}

func (w *world) deliver(t interface{ Fatal(...any) }, facts []fact, to ...*Store) {
	for _, f := range facts {
		for _, s := range to {
			if err := s.Apply(f.node, f.boot, f.key, f.value); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func newWorld(nodes ...string) *world {
	w := &world{now: start}
	for _, n := range nodes {
		w.add(Options{Node: n, Boot: 1})
	}
	return w
}

func event(user, item string, typ edged.EventType, country string, at int64) *edged.Event {
	e := &edged.Event{User: user, Item: item, Type: typ, Time: at}
	if country != "" {
		e.Context = map[string]string{edged.Country: country}
	}
	return e
}

func render(l *List) string {
	if l == nil {
		return ""
	}
	var parts []string
	for _, e := range l.Entries {
		parts = append(parts, fmt.Sprintf("%s=%.3f", e.ID, e.Score))
	}
	return strings.Join(parts, " ")
}

func wantTop(t *testing.T, s *Store, country, window, want string) {
	t.Helper()
	if got := render(s.Top(country, window)); got != want {
		t.Errorf("top of %q in %s: %s, want %s", country, window, got, want)
	}
}

func TestWeightsAndCountries(t *testing.T) {
	w := newWorld("a")
	s := w.stores[0]
	for i, typ := range []edged.EventType{
		edged.View, edged.Click, edged.Cart, edged.Like, edged.Purchase, edged.Return, edged.Dismiss, edged.Impression, "own",
	} {
		s.Add(event(fmt.Sprint("u", i), string(typ), typ, "GB", w.now))
	}
	s.Add(event("u", "view", edged.View, "FR", w.now))
	s.Add(event("v", "view", edged.View, "", w.now))
	s.Flush()
	wantTop(t, s, "GB", "1h", "purchase=5.000 cart=3.000 like=3.000 click=1.000 view=1.000")
	wantTop(t, s, "FR", "24h", "view=1.000")
	wantTop(t, s, "", "7d", "purchase=5.000 cart=3.000 like=3.000 view=3.000 click=1.000")
	wantTop(t, s, "DE", "1h", "")
	wantTop(t, s, "GB", "1y", "")
}

func TestDecay(t *testing.T) {
	w := newWorld("a")
	s := w.stores[0]
	s.Add(event("u", "x", edged.View, "", w.now))
	w.now += time.Hour.Milliseconds()
	s.Add(event("v", "x", edged.View, "", w.now))
	s.Flush()
	wantTop(t, s, "", "1h", "x=1.500")
	wantTop(t, s, "", "24h", "x=1.972")
	w.now += 2 * time.Hour.Milliseconds()
	s.Flush() // nothing was counted, yet the scores are of now
	wantTop(t, s, "", "1h", "x=0.375")
	w.now += 100 * 24 * time.Hour.Milliseconds()
	s.Flush()
	if st := s.Stats(); st.Cells != 0 {
		t.Errorf("%d cells left of what has decayed away", st.Cells)
	}
	wantTop(t, s, "", "7d", "")
}

// Lists are made anew when there is a reason, and not otherwise.
func TestListsAreKeptWhileFresh(t *testing.T) {
	w := newWorld("a")
	s := w.stores[0]
	s.Add(event("u", "x", edged.View, "", w.now))
	s.Flush()
	first := s.Top("", "1h")
	w.now += 1000
	if s.Flush(); s.Top("", "1h") != first {
		t.Error("made anew without a reason")
	}
	s.Add(event("v", "x", edged.View, "", w.now))
	if s.Flush(); s.Top("", "1h") == first {
		t.Error("not made anew after an event")
	}
}

// One visitor counts once an item in the window; a stronger event adds the difference.
func TestOneVoice(t *testing.T) {
	w := newWorld("a")
	s := w.stores[0]
	for range 1000 {
		s.Add(event("u", "x", edged.View, "", w.now))
	}
	s.Add(event("u", "x", edged.Purchase, "", w.now))
	s.Add(event("u", "x", edged.Cart, "", w.now))
	s.Add(event("u", "y", edged.View, "", w.now))
	s.Add(&edged.Event{Session: "s", Item: "x", Type: edged.View, Time: w.now})
	s.Flush()
	wantTop(t, s, "", "1h", "x=6.000 y=1.000")
	w.now += 2 * time.Hour.Milliseconds()
	s.Add(event("z", "z", edged.View, "", w.now))
	s.Add(event("u", "x", edged.View, "", w.now))
	s.Flush()
	wantTop(t, s, "", "1h", "x=2.500 z=1.000 y=0.250")
}

func TestMovesTrendingElsewhere(t *testing.T) {
	w := newWorld("a", "b")
	a, b := w.stores[0], w.stores[1]
	a.Add(event("u", "x", edged.Purchase, "GB", w.now))
	b.Add(event("v", "x", edged.View, "GB", w.now))
	b.Add(event("v", "y", edged.View, "GB", w.now))
	a.Flush()
	b.Flush()
	w.deliver(t, w.facts, a, b)
	w.deliver(t, w.facts, b, a) // again: nothing may change
	a.Flush()
	b.Flush()
	for _, s := range w.stores {
		wantTop(t, s, "GB", "1h", "x=6.000 y=1.000")
		wantTop(t, s, "", "1h", "x=6.000 y=1.000")
	}
}

// A node that died and is back adds to what it counted before, which the others give back to it.
func TestRestart(t *testing.T) {
	w := newWorld("a")
	s := w.stores[0]
	s.Add(event("u", "x", edged.Purchase, "", w.now))
	s.Flush()
	again := w.add(Options{Node: "a", Boot: 2})
	again.Add(event("v", "x", edged.View, "", w.now))
	again.Flush()
	w.deliver(t, w.facts, again)
	again.Flush()
	wantTop(t, again, "", "1h", "x=6.000")
}

// Against an oracle that keeps all events: the same sums on every node, whatever the order and repetition of the copies.
func TestAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{now: start}
		for _, n := range []string{"a", "b", "c"} {
			w.add(Options{Node: n, Boot: 1, Floor: 1e-12})
		}
		var kept []edged.Event
		n := rapid.IntRange(1, 40).Draw(t, "events")
		for i := range n {
			w.now += rapid.Int64Range(0, 3_600_000).Draw(t, "pause")
			e := event(fmt.Sprint("visitor", i), rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "item"),
				rapid.SampledFrom([]edged.EventType{edged.View, edged.Cart, edged.Purchase, edged.Return}).Draw(t, "type"),
				rapid.SampledFrom([]string{"", "GB", "FR"}).Draw(t, "country"),
				w.now-rapid.Int64Range(0, 7_200_000).Draw(t, "late"))
			s := w.stores[rapid.IntRange(0, 2).Draw(t, "node")]
			s.Add(e)
			kept = append(kept, *e)
			if rapid.Bool().Draw(t, "flush") {
				s.Flush()
			}
		}
		for _, s := range w.stores {
			s.Flush()
		}
		order := rapid.Permutation(append(slices.Clone(w.facts), w.facts...)).Draw(t, "order")
		w.deliver(t, order, w.stores...)
		w.now += rapid.Int64Range(0, 3_600_000).Draw(t, "until")
		for _, s := range w.stores {
			s.changed = true
			s.Flush()
			for window, h := range s.opts.HalfLives {
				for _, country := range []string{"", "GB", "FR", "IE"} {
					compare(t, s.Top(country, window), oracle(kept, country, h, w.now))
				}
			}
		}
	})
}

// oracle is the definition: Σ w · 2^(−(now−t)/h), over all events there ever were.
func oracle(events []edged.Event, country string, h time.Duration, now int64) []Entry {
	sums := map[string]float64{}
	for _, e := range events {
		w := DefaultWeights[e.Type]
		if w > 0 && (country == "" || e.Context[edged.Country] == country) {
			sums[e.Item] += w * math.Exp2(-float64(now-e.Time)/float64(h.Milliseconds()))
		}
	}
	var list []Entry
	for id, v := range sums {
		list = append(list, Entry{id, v})
	}
	slices.SortFunc(list, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func compare(t *rapid.T, got *List, want []Entry) {
	var entries []Entry
	if got != nil {
		entries = slices.Clone(got.Entries)
		if !slices.IsSortedFunc(entries, func(a, b Entry) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.ID, b.ID))
		}) {
			t.Fatalf("not sorted: %v", entries)
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	want = slices.DeleteFunc(slices.Clone(want), func(e Entry) bool { return e.Score < 1e-5 })
	entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.Score < 1e-5 })
	if !slices.EqualFunc(entries, want, func(a, b Entry) bool { return a.ID == b.ID && math.Abs(a.Score-b.Score) < 1e-4 }) {
		t.Fatalf("got %v, want %v", entries, want)
	}
}

// Applying copies commutes and is idempotent, whoever made them up.
func TestApplyLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{now: start}
		for _, n := range []string{"a", "b"} {
			w.add(Options{Node: n, Visitors: 2})
		}
		var facts []fact
		for range rapid.IntRange(1, 8).Draw(t, "copies") {
			c := cell{ref: start - rapid.Int64Range(0, 3).Draw(t, "ref")}
			for i := range 3 {
				c.value[i] = float64(rapid.IntRange(0, 2).Draw(t, "value"))
			}
			for range rapid.IntRange(0, 3).Draw(t, "visitors") {
				c.crowd.add(visitorAt(rapid.Uint32Range(1, 3).Draw(t, "hash"), c.ref-rapid.Int64Range(0, 3000).Draw(t, "ago")), MaxVisitors)
			}
			c.key = w.stores[0].namer.id
			facts = append(facts, fact{"x", 1, "\x00item", appendCell(nil, &c, w.stores[0].windows)})
		}
		shuffled := rapid.Permutation(append(slices.Clone(facts), facts...)).Draw(t, "order")
		w.deliver(t, facts, w.stores[0])
		w.deliver(t, shuffled, w.stores[1])
		for _, s := range w.stores {
			s.Flush()
		}
		if a, b := render(w.stores[0].Top("", "7d")), render(w.stores[1].Top("", "7d")); a != b {
			t.Fatalf("%s in one order, %s in another", a, b)
		}
		x, y := w.stores[0].peers[process{"x", 1}][cellKey{"", "item"}], w.stores[1].peers[process{"x", 1}][cellKey{"", "item"}]
		if (x == nil) != (y == nil) || x != nil && (x.newerThan(y) || y.newerThan(x) || !slices.Equal(x.crowd, y.crowd)) {
			t.Fatalf("%+v in one order, %+v in another", x, y)
		}
	})
}

func TestBounds(t *testing.T) {
	w := &world{now: start}
	s := w.add(Options{Node: "a", Boot: 1, MaxCells: 40, MaxPeers: 3, MaxVoices: 100, MaxPublish: 7})
	s.Add(event("big", "big", edged.Purchase, "", w.now))
	for i := range 1000 {
		s.Add(event(fmt.Sprint(i), fmt.Sprint("item", i), edged.View, "", w.now))
	}
	if st := s.Stats(); st.Cells > 40 || st.Voices > 100 {
		t.Errorf("stats = %+v", st)
	}
	if len(s.dirty) > 40 {
		t.Errorf("%d dirty cells", len(s.dirty))
	}
	s.Flush()
	if len(w.facts) != 7 || w.facts[0].key != "\x00big" {
		t.Errorf("published %d, the first %q; want 7, the largest change first", len(w.facts), w.facts[0].key)
	}
	if top := s.Top("", "1h"); top.Entries[0].ID != "big" {
		t.Errorf("the largest cell was evicted: %v", top.Entries[:3])
	}
	c := cell{ref: w.now, value: [maxWindows]float64{1, 1, 1}}
	for i := range 10 {
		for j := range 100 {
			if err := s.Apply(fmt.Sprint("peer", i), 1, fmt.Sprintf("\x00i%d", j), appendCell(nil, &c, s.windows)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if st := s.Stats(); st.Peers > 3 || st.Remote > 3*40 {
		t.Errorf("stats = %+v", st)
	}
}

// A cell that was evicted and is raised by an event that comes late is newer than its copies elsewhere all the same (T1).
func TestEvictedAndBack(t *testing.T) {
	w := &world{now: start}
	s := w.add(Options{Node: "a", Boot: 1, MaxCells: 1})
	b := w.add(Options{Node: "b", Boot: 1})
	s.Add(event("u", "x", edged.Purchase, "", w.now))
	s.Flush()
	w.now += time.Hour.Milliseconds()
	s.Add(event("u", "y", edged.View, "", w.now))
	s.Add(event("v", "x", edged.View, "", start))
	s.Flush()
	w.deliver(t, w.facts, b)
	b.Flush()
	wantTop(t, b, "", "1h", "x=0.500")
}

func TestListIsCut(t *testing.T) {
	w := newWorld("a")
	s := w.stores[0]
	for i := range 600 {
		s.Add(event("", fmt.Sprintf("item%03d", i), edged.View, "", w.now))
	}
	s.Flush()
	if top := s.Top("", "1h"); len(top.Entries) != maxList || top.Entries[499].ID != "item499" {
		t.Errorf("%d entries, the last %v", len(top.Entries), top.Entries[len(top.Entries)-1])
	}
}

func TestEventsThatDoNotCount(t *testing.T) {
	w := newWorld("a")
	s := w.stores[0]
	for _, e := range []*edged.Event{
		event("u", "", edged.View, "", w.now),
		event("u", strings.Repeat("x", edged.MaxIDLen+1), edged.View, "", w.now),
		event("u", "x", edged.View, "", 0),
		event("u", "x", edged.View, "", -5),
		event("u", "x", edged.Impression, "", w.now),
	} {
		s.Add(e)
	}
	if st := s.Stats(); st.Cells != 0 {
		t.Errorf("%d cells", st.Cells)
	}
	for _, country := range []string{strings.Repeat("x", 65), "a\x00b", "\xff"} {
		s.Add(event("u"+country, "x", edged.View, country, w.now))
	}
	s.Add(event("v", "x", edged.View, "", w.now+time.Hour.Milliseconds())) // of the future: counts as of now
	s.Flush()
	wantTop(t, s, "", "1h", "x=4.000")
	if len(s.own) != 1 {
		t.Errorf("%d cells, want the one without a country", len(s.own))
	}
}

func TestApplyRefuses(t *testing.T) {
	w := newWorld("a")
	s := w.stores[0]
	plain := func() *cell {
		return &cell{ref: w.now, value: [maxWindows]float64{1, 2, 3}, crowd: crowd{visitorAt(1, w.now), visitorAt(2, w.now-1000)}}
	}
	good := appendCell(nil, plain(), s.windows)
	change := func(do func(*cell)) []byte {
		c := *plain()
		do(&c)
		return appendCell(nil, &c, s.windows)
	}
	for what, value := range map[string][]byte{
		"empty":    nil,
		"version":  append([]byte{3}, good[1:]...),
		"no who":   good[:len(good)-whoLen-2*visitorLen],
		"old, who": append([]byte{wireWithoutWho}, good[1:]...),
		"more who": change(func(c *cell) { c.crowd = make(crowd, MaxVisitors+1) }),
		"order":    change(func(c *cell) { slices.Reverse(c.crowd) }),
		"twice":    change(func(c *cell) { c.crowd[1] = visitorAt(1, w.now-2000) }),
		"later":    change(func(c *cell) { c.crowd[0] = visitorAt(1, w.now+1000) }),
		"longer":   append(slices.Clone(good), 0),
		"no count": good[:headerLen],
		"future":   change(func(c *cell) { c.ref += maxSkew.Milliseconds() + 1 }),
		"past":     change(func(c *cell) { c.ref = -1 }),
		"negative": change(func(c *cell) { c.value[0] = -1 }),
		"NaN":      change(func(c *cell) { c.value[1] = math.NaN() }),
		"infinite": change(func(c *cell) { c.value[2] = math.Inf(1) }),
		"huge":     change(func(c *cell) { c.value[0] = 2 * maxValue }),
	} {
		if err := s.Apply("b", 1, "\x00x", value); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	for i := range good {
		if err := s.Apply("b", 1, "\x00x", good[:i]); err == nil {
			t.Errorf("cut to %d bytes: taken", i)
		}
	}
	for _, key := range []string{"", "x", "GB\x00", "\x00" + strings.Repeat("i", 513), strings.Repeat("c", 65) + "\x00x", "\xff\x00x"} {
		if err := s.Apply("b", 1, key, good); err == nil {
			t.Errorf("key %.20q: taken", key)
		}
	}
	if err := s.Apply("a", 1, "\x00x", good); err != nil || s.Stats().Remote != 0 {
		t.Errorf("its own cell comes back: %v, %+v", err, s.Stats())
	}
}

// Nodes may count in different windows: each takes what it has.
func TestDifferentWindows(t *testing.T) {
	w := &world{now: start}
	a := w.add(Options{Node: "a", HalfLives: map[string]time.Duration{"hour": time.Hour, "month": 720 * time.Hour}})
	b := w.add(Options{Node: "b", HalfLives: map[string]time.Duration{"1h": time.Hour, "1d": 24 * time.Hour}})
	a.Add(event("u", "x", edged.View, "", w.now))
	a.Flush()
	w.deliver(t, w.facts, b)
	b.Flush()
	wantTop(t, b, "", "1h", "x=1.000")
	wantTop(t, b, "", "1d", "")
}

func TestTopOfNothing(t *testing.T) {
	var none *Store
	if none.Top("", "1h") != nil || New(Options{}).Top("", "1h") != nil {
		t.Error("a list of nothing")
	}
}

func TestTopAllocatesNothing(t *testing.T) {
	w := newWorld("a")
	s := w.stores[0]
	s.Add(event("u", "x", edged.View, "GB", w.now))
	s.Flush()
	if n := testing.AllocsPerRun(100, func() { s.Top("GB", "1h") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	s := New(Options{Node: "a", MaxCells: 100, Publish: func(string, []byte) {}})
	c := cell{ref: start, value: [maxWindows]float64{1, 1, 1}}
	var wg sync.WaitGroup
	for g := range 3 {
		wg.Go(func() {
			for i := range 1000 {
				s.Add(event(fmt.Sprint(g, i), fmt.Sprint(i%300), edged.View, "GB", time.Now().UnixMilli()))
				if err := s.Apply(fmt.Sprint("n", g), 1, fmt.Sprintf("\x00%d", i%200), appendCell(nil, &c, s.windows)); err != nil {
					t.Error(err)
				}
				if i%50 == 0 {
					s.Flush()
				}
				if l := s.Top("GB", "1h"); l != nil && len(l.Entries) == 0 {
					t.Error("an empty list")
				}
			}
		})
	}
	wg.Wait()
}

func FuzzApply(f *testing.F) {
	w := newWorld("a")
	f.Add("GB\x00x", appendCell(nil, &cell{ref: start, value: [maxWindows]float64{1, 2, 3}}, w.stores[0].windows))
	f.Add("\x00x", []byte{wireVersion})
	seen := cell{ref: start, value: [maxWindows]float64{1, 2, 3}, key: w.stores[0].namer.id, crowd: crowd{visitorAt(1, start), visitorAt(2, start-1000)}}
	f.Add("GB\x00x", appendCell(nil, &seen, w.stores[0].windows))
	f.Add("GB\x00x", old(appendCell(nil, &cell{ref: start, value: [maxWindows]float64{1}}, w.stores[0].windows)))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		w := &world{now: start}
		for _, floor := range []int{1, 2} {
			s := w.add(Options{Node: "a", Visitors: floor})
			err := s.Apply("b", 1, key, value)
			s.Flush()
			country, item, _ := strings.Cut(key, "\x00")
			for _, c := range []string{"", country} {
				for _, window := range s.windows {
					top := s.Top(c, window.name)
					if top == nil {
						continue
					}
					if e := top.Entries; err != nil || len(e) != 1 || e[0].ID != item || !(e[0].Score > 0 && e[0].Score <= maxValue) {
						t.Fatalf("%v, after %v", e, err)
					}
					if floor > 1 && (value[0] != wireVersion || len(value) < headerLen+counterLen+whoLen+floor*visitorLen) {
						t.Fatalf("listed by %x", value)
					}
				}
			}
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	s := New(Options{Node: "a"})
	events := make([]*edged.Event, 4096)
	for i := range events {
		events[i] = event(fmt.Sprint(i), fmt.Sprint("item", i%500), edged.View, "GB", start)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Add(events[i%len(events)])
	}
}

// Thirty nodes of 2,048 cells each, of the same items or of their own, with visitors of their own: what a Flush costs after news.
func BenchmarkFlush(b *testing.B) {
	const cells = 2048
	for name, items := range map[string]int{"same": 0, "own": cells} {
		for _, visitors := range []int{1, DefaultVisitors, MaxVisitors} {
			b.Run(fmt.Sprintf("%s/%d", name, visitors), func(b *testing.B) {
				s := (&world{now: start}).add(Options{Node: "a", Visitors: visitors})
				for n := range 30 {
					c := cell{ref: start, value: [maxWindows]float64{1, 2, 3}, key: s.namer.id}
					for i := range visitors {
						c.crowd.add(visitorAt(uint32(n*visitors+i), start-int64(i*n*1000)), visitors)
					}
					for i := range cells {
						if err := s.Apply(fmt.Sprint(n), 1, fmt.Sprintf("GB\x00item%d", n*items+i), appendCell(nil, &c, s.windows)); err != nil {
							b.Fatal(err)
						}
					}
				}
				for b.Loop() {
					s.changed = true
					s.Flush()
				}
			})
		}
	}
}
