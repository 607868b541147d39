package trend

import (
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/edged/edged"
)

func visitorAt(hash uint32, ms int64) visitor { return visitor(seconds(ms))<<32 | visitor(hash) }

// old makes a cell's text one of version 1.
func old(text []byte) []byte {
	text = slices.Clone(text[:headerLen+int(text[9])*counterLen])
	text[0] = wireWithoutWho
	return text
}

// Crowds laid together in any order and as often as you like are the newest of all, each once.
func TestCrowdLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 5).Draw(t, "most")
		parts := make([]crowd, rapid.IntRange(1, 4).Draw(t, "parts"))
		latest := map[uint32]visitor{}
		for range rapid.IntRange(0, 30).Draw(t, "events") {
			v := visitor(rapid.Uint32Range(0, 9).Draw(t, "time"))<<32 | visitor(rapid.Uint32Range(0, 7).Draw(t, "hash"))
			latest[v.hash()] = max(latest[v.hash()], v)
			part := &parts[rapid.IntRange(0, len(parts)-1).Draw(t, "part")]
			before := slices.Clone(*part)
			if part.add(v, most); slices.Compare(before, *part) > 0 {
				t.Fatalf("%x became the lesser %x", before, *part)
			}
		}
		want := slices.Sorted(maps.Values(latest))
		slices.Reverse(want)
		want = want[:min(len(want), most)]
		var all crowd
		for _, part := range rapid.Permutation(append(slices.Clone(parts), parts...)).Draw(t, "order") {
			all.addAll(part, most)
		}
		if !slices.Equal(all, want) {
			t.Fatalf("got %x, want %x", all, want)
		}
	})
}

// told is one event that a store has counted.
type told struct {
	who, item, country string
	at                 int64
	weight             float64
}

// Against a model that keeps all events: what is listed, and with which score, on every node, whatever the order and the repetition of the copies,
// nodes being started again in between.
func TestVisitorsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		floor := rapid.IntRange(1, 3).Draw(t, "floor")
		w := &world{now: start}
		begin := func(node string, boot uint64) *Store {
			return w.add(Options{Node: node, Boot: boot, Visitors: floor, Floor: 1e-12})
		}
		nodes := []*Store{begin("a", 1), begin("b", 1), begin("c", 1)}
		var kept []told
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			w.now += rapid.Int64Range(0, 2*3_600_000).Draw(t, "pause")
			k := rapid.IntRange(0, 2).Draw(t, "node")
			s := nodes[k]
			e := event(rapid.SampledFrom([]string{"", "u", "v", "w", "x", "y"}).Draw(t, "visitor"), rapid.SampledFrom([]string{"i", "j"}).Draw(t, "item"),
				rapid.SampledFrom([]edged.EventType{edged.View, edged.Purchase}).Draw(t, "type"), rapid.SampledFrom([]string{"", "GB", "FR"}).Draw(t, "country"),
				w.now-rapid.Int64Range(0, 6*3_600_000).Draw(t, "late"))
			if rapid.Bool().Draw(t, "session") {
				e.User, e.Session = "", e.User
			}
			s.voices.young, s.voices.old = nil, nil // each event counts
			s.Add(e)
			kept = append(kept, told{e.User + e.Session, e.Item, e.Context[edged.Country], e.Time, DefaultWeights[e.Type]})
			switch rapid.IntRange(0, 5).Draw(t, "then") {
			case 0, 1:
				s.Flush()
			case 2:
				w.deliver(t, w.facts[rapid.IntRange(0, len(w.facts)).Draw(t, "from"):], nodes...)
			case 3:
				s.Flush()
				nodes[k] = begin(s.opts.Node, s.opts.Boot+1)
			}
		}
		for _, s := range nodes {
			s.Flush()
		}
		w.deliver(t, rapid.Permutation(append(slices.Clone(w.facts), w.facts...)).Draw(t, "order"), nodes...)
		w.now += rapid.Int64Range(0, 8*3_600_000).Draw(t, "until")
		for _, s := range nodes {
			s.changed = true
			s.Flush()
			for window, h := range s.opts.HalfLives {
				for _, country := range []string{"", "GB", "FR", "IE"} {
					compare(t, s.Top(country, window), modelList(t, kept, country, h, w.now, floor))
				}
			}
		}
	})
}

// grain is what times of visitors are rounded down to, milliseconds: a part in 64 of an hour.
const grain = 56_250

