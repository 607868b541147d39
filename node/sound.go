package node

import (
	"context"
	"fmt"
)

// wholeAtStart is how many bytes of a release are held against the hashes of its manifest before it is served after a start: that takes a second (SHA-256 at
// 1 GB/s). Of a larger one the checksums of sections are (CRC-32C at 4 GB/s): an accident passes one with a probability of 2⁻³². The hashes follow while it serves.
const wholeAtStart = 1 << 30

// sound reads every byte of a release that was fetched by an earlier process: what the disk has damaged since is not served.
func (n *Node) sound(ctx context.Context, h *holding) error {
	if h.manifest.Size() <= n.cfg.whole {
		return n.proof(ctx, h)
	}
	if err := h.ranker.Model().Verify(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	return nil
}

// proof holds every byte of a release against the hashes of its manifest.
func (n *Node) proof(ctx context.Context, h *holding) error {
	err := n.store.Check(ctx, h.hash, h.manifest)
	h.whole = err == nil
	return err
}
