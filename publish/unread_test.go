package publish

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/edged/edged/compare"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
)

// TestRulesAway: what is compared with nothing, by force, since rules can't be read, says so.
func TestRulesAway(t *testing.T) {
	s := newSite(t)
	first := s.config("rel1")
	first.Rules = s.rules(t, "rules.yaml", someRules)
	if _, err := Run(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	c, _ := s.named(t).Component("rules")
	name := "origin/" + origin.ChunkName(c.Chunks[0].Hash.Hex())
	cfg := s.config("rel2")
	cfg.Force, cfg.NoRules = true, true
	cfg.Origin = origin.NewDir(vfs.Faulty(s.fs, func(op vfs.Op) error {
		if op.Path == name {
			return syscall.EIO
		}
		return nil
	}), "origin")
	r, err := Run(t.Context(), cfg)
	if err != nil || !r.Alone || !slices.Contains(s.named(t).Forced, compare.Before) {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestForceStandsForTheComparison: where there is nothing to compare with, force lets no release pass that is bad by itself.
func TestForceStandsForTheComparison(t *testing.T) {
	s := newSite(t)
	cfg := s.config("rel1")
	cfg.Above, cfg.Force, cfg.Rules = 7, true, s.rules(t, "rules.yaml", "rules:\n- {name: nothing, only: {item: i007}}\n")
	if r, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "lets only that pass") {
		t.Errorf("%+v, %v", r, err)
	}
	cfg.Rules, cfg.NoRules = "", true
	if r, err := Run(t.Context(), cfg); err != nil || len(r.Forced) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}
