package cluster

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testKey = []byte("0123456789abcdef0123456789abcdef")

// The tests' cluster is ten times as hasty as a local one.
func init() {
	profiles["test"] = profile{
		base: func() *memberlist.Config {
			m := memberlist.DefaultLocalConfig()
			m.ProbeTimeout = 80 * time.Millisecond
			return m
		},
		gossip: 10 * time.Millisecond, sync: 200 * time.Millisecond, probe: 100 * time.Millisecond, rejoin: 50 * time.Millisecond,
	}
}

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
		Name: name, Bind: "127.0.0.1:0", Keys: [][]byte{testKey}, Profile: "test",
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

// inHarmony shows that honest nodes refuse nothing of each other, but for streams a busy machine was too slow for.
func inHarmony(t *testing.T, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		if s := n.Stats(); s.RefusedTotal() != s.Refused[RefusedIO] {
			t.Errorf("%s refuses honest nodes: %v", n.cfg.Name, s.Refused)
		}
	}
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
	inHarmony(t, a, b, c)
}

func TestLargeFactsTravelByExchange(t *testing.T) {
	a, b, _ := three(t)
	value := make([]byte, MaxValue)
	if err := a.Set(1, "large", value, time.Minute); err != nil {
		t.Fatal(err)
	}
	b.await(t, "large", string(value))
	inHarmony(t, a, b)
}

// A node that dies, without a word, harms nobody: the others go on, notice, and its facts stay until they expire.
func TestKill(t *testing.T) {
	a, b, c := three(t)
	if err := c.Set(Bulk, "cell", []byte("5"), time.Minute); err != nil {
		t.Fatal(err)
	}
	a.await(t, "cell", "5")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Set(1, "release", []byte("8"), time.Minute); err != nil {
		t.Fatal(err)
	}
	b.await(t, "release", "8")
	a.awaitMembers(t, "a", "b")
	b.awaitMembers(t, "a", "b")
	if facts := a.Facts(); len(facts) != 2 {
		t.Errorf("facts = %v, want the dead node's too", facts)
	}
	inHarmony(t, a, b) // suspicions, accusations and indirect questions passed the check
}

