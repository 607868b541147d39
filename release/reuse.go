package release

import (
	"fmt"

	"github.com/edged/edged/internal/vfs"
)

// heldBlocks says which blocks and files releases held have. What is read of them is verified, so a damaged release may be among
// them.
type heldBlocks struct {
	store  *Store
	blocks map[Hash]heldBlock // by chunk id
	files  map[Hash]heldFile  // by hash of a component
}

type heldFile struct {
	release Hash
	name    string
	size    int64
}

type heldBlock struct {
	heldFile
	off, raw int64
}

// heldBlocks looks at what is held. A release that cannot be read is passed over.
func (s *Store) heldBlocks() *heldBlocks {
	b := &heldBlocks{store: s, blocks: map[Hash]heldBlock{}, files: map[Hash]heldFile{}}
	held, err := s.Held()
	if err != nil {
		return b
	}
	for _, h := range held {
		m, err := s.heldManifest(h)
		if err != nil {
			continue
		}
		names, err := s.installed(h)
		if err != nil {
			continue
		}
		for _, name := range names {
			if c, ok := m.Component(name); ok && s.checkSize(h, m, name) == nil {
				b.add(h, c)
			}
		}
	}
	return b
}

func (b *heldBlocks) add(h Hash, c *Component) {
	f := heldFile{release: h, name: c.Name, size: c.Size}
	b.files[c.Hash] = f
	var off int64
	for _, chunk := range c.Chunks {
		if !chunk.ID.IsZero() {
			b.blocks[chunk.ID] = heldBlock{heldFile: f, off: off, raw: chunk.Raw}
		}
		off += chunk.Raw
	}
}

// base reports whether the file that differences are taken to is held.
func (b *heldBlocks) base(ref *BaseRef) bool {
	if ref == nil {
		return false
	}
	f, ok := b.files[ref.Hash]
	return ok && f.size == ref.Size
}

// block reports whether a chunk's raw bytes are held.
func (b *heldBlocks) block(c Chunk) bool {
	f, ok := b.blocks[c.ID]
	return ok && f.raw == c.Raw
}

func (b *heldBlocks) open(component Hash) (vfs.File, error) {
	f, ok := b.files[component]
	if !ok {
		return nil, errAbsent
	}
	return b.store.fs.Open(b.store.Path(f.release, f.name))
}

// read appends a chunk's raw bytes from a release held, verified.
func (b *heldBlocks) read(dst []byte, c Chunk) ([]byte, error) {
	at, ok := b.blocks[c.ID]
	if !ok || at.raw != c.Raw {
		return nil, errAbsent
	}
	f, err := b.store.fs.Open(b.store.Path(at.release, at.name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw := make([]byte, at.raw)
	if _, err := readFullAt(f, raw, at.off); err != nil {
		return nil, fmt.Errorf("%s: %w", b.store.Path(at.release, at.name), err)
	}
	return append(dst, raw...), c.identify(raw)
}
