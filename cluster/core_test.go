package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const testNow = 1_700_000_000_000

// history draws what some processes said, each in its own order, as facts.
func history(t *rapid.T) []Fact {
	var list []Fact
	for _, process := range []struct {
		node string
		boot uint64
	}{{"a", 1}, {"a", 2}, {"b", 7}, {"c", 3}} {
		said := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 12).Draw(t, fmt.Sprint(process.node, process.boot))
		for seq, what := range said {
			kind := uint8(1)
			if what%2 == 1 {
				kind = Bulk
			}
			list = append(list, Fact{
				Kind: kind, Node: process.node, Boot: process.boot, Key: fmt.Sprint("k", what), Seq: uint64(seq + 1),
				Expires: testNow + 1000, Value: fmt.Append(nil, seq),
			})
		}
	}
	return append(list, writes(t)...)
}

// writes draws what several nodes wrote of nobody's facts, some in the same millisecond, some of them in the very same way.
func writes(t *rapid.T) []Fact {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Fact {
		return *sharedFact(rapid.SampledFrom([]string{"a", "b", "d"}).Draw(t, "writer"), fmt.Sprint("s", rapid.IntRange(0, 5).Draw(t, "key")),
			rapid.Uint64Range(0, 3).Draw(t, "after"), fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "value")))
	}), 0, 20).Draw(t, "writes")
}

func sharedFact(writer, key string, after uint64, value string) *Fact {
	f := &Fact{Kind: Shared, Node: writer, Key: key, Seq: StampOf(testNow) + after, Value: []byte(value)}
	f.Expires = MillisOf(f.Seq) + MaxTTL.Milliseconds()
	return f
}

func smallCore(node string) *Core {
	return NewCore(CoreConfig{Node: node, Boot: 1, MaxUrgent: 3, MaxBulk: 4, MaxShared: 5})
}

var smallLimits = map[class]int{urgent: 3, bulk: 4}

func stepAll(t interface{ Fatal(...any) }, c *Core, facts []Fact) {
	for _, f := range facts {
		if _, err := c.Step(testNow, encodeMessage(&f)); err != nil {
			t.Fatal(err)
		}
	}
}

func render(facts []Fact) string {
	var b strings.Builder
	for _, f := range facts {
		fmt.Fprintf(&b, "%s/%d %d %s=%s seq %d\n", f.Node, f.Boot, f.Kind, f.Key, f.Value, f.Seq)
	}
	return b.String()
}

// expected is the merge written a second time, with all facts at hand: the latest of each key, and of these the last few of each
// node and class.
func expected(facts []Fact) string {
	latest := map[string]Fact{}
	all := NewCore(CoreConfig{Node: "oracle"})
	for _, f := range newestWrites(facts, 5) {
		all.shared[f.id()] = &f
	}
	for _, f := range facts {
		if f.shared() {
			continue
		}
		key := fmt.Sprint(f.Node, f.Boot, f.Kind, f.Key)
		if held, ok := latest[key]; !ok || held.Seq < f.Seq {
			latest[key] = f
		}
	}
	groups := map[string][]Fact{}
	for _, f := range latest {
		g := fmt.Sprint(f.Node, f.class())
		groups[g] = append(groups[g], f)
	}
	for _, list := range groups {
		slices.SortFunc(list, func(x, y Fact) int { return y.rank().compare(x.rank()) })
		for _, f := range list[:min(len(list), smallLimits[list[0].class()])] {
			all.put(&f)
		}
	}
	return render(all.Facts())
}

// newestWrites are, of the shared facts, the newest of each key, and of these the newest n.
func newestWrites(facts []Fact, n int) []Fact {
	var list []Fact
	for _, f := range facts {
		if f.shared() {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(x, y Fact) int { return cmp.Or(y.compareWrite(&x), strings.Compare(y.Key, x.Key)) })
	seen := map[string]bool{}
	list = slices.DeleteFunc(list, func(f Fact) bool { was := seen[f.Key]; seen[f.Key] = true; return was })
	return list[:min(len(list), n)]
}

// Whatever the order, however often: the same facts are held.
func TestMergeCommutesAndIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := history(t)
		want := expected(facts)
		order := rapid.Permutation(append(slices.Clone(facts), facts...)).Draw(t, "order")
		c := smallCore("x")
		stepAll(t, c, order)
		if got := render(c.Facts()); got != want {
			t.Fatalf("got\n%swant\n%s", got, want)
		}
	})
}

// (A ∪ B) ∪ C = A ∪ (B ∪ C), with states instead of messages, and limits that cut in between.
func TestMergeAssociates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := history(t)
		parts := [3][]Fact{}
		for _, f := range facts {
			i := rapid.IntRange(0, 2).Draw(t, "part")
			parts[i] = append(parts[i], f)
		}
		var ab, bc, a, cc *Core = smallCore("x"), smallCore("y"), smallCore("x"), smallCore("z")
		stepAll(t, ab, slices.Concat(parts[0], parts[1]))
		stepAll(t, bc, slices.Concat(parts[1], parts[2]))
		stepAll(t, a, parts[0])
		stepAll(t, cc, parts[2])
		for _, m := range []struct{ into, from *Core }{{ab, cc}, {a, bc}} {
			if _, err := m.into.Merge(testNow, m.from.State()); err != nil {
				t.Fatal(err)
			}
		}
		if left, right, want := render(ab.Facts()), render(a.Facts()), expected(facts); left != want || right != want {
			t.Fatalf("(A∪B)∪C\n%sA∪(B∪C)\n%swant\n%s", left, right, want)
		}
	})
}

