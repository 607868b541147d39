package cluster

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// full is a core that holds n entries as an overlay makes them.
func full(t *testing.T, node string, n int) *Core {
	t.Helper()
	c := NewCore(CoreConfig{Node: node})
	for i := range n {
		if _, err := c.Share(testNow, *sharedFact("writer", fmt.Sprintf("aitem-%06d", i), uint64(i), "12345678\x00"), false); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// exchange is what two nodes say to each other and pay, and how many bytes each of the two steps is.
func exchange(t *testing.T, a, b *Core) (brief, paid int) {
	t.Helper()
	one, other := a.Brief(testNow), b.Brief(testNow)
	for _, side := range []struct {
		to    *Core
		state []byte
	}{{a, other}, {b, one}} {
		if _, err := side.to.Merge(testNow, side.state); err != nil {
			t.Fatal(err)
		}
	}
	for _, side := range []struct{ from, to *Core }{{a, b}, {b, a}} {
		member, part := side.from.Owed()
		if part == nil {
			continue
		}
		if want := memberName(side.to.cfg.Node, side.to.cfg.Boot); member != want {
			t.Fatalf("%s is paid, want %s", member, want)
		}
		if _, err := side.to.Merge(testNow, part); err != nil {
			t.Fatal(err)
		}
		paid += len(part)
	}
	return len(one) + len(other), paid
}

// TestSums: nodes that hold the same 10,000 entries exchange sums of them, and those that differ in some exchange little more: afterwards they hold the same.
func TestSums(t *testing.T) {
	const n = 10000
	a, b := full(t, "a", n), full(t, "b", n)
	whole := len(a.State())
	if brief, paid := exchange(t, a, b); paid != 0 || brief > 2*(sumsSize+100) {
		t.Errorf("equal nodes exchange %d bytes and pay %d", brief, paid)
	}
	for i, c := range []*Core{a, b, a} {
		if _, err := c.Share(testNow, *sharedFact("writer", fmt.Sprint("anew-", i), uint64(n+i), strings.Repeat("x", 2000)), true); err != nil {
			t.Fatal(err)
		}
	}
	_, paid := exchange(t, a, b)
	if a.sums != b.sums || render(a.sharedFacts()) != render(b.sharedFacts()) {
		t.Error("they hold other entries when they have paid")
	}
	if paid == 0 || paid > whole/20 {
		t.Errorf("three of %d entries cost %d bytes, all of them %d", n, paid, whole)
	}
	t.Logf("%d entries: a state of %d bytes; with sums %d, and %d for three that differ", n, whole, len(a.Brief(testNow)), paid)
	if brief, again := exchange(t, a, b); again != 0 || brief > 2*(sumsSize+100) {
		t.Errorf("and pay %d again", again)
	}
	fresh := NewCore(CoreConfig{Node: "c", Boot: 7})
	if exchange(t, a, fresh); fresh.sums != a.sums {
		t.Error("one that holds nothing does not get all")
	}
	a.Tick(testNow + 2*MaxTTL.Milliseconds())
	if a.sums != (sums{}) {
		t.Error("the sums of nothing are not those of nothing")
	}
	if facts, _ := b.Len(); facts != n+3 {
		t.Errorf("%d facts: sums are kept among them", facts)
	}
}

func (c *Core) sharedFacts() (list []Fact) {
	for _, f := range c.Facts() {
		if f.shared() {
			list = append(list, f)
		}
	}
	return list
}

// TestSimulatedLargeFact: what no packet holds is everywhere after some exchanges of nodes that joined long ago.
func TestSimulatedLargeFact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimulation(t, .1).swarm(8)
		defer w.close()
		w.agree(time.Minute, w.nodes)
		<-time.After(30 * time.Second)
		f := w.write(3, "large", strings.Repeat("x", 2500))
		took := w.settle(time.Minute, newestOf([]Fact{f}), w.nodes)
		t.Logf("8 nodes after %v", took)
	})
}
