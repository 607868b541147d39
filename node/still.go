package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edged/edged/release"
)

// errTurned means that the newest rollout does not name the release any more that is being fetched, or wants no other than is served.
var errTurned = errors.New("the rollout has turned to something else meanwhile")

// still looks once more at roots and rollout before a release is adopted whose fetch may have taken hours: it gives the newest rollout that
// names it for this node. Where the origin can't be reached, what was accepted counts until it expires.
func (n *Node) still(ctx context.Context, ref release.Ref, r *release.Rollout, envelope []byte) (*release.Rollout, []byte, error) {
	newer, signed, err := n.newest(ctx)
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if !unreachable(err) {
		if err == nil {
			err = n.after(newer, signed, r, envelope)
		}
		if err != nil {
			return nil, nil, err
		}
		r, envelope = newer, signed
	}
	if err := n.names(ref, r, envelope); err != nil {
		return nil, nil, err
	}
	return r, envelope, n.vouches(ref)
}

// unreachable reports whether an origin said nothing, rather than something wrong.
func unreachable(err error) bool {
	var r *Refusal
	return err != nil && !errors.Is(err, errMoreRoots) && (!errors.As(err, &r) || r.Reason == reasonSlow)
}

// after holds a rollout against the one that is followed, where trusted keys still vouch for that, as if it had been committed.
func (n *Node) after(newer *release.Rollout, signed []byte, r *release.Rollout, envelope []byte) error {
	if _, err := release.OpenRollout(n.trust(), envelope); err != nil {
		return refuseRollout(newer, n.acceptable(newer, signed))
	}
	return refuseRollout(newer, n.follows(newer, signed, r, envelope))
}

// names fails unless a rollout counts now, by keys and clock, and makes this node serve the release.
func (n *Node) names(ref release.Ref, r *release.Rollout, envelope []byte) error {
	now, trust := n.cfg.Clock(), n.trust()
	if trust.Expired(now) {
		return refuse(fmt.Sprintf("root %d", trust.Version()), fmt.Errorf("%w: on %s", ErrRootExpired, trust.Expires().Format(time.RFC3339)))
	}
	_, err := release.OpenRollout(trust, envelope)
	if err == nil && !samePayload(envelope, n.state().Rollout) {
		err = n.alive(r)
	}
	if err != nil {
		return refuseRollout(r, err)
	}
	if n.target(r) != ref || !n.wants(r) {
		return fmt.Errorf("release %s: %w", ref.ID(), errTurned)
	}
	return nil
}

// vouches fails where keys revoked meanwhile signed the manifest of a release that is here or on its way.
func (n *Node) vouches(ref release.Ref) error {
	_, err := n.store.Manifest(n.trust(), ref.Manifest)
	if errors.Is(err, release.ErrNotHeld) {
		var b []byte
		if b, err = n.store.Piece(ref.Manifest); err == nil {
			err = n.trust().Vouches(release.RoleRelease, b)
		}
	}
	if revoked(err) {
		return refuse("release "+ref.ID(), err)
	}
	return nil
}

// watched runs a fetch, looks at the origin each poll interval meanwhile, and ends the fetch when its release is not to be served any more. What
// came is kept.
func (n *Node) watched(ctx context.Context, ref release.Ref, r *release.Rollout, envelope []byte, fetch func(context.Context) error) error {
	watch := func(ctx context.Context, cancel context.CancelCauseFunc) { n.watch(ctx, cancel, ref, r, envelope) }
	return under(ctx, watch, fetch)
}

// watch cancels when the newest rollout that can be had names the release no more. One that is refused ends nothing: it is looked at again before
// anything is adopted.
func (n *Node) watch(ctx context.Context, cancel context.CancelCauseFunc, ref release.Ref, r *release.Rollout, envelope []byte) {
	trust := n.trust()
	tick := time.NewTicker(n.cfg.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		newer, signed, err := n.newest(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil && n.after(newer, signed, r, envelope) == nil {
			r, envelope = newer, signed
		}
		err = n.names(ref, r, envelope)
		if now := n.trust(); err == nil && now != trust {
			trust, err = now, n.vouches(ref)
		}
		if err != nil {
			cancel(err)
			return
		}
	}
}
