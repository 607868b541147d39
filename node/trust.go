package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
)

// rootPause lies between two looks for a newer root while the rollout stays the same.
const rootPause = time.Minute

// trust is the newest root followed to.
func (n *Node) trust() *release.Trust { return n.trusted.Load() }

// startTrust follows from the root the node was given to the newest one held. A disk that fails is no reason not to serve.
func (n *Node) startTrust() {
	trust, err := n.store.Trust(n.cfg.Trust)
	n.trusted.Store(trust)
	n.status.trust(trust)
	if err == nil && n.readOnly == nil {
		err = n.store.KeepRoots(n.cfg.Trust)
	}
	if err != nil {
		n.status.failed(fmt.Errorf("newer roots held are not usable, the origin's will be taken: %w", err))
	}
}

// followRoots takes every newer root of the origin (TUF 5.3): before a rollout that is new to the node is believed, and once in a
// while, for a key that was revoked must not be believed any longer. The newest must not have expired.
func (n *Node) followRoots(ctx context.Context, rollout []byte) error {
	now := n.cfg.Clock()
	if !bytes.Equal(rollout, n.state().Rollout) || now.Sub(n.roots) >= rootPause || now.Before(n.roots) {
		if err := n.newerRoots(ctx); err != nil {
			return err
		}
		n.roots = now
	}
	trust := n.trust()
	if trust.Expired(now) {
		return refuse(fmt.Sprintf("root %d", trust.Version()), fmt.Errorf("%w: on %s", ErrRootExpired, trust.Expires().Format(time.RFC3339)))
	}
	return nil
}

// errMoreRoots means that there are newer roots yet, which may revoke the keys of those followed to.
var errMoreRoots = errors.New("there are newer roots yet")

// newerRoots follows roots to the newest, so many in one look. As long as there are more nothing is believed: keys of the newest may have taken the
// place of those followed to.
func (n *Node) newerRoots(ctx context.Context) error {
	for followed := 0; ; followed++ {
		version := n.trust().Version() + 1
		envelope, err := n.cfg.Origin.Get(ctx, origin.RootName(version), release.MaxEnvelope(release.MaxRoot))
		if errors.Is(err, origin.ErrNotFound) {
			return nil
		}
		what := fmt.Sprintf("root %d", version)
		if err != nil {
			return refuse(what, err)
		}
		if followed == release.MaxRoots {
			return fmt.Errorf("%w: more than %d, root %d is followed to, the next look goes on", errMoreRoots, release.MaxRoots, version-1)
		}
		next, err := n.trust().Next(envelope)
		if err != nil {
			return refuse(what, err)
		}
		if err := n.believe(next); err != nil {
			return err
		}
	}
}

// believe goes on to the next root. What was signed by keys that it revokes counts no more: a rollout of theirs is forgotten, and
// with it the versions it may have run ahead to (TUF 5.3.11).
func (n *Node) believe(next *release.Trust) error {
	n.life.Lock()
	defer n.life.Unlock()
	if err := n.store.AddRoot(next); err != nil {
		return err
	}
	n.trusted.Store(next)
	n.status.trust(next)
	n.unfit = unfit{}
	if err := n.readRollout(); err != nil {
		n.cfg.Logger.Warn("a newer root revokes the keys of the rollout held: it is forgotten", "root", next.Version(), "error", err)
	}
	n.vouch()
	return nil
}

// vouch raises the alarm where what is served is signed by keys that were revoked since. It is served on: whatever takes its place
// must be signed by the new ones. The caller holds life.
func (n *Node) vouch() {
	if n.served.IsZero() {
		return
	}
	_, err := n.store.Manifest(n.trust(), n.served)
	n.status.vouched(err == nil || !revoked(err))
}

// manifestOf reads the manifest of a release held, which was signed by trusted keys when it came, even if those were revoked since.
func (n *Node) manifestOf(h release.Hash) (*release.Manifest, error) {
	m, err := n.store.Manifest(n.trust(), h)
	if revoked(err) {
		return n.store.Manifest(nil, h)
	}
	return m, err
}

func revoked(err error) bool {
	return errors.Is(err, release.ErrUnknownKey) || errors.Is(err, release.ErrRole) || errors.Is(err, release.ErrThreshold)
}

// floor is the version of what is served, where trusted keys vouch for it. A rollout that keeps that very release aside knows it, so it
// is no older one: the release was a canary that is over, or was rolled back.
func (n *Node) floor(r *release.Rollout) uint64 {
	current := n.state().Current
	m, err := n.store.Manifest(n.trust(), current)
	if err != nil || slices.ContainsFunc(r.Kept, func(k release.Kept) bool { return k.Manifest == current }) {
		return 0
	}
	return m.Version
}
