package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
)

// What follows steers nodes without reaching any of them: each makes the next rollout, of releases that the origin has.

// Look reads the rollout at an origin, believed by the newest root that follows from trust there.
func Look(ctx context.Context, o origin.Origin, trust *release.Trust) (*release.Rollout, error) {
	for range release.MaxRoots {
		envelope, err := o.Get(ctx, origin.RootName(trust.Version()+1), release.MaxEnvelope(release.MaxRoot))
		if errors.Is(err, origin.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		if trust, err = trust.Next(envelope); err != nil {
			return nil, err
		}
	}
	envelope, err := o.Get(ctx, origin.RolloutName, release.MaxEnvelope(release.MaxRollout))
	if err != nil {
		return nil, err
	}
	return release.OpenRollout(trust, envelope)
}

// Refresh gives the rollout a new life.
func Refresh(ctx context.Context, cfg Config) (Result, error) {
	return steer(ctx, cfg, func(*release.Rollout) error { return nil })
}

// Serve lets all nodes serve a release the origin has. Version 0 is the one before: a rollback.
func Serve(ctx context.Context, cfg Config, version uint64) (Result, error) {
	return steer(ctx, cfg, func(r *release.Rollout) error {
		ref, err := find(r, version, func(ref release.Ref) bool { return ref.Version < r.Release.Version })
		if err == nil {
			serve(r, ref)
		}
		return err
	})
}

// Pin lets all nodes serve a release, 0 the one they serve, and lets newer ones wait.
func Pin(ctx context.Context, cfg Config, version uint64) (Result, error) {
	return steer(ctx, cfg, func(r *release.Rollout) error {
		ref, err := find(r, version, func(ref release.Ref) bool { return ref == r.Release })
		if err == nil {
			serve(r, ref)
			r.Pin = true
		}
		return err
	})
}

// Hold lets every node stay with what it serves, canaries too. Nodes that have nothing take the release.
func Hold(ctx context.Context, cfg Config) (Result, error) {
	return steer(ctx, cfg, func(r *release.Rollout) error {
		r.Hold = true
		return nil
	})
}

// Resume ends hold and pin: nodes serve what the rollout names, and the next release that is published.
func Resume(ctx context.Context, cfg Config) (Result, error) {
	return steer(ctx, cfg, func(r *release.Rollout) error {
		r.Hold, r.Pin = false, false
		return nil
	})
}

// Try makes a newer release that the origin has, 0 the canary there is, the canary on some nodes.
func Try(ctx context.Context, cfg Config, version uint64, canary Canary) (Result, error) {
	if canary.share() == 0 {
		return Result{}, fmt.Errorf("publish: share %g: want above 0 and at most 1", canary.Share)
	}
	return steer(ctx, cfg, func(r *release.Rollout) error {
		ref, err := find(r, version, func(ref release.Ref) bool { return r.Canary != nil && ref == r.Canary.Release })
		if err != nil {
			return err
		}
		if ref.Version <= r.Release.Version {
			return fmt.Errorf("release %s is not newer than %s, which all serve", ref.ID(), r.Release.ID())
		}
		retire(r)
		r.Canary = canary.of(ref)
		return nil
	})
}

// Promote lets all nodes serve the canary.
func Promote(ctx context.Context, cfg Config) (Result, error) {
	return steer(ctx, cfg, func(r *release.Rollout) error {
		if r.Canary == nil {
			return errNoCanary
		}
		serve(r, r.Canary.Release)
		return nil
	})
}

// Abort ends the canary: its nodes go back to what the others serve.
func Abort(ctx context.Context, cfg Config) (Result, error) {
	return steer(ctx, cfg, func(r *release.Rollout) error {
		if r.Canary == nil {
			return errNoCanary
		}
		retire(r)
		return nil
	})
}

var errNoCanary = fmt.Errorf("no canary is under way")

func steer(ctx context.Context, cfg Config, edit func(*release.Rollout) error) (Result, error) {
	return run(ctx, cfg, func(p *publisher) error {
		if p.before == nil || p.before.Release.Version == 0 {
			return fmt.Errorf("%s has no rollout to go by: publish a release first", cfg.Origin)
		}
		if p.manifest == nil {
			return fmt.Errorf("release %s at %s is damaged: publish it again", p.before.Release.ID(), cfg.Origin)
		}
		p.describe(p.manifest)
		return p.roll(ctx, func(r *release.Rollout) error {
			if err := edit(r); err != nil {
				return err
			}
			return p.signAgain(ctx, r)
		}, release.Ref{})
	})
}

// signAgain gives the release served a new version where its keys were revoked, and the canary: nodes that come new could not take them.
// A canary is newer than what all serve, so it has one after that; which nodes try it is drawn anew.
func (p *publisher) signAgain(ctx context.Context, r *release.Rollout) error {
	canary := r.Canary
	again, err := p.renew(ctx, r, r.Release, false)
	if err != nil {
		return err
	}
	renewed := again != r.Release
	if renewed {
		r.Canary = nil // it comes back
		serve(r, again)
	}
	if canary == nil {
		return nil
	}
	if again, err = p.renew(ctx, r, canary.Release, renewed); err == nil {
		r.Canary = &release.Canary{Release: again, Share: canary.Share, Zones: canary.Zones}
	}
	return err
}

// renew is the release under a new version, signed by today's keys, where those that signed it were revoked or always.
func (p *publisher) renew(ctx context.Context, r *release.Rollout, ref release.Ref, always bool) (release.Ref, error) {
	m, retired, err := p.offered(ctx, ref)
	if err != nil {
		return ref, err
	}
	if m == nil {
		return ref, fmt.Errorf("release %s at %s is damaged: publish it again", ref.ID(), p.Origin)
	}
	if !retired && !always {
		return ref, nil
	}
	r.Highest++
	m.Version = r.Highest
	return p.putManifest(ctx, m)
}

// find is the release of a version, or with 0 the newest for which by default holds.
func find(r *release.Rollout, version uint64, otherwise func(release.Ref) bool) (release.Ref, error) {
	refs := r.Refs()
	slices.SortFunc(refs, func(a, b release.Ref) int { return cmp.Compare(b.Version, a.Version) })
	for _, ref := range refs {
		if ref.Version == version || version == 0 && otherwise(ref) {
			return ref, nil
		}
	}
	if version == 0 {
		return release.Ref{}, fmt.Errorf("no such release is kept; kept are %s", names(refs))
	}
	return release.Ref{}, fmt.Errorf("release %d is not kept; kept are %s", version, names(refs))
}

func names(refs []release.Ref) string {
	var list []string
	for _, ref := range refs {
		list = append(list, ref.ID())
	}
	return strings.Join(list, ", ")
}

// serve makes a release the one for all.
func serve(r *release.Rollout, ref release.Ref) {
	if ref == r.Release {
		return
	}
	if r.Canary != nil {
		retire(r)
	}
	r.Rollback = ref.Version < r.Release.Version
	if r.Release.Version > 0 {
		r.Kept = append(r.Kept, r.Release)
	}
	r.Release = ref
}

// retire ends the canary, whose release stays at hand.
func retire(r *release.Rollout) {
	if r.Canary != nil {
		r.Kept, r.Canary = append(r.Kept, r.Canary.Release), nil
	}
}

// kept lists the releases named beside those that are served, each once, the newest first.
func kept(r *release.Rollout) []release.Ref {
	refs := slices.DeleteFunc(slices.Clone(r.Kept), func(ref release.Ref) bool {
		return ref == r.Release || r.Canary != nil && ref == r.Canary.Release
	})
	slices.SortFunc(refs, func(a, b release.Ref) int { return cmp.Compare(b.Version, a.Version) })
	refs = slices.Compact(refs)
	return refs[:min(len(refs), release.MaxKept)]
}

// waits says why a new release would not be served.
func waits(r *release.Rollout) string {
	switch {
	case r.Hold:
		return "hold"
	case r.Pin:
		return "pin"
	}
	return ""
}

func (c Canary) share() int {
	if !(c.Share > 0 && c.Share <= 1) {
		return 0
	}
	return max(1, int(math.Round(c.Share*release.Whole)))
}

func (c Canary) of(ref release.Ref) *release.Canary {
	return &release.Canary{Release: ref, Share: c.share(), Zones: c.Zones}
}

func describe(c *release.Canary) string {
	text := fmt.Sprintf("%g %% of the nodes", float64(c.Share)*100/release.Whole)
	if len(c.Zones) > 0 {
		text += " of " + strings.Join(c.Zones, ", ")
	}
	return text
}
