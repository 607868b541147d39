package node

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/edged/edged/compare"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/release"
)

// gateName is a file in the node's directory: the hash of the release served when the gate refused another last. A restart does not forget it.
const gateName = "gate"

// gate holds a release against the one served. What was signed by force is let through.
func (n *Node) gate(held *holding) error {
	now, rival, sample := &compare.Release{Ranker: held.ranker, Bytes: held.manifest.Size()}, n.rival(held.manifest), compare.Quick
	if rival == nil {
		sample.Cases = -1 // short lists that were let through once go on unforced: the publisher knew the release before
	}
	return outside(compare.Gate(rival, now, n.cfg.Limits, sample), held.manifest)
}

// gateSize holds the raw bytes that a manifest names against those of the release served, before anything is fetched.
func (n *Node) gateSize(m *release.Manifest) error {
	rival := n.rival(m)
	if rival == nil {
		return nil
	}
	return outside(compare.Sizes(rival.Bytes, m.Size(), n.cfg.Limits), m)
}

func outside(r *compare.Report, m *release.Manifest) error {
	if err := r.Error(m.Forced...); err != nil {
		return fmt.Errorf("%w: %w", ErrGate, err)
	}
	return nil
}

// rival is the release served, where that of a manifest is to be compared with it: where the publisher did, or where a newer one comes after
// one that the gate refused, with which the publisher may have compared it. After a pause a node goes over several at once, of which nobody said
// how they may differ: these are not compared.
func (n *Node) rival(m *release.Manifest) *compare.Release {
	n.life.Lock()
	defer n.life.Unlock()
	if n.served.IsZero() {
		return nil
	}
	served, err := n.manifestOf(n.served)
	if err != nil || m.Against != n.served && (n.gated != n.served || m.Version <= served.Version) {
		return nil
	}
	return &compare.Release{Ranker: n.Current(), Bytes: served.Size()}
}

// gateRefused remembers that the gate has refused something for what is served, until something else is.
func (n *Node) gateRefused(h release.Hash, err error) {
	n.unfit.note(h, err, n.cfg)
	n.life.Lock()
	defer n.life.Unlock()
	if n.gated == n.served {
		return
	}
	n.gated = n.served
	if err := vfs.WriteFile(n.cfg.FS, path.Join(n.cfg.Dir, gateName), []byte(n.gated.Hex())); err != nil {
		n.status.failed(fmt.Errorf("what the gate refused may be forgotten with a restart: %w", err))
	}
}

// readGate learns for which release served the gate refused another before the restart. One that can't be read counts as none.
func (n *Node) readGate() {
	b, err := vfs.ReadFile(n.cfg.FS, path.Join(n.cfg.Dir, gateName), 2*int64(len(release.Hash{})))
	if err == nil {
		n.gated, err = release.ParseHex(string(b))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.status.failed(fmt.Errorf("what the gate refused is forgotten: %w", err))
	}
}
