package cluster

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// write has a node write what is of nobody.
func (w *swarm) write(i int, key, value string) Fact {
	w.t.Helper()
	f := Fact{Kind: Shared, Node: w.nodes[i].cfg.Name, Key: key, Seq: StampOf(time.Now().UnixMilli()), Value: []byte(value)}
	f.Expires = MillisOf(f.Seq) + MaxTTL.Milliseconds()
	if err := w.nodes[i].Share(f, true); err != nil {
		w.t.Fatal(err)
	}
	return f
}

// holds lists the shared facts that a node holds, by key.
func (c *Cluster) holds() (list []Fact) {
	for _, f := range c.Facts() {
		if f.shared() {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b Fact) int { return cmp.Compare(a.Key, b.Key) })
	return list
}

// settle lets time pass until all of some nodes hold the same as an oracle that heard every write.
func (w *swarm) settle(most time.Duration, want string, nodes []*Cluster) time.Duration {
	w.t.Helper()
	return w.settleBut(0, most, want, nodes)
}

// settleBut is settle for all nodes but so many.
func (w *swarm) settleBut(but int, most time.Duration, want string, nodes []*Cluster) time.Duration {
	w.t.Helper()
	begin := time.Now()
	for {
		wrong, late := "", 0
		for _, c := range nodes {
			if got := render(c.holds()); got != want {
				wrong = fmt.Sprintf("%s holds\n%s", c.cfg.Name, got)
				late++
			}
		}
		took := time.Since(begin)
		if late <= but {
			return took
		}
		if took > most {
			w.t.Fatalf("after %v %swant\n%s", took, wrong, want)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// TestSimulatedSharedFacts: whatever many nodes write of the same things at once, and a cut and restarts between: all end with the newest write of each, and
// while nothing is cut they do so within moments, though every tenth packet is lost.
func TestSimulatedSharedFacts(t *testing.T) {
	size := 20
	if long() {
		size = 60
	}
	synctest.Test(t, func(t *testing.T) {
		w := newSimulation(t, .1).swarm(size)
		defer w.close()
		w.agree(time.Minute, w.nodes)
		<-time.After(5 * time.Second)
		rng := rand.New(rand.NewPCG(3, 1))
		var all []Fact
		written := func(nodes []int, keys int) {
			for range 40 {
				i := nodes[rng.IntN(len(nodes))]
				all = append(all, w.write(i, fmt.Sprint("item-", rng.IntN(keys)), fmt.Sprint(rng.IntN(100))))
				<-time.After(time.Duration(rng.IntN(3)) * time.Millisecond)
			}
		}
		everyone := others(size, -1)
		written(everyone, 12)
		spread := w.settle(6*time.Second, newestOf(all), w.nodes) // what gossip misses somewhere comes with the next exchange

		half := size / 2
		w.cut(w.addresses, func(i int) bool { return i < half })
		written(everyone[:half], 16)
		written(everyone[half:], 16)
		<-time.After(2 * time.Minute) // they hold each other for dead
		w.heal()
		healed := w.settle(30*time.Second, newestOf(all), w.nodes)

		// One ends and comes back with what it has on disk: its own last writes, which nobody heard, and old ones of others.
		last := size - 1
		held := w.nodes[last].holds()
		if err := w.nodes[last].Close(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		unheard := *sharedFact(w.nodes[last].cfg.Name, "item-0", 0, "written alone")
		unheard.Seq = StampOf(time.Now().UnixMilli())
		unheard.Expires = MillisOf(unheard.Seq) + MaxTTL.Milliseconds()
		written(everyone[:last], 4)
		all = append(all, unheard)
		w.nodes[last] = w.start(last, 2)
		for _, f := range append(held, unheard) {
			if err := w.nodes[last].Share(f, false); err != nil {
				t.Fatal(err)
			}
		}
		back := w.settle(30*time.Second, newestOf(all), w.nodes)
		t.Logf("%d nodes: 40 writes everywhere %v after the last; %v after a cut of 2 minutes; %v after one came back", size, spread, healed, back)
	})
}

// TestSimulatedFlood: a thousand writes at once are everywhere within about a second, though every tenth packet is lost, and so are a few that no packet
// has room for. What few writes say goes by packets alone.
func TestSimulatedFlood(t *testing.T) {
	size := 20
	if long() {
		size = 60
	}
	synctest.Test(t, func(t *testing.T) {
		w := newSimulation(t, .1).swarm(size)
		defer w.close()
		w.agree(time.Minute, w.nodes)
		<-time.After(5 * time.Second)
		var all []Fact
		for i := range 1000 {
			all = append(all, w.write(0, fmt.Sprintf("item-%04d", i), strings.Repeat("x", 100)))
		}
		many := w.settleBut(size/10, 1500*time.Millisecond, newestOf(all), w.nodes) // e⁻⁶ of nodes are told by none, and hear by an exchange
		for i := range 3 {
			all = append(all, w.write(size/2, fmt.Sprint("large-", i), strings.Repeat("x", MaxValue)))
		}
		large := w.settleBut(size/10, 1500*time.Millisecond, newestOf(all), w.nodes)
		<-time.After(10 * time.Second)
		floods := w.floods()
		all = append(all, w.write(1, "one", "x"))
		w.settle(6*time.Second, newestOf(all), w.nodes)
		after := w.floods()
		if floods < uint64(size) || after != floods {
			t.Errorf("%d floods, then %d for one write", floods, after)
		}
		t.Logf("%d nodes: 1,000 writes everywhere after %v, 3 large ones after %v; %d floods", size, many, large, floods)
	})
}

func (w *swarm) floods() (n uint64) {
	for _, c := range w.nodes {
		n += c.Stats().Floods
	}
	return n
}

// newestOf renders the newest write of each key, by key.
func newestOf(all []Fact) string {
	list := newestWrites(all, len(all))
	slices.SortFunc(list, func(a, b Fact) int { return cmp.Compare(a.Key, b.Key) })
	return render(list)
}
