package cluster_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/cluster"
	"github.com/edged/edged/trend"
)

// counter is a node that counts what is trending, wired as an edge node wires it.
type counter struct {
	store *trend.Store
	facts *cluster.Cluster
}

func startCounter(t *testing.T, name string, seeds ...string) *counter {
	t.Helper()
	var c counter
	var facts atomic.Pointer[cluster.Cluster]
	c.store = trend.New(trend.Options{Node: name, Boot: 1, Visitors: 3, Publish: func(key string, value []byte) {
		if err := facts.Load().Set(cluster.Bulk, key, value, time.Hour); err != nil {
			t.Error(err)
		}
	}})
	c.store.Rekey([]byte("theirs"))
	var err error
	c.facts, err = cluster.Start(cluster.Config{
		Name: name, Boot: 1, Bind: "127.0.0.1:0", Seeds: seeds, Keys: [][]byte{make([]byte, 32)},
		OnFact: func(f cluster.Fact) {
			if err := c.store.Apply(f.Node, f.Boot, f.Key, f.Value); err != nil {
				t.Error(err)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	facts.Store(c.facts)
	t.Cleanup(func() {
		if err := c.facts.Close(); err != nil {
			t.Error(err)
		}
	})
	return &c
}

func (c *counter) score() float64 {
	c.store.Flush()
	if top := c.store.Top("GB", "1h"); top != nil {
		return top.Entries[0].Score
	}
	return 0
}

// Events counted on one node each move what is trending on the others within two seconds, at the pace of a LAN: three visitors, of whom no node
// has heard alone.
func TestEventMovesTrendingElsewhere(t *testing.T) {
	a := startCounter(t, "a")
	b := startCounter(t, "b", a.facts.Addr())
	c := startCounter(t, "c", a.facts.Addr())
	all := []*counter{a, b, c}
	await(t, func() bool {
		return len(a.facts.Members()) == 3 && len(b.facts.Members()) == 3 && len(c.facts.Members()) == 3
	})
	begun := time.Now()
	for i, n := range all {
		n.store.Add(&edged.Event{
			User: []string{"u", "v", "w"}[i], Item: "x", Type: []edged.EventType{edged.View, edged.Cart, edged.Purchase}[i], Time: begun.UnixMilli(),
			Context: map[string]string{edged.Country: "GB"},
		})
	}
	await(t, func() bool { // each must flush, whatever the others show
		scores := [3]float64{a.score(), b.score(), c.score()}
		return slices.Min(scores[:]) > 8.9
	})
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("took %v, want two seconds at most", took)
	}
}

// await looks every 50 ms until something is so.
func await(t *testing.T, is func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("never came to be")
		}
	}
}
