package exchange

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func somePieces(n int, size int64) []Piece {
	list := make([]Piece, n)
	for i := range list {
		list[i] = Piece{Hash: sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(i))), Size: size}
	}
	return list
}

func having(list ...int) func(int) bool {
	return func(i int) bool { return slices.Contains(list, i) }
}

func newTestPlanner(n int, cfg Tuning) *Planner {
	pieces := somePieces(n, 100<<10)
	return NewPlanner(cfg, "self", "here", pieces, pieces, Ledger{}, rand.New(rand.NewPCG(1, 2)))
}

// TestNearest: of those who have a piece one of this zone with little to do is asked.
func TestNearest(t *testing.T) {
	p := newTestPlanner(1, Tuning{})
	p.SetPeer(start, Peer{Name: "far", Zone: "there", Has: having(0)})
	p.SetPeer(start, Peer{Name: "near but busy", Zone: "here", Load: 200, Has: having(0)})
	p.SetPeer(start, Peer{Name: "near", Zone: "here", Load: 10, Has: having(0)})
	if r := p.Next(start); len(r) != 1 || r[0].Peer != "near" {
		t.Errorf("%+v", r)
	}
}

// TestRarest: the piece that fewest have is asked for first, and the origin not at all while somebody has it.
func TestRarest(t *testing.T) {
	p := newTestPlanner(3, Tuning{Parallel: 1})
	p.SetPeer(start, Peer{Name: "a", Has: having(0, 1, 2)})
	p.SetPeer(start, Peer{Name: "b", Has: having(0, 1)})
	p.SetPeer(start, Peer{Name: "c", Has: having(0)})
	for _, want := range []int{2, 1, 0} {
		r := p.Next(start)
		if len(r) != 1 || r[0].piece != want || r[0].Peer == "" {
			t.Fatalf("%+v, want piece %d of a peer", r, want)
		}
		p.End(start, r[0], Got, nil)
	}
	if done, err := p.Done(); !done || err != nil {
		t.Error(done, err)
	}
}

// TestBounds: requests at once are bounded, in all, to a peer and to the origin.
func TestBounds(t *testing.T) {
	p := newTestPlanner(100, Tuning{Parallel: 5, PerPeer: 2, Origin: 3})
	if r := p.Next(start); len(r) != 3 || r[0].Peer != "" {
		t.Errorf("alone: %+v", r)
	}
	all := func(i int) bool { return true }
	for _, name := range []string{"a", "b", "c"} {
		p.SetPeer(start, Peer{Name: name, Has: all})
	}
	count := map[string]int{}
	for _, r := range p.Next(start) {
		count[r.Peer]++
	}
	if fmt.Sprint(count) != "map[a:2 b:2 c:1]" && count[""] != 0 || count["a"]+count["b"]+count["c"] != 5 || max(count["a"], count["b"], count["c"]) > 2 {
		t.Errorf("%v", count)
	}
}

// TestShunned: three wrong pieces, and a peer is not asked again, for the next release neither.
func TestShunned(t *testing.T) {
	ledger, now := Ledger{}, start
	for round := range 4 {
		pieces := somePieces(2, 1)
		p := NewPlanner(Tuning{Parallel: 1}, "self", "", pieces, pieces, ledger, rand.New(rand.NewPCG(1, 2)))
		p.SetPeer(now, Peer{Name: "liar", Has: having(0, 1)})
		r := p.Next(now)
		if asked := len(r) > 0 && r[0].Peer == "liar"; asked != (round < 3) {
			t.Fatalf("round %d: %+v", round, r)
		}
		if round < 3 {
			p.End(now, r[0], Wrong, errors.New("wrong"))
			if r := p.Next(now); len(r) > 0 && r[0].Peer != "" {
				t.Errorf("asked again at once: %+v", r)
			}
		}
		now = now.Add(time.Minute)
	}
}

// TestBackOff: one that fails rests, ever longer, and counts as having nothing after three failures; then others, and the
// origin, are asked.
func TestBackOff(t *testing.T) {
	p := newTestPlanner(1, Tuning{})
	now := start
	for i := range maxFails {
		p.SetPeer(now, Peer{Name: "a", Has: having(0)})
		r := p.Next(now)
		if len(r) != 1 || r[0].Peer != "a" {
			t.Fatalf("try %d: %+v", i, r)
		}
		p.End(now, r[0], Failed, errors.New("away"))
		if r := p.Next(now); i < maxFails-1 && len(r) != 0 {
			t.Fatalf("asked at once again: %+v", r)
		}
		if i < maxFails-1 {
			now = now.Add(10 * time.Second)
		}
	}
	if _, err := p.Done(); err != nil {
		t.Error(err)
	}
	if p.sources.inFlight != 1 {
		t.Errorf("the origin was not asked: %+v", p.Next(now))
	}
}

