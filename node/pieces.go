package node

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/edged/edged/exchange"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
)

// Peers fetch pieces from other nodes, and from the origin those that none has; exchange.Exchange does.
type Peers interface {
	Fetch(ctx context.Context, release [32]byte, order, want []exchange.Piece, from exchange.Origin, got func(exchange.Piece, []byte) error) error
}

// Holding says which pieces of a release lie on this node: its manifest's envelope, then those of release.Manifest.Pieces.
type Holding struct {
	Manifest release.Hash
	Wanting  bool // it is being fetched
	Have     []bool
}

// Holdings lists the releases held and the one being fetched.
func (n *Node) Holdings() []Holding { return n.pieces.list() }

// Piece is a piece that lies on this node, by its hash, verified: for other nodes.
func (n *Node) Piece(h release.Hash) ([]byte, error) { return n.store.Piece(h) }

// holdings remember which pieces lie here, so that saying so reads no disk.
type holdings struct {
	mu   sync.Mutex
	held map[release.Hash]*pieces
}

type pieces struct {
	Holding
	at map[release.Hash]int
}

func (h *holdings) list() []Holding {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Holding, 0, len(h.held))
	for _, one := range h.held {
		copied := one.Holding
		copied.Have = slices.Clone(one.Have)
		out = append(out, copied)
	}
	return out
}

// order lists what may travel of a release, the manifest first; a nil manifest is not known yet.
func order(ref release.Piece, m *release.Manifest) []release.Piece {
	list := []release.Piece{ref}
	if m != nil {
		list = append(list, m.Pieces()...)
	}
	return list
}

// hold takes note of a release, fetched or being fetched.
func (h *holdings) hold(list []release.Piece, have []bool, wanting bool) {
	one := &pieces{Holding: Holding{Manifest: list[0].Hash, Wanting: wanting, Have: have}, at: make(map[release.Hash]int, len(list))}
	for i, p := range list {
		one.at[p.Hash] = i
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held == nil {
		h.held = map[release.Hash]*pieces{}
	}
	h.held[one.Manifest] = one
}

// mark takes note of a piece that came.
func (h *holdings) mark(manifest, piece release.Hash) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one := h.held[manifest]; one != nil {
		if i, ok := one.at[piece]; ok {
			one.Have[i] = true
		}
	}
}

// rest takes note that a release is not being fetched any more.
func (h *holdings) rest(manifest release.Hash) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one := h.held[manifest]; one != nil {
		one.Wanting = false
	}
}

func (h *holdings) has(manifest release.Hash) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held[manifest] != nil
}

// keep forgets all releases but those.
func (h *holdings) keep(releases ...release.Hash) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for manifest, one := range h.held {
		if !one.Wanting && !slices.Contains(releases, manifest) {
			delete(h.held, manifest)
		}
	}
}

// held looks at which pieces of a release held lie here.
func (n *Node) held(h release.Hash) {
	envelope, err := n.store.Envelope(h)
	if err != nil {
		return
	}
	m, err := n.manifestOf(h)
	if err != nil {
		return
	}
	list := order(release.Piece{Hash: h, Size: int64(len(envelope))}, m)
	n.pieces.hold(list, n.store.There(list), false)
}

// fetcher is the Fetch of a release, which is given up where too little comes.
func (n *Node) fetcher(manifest release.Hash, list []release.Piece) release.Fetch {
	return steady(n.source(manifest, list), n.cfg.Fetch.Rate())
}

// source fetches from peers where there are any, and else from the origin.
func (n *Node) source(manifest release.Hash, list []release.Piece) release.Fetch {
	if n.cfg.Peers == nil {
		return release.OneByOne(n.fromOrigin(manifest))
	}
	from := exchange.Origin{Missing: func(err error) bool { return errors.Is(err, origin.ErrNotFound) }}
	from.Get = func(ctx context.Context, p exchange.Piece) ([]byte, error) {
		return n.fromOrigin(manifest)(ctx, back(p))
	}
	return func(ctx context.Context, want []release.Piece, got func(release.Piece, []byte) error) error {
		err := n.cfg.Peers.Fetch(ctx, manifest, forth(list), forth(want), from, func(p exchange.Piece, b []byte) error {
			err := got(back(p), b)
			if err == nil {
				n.pieces.mark(manifest, p.Hash)
			}
			return err
		})
		var bad *exchange.Error
		if errors.As(err, &bad) {
			return &release.PieceError{Piece: back(bad.Piece), Err: bad.Err}
		}
		return err
	}
}

func back(p exchange.Piece) release.Piece { return release.Piece{Hash: p.Hash, Size: p.Size} }

func forth(list []release.Piece) []exchange.Piece {
	out := make([]exchange.Piece, len(list))
	for i, p := range list {
		out[i] = exchange.Piece{Hash: p.Hash, Size: p.Size}
	}
	return out
}

// fromOrigin gets pieces of a release from the origin; whoever asked checks them.
func (n *Node) fromOrigin(manifest release.Hash) func(context.Context, release.Piece) ([]byte, error) {
	return func(ctx context.Context, p release.Piece) ([]byte, error) {
		name := origin.ChunkName(p.Hash.Hex())
		if p.Hash == manifest {
			name = origin.ManifestName(p.Hash.Hex())
		}
		if err := n.cfg.Fetch.Wait(ctx, p.Size); err != nil {
			return nil, err
		}
		b, err := n.cfg.Origin.Get(ctx, name, p.Size)
		if err != nil {
			n.cfg.Fetch.Return(p.Size - int64(len(b)))
		}
		return b, err
	}
}
