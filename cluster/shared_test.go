package cluster

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
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
	begin := time.Now()
	for {
		wrong := ""
		for _, c := range nodes {
			if got := render(c.holds()); got != want {
				wrong = fmt.Sprintf("%s holds\n%s", c.cfg.Name, got)
				break
			}
		}
		took := time.Since(begin)
		if wrong == "" {
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

// newestOf renders the newest write of each key, by key.
func newestOf(all []Fact) string {
	list := newestWrites(all, len(all))
	slices.SortFunc(list, func(a, b Fact) int { return cmp.Compare(a.Key, b.Key) })
	return render(list)
}