// TestOriginFails: what the origin does not have or has damaged is told at once; one that is away after three tries.
func TestOriginFails(t *testing.T) {
	for how, tries := range map[Outcome]int{Missing: 1, Wrong: 1, Failed: maxFails} {
		p, now, cause := newTestPlanner(2, Tuning{Origin: 1}), start, errors.New("cause")
		for i := range tries {
			if _, err := p.Done(); err != nil {
				t.Fatalf("outcome %d: gave up after %d tries", how, i)
			}
			r := p.Next(now)
			if len(r) != 1 {
				t.Fatalf("outcome %d: %+v", how, r)
			}
			p.End(now, r[0], how, cause)
			now = now.Add(time.Minute)
		}
		if _, err := p.Done(); !errors.Is(err, cause) {
			t.Errorf("outcome %d: %v", how, err)
		}
		if how == Failed && p.Reaches() {
			t.Error("says that it reaches the origin")
		}
	}
}

// TestTurns: of those at work each piece is one's to fetch from the origin; one without progress loses its turn, one without an
// origin never has it.
func TestTurns(t *testing.T) {
	pieces := somePieces(200, 100<<10)
	names := []string{"a", "b", "c", "d"}
	planner := func(self string) *Planner {
		p := NewPlanner(Tuning{}, self, "", pieces, pieces, Ledger{}, rand.New(rand.NewPCG(1, 2)))
		for _, name := range names {
			p.SetPeer(start, Peer{Name: name, Wanting: name != "d", Has: having()})
		}
		p.share(start)
		return p
	}
	turns := make([]int, len(pieces))
	a := planner("a")
	for _, p := range []*Planner{a, planner("b"), planner("c")} {
		for k := range p.pieces {
			if p.pieces[k].mine {
				turns[k]++
			}
		}
	}
	if i := slices.IndexFunc(turns, func(n int) bool { return n != 1 }); i >= 0 {
		t.Errorf("piece %d is the turn of %d", i, turns[i])
	}
	mine := func() (n int) {
		for _, w := range a.pieces {
			if w.mine {
				n++
			}
		}
		return n
	}
	if n := mine(); n < 30 || n > 110 {
		t.Errorf("a has %d of 200 turns", n)
	}
	later := start.Add(6 * time.Second)
	a.SetPeer(later, Peer{Name: "b", Wanting: true, Has: having(7)})
	a.share(later)
	if n := mine(); n < 60 || n > 140 {
		t.Errorf("a has %d of 200 turns when c stands still", n)
	}
}

// swarm is nodes that want a release at once, in virtual time.
type swarm struct {
	nodes  []*simNode
	origin float64 // bytes a second it sends
	link   float64 // bytes a second a node sends, and receives
	flows  []*flow
	sent   int64 // by the origin
	rng    *rand.Rand
	now    time.Time
}

type simNode struct {
	name    string
	plan    *Planner
	have    []bool
	heard   map[string]bool
	delayed []rumour
	done    time.Time
	dead    bool
}

type rumour struct {
	at   time.Time
	from string
	have []bool
	done bool
}

type flow struct {
	to, from *simNode // from nil: the origin
	r        Request
	left     float64
}

const step = 50 * time.Millisecond

func newSwarm(n int, pieces []Piece) *swarm {
	s := &swarm{origin: 2.5e6, link: 12.5e6, rng: rand.New(rand.NewPCG(7, 7)), now: start}
	for i := range n {
		s.nodes = append(s.nodes, &simNode{
			name: fmt.Sprintf("node%02d", i), have: make([]bool, len(pieces)),
			plan: NewPlanner(Tuning{}, fmt.Sprintf("node%02d", i), "", pieces, pieces, Ledger{}, rand.New(rand.NewPCG(uint64(i), 1))),
		})
	}
	for _, one := range s.nodes {
		for _, other := range s.nodes {
			one.plan.SetPeer(s.now, Peer{Name: other.name, Wanting: true, Guess: true, Has: having()})
		}
	}
	return s
}

// run runs until every living node has everything, and returns how long that took.
func (s *swarm) run(t *testing.T, limit time.Duration, each func(time.Duration)) time.Duration {
	t.Helper()
	for tick := 0; ; tick++ {
		passed := s.now.Sub(start)
		if passed > limit {
			t.Fatalf("not done after %v", passed)
		}
		each(passed)
		if tick%10 == 0 {
			s.gossip()
		}
		left := 0
		for _, n := range s.nodes {
			if !n.dead {
				s.drive(t, n)
				left += n.plan.Left()
			}
		}
		if left == 0 {
			return passed
		}
		s.flow()
		s.now = s.now.Add(step)
	}
}