func TestNewsIsToldOnce(t *testing.T) {
	c := smallCore("x")
	f := Fact{Kind: 1, Node: "a", Boot: 1, Key: "k", Seq: 5, Expires: testNow + 1, Value: []byte("v")}
	for i, want := range []int{1, 0} {
		news, err := c.Step(testNow, encodeMessage(&f))
		if err != nil || len(news) != want {
			t.Errorf("time %d: %d facts are news (%v), want %d", i+1, len(news), err, want)
		}
	}
	f.Seq = 4
	if news, _ := c.Step(testNow, encodeMessage(&f)); len(news) != 0 {
		t.Error("an older fact is news")
	}
	if waiting := c.Outbox(0, 10_000); len(waiting) != 1 {
		t.Errorf("%d messages wait, want the news alone", len(waiting))
	}
}

func TestTimeBounds(t *testing.T) {
	c := smallCore("x")
	for _, expires := range []int64{-1, 0, testNow, testNow + (MaxTTL + maxSkew).Milliseconds() + 1} {
		f := Fact{Kind: 1, Node: "a", Boot: 1, Key: "k", Seq: 1, Expires: expires}
		if _, err := c.Step(testNow, encodeMessage(&f)); err == nil {
			t.Errorf("a fact that expires %d ms from now is taken", expires-testNow)
		}
	}
	if facts, _ := c.Len(); facts != 0 {
		t.Errorf("%d facts held", facts)
	}
}

func TestTickForgets(t *testing.T) {
	c := smallCore("x")
	if _, err := c.Set(testNow, 1, "k", nil, time.Second); err != nil {
		t.Fatal(err)
	}
	c.Tick(testNow + 999)
	if facts, _ := c.Len(); facts != 1 {
		t.Error("forgotten too early")
	}
	c.Tick(testNow + 1000)
	if facts, nodes := c.Len(); facts+nodes != 0 {
		t.Errorf("%d facts of %d nodes left", facts, nodes)
	}
}

// A process that comes back under an old boot number finds its earlier facts with higher sequence numbers among the others. It
// doesn't take them for its own, and what it says wins.
func TestReclaim(t *testing.T) {
	other, again := smallCore("other"), smallCore("me")
	old := Fact{Kind: 1, Node: "me", Boot: 1, Key: "k", Seq: 40, Expires: testNow + 1000, Value: []byte("old")}
	stepAll(t, other, []Fact{old})
	if _, err := again.Set(testNow, 1, "k", []byte("new"), time.Second); err != nil {
		t.Fatal(err)
	}
	if news, err := again.Merge(testNow, other.State()); err != nil || len(news) != 0 {
		t.Fatalf("news = %v, %v", news, err)
	}
	if _, err := other.Merge(testNow, again.State()); err != nil {
		t.Fatal(err)
	}
	if got := other.Facts(); len(got) != 1 || string(got[0].Value) != "new" {
		t.Errorf("the others hold %v", got)
	}
}

// What doesn't fit into one state comes with another.
func TestStateThatDoesNotFit(t *testing.T) {
	from, to := NewCore(CoreConfig{Node: "from"}), NewCore(CoreConfig{Node: "to"})
	value := make([]byte, MaxValue)
	for i := range 2 * maxState / MaxValue {
		f := Fact{Kind: Bulk, Node: fmt.Sprint("n", i%8), Boot: 1, Key: fmt.Sprint(i), Seq: uint64(i + 1), Expires: testNow + 1000, Value: value}
		stepAll(t, from, []Fact{f})
	}
	want, _ := from.Len()
	for range 8 {
		state := from.State()
		if len(state) > maxState {
			t.Fatalf("state of %d bytes", len(state))
		}
		if _, err := to.Merge(testNow, state); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := to.Len(); got != want {
		t.Errorf("%d of %d facts arrived", got, want)
	}
}

func TestUrgentGoesFirst(t *testing.T) {
	c := NewCore(CoreConfig{Node: "x"})
	for i := range 100 {
		if _, err := c.Set(testNow, Bulk, fmt.Sprint("cell", i), make([]byte, 100), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	f, err := c.Set(testNow, 1, "release", []byte("7"), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if packet := c.Outbox(3, 1300); len(packet) < 5 || string(packet[0]) != string(encodeMessage(&f)) {
		t.Errorf("of %d messages the first is not the urgent one", len(packet))
	}
}

func TestOutboxIsBounded(t *testing.T) {
	c := NewCore(CoreConfig{Node: "x", MaxBulk: 10})
	for i := range 2 * maxWaiting {
		if _, err := c.Set(testNow, Bulk, fmt.Sprint(i), nil, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.out.waiting(); n > maxWaiting {
		t.Errorf("%d messages wait, at most %d", n, maxWaiting)
	}
}
