package edge

import (
	"testing"
	"time"

	"github.com/edged/edged/exchange"
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
		"127.0.0.1:7946": "127.0.0.1:8946", "[::1]:7946": "[::1]:8946", ":0": ":0", "10.0.0.1:65000": "10.0.0.1:64000", "nonsense": off,
	} {
		if got := besides(gossip); got != want {
			t.Errorf("%s: %s, want %s", gossip, got, want)
		}
	}
}
