package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
	"github.com/edged/edged/rules"
)

// Check looks at the origin once and takes what is new. It returns a *Refusal for what was refused, another error
// where disk or origin failed, and nil where all is well; whatever it returns is in Status too. A node whose directory can only be read
// doesn't look.
func (n *Node) Check(ctx context.Context) error {
	if n.readOnly != nil {
		return fmt.Errorf("%s: %w", n.cfg.Dir, n.readOnly)
	}
	n.look.Lock()
	defer n.look.Unlock()
	err := n.check(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	n.note(err)
	return err
}

// note records how a look ended.
func (n *Node) note(err error) {
	var r *Refusal
	switch {
	case errors.As(err, &r):
		n.status.refused(r)
		n.cfg.OnRefuse(r)
	case err != nil:
		n.status.unfinished(err)
	default:
		n.status.fine()
	}
}

// maxTurns bounds how often one look begins anew because the rollout turned to another release while the one before was fetched.
const maxTurns = 4

func (n *Node) check(ctx context.Context) (err error) {
	for range maxTurns {
		if err = n.once(ctx); !errors.Is(err, errTurned) {
			return err
		}
	}
	return err
}

func (n *Node) once(ctx context.Context) error {
	r, envelope, err := n.newest(ctx)
	if err != nil {
		return err
	}
	if err := n.acceptable(r, envelope); err != nil {
		return refuseRollout(r, err)
	}
	return n.follow(ctx, r, envelope)
}

// newest is the rollout that the origin shows, signed by keys of the newest root.
func (n *Node) newest(ctx context.Context) (*release.Rollout, []byte, error) {
	envelope, err := n.cfg.Origin.Get(ctx, origin.RolloutName, release.MaxEnvelope(release.MaxRollout))
	if errors.Is(err, origin.ErrNotFound) {
		return nil, nil, fmt.Errorf("nothing is published yet: %w", away(err))
	}
	if err != nil {
		return nil, nil, refuse("the rollout", err)
	}
	if err := n.followRoots(ctx, envelope); err != nil {
		return nil, nil, err
	}
	r, err := release.OpenRollout(n.trust(), envelope)
	if err != nil {
		return nil, nil, refuse("the rollout", err)
	}
	n.status.contact()
	return r, envelope, nil
}

func refuseRollout(r *release.Rollout, err error) error {
	return refuse(fmt.Sprintf("rollout %d (release %s)", r.Version, r.Release.ID()), err)
}

// away hides what would make an error look like a refusal.
func away(err error) error { return errors.New(err.Error()) }

// acceptable holds a rollout against the one accepted before (N2).
func (n *Node) acceptable(r *release.Rollout, envelope []byte) error {
	state := n.state()
	before, err := release.OpenRollout(n.trust(), state.Rollout)
	if len(state.Rollout) == 0 || err != nil {
		return errors.Join(n.notBack(r, envelope, n.target(r).Version, n.floor(r)), n.alive(r)) // new, or its record is lost: what it holds is the floor
	}
	return n.follows(r, envelope, before, state.Rollout)
}

// follows holds a rollout against another that was acceptable.
func (n *Node) follows(r *release.Rollout, envelope []byte, before *release.Rollout, held []byte) error {
	switch {
	case r.Version < before.Version:
		return fmt.Errorf("%w: rollout %d, held is %d", ErrLower, r.Version, before.Version)
	case r.Version == before.Version && !samePayload(envelope, held):
		return fmt.Errorf("%w: rollout %d", ErrTwofold, r.Version)
	case r.Version == before.Version:
		return nil // accepted when it came; it may have expired since
	}
	if a, b, yes := r.Contradicts(before); yes {
		return fmt.Errorf("%w: release %s, known as %s", ErrTwofold, a.ID(), b.ID())
	}
	return errors.Join(n.notBack(r, envelope, r.Release.Version, before.Release.Version), n.alive(r))
}

// notBack refuses a rollout that goes back to an older release, unless it says so and whoever signs releases has signed it: keys of
// freshness lie on machines that renew rollouts day by day, and choose among newer releases only.
func (n *Node) notBack(r *release.Rollout, envelope []byte, offered, held uint64) error {
	if offered >= held {
		return nil
	}
	if !r.Rollback {
		return fmt.Errorf("%w: release %d, held is %d, and the rollout is no rollback", ErrLower, offered, held)
	}
	if err := n.trust().Vouches(release.RoleRelease, envelope); err != nil {
		return fmt.Errorf("a rollback from release %d needs keys of the role release too: %w", held, err)
	}
	return nil
}

func (n *Node) alive(r *release.Rollout) error {
	if r.Expired(n.cfg.Clock()) {
		return fmt.Errorf("%w: on %s", ErrExpired, r.Expires.Format("2006-01-02 15:04:05 MST"))
	}
	return nil
}

func samePayload(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, errX := release.ParseEnvelope(a, release.MaxRollout)
	y, errY := release.ParseEnvelope(b, release.MaxRollout)
	return errX == nil && errY == nil && bytes.Equal(x.Payload, y.Payload)
}

// follow does what an acceptable rollout says.
func (n *Node) follow(ctx context.Context, r *release.Rollout, envelope []byte) error {
	ref := n.target(r)
	if !n.wants(r) {
		return n.acceptRollout(r, envelope)
	}
	if n.unfit.waits(ref.Manifest, n.cfg.Clock()) {
		return refuse("release "+ref.ID(), n.unfit.err)
	}
	var err error
	n.cfg.beside(func() { err = n.take(ctx, ref, r, envelope) })
	return err
}

// wants reports whether a rollout makes this node serve another release.
func (n *Node) wants(r *release.Rollout) bool {
	state, target := n.state(), n.target(r).Manifest
	return !n.serves(target) && target != state.Skip && (!r.Hold || state.Current.IsZero())
}

// take brings the release that a rollout names, and adopts it where that is still what the newest says.
func (n *Node) take(ctx context.Context, ref release.Ref, r *release.Rollout, envelope []byte) error {
	held, err := n.bring(ctx, ref, r, envelope)
	if errors.Is(err, errTurned) {
		return err
	}
	if err != nil {
		return refuse("release "+ref.ID(), err)
	}
	if r, envelope, err = n.still(ctx, ref, r, envelope); err != nil {
		return err
	}
	return n.adopt(held, r, envelope)
}

// bring makes a release held whole, opens it and lets it check itself (N1).
func (n *Node) bring(ctx context.Context, ref release.Ref, r *release.Rollout, envelope []byte) (*holding, error) {
	fetch := func(ctx context.Context) error { return n.fetch(ctx, ref) }
	if err := n.watched(ctx, ref, r, envelope, fetch); err != nil {
		switch {
		case errors.Is(err, ErrGate):
			n.gateRefused(ref.Manifest, err)
		case errors.Is(err, syscall.ENOSPC):
			n.unfit.note(ref.Manifest, err, n.cfg)
		}
		return nil, err
	}
	held, err := n.open(ref.Manifest)
	if err == nil {
		err = held.selfCheck()
	}
	if err == nil {
		err = n.gate(held)
	}
	if errors.Is(err, ErrGate) {
		n.gateRefused(ref.Manifest, err)
		return nil, err
	}
	n.unfit.note(ref.Manifest, err, n.cfg)
	return held, err
}

// unfit is a release that arrived whole and could not be opened or failed its self-check, or one that the disk has no room for. It is tried
// again, in case the fault was the machine's or is over, but ever more rarely: the trials cost much and the cause is most likely still there.
type unfit struct {
	hash  release.Hash
	err   error
	tries int
	until time.Time
}

const maxUnfitPause = 5 * time.Minute

func (u *unfit) note(h release.Hash, err error, cfg Config) {
	if err == nil {
		*u = unfit{}
		return
	}
	if u.hash != h {
		*u = unfit{hash: h}
	}
	u.err = err
	u.until = cfg.Clock()
	if u.tries++; u.tries > 1 {
		u.until = u.until.Add(min(cfg.Poll<<min(u.tries, 20), maxUnfitPause))
	}
}

func (u *unfit) waits(h release.Hash, now time.Time) bool { return u.hash == h && now.Before(u.until) }

// fetch installs a release, unless it is held and every byte of it is right.
func (n *Node) fetch(ctx context.Context, ref release.Ref) error {
	if m, err := n.store.Manifest(n.trust(), ref.Manifest); err == nil {
		if err := n.store.Check(ctx, ref.Manifest, m); err == nil {
			return matches(m, ref)
		}
	}
	envelope, err := n.manifest(ctx, ref)
	if err != nil {
		return fmt.Errorf("manifest %s: %w", ref.Manifest.Short(), err)
	}
	m, err := release.OpenManifest(n.trust(), envelope)
	if err == nil {
		err = errors.Join(matches(m, ref), m.Understood(ModelComponent, CatalogueComponent, RulesComponent), fitting(m))
	}
	if err == nil {
		err = n.gateSize(m)
	}
	if err != nil {
		return fmt.Errorf("manifest %s: %w", ref.Manifest.Short(), err)
	}
	list := order(release.Piece{Hash: ref.Manifest, Size: ref.Size}, m)
	n.pieces.hold(list, n.store.There(list), true)
	defer n.pieces.rest(ref.Manifest)
	return n.store.Install(ctx, envelope, m, components(m), n.fetcher(ref.Manifest, list))
}

// manifest fetches a signed manifest and compares size and hash with what the rollout says.
func (n *Node) manifest(ctx context.Context, ref release.Ref) (envelope []byte, err error) {
	piece := release.Piece{Hash: ref.Manifest, Size: ref.Size}
	if b, err := n.store.Piece(ref.Manifest); err == nil && piece.Verify(b) == nil {
		return b, nil // of a try before
	}
	list := order(piece, nil)
	n.pieces.hold(list, make([]bool, 1), true)
	defer n.pieces.rest(ref.Manifest)
	err = n.fetcher(ref.Manifest, list)(ctx, list, func(p release.Piece, b []byte) error {
		envelope = b
		return n.store.Keep(p, b)
	})
	var bad *release.PieceError
	if errors.As(err, &bad) {
		err = bad.Err
	}
	if err != nil {
		return nil, err
	}
	n.pieces.mark(ref.Manifest, ref.Manifest)
	return envelope, nil
}

// fitting refuses a release that would fill disks, and rules that no node would read to their end, before they are fetched.
func fitting(m *release.Manifest) error {
	if size := m.Size(); size > release.MaxRelease {
		return fmt.Errorf("components: %d bytes, at most %d: %w", size, int64(release.MaxRelease), release.ErrTooLarge)
	}
	if c, ok := m.Component(RulesComponent); ok && c.Size > rules.MaxDocument {
		return fmt.Errorf("component %q: %d bytes, at most %d: %w", c.Name, c.Size, rules.MaxDocument, release.ErrTooLarge)
	}
	return nil
}

// matches refuses a manifest of another version than the rollout names: no mix and match.
func matches(m *release.Manifest, ref release.Ref) error {
	if m.Version != ref.Version {
		return fmt.Errorf("%w: the rollout says release %d, its manifest %d", ErrTwofold, ref.Version, m.Version)
	}
	return nil
}