// modelList is the definition (T5), over all events there ever were.
func modelList(t *rapid.T, events []told, country string, h time.Duration, now int64, floor int) []Entry {
	var list []Entry
	for _, item := range []string{"i", "j"} {
		of := func(in func(country string) bool) (who map[string]bool, sum float64) {
			who = map[string]bool{}
			for _, e := range events {
				if e.item != item || !in(e.country) {
					continue
				}
				sum += e.weight * math.Exp2(-float64(now-e.at)/float64(h.Milliseconds()))
				if e.who != "" && e.at/grain >= (now-4*h.Milliseconds())/grain {
					who[e.who] = true
				}
			}
			return who, sum
		}
		many := func(who map[string]bool) bool { return floor == 1 || len(who) >= floor }
		listed := func(country string) bool {
			who, _ := of(func(c string) bool { return c == country })
			return many(who)
		}
		if country != "" {
			if _, sum := of(func(c string) bool { return c == country }); listed(country) && sum > 0 {
				list = append(list, Entry{item, sum})
			}
			continue
		}
		_, sum := of(listed)
		if who, rest := of(func(c string) bool { return !listed(c) }); many(who) {
			sum += rest
		}
		if all, _ := of(func(string) bool { return true }); floor > 1 && many(all) != (sum > 0) {
			t.Fatalf("%s has %d visitors, the list of all countries %v of it", item, len(all), sum)
		}
		if sum > 0 {
			list = append(list, Entry{item, sum})
		}
	}
	return list
}

func crowded(nodes ...string) *world {
	w := &world{now: start}
	for _, n := range nodes {
		w.add(Options{Node: n, Boot: 1, Visitors: 3})
	}
	return w
}

func (w *world) exchange(t *testing.T) {
	t.Helper()
	for range 2 {
		for _, s := range w.stores {
			s.Flush()
		}
		w.deliver(t, w.facts, w.stores...)
	}
	for _, s := range w.stores {
		s.Flush()
	}
}

func (w *world) wantTop(t *testing.T, country, window, want string) {
	t.Helper()
	w.exchange(t)
	for _, s := range w.stores {
		wantTop(t, s, country, window, want)
	}
}

// The same visitor counts once however many nodes heard him, under a name no other item has, and nobody in particular counts as none.
func TestDistinctVisitors(t *testing.T) {
	w := crowded("a", "b")
	a, b := w.stores[0], w.stores[1]
	for _, e := range []*edged.Event{
		event("u", "x", edged.View, "GB", start), event("v", "x", edged.View, "GB", start), event("", "x", edged.View, "GB", start),
	} {
		a.Add(e)
		b.Add(e)
	}
	w.wantTop(t, "GB", "1h", "")
	w.wantTop(t, "", "1h", "")
	if st := a.Stats(); st.Hidden != 1 || st.Items != 1 {
		t.Errorf("%+v", st)
	}
	b.Add(&edged.Event{Session: "s", Item: "x", Type: edged.View, Time: start, Context: map[string]string{edged.Country: "GB"}})
	w.wantTop(t, "GB", "1h", "x=7.000")
	w.wantTop(t, "", "1h", "x=7.000")
	if st := a.Stats(); st.Hidden != 0 || st.Items != 1 {
		t.Errorf("%+v", st)
	}
	n, other := newNamer([]byte("k")), newNamer([]byte("l"))
	if one := n.name("u", "x", 9); one == n.name("u", "y", 9) || one == other.name("u", "x", 9) || n.id == other.id ||
		one != n.name("u", "x", 9) || n.name("ux", "", 9) == one {
		t.Error("a visitor's name tells what the items are that the same visitor had, or needs no key")
	}
}

// No difference of two lists tells of fewer visitors than a list may.
func TestTheRestIsHidden(t *testing.T) {
	w := crowded("a")
	s := w.stores[0]
	for i := range 3 {
		s.Add(event(fmt.Sprint("g", i), "x", edged.View, "GB", start))
	}
	s.Add(event("f", "x", edged.Purchase, "FR", start))
	s.Add(event("n", "x", edged.View, "", start))
	w.wantTop(t, "", "1h", "x=3.000")
	w.wantTop(t, "GB", "1h", "x=3.000")
	w.wantTop(t, "FR", "1h", "")
	s.Add(event("d", "x", edged.View, "DE", start))
	w.wantTop(t, "", "1h", "x=10.000")
	w.wantTop(t, "FR", "1h", "")
	s.Add(event("g0", "y", edged.View, "GB", start)) // the same visitor in three countries
	s.Add(event("g0", "y", edged.View, "FR", start))
	s.Add(event("g1", "y", edged.View, "DE", start))
	w.wantTop(t, "", "7d", "x=10.000")
}

