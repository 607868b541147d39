// Package node is the life of a release on a node: learn of a rollout, fetch, verify, open, self-check, swap, keep the
// previous one, come back after a restart.
//
// Readers call Current, one atomic load, and keep what they got for as long as a request takes: the release they see
// never changes under them, and its memory is freed when the last of them lets go.
//
// Invariants, which the code cites:
//
//	N1  What is served was signed by keys trusted when it came, hash for hash, and passed its own self-check.
//	N2  The version of the rollout never falls, whatever the origin says; the version of the release falls only where a
//	    newer rollout says it is a rollback, or where the record was lost and the rollout keeps aside what is held.
//	N3  Whatever is refused, the release served before goes on being served. Expiry stops updates, never the serving.
//	N4  state.json is written after a release is installed whole and before it is served. A crash at any moment leaves
//	    the old release or the new.
//	N5  What is adopted is what the newest rollout names, looked at once more after the fetch: what changed meanwhile counts. A fetch
//	    ends when its release is not to be served any more.
//
// After a restart the node does not trust its own disk: it checks signatures, headers, sizes and the install record, and reads
// every byte of a release before it serves that (sound.go). What is damaged makes way for the latest release that is not, and is
// fetched again. The other releases held are read while it serves (Run), and what turns out damaged is withdrawn. The same happens to
// a release that somebody suspects (Suspect): files are cut or changed under running nodes too.
//
// Locks: Node.look, held during one look at the origin and by whoever watches the rollout for it while it fetches, is taken before Node.life, held while what is served changes;
// Node.status has its own, taken last.
package node

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/edged/edged/compare"
	"github.com/edged/edged/exchange"
	"github.com/edged/edged/internal/calm"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
)

// DefaultPoll is how often a node looks at the origin without being told.
const DefaultPoll = time.Second

// DefaultKeep is how many releases a node keeps: going back to one of them takes no fetching.
const DefaultKeep = 3

// Config is what a Node needs. FS, Dir, Origin and Trust are required.
type Config struct {
	FS     vfs.FS
	Dir    string // the node's own directory; two nodes never share one
	Origin origin.Origin
	Trust  *release.Trust // the root the node was given; it follows to newer ones by itself
	Name   string         // of the node, and
	Zone   string         // where it is: they decide whether it tries canaries
	Keep   int            // releases kept on disk, the one served among them; 0: DefaultKeep
	Limits compare.Limits // what a release may change beside the one served
	Peers  Peers          // nil: everything comes from the origin
	Fetch  *exchange.Pace // of pieces from the origin, and of Peers' where they share it; nil: no limit
	Poll   time.Duration  // 0: DefaultPoll
	Clock  func() time.Time
	Logger *slog.Logger // nil: silent

	whole  int64        // bytes of a release that are held against hashes before it is served after a start; 0: wholeAtStart
	beside func(func()) // does long work beside requests; nil: calm.Do

	// BeforeSwap is called with each release that is about to be served, for whoever has work to do that requests would wait for. It must not
	// call Rollback or Check.
	BeforeSwap func(*rank.Ranker)
	// OnSwap is called after each change of what is served, from within Open too, one call at a time. It may ask for
	// Current and Status; it must not call Rollback or Check.
	OnSwap func(*rank.Ranker)
	// OnRefuse is called for each refusal, repeated ones too, with a *Refusal.
	OnRefuse func(error)
}

// EnsureDefaults fills in what was left out.
func (c *Config) EnsureDefaults() {
	if c.FS == nil {
		c.FS = vfs.OS
	}
	if c.Poll == 0 {
		c.Poll = DefaultPoll
	}
	if c.Keep == 0 {
		c.Keep = DefaultKeep
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.whole == 0 {
		c.whole = wholeAtStart
	}
	if c.beside == nil {
		c.beside = calm.Do
	}
	if c.BeforeSwap == nil {
		c.BeforeSwap = func(*rank.Ranker) {}
	}
	if c.OnSwap == nil {
		c.OnSwap = func(*rank.Ranker) {}
	}
	if c.OnRefuse == nil {
		c.OnRefuse = func(error) {}
	}
}

// Validate names everything that is missing.
func (c *Config) Validate() error {
	var missing []string
	if c.Dir == "" {
		missing = append(missing, "dir")
	}
	if c.Origin == nil {
		missing = append(missing, "origin")
	}
	if c.Trust == nil {
		missing = append(missing, "trust")
	}
	if c.Poll < 0 {
		missing = append(missing, "a poll interval above 0")
	}
	if c.Keep < 2 || c.Keep > release.MaxKept {
		missing = append(missing, fmt.Sprintf("a number of releases to keep of 2 to %d", release.MaxKept))
	}
	if missing != nil {
		return fmt.Errorf("node: config: missing %q", missing)
	}
	return nil
}
