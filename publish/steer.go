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

// View is a rollout with what a rollback would do.
type View struct {
	*release.Rollout
	RollbackTo *release.Ref `json:"rollbackTo,omitempty"` // what edged rollout rollback would choose
	NoRollback string       `json:"noRollback,omitempty"` // or why there is nothing
}

// Look reads the rollout at an origin, believed by the newest root that follows from trust there.
func Look(ctx context.Context, o origin.Origin, trust *release.Trust) (*View, error) {
	for {
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
	r, err := release.OpenRollout(trust, envelope)
	if err != nil {
		return nil, err
	}
	v := &View{Rollout: r}
	if ref, err := previous(ctx, o, trust, r); err != nil {
		v.NoRollback = err.Error()
	} else {
		v.RollbackTo = &ref
	}
	return v, nil
}

// edit changes a rollout.
type edit func(*publisher, *release.Rollout) error

// Refresh gives the rollout a new life. It is how one says that a rollout is the right one which only keys vouch for that were revoked since.
func Refresh(ctx context.Context, cfg Config) (Result, error) {
	cfg.revoked = true
	return steer(ctx, cfg, func(*publisher, *release.Rollout) error { return nil })
}

// Serve lets all nodes serve a release the origin has; a hold ends with it. Version 0 is the release that all served before: a rollback.
func Serve(ctx context.Context, cfg Config, version uint64) (Result, error) {
	return steer(ctx, cfg, func(p *publisher, r *release.Rollout) (err error) {
		var ref release.Ref
		if version == 0 {
			ref, err = previous(ctx, p.Origin, p.trust, r)
		} else {
			ref, err = find(r, version)
		}
		if err == nil {
			p.unhold(r, ref)
			serve(r, ref)
		}
		return err
	})
}

// Pin lets all nodes serve a release, 0 the one they serve, and lets newer ones wait. Going to one ends a hold.
func Pin(ctx context.Context, cfg Config, version uint64) (Result, error) {
	return steer(ctx, cfg, func(p *publisher, r *release.Rollout) error {
		ref, err := r.Release, error(nil)
		if version != 0 {
			if ref, err = find(r, version); err != nil {
				return err
			}
			p.unhold(r, ref)
		}
		serve(r, ref)
		r.Pin = true
		return nil
	})
}

// Hold lets every node stay with what it serves, canaries too, until they are told to go on or what to serve. Nodes that have nothing take the release.
func Hold(ctx context.Context, cfg Config) (Result, error) {
	return steer(ctx, cfg, func(_ *publisher, r *release.Rollout) error {
		r.Hold = true
		return nil
	})
}

// Resume ends hold and pin: nodes serve what the rollout names, and the next release that is published.
func Resume(ctx context.Context, cfg Config) (Result, error) {
	return steer(ctx, cfg, func(p *publisher, r *release.Rollout) error {
		if waits(r) == "" {
			p.note("neither hold nor pin is on: nothing was changed")
			return errUnchanged
		}
		r.Hold, r.Pin = false, false
		return nil
	})
}

// Try makes a newer release that the origin has, 0 the canary there is, the canary on some nodes; a hold ends with it.
func Try(ctx context.Context, cfg Config, version uint64, canary Canary) (Result, error) {
	if canary.share() == 0 {
		return Result{}, fmt.Errorf("publish: share %g: want above 0 and at most 1", canary.Share)
	}
	return steer(ctx, cfg, func(p *publisher, r *release.Rollout) error {
		if version == 0 && r.Canary == nil {
			return fmt.Errorf("%w: name the release to try; kept are %s", errNoCanary, names(r.Refs()))
		}
		if version == 0 {
			version = r.Canary.Release.Version
		}
		ref, err := find(r, version)
		if err != nil {
			return err
		}
		if ref.Version <= r.Release.Version {
			return fmt.Errorf("release %s is not newer than %s, which all serve", ref.ID(), r.Release.ID())
		}
		p.unhold(r, ref)
		retire(r)
		take(r, ref)
		r.Canary = canary.of(ref)
		return nil
	})
}

// Promote lets all nodes serve the canary; a hold ends with it.
func Promote(ctx context.Context, cfg Config) (Result, error) {
	return steer(ctx, cfg, func(p *publisher, r *release.Rollout) error {
		if r.Canary == nil {
			return errNoCanary
		}
		p.unhold(r, r.Canary.Release)
		serve(r, r.Canary.Release)
		return nil
	})
}

// Abort ends the canary: its nodes go back to what the others serve; a hold ends with it.
func Abort(ctx context.Context, cfg Config) (Result, error) {
	return steer(ctx, cfg, func(p *publisher, r *release.Rollout) error {
		if r.Canary == nil {
			return errNoCanary
		}
		p.unhold(r, r.Release)
		retire(r)
		return nil
	})
}

var (
	errNoCanary  = errors.New("no canary is under way")
	errUnchanged = errors.New("nothing to change")
)

func steer(ctx context.Context, cfg Config, edit edit) (Result, error) {
	return run(ctx, cfg, func(p *publisher) error {
		if p.before == nil || p.before.Release.Version == 0 {
			return fmt.Errorf("%s has no rollout to go by: publish a release first", cfg.Origin)
		}
		if p.manifest == nil {
			return fmt.Errorf("release %s at %s is damaged: publish it again", p.before.Release.ID(), cfg.Origin)
		}
		p.describe(p.manifest)
		err := p.roll(ctx, func(r *release.Rollout) error {
			if err := edit(p, r); err != nil {
				return err
			}
			return p.signAgain(ctx, r)
		}, release.Ref{})
		if errors.Is(err, errUnchanged) {
			p.result.Unchanged = true
			p.point(p.before, release.Ref{})
			return nil
		}
		return err
	})
}

// unhold ends a hold where nodes are told what to serve: they would not move.
func (p *publisher) unhold(r *release.Rollout, ref release.Ref) {
	if r.Hold {
		r.Hold = false
		p.note("the hold is over: nodes serve %s", ref.ID())
	}
}

func (p *publisher) note(format string, args ...any) {
	p.result.Notes = append(p.result.Notes, fmt.Sprintf(format, args...))
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
		before := r.Release
		r.Canary = nil // it comes back
		serve(r, again)
		withdraw(r, before) // the same files
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

// find is the release of a version.
func find(r *release.Rollout, version uint64) (release.Ref, error) {
	for _, ref := range r.Refs() {
		if ref.Version == version {
			return ref, nil
		}
	}
	return release.Ref{}, fmt.Errorf("release %d is not kept; kept are %s", version, names(r.Refs()))
}

func names(refs []release.Ref) string {
	slices.SortFunc(refs, func(a, b release.Ref) int { return cmp.Compare(b.Version, a.Version) })
	var list []string
	for _, ref := range refs {
		list = append(list, ref.ID())
	}
	return strings.Join(list, ", ")
}

// serve makes a release the one for all. What lies between that and the one before is passed over, and what is gone back from is withdrawn.
func serve(r *release.Rollout, ref release.Ref) {
	before := r.Release
	if ref == before {
		return
	}
	retire(r)
	take(r, ref)
	r.Release, r.Rollback = ref, ref.Version < before.Version
	if before.Version > 0 {
		r.Kept = append(r.Kept, release.Kept{Ref: before, Withdrawn: r.Rollback})
	}
	low, high := min(before.Version, ref.Version), max(before.Version, ref.Version)
	for i := range r.Kept {
		if k := &r.Kept[i]; low < k.Version && k.Version < high {
			k.Withdrawn = true
		}
	}
}

// retire ends the canary, whose release stays at hand.
func retire(r *release.Rollout) {
	if r.Canary != nil {
		r.Kept, r.Canary = append(r.Kept, release.Kept{Ref: r.Canary.Release, Withdrawn: true}), nil
	}
}

// take takes a release from those kept, for it to be served.
func take(r *release.Rollout, ref release.Ref) {
	r.Kept = slices.DeleteFunc(r.Kept, func(k release.Kept) bool { return k.Ref == ref })
}

func withdraw(r *release.Rollout, ref release.Ref) {
	for i := range r.Kept {
		r.Kept[i].Withdrawn = r.Kept[i].Withdrawn || r.Kept[i].Ref == ref
	}
}

// newest lists the releases kept, the newest first, as many as a rollout may name.
func newest(kept []release.Kept) []release.Kept {
	slices.SortFunc(kept, func(a, b release.Kept) int { return cmp.Compare(b.Version, a.Version) })
	return kept[:min(len(kept), release.MaxKept)]
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
