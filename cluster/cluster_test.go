package cluster

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testKey = []byte("0123456789abcdef0123456789abcdef")

const patience = 20 * time.Second // far more than anything here takes; a test that needs it has failed

// node is a Cluster under test whose news can be waited for.
type node struct {
	*Cluster
	news chan Fact
}

func startNode(t *testing.T, name string, change func(*Config)) *node {
	t.Helper()
	n := &node{news: make(chan Fact, 4096)}
	cfg := Config{
		Name: name, Bind: "127.0.0.1:0", Keys: [][]byte{testKey}, Profile: "local",
		OnFact: func(f Fact) { n.news <- f },
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if n.Cluster, err = Start(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func seeds(nodes ...*node) func(*Config) {
	return func(c *Config) {
		for _, n := range nodes {
			c.Seeds = append(c.Seeds, n.Addr())
		}
	}
}

// await waits for a fact with this key and value.
func (n *node) await(t *testing.T, key, value string) Fact {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		select {
		case f := <-n.news:
			if f.Key == key && string(f.Value) == value {
				return f
			}
		case <-ctx.Done():
			t.Fatalf("%s never heard %s = %.40q", n.cfg.Name, key, value)
		}
	}
}

// awaitMembers looks until the members are these.
func (n *node) awaitMembers(t *testing.T, want ...string) {
	t.Helper()
	n.awaitThat(t, fmt.Sprint("members are ", want), func() bool {
		var names []string
		for _, m := range n.Members() {
			names = append(names, m.Name)
		}
		return slices.Equal(names, want)
	})
}

func (n *node) awaitThat(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: never came true that %s; members %v, stats %+v", n.cfg.Name, what, n.Members(), n.Stats())
		}
	}
}

func three(t *testing.T) (a, b, c *node) {
	t.Helper()
	a = startNode(t, "a", nil)
	b = startNode(t, "b", seeds(a))
	c = startNode(t, "c", seeds(a))
	for _, n := range []*node{a, b, c} {
		n.awaitMembers(t, "a", "b", "c")
	}
	return a, b, c
}

func TestFactsSpread(t *testing.T) {
	a, b, c := three(t)
	start := time.Now()
	if err := b.Set(1, "release", []byte("7"), time.Minute); err != nil {
		t.Fatal(err)
	}
	a.await(t, "release", "7")
	f := c.await(t, "release", "7")
	if took := time.Since(start); took > time.Second {
		t.Errorf("a release spread in %v, want less than a second", took)
	}
	if f.Node != "b" || f.Boot != b.cfg.Boot || f.Kind != 1 {
		t.Errorf("fact = %+v", f)
	}
	for i := range 300 {
		if err := a.Set(Bulk, fmt.Sprint("cell", i), []byte("x"), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []*node{b, c} {
		n.awaitThat(t, "301 facts are held", func() bool { return n.Stats().Facts == 301 })
	}
	if s := c.Stats(); s.RefusedTotal() != 0 {
		t.Errorf("honest nodes refuse each other: %v", s.Refused)
	}
}

func TestLargeFactsTravelByExchange(t *testing.T) {
	a, b, _ := three(t)
	value := make([]byte, MaxValue)
	if err := a.Set(1, "large", value, time.Minute); err != nil {
		t.Fatal(err)
	}
	b.await(t, "large", string(value))
	if a, b := a.Stats(), b.Stats(); a.RefusedTotal()+b.RefusedTotal() != 0 {
		t.Errorf("honest nodes refuse each other: %v %v", a.Refused, b.Refused)
	}
}