// A visitor counts for 4 half-lives of a window, and a little as times are coarse, and his hash is gone after 4 of the longest.
func TestVisitorsAreForgotten(t *testing.T) {
	w := crowded("a", "b")
	for i := range 3 {
		w.stores[i%2].Add(event(fmt.Sprint(i), "x", edged.Purchase, "GB", start))
		w.stores[i%2].Add(event(fmt.Sprint(i), "y", edged.View, "GB", start))
	}
	w.exchange(t)
	for _, c := range []struct {
		after     time.Duration
		lists     [3]bool
		remembers bool
	}{
		{4 * time.Hour, [3]bool{true, true, true}, true},
		{4*time.Hour + grain*time.Millisecond, [3]bool{false, true, true}, true},
		{4 * 24 * time.Hour, [3]bool{false, true, true}, true},
		{4*24*time.Hour + grain*time.Millisecond, [3]bool{false, false, true}, true},
		{28 * 24 * time.Hour, [3]bool{false, false, true}, true},
		{28*24*time.Hour + grain*time.Millisecond, [3]bool{}, false},
	} {
		w.now = start + c.after.Milliseconds()
		for _, s := range w.stores {
			s.changed = true
			s.Flush()
			for i, window := range s.windows {
				if got := s.Top("GB", window.name); (got != nil) != c.lists[i] || got != nil && len(got.Entries) != 2 {
					t.Errorf("after %v: %v in %s, want %v", c.after, got, window.name, c.lists[i])
				}
			}
			for _, from := range append(slices.Collect(maps.Values(s.peers)), s.own) {
				for key, c2 := range from {
					if (len(c2.crowd) > 0) != c.remembers {
						t.Errorf("after %v %d visitors of %v", c.after, len(c2.crowd), key)
					}
				}
			}
		}
	}
}

// Times of visitors tell no more than they must: what one had within a minute looks like what anybody had.
func TestTimesAreCoarse(t *testing.T) {
	w := crowded("a")
	s := w.stores[0]
	times := map[uint32]bool{}
	for i := range int64(600) {
		w.now = start + 1000*i
		s.Add(event(fmt.Sprint(i), "x", edged.View, "GB", w.now))
		s.Add(event(fmt.Sprint(i), "y", edged.View, "GB", w.now+300))
		x, y := s.own[cellKey{"GB", "x"}].crowd[0].at(), s.own[cellKey{"GB", "y"}].crowd[0].at()
		if x != y || int64(x) > w.now/1000 || w.now/1000-int64(x) > grain/1000 {
			t.Fatalf("%d and %d at %d", x, y, w.now/1000)
		}
		times[x] = true
	}
	if len(times) > 600_000/grain+2 {
		t.Errorf("%d times within 10 minutes", len(times))
	}
	second := New(Options{HalfLives: map[string]time.Duration{"10s": 10 * time.Second}})
	if got := coarse(second.windows, 12_999); got != 12 || coarse(nil, 12_999) != 12 {
		t.Errorf("%d of short windows, want seconds", got)
	}
}

// Who was counted under another key may be counted again: he counts no more.
func TestRekey(t *testing.T) {
	w := crowded("a", "b")
	a, b := w.stores[0], w.stores[1]
	seen := func(s *Store, who ...string) {
		w.now += 3 * time.Hour.Milliseconds() // a voice is heard again
		for _, u := range who {
			s.Add(event(u, "x", edged.View, "GB", w.now))
		}
	}
	seen(a, "u", "v", "w")
	w.exchange(t)
	a.Rekey([]byte("the next"))
	b.Rekey([]byte("the next"))
	w.wantTop(t, "GB", "1h", "")
	seen(a, "u", "v")
	seen(b, "u", "v")
	w.wantTop(t, "GB", "24h", "")
	seen(b, "w")
	w.exchange(t)
	for _, s := range w.stores {
		if list := s.Top("GB", "24h"); list == nil || len(list.Entries) != 1 {
			t.Errorf("%v, of three visitors", list)
		}
	}
	seen(a, "u", "v", "w")
	for _, u := range []string{"u", "v", "w"} {
		b.Add(event(u, "x", edged.View, "GB", w.now))
	}
	w.exchange(t)
	before := a.Top("GB", "24h").Entries[0].Score
	for _, key := range []string{"one", "one more", "and one", "and the last"} { // whichever has the larger id
		a.Rekey([]byte(key))
		b.Rekey([]byte(key))
		w.wantTop(t, "GB", "24h", "")
		a.Add(event("u", "x", edged.View, "GB", w.now)) // who has spoken just now
		a.Add(event("v", "x", edged.View, "GB", w.now))
		b.Add(event("w", "x", edged.View, "GB", w.now))
		w.exchange(t)
		for _, s := range w.stores {
			if got, want := s.Top("GB", "24h").Entries[0].Score, before; math.Abs(got-want) > 1e-3 {
				t.Errorf("%v, want %v: of the same visitors, heard again", got, want)
			}
		}
	}
	seen(a, "u")
	w.exchange(t)
	if a.Add(event("u", "x", edged.View, "GB", w.now)); len(a.dirty) > 0 {
		t.Error("who is counted is told again")
	}
	if alone := New(Options{}); alone.namer.id == New(Options{}).namer.id || alone.opts.Visitors != DefaultVisitors {
		t.Error("two nodes alone have the same key, or no least number of visitors")
	}
}

