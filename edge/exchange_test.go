package edge

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/edged/edged/cluster"
	"github.com/edged/edged/exchange"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/release"
	"github.com/edged/edged/trend"
)

// TestPeers: a node gets a release from its peers alone when the origin has lost all of it but the rollout document.
func TestPeers(t *testing.T) {
	s := newShop(t)
	first := s.publish("a")
	nodes := s.cluster("one", "two")
	until(t, "both serve", func() bool { return serves(t, nodes[0], first) && serves(t, nodes[1], first) })
	s.must(s.fs.RemoveAll("origin/chunks"))
	s.must(s.fs.RemoveAll("origin/manifests"))
	cfg := s.config("three")
	cfg.Poll = 50 * time.Millisecond
	cfg.Gossip = Gossip{Listen: "127.0.0.1:0", KeyFile: "keys/gossip.key", Profile: "local", Seeds: []string{nodes[0].GossipAddr()}}
	three := s.start(cfg)
	until(t, "the third serves", func() bool { return serves(t, three, first) })
	if c := three.exchange.Counts(); c.Origin != 0 || c.Peers < 3 || c.Wrong != 0 {
		t.Errorf("%+v", c)
	}
	var sent, came uint64 // the first two may have helped each other; a request given up may have been answered
	for _, n := range append(nodes, three) {
		sent += n.exchange.Server().Stats().Pieces.Load()
		came += n.exchange.Counts().Peers
	}
	if sent < came {
		t.Errorf("sent %d pieces, %d came", sent, came)
	}
}

// TestExchangeOff: a node that gives nothing works, from the origin and for itself.
func TestExchangeOff(t *testing.T) {
	s := newShop(t)
	first := s.publish("a")
	cfg := s.config("one")
	cfg.Gossip = Gossip{Listen: "127.0.0.1:0", KeyFile: "keys/gossip.key", Profile: "local", Exchange: "off"}
	e := s.start(cfg)
	until(t, "it serves", func() bool { return serves(t, e, first) })
	if e.exchange != nil || e.pieces != nil {
		t.Error("it takes part in the exchange")
	}
}

// TestExchangeTaken: an address that is taken costs others this node's help, and nothing else.
func TestExchangeTaken(t *testing.T) {
	s := newShop(t)
	first := s.publish("a")
	one := s.cluster("one")[0]
	cfg := s.config("two")
	cfg.Gossip = Gossip{Listen: "127.0.0.1:0", KeyFile: "keys/gossip.key", Profile: "local", Exchange: one.address}
	two := s.start(cfg)
	until(t, "it serves", func() bool { return serves(t, two, first) })
	if two.exchange.Counts() == (exchange.Counts{}) || two.pieces != nil {
		t.Errorf("%+v", two.exchange.Counts())
	}
}

func TestBesides(t *testing.T) {
	for gossip, want := range map[string]string{
		"127.0.0.1:7946": "127.0.0.1:8946", "[::1]:7946": "[::1]:8946", ":0": ":0", "10.0.0.1:65000": "10.0.0.1:64000", "nonsense": Off,
	} {
		if got := besides(gossip); got != want {
			t.Errorf("%s: %s, want %s", gossip, got, want)
		}
	}
}

// TestGossipKeyRotation: the key changes under running nodes, that get the new file one after the other; at every moment a release
// that one of them finds reaches all, by gossip and from each other. Who has the old key alone is a stranger then.
func TestGossipKeyRotation(t *testing.T) {
	s := newShop(t)
	s.publish("a")
	var nodes []*Edge
	var seeds []string
	file := func(name string) string { return "key-" + name }
	bring := func(name string) {
		b, err := vfs.ReadFile(s.fs, "keys/gossip.key", 1<<10)
		s.must(errors.Join(err, vfs.WriteFile(s.fs, file(name), b)))
	}
	start := func(name string, poll time.Duration) *Edge {
		cfg := s.config(name)
		cfg.Poll = poll
		cfg.Gossip = Gossip{Listen: "127.0.0.1:0", KeyFile: file(name), Profile: "local", Seeds: seeds}
		return s.start(cfg)
	}
	names := []string{"one", "two", "three"}
	for i, name := range names {
		bring(name)
		poll := time.Hour
		if i == 0 {
			poll = 50 * time.Millisecond // it finds what is new
		}
		nodes = append(nodes, start(name, poll))
		seeds = append(seeds, nodes[i].GossipAddr())
	}
	bring("late") // the old key, and no other
	for step, change := range []func(vfs.FS, string) error{release.AddGossipKey, release.UseGossipKey, release.DropGossipKeys} {
		s.must(change(s.fs, "keys/gossip.key"))
		for i, name := range names {
			bring(name)
			id := s.publish(fmt.Sprintf("s%d%d", step, i))
			until(t, fmt.Sprintf("all serve, step %d, node %d", step, i), func() bool {
				return serves(t, nodes[0], id) && serves(t, nodes[1], id) && serves(t, nodes[2], id)
			})
		}
	}
	for i := range trend.DefaultVisitors {
		event := fmt.Sprintf(`{"item":"s22-031","type":"purchase","user":"visitor-%d"}`, i)
		if status, a := ask(t, "POST", "http://"+nodes[i%3].Addr()+"/v1/events", event); status != 202 {
			t.Fatalf("%d %+v", status, a)
		}
	}
	until(t, "visitors of all are counted together under the new key", func() bool {
		trending := func(e *Edge) bool {
			_, a := ask(t, "GET", "http://"+e.Addr()+"/v1/trending?n=1", "")
			return len(a.Items) == 1 && a.Items[0].ID == "s22-031" && a.Items[0].Source == "live"
		}
		return trending(nodes[0]) && trending(nodes[1]) && trending(nodes[2])
	})
	late := start("late", time.Hour)
	until(t, "the stranger is turned away", func() bool { return nodes[0].gossip.Stats().Refused[cluster.RefusedKey] > 0 })
	if got := len(late.gossip.Members()); got != 1 {
		t.Errorf("a stranger sees %d members", got)
	}
}
