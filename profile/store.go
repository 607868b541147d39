// Package profile remembers what each visitor did lately, so that the next answer can follow from it: in a Store in the node's memory, or,
// with a Sealer, in a sealed token that the visitor carries (TOKEN.md).
//
// A visitor is named by a Key: a user id, or a session id where there is no user. The two never mean the same visitor, even
// where the texts are equal. Ids are not kept: visitors are told apart by a 128-bit hash under keys drawn when the store is made,
// so nothing can be looked up without knowing the id, nor compared between processes.
//
// # Invariants of a Store
//
//   - P1: at most MaxRecent items a visitor, one entry an item, newest first.
//   - P2: at most MaxVisitors visitors; a shard that is full forgets the visitor whose last event came longest ago.
//   - P3: nothing older than MaxAge is handed out.
//   - P4: after Forget returns, Recent finds nothing until the next Add.
package profile

import (
	"hash/maphash"
	"time"

	"github.com/edged/edged"
)

const shardCount = 64

// Options bound a Store. The zero value of each field means its default.
type Options struct {
	MaxVisitors int              // default 100,000; a visitor with 50 recent items takes about 1.4 kB
	MaxRecent   int              // items a visitor, default 50, at most edged.MaxRecent
	MaxAge      time.Duration    // default 30 days
	Clock       func() time.Time // default time.Now
}

// EnsureDefaults fills in what is not set.
func (o *Options) EnsureDefaults() {
	if o.MaxVisitors <= 0 {
		o.MaxVisitors = 100_000
	}
	if o.MaxRecent <= 0 {
		o.MaxRecent = 50
	}
	o.MaxRecent = min(o.MaxRecent, edged.MaxRecent)
	if o.MaxAge <= 0 {
		o.MaxAge = 30 * 24 * time.Hour
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
}

// Key names a visitor.
type Key struct {
	ID      string
	Session bool // ID is a session's, not a user's
}

// User is the key of a known user.
func User(id string) Key { return Key{ID: id} }

// Session is the key of a visitor known by the session alone.
func Session(id string) Key { return Key{ID: id, Session: true} }

// KeyOf is the visitor an event belongs to: its user, else its session. The key of nobody has no ID.
func KeyOf(e *edged.Event) Key {
	if e.User != "" {
		return User(e.User)
	}
	return Session(e.Session)
}

// Recent is one item of a visitor's history.
type Recent struct {
	Item string          // immutable; may be kept
	Type edged.EventType // the strongest thing done to it, or the latest where that is a dismissal or a return
	Time int64           // of the latest event, Unix milliseconds
}

// Store holds the visitors of one process. All methods are safe for concurrent use.
type Store struct {
	opts   Options
	seeds  [2][2]maphash.Seed // of users, and of sessions
	shards [shardCount]shard
}

// New returns an empty Store.
func New(o Options) *Store {
	o.EnsureDefaults()
	s := &Store{opts: o}
	for i := range s.seeds {
		s.seeds[i] = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	}
	for i := range s.shards {
		s.shards[i].init(max(1, o.MaxVisitors/shardCount))
	}
	return s
}

// id is the hash a visitor is kept under.
type id [2]uint64

func (s *Store) id(k Key) id {
	seeds := s.seedsOf(k.Session)
	return id{maphash.String(seeds[0], k.ID), maphash.String(seeds[1], k.ID)}
}

func (s *Store) seedsOf(session bool) *[2]maphash.Seed {
	if session {
		return &s.seeds[1]
	}
	return &s.seeds[0]
}

func (s *Store) shard(v id) *shard { return &s.shards[v[0]%shardCount] }

// Add remembers an event. Impressions, events of nobody, and those older than MaxAge are passed over; an event from the
// future counts as of now.
func (s *Store) Add(e *edged.Event) {
	key := KeyOf(e)
	if key.ID == "" || e.Item == "" || e.Type == edged.Impression {
		return
	}
	now := s.opts.Clock().UnixMilli()
	if e.Time < now-s.opts.MaxAge.Milliseconds() {
		return
	}
	v := s.id(key)
	s.shard(v).add(v, newEntry(e, min(e.Time, now)), s.opts.MaxRecent)
}

// Recent appends what is known of a visitor to dst, newest first. It allocates nothing when dst has room.
func (s *Store) Recent(dst []Recent, key Key) []Recent {
	if key.ID == "" {
		return dst
	}
	return s.recent(dst, s.id(key))
}

// RecentUser is Recent of the user whose id name is.
func (s *Store) RecentUser(dst []Recent, name []byte) []Recent {
	return s.recentOf(dst, name, false)
}

// RecentSession is Recent of the session whose id name is.
func (s *Store) RecentSession(dst []Recent, name []byte) []Recent {
	return s.recentOf(dst, name, true)
}

func (s *Store) recentOf(dst []Recent, name []byte, session bool) []Recent {
	if len(name) == 0 {
		return dst
	}
	seeds := s.seedsOf(session)
	return s.recent(dst, id{maphash.Bytes(seeds[0], name), maphash.Bytes(seeds[1], name)})
}

func (s *Store) recent(dst []Recent, v id) []Recent {
	return s.shard(v).recent(dst, v, s.opts.Clock().UnixMilli()-s.opts.MaxAge.Milliseconds())
}

// Forget drops all that is known of a visitor, and reports whether there was anything.
func (s *Store) Forget(key Key) bool {
	v := s.id(key)
	return s.shard(v).forget(v)
}

// Len is the number of visitors held.
func (s *Store) Len() int {
	n := 0
	for i := range s.shards {
		n += s.shards[i].len()
	}
	return n
}
