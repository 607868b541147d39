package node

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
	"github.com/edged/edged/rules"
)

// Components of a release, as the manifest names them. One without rules need not have that.
const (
	ModelComponent     = "model"
	CatalogueComponent = "catalogue"
	RulesComponent     = "rules"
)

// components are those of a release that this node needs.
func components(m *release.Manifest) []string {
	list := []string{ModelComponent, CatalogueComponent}
	if _, ok := m.Component(RulesComponent); ok {
		list = append(list, RulesComponent)
	}
	return list
}

// Node holds the releases of one node. It is safe for concurrent use.
type Node struct {
	cfg     Config
	current atomic.Pointer[rank.Ranker]
	trusted atomic.Pointer[release.Trust] // the newest root followed to
	nudged  chan struct{}
	rollout atomic.Uint64 // version of the newest rollout accepted

	doubted   chan struct{} // somebody suspects what is served
	suspected atomic.Int64  // when that was last heeded, Unix nanoseconds; 0: it may be heeded now

	readOnly error // nothing can be written to the directory: what it holds is served; nil: it can

	look  sync.Mutex // one look at the origin at a time
	unfit unfit
	roots time.Time // when a newer root was looked for

	reading sync.Mutex // held by the one who reads what is unread

	life   sync.Mutex // guards what follows
	store  *release.Store
	served release.Hash   // what Current gives
	gated  release.Hash   // what was served when the gate refused something else
	unread []release.Hash // held releases whose bytes were not read since the start, or since they were suspected

	status status
	pieces holdings
}

// Open takes the directory and serves what it holds, if it holds anything, before it returns. It does not need the
// origin. Close it when done.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	store, damage, err := release.OpenStore(cfg.FS, cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	n := &Node{cfg: cfg, store: store, nudged: make(chan struct{}, 1), doubted: make(chan struct{}, 1)}
	n.status.init(&n.cfg)
	if damage != nil {
		n.status.failed(fmt.Errorf("the record of what was served is damaged, looking at what is held: %w", damage))
	}
	if n.readOnly = store.ReadOnly(); n.readOnly != nil {
		n.status.readOnly(cfg.Dir, n.readOnly)
	}
	n.startTrust()
	n.readGate()
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	n.report()
	return n, nil
}

// Close lets go of the directory. End Run first.
func (n *Node) Close() error {
	n.life.Lock()
	defer n.life.Unlock()
	return n.store.Close()
}

// Current is the release to answer from, or nil as long as there is none: one atomic load.
func (n *Node) Current() *rank.Ranker { return n.current.Load() }

// start serves the best release held: the one last served, else the one before it, else any, newest first.
func (n *Node) start(ctx context.Context) error {
	if err := n.readRollout(); err != nil {
		n.status.failed(fmt.Errorf("the rollout held is not usable, any newer one will be taken: %w", err))
	}
	candidates, err := n.candidates()
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	lasting := true // those passed over are damaged, and not just not to be read this time
	for _, h := range candidates {
		if err := ctx.Err(); err != nil {
			return err
		}
		held, err := n.known(ctx, h)
		if err == nil {
			n.resume(held, lasting)
			return nil
		}
		lasting = lasting && damaged(err)
		n.status.failed(fmt.Errorf("release %s is held but not usable: %w", h.Short(), err))
	}
	return nil
}

// readRollout learns from the rollout accepted last which versions are too low. One that does not verify, because the
// trusted keys were changed or the disk was, is forgotten.
func (n *Node) readRollout() error {
	state := n.store.State()
	if len(state.Rollout) == 0 {
		return nil
	}
	r, err := release.OpenRollout(n.trust(), state.Rollout)
	if err != nil {
		n.rollout.Store(0)
		n.status.forget()
		return err
	}
	n.accepted(r)
	return nil
}

