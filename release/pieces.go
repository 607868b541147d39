package release

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/edged/edged/internal/vfs"
)

// pieces is the directory of what travelled: a file for each piece, called by its hash. They stay as long as a release that names
// them, so that other nodes can have them.
func (s *Store) pieces() string { return path.Join(s.root, "chunks") }

func (s *Store) pieceFile(h Hash) string { return path.Join(s.pieces(), h.Hex()) }

// keep verifies a piece and writes it, durably: what has come is not fetched again. It is safe for concurrent use.
func (s *Store) keep(p Piece, b []byte) error {
	if err := p.Verify(b); err != nil {
		return err
	}
	f, err := s.fs.Create(s.pieceFile(p.Hash))
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), s.fs.SyncDir(s.pieces()))
}

// Keep verifies a piece and keeps it, durably.
func (s *Store) Keep(p Piece, b []byte) error {
	if err := s.keep(p, b); err != nil {
		return fmt.Errorf("store: piece %s: %w", p.Hash.Short(), err)
	}
	return nil
}

// piece reads a piece, of which the caller verifies every byte.
func (s *Store) piece(p Piece) ([]byte, error) {
	b, err := vfs.ReadFile(s.fs, s.pieceFile(p.Hash), p.Size)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errAbsent
	}
	return b, err
}

// there reports whether a piece lies here, by its size: what a crash or a disk did to it is seen when it is read.
func (s *Store) there(p Piece) bool {
	info, err := s.fs.Stat(s.pieceFile(p.Hash))
	return err == nil && info.Size() == p.Size
}

// Piece reads a piece that lies in the store, whole and verified, for whoever asks by its hash. It may run beside anything.
func (s *Store) Piece(h Hash) ([]byte, error) {
	b, err := vfs.ReadFile(s.fs, s.pieceFile(h), max(MaxChunkSize, MaxEnvelope(MaxManifest)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("store: piece %s: %w", h.Short(), ErrNotHeld)
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if got := Sum(b); got != h {
		return nil, fmt.Errorf("store: piece %s: %w: found %s", h.Short(), ErrHash, got)
	}
	return b, nil
}

// CheckPieces reads every piece in the store.
func (s *Store) CheckPieces() error {
	entries, err := s.fs.ReadDir(s.pieces())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if h, err := ParseHex(e.Name()); err == nil {
			_, err = s.Piece(h)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// There says, for each piece, whether it lies in the store, as far as its size tells. It may run beside anything.
func (s *Store) There(pieces []Piece) []bool {
	sizes := map[Hash]int64{}
	entries, err := s.fs.ReadDir(s.pieces())
	if err != nil {
		return make([]bool, len(pieces))
	}
	for _, e := range entries {
		h, err := ParseHex(e.Name())
		if err != nil {
			continue
		}
		if info, err := e.Info(); err == nil {
			sizes[h] = info.Size()
		}
	}
	list := make([]bool, len(pieces))
	for i, p := range pieces {
		size, ok := sizes[p.Hash]
		list[i] = ok && size == p.Size
	}
	return list
}

// sweep removes every piece that neither a release held nor the one coming names; a nil manifest is none.
func (s *Store) sweep(coming *Manifest, hash Hash) error {
	entries, err := s.fs.ReadDir(s.pieces())
	if err != nil {
		return err
	}
	named := s.named()
	if coming != nil {
		named[hash] = true
		for _, p := range coming.Pieces() {
			named[p.Hash] = true
		}
	}
	var errs []error
	for _, e := range entries {
		if h, err := ParseHex(e.Name()); err != nil || !named[h] {
			errs = append(errs, s.fs.Remove(path.Join(s.pieces(), e.Name())))
		}
	}
	return errors.Join(errs...)
}

// named lists the pieces that releases held name.
func (s *Store) named() map[Hash]bool {
	named := map[Hash]bool{}
	held, err := s.Held()
	if err != nil {
		return named
	}
	for _, h := range held {
		m, err := s.heldManifest(h)
		if err != nil {
			continue
		}
		named[h] = true
		for _, p := range m.Pieces() {
			named[p.Hash] = true
		}
	}
	return named
}

// heldManifest reads the manifest of a release held. Its signatures were checked when it came; here it says no more than which
// bytes to look for, and those are verified against a manifest that is trusted.
func (s *Store) heldManifest(h Hash) (*Manifest, error) {
	envelope, err := s.Envelope(h)
	if err != nil {
		return nil, err
	}
	return s.opened.open(nil, h, envelope)
}
