package publish

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
)

// to publishes versions of releases of their own, the next after the last.
func (s *site) to(t *testing.T, seeds ...uint64) {
	t.Helper()
	for _, seed := range seeds {
		dir := fmt.Sprintf("rel%d", seed)
		writeRelease(t, s.fs, dir, seed)
		s.publish(t, dir)
	}
}

func (s *site) canary(t *testing.T, seed uint64) {
	t.Helper()
	cfg := s.config(fmt.Sprintf("rel%d", seed))
	writeRelease(t, s.fs, cfg.Release, seed)
	cfg.Canary = &Canary{Share: 0.5}
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

func (s *site) steer(t *testing.T, do func(context.Context, Config) (Result, error)) *release.Rollout {
	t.Helper()
	r, err := do(t.Context(), s.config(""))
	if err != nil {
		t.Fatal(err)
	}
	return r.Steered
}

func (s *site) rotate(t *testing.T, roles ...release.Role) {
	t.Helper()
	for _, role := range roles {
		custody := release.Custody{FS: s.fs, Dir: "keys", Now: s.config("").Clock}
		if _, err := custody.Rotate(role); err != nil {
			t.Fatal(err)
		}
	}
}

func serving(version uint64) func(context.Context, Config) (Result, error) {
	return func(ctx context.Context, cfg Config) (Result, error) { return Serve(ctx, cfg, version) }
}

// goesBack fails unless a rollback goes to the version; show says so before.
func (s *site) goesBack(t *testing.T, version uint64) {
	t.Helper()
	trust, err := release.LoadTrust(s.fs, "keys/trust.json")
	if err != nil {
		t.Fatal(err)
	}
	view, err := Look(t.Context(), origin.NewDir(s.fs, "origin"), trust)
	if err != nil || view.RollbackTo == nil || view.RollbackTo.Version != version {
		t.Fatalf("shown: %+v, %v; want %d", view, err, version)
	}
	if r := s.steer(t, serving(0)); r.Release.Version != version || !r.Rollback {
		t.Fatalf("a rollback goes to %d, want %d", r.Release.Version, version)
	}
}

// TestRollback: it goes to what all served before, whatever was published meanwhile.
func TestRollback(t *testing.T) {
	for name, test := range map[string]struct {
		history func(*testing.T, *site)
		to      []uint64 // one rollback after the other
	}{
		"in turn":   {func(t *testing.T, s *site) { s.to(t, 1, 2, 3) }, []uint64{2, 1}},
		"aborted":   {func(t *testing.T, s *site) { s.to(t, 1); s.canary(t, 2); s.steer(t, Abort); s.to(t, 3) }, []uint64{1}},
		"promoted":  {func(t *testing.T, s *site) { s.to(t, 1); s.canary(t, 2); s.steer(t, Promote); s.to(t, 3) }, []uint64{2, 1}},
		"gone back": {func(t *testing.T, s *site) { s.to(t, 1, 2); s.steer(t, serving(0)); s.to(t, 3) }, []uint64{1}},
		"gone past": {func(t *testing.T, s *site) { s.to(t, 1, 2, 3); s.steer(t, serving(1)); s.to(t, 4) }, []uint64{1}},
		"gone back by name, and named again": {func(t *testing.T, s *site) {
			s.to(t, 1, 2, 3)
			s.steer(t, serving(1))
			s.steer(t, serving(2))
			s.to(t, 4)
		}, []uint64{2, 1}},
		"waited and never served": {func(t *testing.T, s *site) { s.to(t, 1); s.steer(t, Hold); s.to(t, 2); s.steer(t, Resume); s.to(t, 3) }, []uint64{1}},
		"the same files again": {func(t *testing.T, s *site) {
			s.to(t, 1, 2)
			s.rotate(t, release.RoleFreshness)
			s.steer(t, Refresh)
			s.to(t, 3)
		}, []uint64{2, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			test.history(t, s)
			for _, version := range test.to {
				s.goesBack(t, version)
			}
			_, err := Serve(t.Context(), s.config(""), 0)
			if err == nil || !strings.Contains(err.Error(), "there is no release before 1-") {
				t.Errorf("before the first: %v", err)
			}
		})
	}
}

// TestRollbackRevoked: what only revoked keys signed is gone to by its version alone, and what was signed again is not gone back to.
func TestRollbackRevoked(t *testing.T) {
	s := newSite(t)
	s.to(t, 1, 2)
	s.rotate(t, release.RoleRelease)
	if r := s.steer(t, Refresh); r.Release.Version != 3 {
		t.Fatalf("%+v", r)
	}
	_, err := Serve(t.Context(), s.config(""), 0)
	if err == nil || !strings.Contains(err.Error(), "keys revoked since signed 1-") || strings.Contains(err.Error(), "2-") {
		t.Fatalf("%v", err)
	}
	s.to(t, 4)
	s.goesBack(t, 3)
	if r := s.steer(t, serving(1)); r.Release.Version != 5 {
		t.Errorf("named: %+v", r)
	}
	if err := complete(t, s); err != nil {
		t.Error(err)
	}
}

// TestRevokedRollout: nobody goes on by accident from what only revoked keys vouch for.
func TestRevokedRollout(t *testing.T) {
	s := newSite(t)
	s.to(t, 1, 2)
	s.rotate(t, release.RoleFreshness, release.RoleRelease)
	before := snapshotOf(t, s.fs)
	for name, do := range map[string]func(context.Context, Config) (Result, error){
		"publish": func(ctx context.Context, _ Config) (Result, error) { return Run(ctx, s.config("rel1")) },
		"again":   func(ctx context.Context, _ Config) (Result, error) { return Run(ctx, s.config("rel2")) },
		"rules": func(ctx context.Context, cfg Config) (Result, error) {
			cfg.NoRules = true
			return RulesOnly(ctx, cfg)
		},
		"rollback": serving(0), "hold": Hold, "to": serving(1),
	} {
		_, err := do(t.Context(), s.config(""))
		if err == nil || !strings.Contains(err.Error(), "revoked since") || !strings.Contains(err.Error(), "--refresh") || !strings.Contains(err.Error(), "--above") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := snapshotOf(t, s.fs); after != before {
		t.Errorf("the origin changed:\n%s\n%s", before, after)
	}
	cfg := s.config("rel1")
	cfg.Above, cfg.NoRules, cfg.Force = 7, true, true
	if r, err := Run(t.Context(), cfg); err != nil || r.Version != 8 || len(r.Steered.Kept) != 0 {
		t.Errorf("above: %+v, %v", r, err)
	}
}

// TestHoldEnds: who says what nodes are to serve ends a hold, and is told so.
func TestHoldEnds(t *testing.T) {
	for name, do := range map[string]func(context.Context, Config) (Result, error){
		"to": serving(1), "rollback": serving(0), "promote": Promote, "abort": Abort,
		"pin": func(ctx context.Context, cfg Config) (Result, error) { return Pin(ctx, cfg, 1) },
		"canary": func(ctx context.Context, cfg Config) (Result, error) {
			return Try(ctx, cfg, 0, Canary{Share: 1})
		},
	} {
		s := newSite(t)
		s.to(t, 1, 2)
		s.canary(t, 3)
		s.steer(t, Hold)
		r, err := do(t.Context(), s.config(""))
		if err != nil || r.Steered.Hold || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "the hold is over") {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	s := newSite(t)
	s.to(t, 1)
	s.steer(t, Hold)
	if r := s.steer(t, func(ctx context.Context, cfg Config) (Result, error) { return Pin(ctx, cfg, 0) }); !r.Hold || !r.Pin {
		t.Errorf("pinned where it is: %+v", r)
	}
}

// TestCanaryWaits: a share is not dropped where a release would wait.
func TestCanaryWaits(t *testing.T) {
	for name, do := range map[string]func(context.Context, Config) (Result, error){
		"hold": Hold, "pin": func(ctx context.Context, cfg Config) (Result, error) { return Pin(ctx, cfg, 0) },
	} {
		s := newSite(t)
		s.to(t, 1)
		s.steer(t, do)
		cfg := s.config("rel2")
		cfg.Canary = &Canary{Share: 0.5}
		if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "a "+name+" is on") {
			t.Errorf("%s: %v", name, err)
		}
		if r := s.rollout(t); r.Highest != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestResumeNothing(t *testing.T) {
	s := newSite(t)
	s.to(t, 1)
	before := snapshotOf(t, s.fs)
	r, err := Resume(t.Context(), s.config(""))
	if err != nil || !r.Unchanged || len(r.Notes) != 1 || r.Steered.Version != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if after := snapshotOf(t, s.fs); after != before {
		t.Errorf("the origin changed:\n%s\n%s", before, after)
	}
}
