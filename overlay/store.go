package overlay

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/edged/edged/internal/vfs"
)

// Store is the overlay of one node. All methods are safe for concurrent use.
type Store struct {
	fs    vfs.FS
	file  string
	node  string
	clock func() time.Time

	needed func(*Entry) bool

	saving sync.Mutex // held while the file is written, before mu

	mu      sync.Mutex // guards what follows; held for no I/O
	held    map[string]Entry
	last    uint64 // the largest stamp seen
	digest  uint64 // of all that is held, in any order
	changes uint64 // counts them
	saved   uint64 // changes in the file
}

// Open reads the overlay a node has in a file, if there is one. damage says that the file was not what was written: it lies beside as
// FILE.damaged, and what it held has to come from other nodes.
func Open(fs vfs.FS, file, node string, clock func() time.Time) (s *Store, damage, err error) {
	s = &Store{fs: fs, file: file, node: node, clock: clock, held: map[string]Entry{}, needed: func(*Entry) bool { return true }}
	entries, damage, err := load(fs, file)
	if err != nil {
		return nil, nil, fmt.Errorf("overlay: %w", err)
	}
	now := s.now()
	for _, e := range entries {
		if e.Forgotten() > now {
			s.put(e)
		}
	}
	s.saved = s.changes
	return s, damage, nil
}

// Needed says which entries take room: those of which it is false, since the release has them, don't count towards limits. It is to be called
// before anything else is, and what it is given must not call the Store.
func (s *Store) Needed(needed func(*Entry) bool) { s.needed = needed }

func (s *Store) now() int64 { return s.clock().UnixMilli() }

// Take takes an entry that another node wrote and reports whether it was news. What is forgotten already is none; one from ahead of the
// clock is an error.
func (s *Store) Take(e Entry) (news bool, err error) {
	now := s.now()
	if e.Written() > now+maxAhead.Milliseconds() {
		return false, fmt.Errorf("overlay: %s of %q was written %v from now by %s: check the clocks", e.Field, clip(e.ID),
			time.Duration(e.Written()-now)*time.Millisecond, e.Node)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.Forgotten() > now && s.put(e), nil
}

// put keeps an entry that is newer than the one held. Over the limit the oldest goes, which is the same one on every node.
func (s *Store) put(e Entry) bool {
	key := e.Key()
	before, had := s.held[key]
	if had && !e.newer(&before) {
		return false
	}
	s.last = max(s.last, e.Stamp)
	if had {
		s.digest ^= before.hash()
	}
	s.held[key] = e
	s.digest ^= e.hash()
	s.changes++
	if len(s.held) <= maxHeld {
		return true
	}
	old := s.oldest()
	s.drop(old)
	return old != key
}

func (s *Store) drop(key string) {
	e := s.held[key]
	s.digest ^= e.hash()
	delete(s.held, key)
	s.changes++
}

func (s *Store) oldest() (key string) {
	var low Entry
	for k, e := range s.held {
		if d := e.compare(&low); key == "" || d < 0 || d == 0 && k < key {
			key, low = k, e
		}
	}
	return key
}

// hash is one entry's part of the digest.
func (e *Entry) hash() uint64 {
	var d xxhash.Digest
	d.Reset()
	for _, part := range [...]string{e.Key(), e.Node, string(e.value)} {
		_, _ = d.WriteString(part)
		_, _ = d.Write([]byte{0xff}) // in no text
	}
	return d.Sum64() ^ e.Stamp*0x9e3779b97f4a7c15
}

// Tick forgets what is no longer remembered.
func (s *Store) Tick() {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, e := range s.held {
		if e.Forgotten() <= now {
			s.drop(key)
		}
	}
}

// Flush writes to disk what was taken since it was written last.
func (s *Store) Flush() error {
	s.saving.Lock()
	defer s.saving.Unlock()
	list, changes, due := s.unsaved()
	if !due {
		return nil
	}
	return s.save(list, changes)
}

// unsaved is what is to be written, if anything is.
func (s *Store) unsaved() (list []Entry, changes uint64, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes == s.saved {
		return nil, 0, false
	}
	return s.list(), s.changes, true
}

// save writes the file. The caller holds saving.
func (s *Store) save(list []Entry, changes uint64) error {
	if err := vfs.WriteFile(s.fs, s.file, encodeFile(list)); err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved = max(s.saved, changes)
	return nil
}

// list is what is held, by item and field. The caller holds mu.
func (s *Store) list() []Entry {
	list := make([]Entry, 0, len(s.held))
	for _, e := range s.held {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Entry) int { return cmp.Or(strings.Compare(a.ID, b.ID), cmp.Compare(a.Field, b.Field)) })
	return list
}

// Snapshot is what a Store holds at a moment. It is immutable.
type Snapshot struct {
	Entries []Entry // all that is remembered, by item and field
	Digest  uint64  // equal where the same is held
	Changes uint64  // how many there were since the start: another number, another snapshot
	At      int64   // Unix milliseconds
	Until   int64   // from then on something does not count that did
}

// Snapshot returns what is held now.
func (s *Store) Snapshot() *Snapshot {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := &Snapshot{Entries: s.list(), Digest: s.digest, Changes: s.changes, At: now, Until: math.MaxInt64}
	for i := range snap.Entries {
		if e := &snap.Entries[i]; e.Counts(now) {
			snap.Until = min(snap.Until, e.Until)
		}
	}
	return snap
}

// Changes counts what changed since the start.
func (s *Store) Changes() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes
}

// Version is a digest as people read it.
func (s *Snapshot) Version() string { return fmt.Sprintf("%016x", s.Digest) }