// candidates lists the releases to try at the start, best first.
func (n *Node) candidates() ([]release.Hash, error) {
	held, err := n.store.Held()
	if err != nil {
		return nil, err
	}
	state := n.store.State()
	committed := state.Held()
	slices.Reverse(committed)
	place := func(h release.Hash) int { return slices.Index(committed, h) }
	versions := map[release.Hash]uint64{} // of the others
	for _, h := range held {
		if place(h) >= 0 {
			continue
		}
		if m, err := n.store.Manifest(n.trust(), h); err == nil {
			versions[h] = m.Version
		}
	}
	slices.SortStableFunc(held, func(a, b release.Hash) int {
		return cmp.Or(cmp.Compare(place(b), place(a)), cmp.Compare(versions[b], versions[a]))
	})
	return held, nil
}

// known opens a release at the start. Those that were committed passed every check when they came, and have to be sound; one that was
// not has to pass them now.
func (n *Node) known(ctx context.Context, h release.Hash) (*holding, error) {
	if slices.Contains(n.store.State().Held(), h) {
		held, err := n.open(h)
		if err == nil {
			err = n.sound(ctx, held)
		}
		return held, err
	}
	if _, err := n.store.Manifest(n.trust(), h); err != nil {
		return nil, err
	}
	return n.proved(ctx, h)
}

// resume serves a release found at the start. It is committed to where what was served before is damaged: what could not be read may be the next time.
func (n *Node) resume(held *holding, lasting bool) {
	state := n.store.State()
	if state.Current != held.hash && lasting {
		state = state.Without(state.Current).Serve(held.hash, n.cfg.Keep)
		if err := n.commit(state); err != nil {
			n.status.failed(err) // it is tried again with the next release
		}
	}
	n.unread = slices.DeleteFunc(state.Held(), func(h release.Hash) bool { return held.whole && h == held.hash })
	n.report()
	n.serve(held)
}

// holding is a held release, opened.
type holding struct {
	hash     release.Hash
	manifest *release.Manifest
	ranker   *rank.Ranker
	whole    bool // every byte was held against the hashes of the manifest
}

// open opens a held release after the checks of a restart: manifest, signatures, install record, sizes, headers, and
// every reference inside the model.
func (n *Node) open(h release.Hash) (*holding, error) {
	m, err := n.manifestOf(h)
	if err != nil {
		return nil, err
	}
	opened, err := model.OpenFiles(n.cfg.FS, n.store.Path(h, ModelComponent), n.store.Path(h, CatalogueComponent))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	set, err := n.openRules(h, m, opened)
	if err != nil {
		return nil, err
	}
	ref := release.Ref{Version: m.Version, Manifest: h}
	ranker := rank.New(opened, rank.Release{ID: ref.ID(), Version: m.Version, Created: m.Created}).WithRules(set).WithClock(n.cfg.Clock)
	return &holding{hash: h, manifest: m, ranker: ranker}, nil
}

// openRules compiles the rules of a held release, nil where it has none: they count from the moment it is served, and no request waits for them.
func (n *Node) openRules(h release.Hash, m *release.Manifest, catalogue rules.Catalogue) (*rules.Set, error) {
	c, ok := m.Component(RulesComponent)
	if !ok {
		return nil, nil
	}
	name := n.store.Path(h, RulesComponent)
	document, err := vfs.ReadFile(n.cfg.FS, name, rules.MaxDocument)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := c.Check(bytes.NewReader(document)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	set, faults := rules.Compile(document, catalogue)
	if set == nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, rules.Joined(faults))
	}
	return set, nil
}

// selfCheck asks the release its own questions.
func (h *holding) selfCheck() error {
	if err := h.ranker.SelfCheck(); err != nil {
		return fmt.Errorf("%w: %w", ErrSelfCheck, err)
	}
	return nil
}

// serve swaps: from here on every new reader sees the release, or nothing where h is nil.
func (n *Node) serve(h *holding) {
	if h == nil {
		n.served = release.Hash{}
		n.current.Store(nil)
		n.status.serving(nil)
		return
	}
	n.cfg.BeforeSwap(h.ranker)
	n.served = h.hash
	n.current.Store(h.ranker)
	n.status.serving(h)
	n.vouch()
	n.cfg.OnSwap(h.ranker)
}