// A node that died comes back at once, at another address, under the same name and a new boot, while the others still hold its
// earlier run for alive. It learns what it said before.
func TestRestart(t *testing.T) {
	a, b, c := three(t)
	if err := c.Set(Bulk, "cell", []byte("5"), time.Minute); err != nil {
		t.Fatal(err)
	}
	a.await(t, "cell", "5")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	again := startNode(t, "c", func(cfg *Config) {
		cfg.Boot = c.cfg.Boot + 1
		seeds(a, b)(cfg)
	})
	if f := again.await(t, "cell", "5"); f.Boot != c.cfg.Boot {
		t.Errorf("boot of the earlier run = %d, want %d", f.Boot, c.cfg.Boot)
	}
	if err := again.Set(Bulk, "cell", []byte("1"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if f := b.await(t, "cell", "1"); f.Boot != again.cfg.Boot {
		t.Errorf("boot = %d, want %d", f.Boot, again.cfg.Boot)
	}
	b.awaitThat(t, "c is a member in its new run", func() bool {
		return slices.ContainsFunc(b.Members(), func(m Member) bool { return m.Name == "c" && m.Boot == again.cfg.Boot })
	})
}

// Leave is known at once, and Close after it is quick.
func TestLeave(t *testing.T) {
	a, b, c := three(t)
	if err := c.Leave(patience); err != nil {
		t.Fatal(err)
	}
	a.awaitMembers(t, "a", "b")
	b.awaitMembers(t, "a", "b")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Leave(time.Second); err != nil {
		t.Errorf("leave after close: %v", err)
	}
}

// Two halves that held each other for dead find together again, since seeds are joined again. Here a changed key is the cut wire.
func TestPartitionHeals(t *testing.T) {
	a, b, c := three(t)
	otherKey := []byte("ffffffffffffffffffffffffffffffff")
	if err := c.Rotate([][]byte{otherKey}); err != nil {
		t.Fatal(err)
	}
	a.awaitMembers(t, "a", "b")
	c.awaitMembers(t, "c")
	if err := a.Set(1, "release", []byte("8"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := c.Set(1, "mine", []byte("c"), time.Minute); err != nil {
		t.Fatal(err)
	}
	b.await(t, "release", "8")
	if err := c.Rotate([][]byte{testKey}); err != nil {
		t.Fatal(err)
	}
	c.await(t, "release", "8")
	b.await(t, "mine", "c")
	for _, n := range []*node{a, b, c} {
		n.awaitMembers(t, "a", "b", "c")
	}
}

// The key changes under a running cluster, and nobody notices: add it, use it, drop the old one.
func TestRotateWithoutAGap(t *testing.T) {
	a, b, c := three(t)
	next := []byte("ffffffffffffffffffffffffffffffff")
	for i, keys := range [][][]byte{{testKey, next}, {next, testKey}, {next}} {
		for _, n := range []*node{a, b, c} {
			if err := n.Rotate(keys); err != nil {
				t.Fatal(err)
			}
		}
		value := fmt.Sprint(i)
		if err := a.Set(1, "k", []byte(value), time.Minute); err != nil {
			t.Fatal(err)
		}
		b.await(t, "k", value)
		c.await(t, "k", value)
	}
	if err := a.Rotate(nil); err == nil {
		t.Error("no key at all is taken")
	}
}

// Without the key nobody gets in, in no direction, and each attempt is counted.
func TestWrongKey(t *testing.T) {
	a := startNode(t, "a", nil)
	if err := a.Set(1, "secret", []byte("x"), time.Minute); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"key":  func(c *Config) { c.Keys = [][]byte{[]byte("ffffffffffffffffffffffffffffffff")} },
		"seal": func(c *Config) { c.Cluster = "another" },
		"window": func(c *Config) {
			c.Clock = func() time.Time { return time.Now().Add(sealWindow + time.Minute) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			stranger := startNode(t, "stranger", func(c *Config) {
				seeds(a)(c)
				change(c)
			})
			stranger.awaitThat(t, "it was turned away", func() bool { return stranger.Stats().JoinFailures > 1 })
			reason := slices.Index(reasonNames[:], name)
			if s := a.Stats(); s.Refused[reason] == 0 || s.Members != 1 {
				t.Errorf("refused %v, members %d; want refusals for %s and one member", s.Refused, s.Members, name)
			}
			if facts := stranger.Facts(); len(facts) != 0 {
				t.Errorf("a stranger learned %v", facts)
			}
		})
	}
}

// A node whose port is taken, and whose seeds are away, works alone; later it finds both.
func TestWorksAlone(t *testing.T) {
	blocker, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blocker.Close() }()
	alone := startNode(t, "alone", func(c *Config) {
		c.Bind = blocker.Addr().String()
		c.Seeds = []string{"127.0.0.1:1", "no.such.host.invalid:7946"}
	})
	if err := alone.Set(1, "k", []byte("v"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if m := alone.Members(); len(m) != 1 || !m[0].Self || alone.Addr() != "" || alone.Stats().Listening {
		t.Errorf("members %v, address %q", m, alone.Addr())
	}
	if err := alone.Leave(time.Second); err != nil {
		t.Error(err)
	}
	_ = blocker.Close()
	alone.awaitThat(t, "it listens", func() bool { return alone.Addr() != "" })
	other := startNode(t, "other", seeds(alone))
	other.await(t, "k", "v")
}

func TestZoneAndAddress(t *testing.T) {
	a := startNode(t, "a", func(c *Config) { c.Zone = "eu-west" })
	b := startNode(t, "b", seeds(a))
	b.awaitMembers(t, "a", "b")
	if m := b.Members()[0]; m.Zone != "eu-west" || m.Addr != a.Addr() || m.Self || !b.Members()[1].Self {
		t.Errorf("member = %+v", m)
	}
}

func TestConfigFaultsAreReportedAtOnce(t *testing.T) {
	_, err := Start(Config{
		Name: "a/b", Bind: "nowhere", Seeds: []string{"x"}, Keys: [][]byte{{1}}, Profile: "moon", Zone: strings.Repeat("z", 99),
	})
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{"node name", "bind", "seed", "key 1", "profile", "zone"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q doesn't name %s", err, want)
		}
	}
}

func TestCloseTwice(t *testing.T) {
	a, b, _ := three(t)
	for range 2 {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := b.Set(1, "k", nil, time.Minute); err != nil {
		t.Error(err)
	}
}

// TestSeedThatStartsLater is what happens when all nodes of a cluster are started at once: those that were too early for
// their seed find it soon, and not only when the next regular look is due.
func TestSeedThatStartsLater(t *testing.T) {
	rare := profiles["test"]
	rare.rejoin = time.Hour
	profiles["rare"] = rare
	defer delete(profiles, "rare")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	early := startNode(t, "early", func(c *Config) { c.Profile, c.Seeds = "rare", []string{addr} })
	early.awaitThat(t, "a join failed", func() bool { return early.Stats().JoinFailures > 0 })
	startNode(t, "seed", func(c *Config) { c.Bind = addr })
	early.awaitMembers(t, "early", "seed")
}
