package release

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"github.com/edged/edged/internal/vfs"
)

// The roots a node has followed lie beside its releases, for a revoked key must stay revoked after a restart, whatever the
// origin shows then.

func (s *Store) rootFile(version uint64) string {
	return path.Join(s.root, rootsDir, strconv.FormatUint(version, 10)+".json")
}

// Trust follows from the root that the node was given to the newest one in the store. Those of the store that do not belong to it
// are another shop's, or of a time before its root keys were lost: they count no more.
func (s *Store) Trust(given *Trust) (*Trust, error) {
	b, err := s.Root(given.Version())
	if err != nil || !bytes.Equal(b, given.Envelope()) {
		return given, ignoreAbsent(err)
	}
	trust := given
	for {
		b, err := s.Root(trust.Version() + 1)
		if err != nil {
			return trust, ignoreAbsent(err)
		}
		next, err := trust.Next(b)
		if err != nil {
			return trust, fmt.Errorf("%s: %w", s.rootFile(trust.Version()+1), err)
		}
		trust = next
	}
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Root reads a root by its version, as it is.
func (s *Store) Root(version uint64) ([]byte, error) {
	b, err := vfs.ReadFile(s.fs, s.rootFile(version), MaxEnvelope(MaxRoot))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return b, nil
}

// KeepRoots makes the store begin with the root the node was given, and forget those that do not follow from it.
func (s *Store) KeepRoots(given *Trust) error {
	b, err := s.Root(given.Version())
	if err == nil && bytes.Equal(b, given.Envelope()) {
		return nil
	}
	dir := path.Join(s.root, rootsDir)
	if err := errors.Join(s.fs.RemoveAll(dir), s.fs.MkdirAll(dir), s.fs.SyncDir(s.root)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return s.AddRoot(given)
}

// AddRoot keeps a root that was followed to, durably.
func (s *Store) AddRoot(t *Trust) error {
	if err := vfs.WriteFile(s.fs, s.rootFile(t.Version()), t.Envelope()); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
