package publish

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
)

// TestLostRollout: where a rollout was, one that is missing is no first one: nothing is signed until somebody says above which version. A first publish that
// ended before its rollout is begun again as the first; an origin of before such marks gets one.
func TestLostRollout(t *testing.T) {
	s := newSite(t)
	broken := s.config("rel1")
	broken.Origin = origin.NewDir(vfs.Faulty(s.fs, func(op vfs.Op) error {
		if op.Name.Changes() && strings.Contains(op.Path, origin.RolloutName) {
			return fmt.Errorf("power lost")
		}
		return nil
	}), "origin")
	if _, err := Run(t.Context(), broken); err == nil || !slices.Contains(tree(t, s.fs, "origin"), "origin/roots/1.json") {
		t.Fatalf("halfway: %v", err)
	}
	if r := s.publish(t, "rel1"); r.Version != 1 {
		t.Errorf("begun again: %+v", r)
	}
	if err := s.fs.Remove("origin/" + origin.PublishedName); err != nil {
		t.Fatal(err)
	}
	if r := s.publish(t, "rel1"); !r.Unchanged { // of before, marked now
		t.Errorf("%+v", r)
	}
	if err := s.fs.Remove("origin/" + origin.RolloutName); err != nil {
		t.Fatal(err)
	}
	before := tree(t, s.fs, "origin")
	for name, do := range map[string]func(Config) (Result, error){
		"run":     func(c Config) (Result, error) { return Run(t.Context(), c) },
		"forced":  func(c Config) (Result, error) { c.Force, c.NoRules = true, true; return Run(t.Context(), c) },
		"refresh": func(c Config) (Result, error) { return Refresh(t.Context(), c) },
	} {
		if _, err := do(s.config("rel2")); err == nil || !strings.Contains(err.Error(), "is lost") || !strings.Contains(err.Error(), "--above") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := tree(t, s.fs, "origin"); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("put %v beside %v", after, before)
	}
	cfg := s.config("rel2")
	cfg.Above, cfg.NoRules, cfg.Force = 7, true, true
	if r, err := Run(t.Context(), cfg); err != nil || r.Version != 8 {
		t.Errorf("above: %+v, %v", r, err)
	}
}
