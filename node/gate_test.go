package node

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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

// TestGateRefusedBetween: what the publisher compared with a release that was refused here is compared with what is served, after a restart too;
// so is what says that it was compared with nothing. What was forced passes.
func TestGateRefusedBetween(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	s.compared()
	expectRefusal(t, n, m, "gate", "want at least 0.2")
	s.ruled("", 2) // rules alone, compared with what was refused
	expectRefusal(t, n, m, "gate", "want at least 0.2")
	s.must(n.Close())
	n = s.open(m)
	manifest := s.manifest()
	manifest.Version, manifest.Against, manifest.Forced = 4, release.Hash{}, nil
	ref := s.signManifest(manifest)
	s.roll(func(r *release.Rollout) { r.Release, r.Highest = ref, 4 })
	expectRefusal(t, n, m, "gate", "want at least 0.2")
	serves(t, n, 1)

	manifest.Version, manifest.Forced = 5, []string{compare.Overlap}
	ref = s.signManifest(manifest)
	s.roll(func(r *release.Rollout) { r.Release, r.Highest = ref, 5 })
	s.check(n)
	if err := s.wholly(n, 2); err != nil {
		t.Error(err)
	}
}

// TestGateBytes: a size outside of the limits is refused by the manifest, before anything is fetched.
func TestGateBytes(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	asked := &fetched{Origin: n.cfg.Origin}
	n.cfg.Origin, n.cfg.Limits = asked, compare.Limits{Growth: .5, Shrink: .1}
	s.compared()
	expectRefusal(t, n, m, "gate", "bytes")
	serves(t, n, 1)
	for _, name := range asked.names {
		if strings.HasPrefix(name, "chunks/") {
			t.Errorf("fetched %s", name)
		}
	}
	manifest := s.manifest()
	manifest.Version, manifest.Forced = 3, []string{compare.Bytes, compare.Items, compare.Overlap, compare.Coverage, compare.Norm}
	ref := s.signManifest(manifest)
	s.roll(func(r *release.Rollout) { r.Release, r.Highest = ref, 3 })
	s.check(n)
	if err := s.wholly(n, 2); err != nil {
		t.Error(err)
	}
}

// TestAttackEndlessRelease: a chunk of few bytes that is named again and again would fill the disk.
func TestAttackEndlessRelease(t *testing.T) {
	s, _, n, _ := underAttack(t)
	manifest := s.manifest()
	c := &manifest.Components[0]
	chunk := c.Chunks[0]
	chunk.Raw, chunk.Delta = release.MaxChunkRaw, nil
	c.Base, c.Chunks = nil, slices.Repeat([]release.Chunk{chunk}, release.MaxRelease/release.MaxChunkRaw+1)
	c.Size = int64(len(c.Chunks)) * release.MaxChunkRaw
	manifest.Version = 3
	ref := s.signManifest(manifest)
	asked := &fetched{Origin: n.cfg.Origin}
	n.cfg.Origin = asked
	s.roll(func(r *release.Rollout) { r.Release, r.Highest = ref, 3 })
	var r *Refusal
	if err := n.Check(t.Context()); !errors.As(err, &r) || r.Reason != "size" || !strings.Contains(err.Error(), "at most") {
		t.Errorf("%v", err)
	}
	serves(t, n, 2)
	if slices.ContainsFunc(asked.names, func(name string) bool { return strings.HasPrefix(name, "chunks/") }) {
		t.Errorf("fetched %q", asked.names)
	}
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

// TestGateRules: a node looks by limits of its own what the rules of a release leave of lists, and serves on where it is too little; what was forced passes.
func TestGateRules(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	alone := func(when string, limit float64) {
		t.Helper()
		cfg := s.publisher("")
		cfg.Rules, cfg.Force, cfg.Limits.Short = "rules.json", limit == 0, limit
		s.write(cfg.Rules, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, `{"rules":[{"name":"a","when":%s,"only":{"item":"nobody"}}]}`, when)
			return err
		})
		_, err := publish.RulesOnly(t.Context(), cfg)
		s.must(err)
	}
	alone(`{"slot":"hero"}`, 1)
	expectRefusal(t, n, m, "gate", "in the slot hero")
	serves(t, n, 1)
	alarmed(t, n, AlarmRefused)
	alone(`{}`, 0) // worse, by force
	s.check(n)
	obeys(t, n, 3, 1)
}
