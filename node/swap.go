package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/edged/edged/release"
)

// state is what the store has committed.
func (n *Node) state() release.State {
	n.life.Lock()
	defer n.life.Unlock()
	return n.store.State()
}

// serves reports whether a release is committed to and served: a disk that failed meanwhile may have left the one without the other.
func (n *Node) serves(h release.Hash) bool {
	n.life.Lock()
	defer n.life.Unlock()
	return n.store.State().Current == h && n.served == h
}

// commit makes state the store's. The caller holds life.
func (n *Node) commit(state release.State) error {
	err := n.store.Commit(state)
	n.report()
	return err
}

// report tells the status what is held, and other nodes what they can have. The caller holds life.
func (n *Node) report() {
	state := n.store.State()
	n.status.committed(state, len(n.unread) == 0)
	n.pieces.keep(state.Held()...)
	for _, h := range state.Held() {
		if !n.pieces.has(h) {
			n.held(h)
		}
	}
}

// acceptRollout takes note of a rollout that changes nothing about what is served.
func (n *Node) acceptRollout(r *release.Rollout, envelope []byte) error {
	n.life.Lock()
	defer n.life.Unlock()
	state := n.store.State()
	if string(state.Rollout) != string(envelope) {
		state.Rollout = envelope
		if n.target(r).Manifest != state.Skip {
			state.Skip = release.Hash{} // it names what is served here anyway
		}
		if err := n.commit(state); err != nil {
			return err
		}
	}
	n.accepted(r)
	return nil
}

func (n *Node) accepted(r *release.Rollout) {
	n.rollout.Store(r.Version)
	_, canary := r.For(n.cfg.Name, n.cfg.Zone)
	n.status.rollout(r, canary)
}

// target is the release that a rollout names for this node.
func (n *Node) target(r *release.Rollout) release.Ref {
	ref, _ := r.For(n.cfg.Name, n.cfg.Zone)
	return ref
}

// adopt commits to a release and swaps (N4).
func (n *Node) adopt(held *holding, r *release.Rollout, envelope []byte) error {
	n.life.Lock()
	defer n.life.Unlock()
	state := n.store.State()
	state = state.Serve(held.hash, n.cfg.Keep)
	state.Rollout, state.Skip = envelope, release.Hash{}
	if err := n.commit(state); err != nil {
		return err
	}
	n.accepted(r)
	n.serve(held)
	if err := n.store.Prune(); err != nil {
		return fmt.Errorf("the new release is served, old ones could not be removed: %w", err)
	}
	return nil
}

// ErrNoPrevious means that there is nothing to roll back to.
var ErrNoPrevious = errors.New("no previous release is held")

// Rollback serves the previous release at once. It stays until a rollout names another release than the one rolled
// back from; a second Rollback undoes the first.
func (n *Node) Rollback() error {
	if n.readOnly != nil {
		return fmt.Errorf("node: rollback: %s: %w", n.cfg.Dir, n.readOnly)
	}
	n.life.Lock()
	previous := n.store.State().Previous
	unread := slices.Contains(n.unread, previous)
	n.life.Unlock()
	if previous.IsZero() {
		return fmt.Errorf("node: rollback: %w", ErrNoPrevious)
	}
	var held *holding
	var err error
	n.cfg.beside(func() { held, err = n.back(previous, unread) }) // it may take long: nothing waits for it
	if err != nil {
		return fmt.Errorf("node: rollback: %w", err)
	}
	n.life.Lock()
	defer n.life.Unlock()
	state := n.store.State()
	if state.Previous != previous {
		return errors.New("node: rollback: another release is the one before meanwhile: look, and try again")
	}
	state = state.Serve(previous, n.cfg.Keep)
	state.Skip = state.Previous
	if n.named(state) == state.Current {
		state.Skip = release.Hash{} // back to what the rollout names
	}
	if err := n.commit(state); err != nil {
		return fmt.Errorf("node: rollback: %w", err)
	}
	n.serve(held)
	return nil
}

// back opens a release to go back to. What was not read since the start has to be sound.
func (n *Node) back(h release.Hash, unread bool) (*holding, error) {
	held, err := n.open(h)
	if err == nil && unread {
		err = n.sound(context.Background(), held)
	}
	return held, err
}

// named is the release the accepted rollout names for this node.
func (n *Node) named(state release.State) release.Hash {
	r, err := release.OpenRollout(n.trust(), state.Rollout)
	if err != nil {
		return release.Hash{}
	}
	return n.target(r).Manifest
}

// withdraw stops serving a release whose bytes proved damaged, for the previous one if that is sound, and removes it:
// the next look at the origin fetches it again. Without a sound one nothing is served: damaged answers are worse.
func (n *Node) withdraw(ctx context.Context, bad release.Hash, cause error) {
	n.life.Lock()
	defer n.life.Unlock()
	state := n.store.State()
	if !slices.Contains(state.Held(), bad) {
		return // replaced meanwhile
	}
	n.status.failed(fmt.Errorf("release %s is damaged on disk and withdrawn: %w", bad.Short(), cause))
	serving := bad == state.Current
	state = state.Without(bad)
	var next *holding
	if serving {
		state, next = n.fallBack(ctx, state)
	}
	if err := errors.Join(n.commit(state), n.store.Remove(bad)); err != nil {
		n.status.failed(err)
	}
	if bad == n.served {
		n.serve(next)
	}
}

// fallBack is the state that serves the latest sound release that is held, and that release; nil where none is sound.
func (n *Node) fallBack(ctx context.Context, state release.State) (release.State, *holding) {
	for _, h := range state.Held() {
		if next := n.fallback(ctx, h); next != nil {
			return state.Serve(h, n.cfg.Keep), next
		}
		state = state.Without(h)
	}
	return state, nil
}

// fallback opens a release after reading every byte of it; nil when it is not sound.
func (n *Node) fallback(ctx context.Context, h release.Hash) *holding {
	held, err := n.proved(ctx, h)
	if err != nil {
		n.status.failed(fmt.Errorf("release %s cannot take over: %w", h.Short(), err))
		return nil
	}
	return held
}

// proved opens a held release with all the checks of a fresh one.
func (n *Node) proved(ctx context.Context, h release.Hash) (*holding, error) {
	held, err := n.open(h)
	if err != nil {
		return nil, err
	}
	if err := n.proof(ctx, held); err != nil {
		return nil, err
	}
	return held, held.selfCheck()
}