// A cell of version 1, from an older node, adds to a score and has no visitors.
func TestReadsVersion1(t *testing.T) {
	w := crowded("a")
	s := w.stores[0]
	c := cell{ref: start, value: [maxWindows]float64{4, 4, 4}}
	if err := s.Apply("older", 1, "GB\x00x", old(appendCell(nil, &c, s.windows))); err != nil {
		t.Fatal(err)
	}
	w.wantTop(t, "GB", "1h", "")
	for _, u := range []string{"u", "v", "w"} {
		s.Add(event(u, "x", edged.View, "GB", start))
	}
	w.wantTop(t, "GB", "1h", "x=7.000")
}

// Nodes may want different numbers: one that wants more than the others tell of shows less, never more.
func TestDifferentFloors(t *testing.T) {
	w := &world{now: start}
	few, many := w.add(Options{Node: "few", Visitors: 2}), w.add(Options{Node: "many", Visitors: 4})
	for i := range 5 {
		few.Add(event(fmt.Sprint(i), "x", edged.View, "GB", start+int64(i)))
	}
	many.Add(event("9", "x", edged.View, "GB", start))
	w.exchange(t)
	wantTop(t, few, "GB", "1h", "x=6.000")
	wantTop(t, many, "GB", "1h", "")
	many.Add(event("8", "x", edged.View, "GB", start))
	w.exchange(t)
	wantTop(t, many, "GB", "1h", "x=7.000")
}

// What a cell with three windows takes on the wire.
func TestWireSize(t *testing.T) {
	s := newWorld("a").stores[0]
	for _, n := range []int{0, 3, DefaultVisitors, MaxVisitors} {
		c := cell{ref: start}
		for i := range n {
			c.crowd.add(visitorAt(uint32(i), start), MaxVisitors)
		}
		if got, want := len(appendCell(nil, &c, s.windows)), 51+8*n; got != want {
			t.Errorf("%d visitors: %d bytes, want %d", n, got, want)
		}
	}
}

// The text of a cell, byte by byte.
func TestWire(t *testing.T) {
	s := New(Options{HalfLives: map[string]time.Duration{"1h": time.Hour}})
	c := cell{ref: 1_700_000_000_999, value: [maxWindows]float64{1.5}, key: keyID{1, 2, 3, 4}, crowd: crowd{visitorAt(0x0a0b0c0d, 1_700_000_000_999), visitorAt(7, 1_699_999_999_000)}}
	text := appendCell(nil, &c, s.windows)
	want := "02 e76be5cf8b010000 01" + " 100e0000 000000000000f83f" + " 01020304 02" + " 0d0c0b0a 00f15365" + " 07000000 fff05365"
	if got := spaced(text, 1, 8, 1, 4, 8, 4, 1, 4, 4, 4, 4); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	back, err := decodeCell(text, s.windows, MaxVisitors, c.ref)
	if err != nil || back.newerThan(&c) || c.newerThan(&back) {
		t.Errorf("%+v, %v", back, err)
	}
	if back, _ = decodeCell(text, s.windows, 1, c.ref); len(back.crowd) != 1 || cap(back.crowd) > 2 {
		t.Errorf("%d visitors held, room for %d, where 1 is wanted", len(back.crowd), cap(back.crowd))
	}
}

func spaced(b []byte, widths ...int) string {
	var parts []string
	for _, n := range widths {
		parts = append(parts, hex.EncodeToString(b[:n]))
		b = b[n:]
	}
	return strings.Join(parts, " ")
}
