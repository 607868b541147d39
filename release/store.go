package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/edged/edged/internal/vfs"
)

// Store is the directory where a node keeps releases:
//
//	state.json                 what is served: replaced in one rename, the only commit point
//	roots/<version>.json       the roots followed from the one the node was given
//	releases/<hex>/            one release by the hash of its manifest: complete, since the directory is renamed here
//	    manifest.json          its signed manifest
//	    installed.json         the install record
//	    <component>            the raw files
//	chunks/<hex>               what travelled, by its hash: used again after a crash, and given to other nodes
//	staging/<hex>/             a release on its way in
//	lock                       held by the one process that writes
//
// Nothing here needs repair after a crash: what state.json does not name is unused, and what is unused is removed.
// A Store is not safe for concurrent use, except that Check, Manifest, Piece and There may run beside anything.
type Store struct {
	fs    vfs.FS
	root  string
	lock  io.Closer // nil: opened for reading
	state State

	opened   opened
	readOnly error // why nothing can be written; nil: it can
}

// State is what a node serves and why. Hashes are of manifests; zero means none.
type State struct {
	Rollout  []byte // the envelope of the newest rollout accepted
	Current  Hash   // the release served
	Previous Hash   // the one before it, for rollback
	Older    []Hash // those before, for a rollback by rollout; the latest first
	Skip     Hash   // rolled back from on this node: not served again until a rollout names another
}

const (
	stateName     = "state.json"
	stateDoc      = "edged.node/1"
	manifestName  = "manifest.json"
	installedName = "installed.json"
	installedDoc  = "edged.installed/1"
	maxInstalled  = 64 << 10
)

// ErrNotHeld means that a release is not in the store, or not whole.
var ErrNotHeld = errors.New("not held")

// OpenStore opens the store in dir for writing, and makes it if it is not there. A state.json that cannot be read is
// no reason to fail: the store opens with an empty state, and stateErr says what was wrong. Neither is a disk that can only be read, see ReadOnly.
func OpenStore(fsys vfs.FS, dir string) (s *Store, stateErr, err error) {
	if err := errors.Join(fsys.MkdirAll(path.Join(dir, "releases")), fsys.MkdirAll(path.Join(dir, "chunks"))); err != nil {
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	s = &Store{fs: fsys, root: dir}
	if s.lock, err = fsys.Lock(path.Join(dir, "lock")); vfs.ReadOnly(err) {
		s.readOnly = err
		return s, s.readState(), nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("store %s: another node uses it; give each node a directory of its own: %w", dir, err)
	}
	s.settle()
	return s, s.readState(), nil
}

// ReadOnly says why nothing can be written to the directory of a store that was opened for that, nil where it can. What it holds can be read.
func (s *Store) ReadOnly() error { return s.readOnly }

// ReadStore opens a store to look at it, beside the node that may be using it.
func ReadStore(fsys vfs.FS, dir string) (s *Store, stateErr, err error) {
	if _, err := fsys.Stat(path.Join(dir, "releases")); err != nil {
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	s = &Store{fs: fsys, root: dir}
	return s, s.readState(), nil
}

// Close lets go of the directory.
func (s *Store) Close() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}

// settle makes durable what a process killed between a rename and its sync left, since it is going to be believed, and removes what a crash
// inside WriteFile left. What cannot be is as sure as it was.
func (s *Store) settle() {
	_ = s.fs.SyncDir(path.Join(s.root, "releases"))
	for _, dir := range []string{path.Join(s.root, rootsDir), s.root} {
		_ = s.fs.SyncDir(dir)
		entries, err := s.fs.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if vfs.IsTemp(e.Name()) {
				_ = s.fs.Remove(path.Join(dir, e.Name()))
			}
		}
	}
}

// State is what is committed.
func (s *Store) State() State { return s.state }

func (s *Store) readState() error {
	b, err := vfs.ReadFile(s.fs, path.Join(s.root, stateName), MaxEnvelope(MaxRollout)+4<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	state, err := parseState(b)
	if err != nil {
		return fmt.Errorf("%s: %w", path.Join(s.root, stateName), err)
	}
	s.state = state
	return nil
}

func parseState(b []byte) (State, error) {
	const what = "state"
	var s State
	if err := checkJSON(what, b, int(MaxEnvelope(MaxRollout)+4<<10)); err != nil {
		return s, err
	}
	var typ string
	var rollout json.RawMessage
	err := decode(what, b, field{name: "type", dst: &typ}, field{name: "rollout", dst: &rollout, optional: true},
		field{name: "current", dst: &s.Current, optional: true}, field{name: "previous", dst: &s.Previous, optional: true},
		field{name: "skip", dst: &s.Skip, optional: true}, field{name: "older", dst: &s.Older, optional: true})
	if err != nil {
		return State{}, err
	}
	s.Rollout = rollout
	if len(s.Older) > MaxKept {
		return State{}, fmt.Errorf("state: older: %d entries, at most %d: %w", len(s.Older), MaxKept, ErrTooLarge)
	}
	return s, checkType(what, typ, stateDoc)
}

// Held lists the releases that are kept: the one served, the one before, older ones.
func (s State) Held() []Hash {
	var held []Hash
	for _, h := range append([]Hash{s.Current, s.Previous}, s.Older...) {
		if !h.IsZero() && !slices.Contains(held, h) {
			held = append(held, h)
		}
	}
	return held
}

// Serve is the state that serves a release and keeps up to keep in all, the latest served.
func (s State) Serve(h Hash, keep int) State {
	if s.Current == h {
		return s
	}
	before := slices.DeleteFunc(s.Held(), func(x Hash) bool { return x == h })
	before = before[:min(len(before), keep-1)]
	s.Current, s.Previous, s.Older = h, Hash{}, nil
	if len(before) > 0 {
		s.Previous, s.Older = before[0], before[1:]
	}
	return s
}

// Without is the state that no longer keeps a release.
func (s State) Without(h Hash) State {
	if s.Current == h {
		s.Current = Hash{}
	}
	if s.Previous == h {
		s.Previous = Hash{}
	}
	s.Older = slices.DeleteFunc(slices.Clone(s.Older), func(x Hash) bool { return x == h })
	return s
}

func (s State) encode() ([]byte, error) {
	doc := map[string]any{"type": stateDoc}
	if len(s.Rollout) > 0 {
		doc["rollout"] = json.RawMessage(s.Rollout)
	}
	for name, h := range map[string]Hash{"current": s.Current, "previous": s.Previous, "skip": s.Skip} {
		if !h.IsZero() {
			doc[name] = h
		}
	}
	if len(s.Older) > 0 {
		doc["older"] = s.Older
	}
	return json.Marshal(doc) // keys in the order of the alphabet
}

// Commit makes state the store's, durably. When it fails, the old state holds in memory; on disk either may stand.
func (s *Store) Commit(state State) error {
	b, err := state.encode()
	if err == nil {
		err = s.fs.SyncDir(path.Join(s.root, "releases")) // an install may have failed at that, and its release is there
	}
	if err == nil {
		err = vfs.WriteFile(s.fs, path.Join(s.root, stateName), b)
	}
	if err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	s.state = state
	return nil
}