// gossip lets everybody say what it has; the others hear it a tenth to six tenths of a second later.
func (s *swarm) gossip() {
	for _, n := range s.nodes {
		if n.dead {
			continue
		}
		have := slices.Clone(n.have)
		for _, other := range s.nodes {
			other.delayed = append(other.delayed, rumour{s.now.Add(time.Duration(100+s.rng.IntN(500)) * time.Millisecond), n.name, have, n.plan.Left() == 0})
		}
	}
}

func (s *swarm) drive(t *testing.T, n *simNode) {
	later := n.delayed[:0]
	for _, r := range n.delayed {
		if r.at.After(s.now) {
			later = append(later, r)
			continue
		}
		n.plan.SetPeer(s.now, Peer{Name: r.from, Wanting: !r.done, Has: func(i int) bool { return r.have[i] }})
	}
	n.delayed = later
	if _, err := n.plan.Done(); err != nil {
		t.Fatal(err)
	}
	for _, r := range n.plan.Next(s.now) {
		f := &flow{to: n, r: r, left: float64(r.Piece.Size)}
		for _, other := range s.nodes {
			if other.name == r.Peer {
				f.from = other
			}
		}
		s.flows = append(s.flows, f)
	}
}

// flow moves bytes: a sender's line is shared by what it sends, a receiver's by what it receives.
func (s *swarm) flow() {
	out, in := map[*simNode]int{}, map[*simNode]int{}
	for _, f := range s.flows {
		out[f.from]++
		in[f.to]++
	}
	var still []*flow
	for _, f := range s.flows {
		if f.to.dead {
			continue
		}
		if f.from != nil && f.from.dead {
			f.to.plan.End(s.now, f.r, Failed, errors.New("dead"))
			continue
		}
		line := s.link
		if f.from == nil {
			line = s.origin
		}
		moved := min(line/float64(out[f.from]), s.link/float64(in[f.to])) * step.Seconds()
		if f.left -= moved; f.from == nil {
			s.sent += int64(min(moved, moved+f.left))
		}
		if f.left > 0 {
			still = append(still, f)
			continue
		}
		f.to.have[f.r.piece] = true
		f.to.plan.End(s.now, f.r, Got, nil)
	}
	s.flows = still
}

// TestSwarm: thirty nodes want 200 MB from an origin that sends 20 Mbit/s. It sends little more than one release, and all have it in
// little more time than one would need alone; also when a fifth of the nodes die on the way.
func TestSwarm(t *testing.T) {
	pieces := somePieces(400, 500_000)
	const total = 200_000_000
	alone := total / 2.5e6
	for name, each := range map[string]func(*swarm, time.Duration){
		"all well": func(*swarm, time.Duration) {},
		"six die": func(s *swarm, passed time.Duration) {
			if passed == 30*time.Second {
				for i := range 6 {
					s.nodes[5*i].dead = true
				}
			}
		},
	} {
		s := newSwarm(30, pieces)
		took := s.run(t, 5*time.Minute, func(passed time.Duration) { each(s, passed) })
		share, slower := float64(s.sent)/total, took.Seconds()/alone
		t.Logf("%s: the origin sent %.3f × the release; %.1f s, %.2f × one alone", name, share, took.Seconds(), slower)
		if share > 1.15 || slower > 2 {
			t.Errorf("%s: the origin sent %.3f × the release, want 1.15; %.2f × the time of one alone, want 2", name, share, slower)
		}
	}
}

// TestSwarmLate: one that comes when all have it is served by them.
func TestSwarmLate(t *testing.T) {
	pieces := somePieces(100, 200_000)
	s := newSwarm(10, pieces)
	took := s.run(t, 5*time.Minute, func(time.Duration) {})
	sent := s.sent

	n := &simNode{name: "late", have: make([]bool, len(pieces)), plan: NewPlanner(Tuning{}, "late", "", pieces, pieces, Ledger{}, rand.New(rand.NewPCG(99, 1)))}
	for _, other := range s.nodes {
		n.plan.SetPeer(s.now, Peer{Name: other.name, Has: func(i int) bool { return other.have[i] }})
	}
	s.nodes = append(s.nodes, n)
	s.run(t, took+time.Minute, func(time.Duration) {})
	if s.sent != sent {
		t.Errorf("the origin sent %d bytes more", s.sent-sent)
	}
}
