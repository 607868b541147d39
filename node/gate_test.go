package node

import (
	"slices"
	"testing"

	"github.com/edged/edged/compare"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/release"
)

// compared signs version 2, which has other items than version 1, as a publisher does whose limits are wide.
func (s *shop) compared() publish.Result {
	s.t.Helper()
	cfg := s.publisher(s.train(2))
	cfg.Force, cfg.Limits = false, compare.Limits{Overlap: -1, Popularity: 2}
	r, err := publish.Run(s.t.Context(), cfg)
	s.must(err)
	return r
}

// TestGate: a node compares what the publisher compared, by limits of its own, and refuses what it finds outside of them.
func TestGate(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	s.compared()
	expectRefusal(t, n, m, "gate", "want at least 0.2")
	serves(t, n, 1)
	alarmed(t, n, AlarmRefused)
	if n.unfit.tries != 2 {
		t.Errorf("compared %d times in 3 looks without time passing, want 2", n.unfit.tries)
	}

	fresh := s.open(newMachine()) // holds nothing to compare with
	s.check(fresh)
	serves(t, fresh, 2)

	wide := s.config(newMachine())
	wide.Limits = compare.Limits{Overlap: -1}
	other, err := Open(t.Context(), wide)
	s.must(err)
	t.Cleanup(func() { _ = other.Close() })
	s.check(other)
	serves(t, other, 2)
}

// TestGateForced: what the publisher signed by force is let through, for the figures that the manifest names.
func TestGateForced(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	r := s.publish(2)
	if !slices.Contains(r.Forced, compare.Overlap) {
		t.Fatalf("%+v", r)
	}
	s.check(n)
	serves(t, n, 2)
}

// TestGateSeveral: a node that slept over a release compares nothing: nobody said how far apart they may be.
func TestGateSeveral(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	s.compared()
	cfg := s.publisher(s.train(3))
	cfg.Force, cfg.Limits = false, compare.Limits{Overlap: -1, Popularity: 2}
	_, err := publish.Run(t.Context(), cfg)
	s.must(err)
	s.check(n)
	serves(t, n, 3)
}

// TestGateRollback: going back asks nothing.
func TestGateRollback(t *testing.T) {
	s, m := newShop(t), newMachine()
	first := s.publish(1)
	s.publish(2)
	n := s.open(m)
	s.check(n)
	s.roll(func(r *release.Rollout) { r.Release, r.Rollback = releaseRef(s, first), true })
	s.check(n)
	serves(t, n, 1)
}
