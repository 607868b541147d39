// Package publish takes a release directory, as train wrote it, proves that it is fit to serve, signs it and puts it to
// an origin.
//
// Nothing is announced before it is proven: the files are read whole, opened as a node opens them, asked their own
// questions, and held against the release before (package compare): outside the limits nothing is signed. Chunks go first, then the manifest, the rollout last: until then no node sees anything of it, and a
// publish that ends halfway leaves chunks that the next one uses. Publishing the same directory twice changes
// nothing, except that damaged or missing pieces of the origin are put right.
//
// One publisher at a time: an origin that has a lock (origin.Locker) is locked for the whole run.
package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/edged/edged/compare"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
	"github.com/edged/edged/snapshot"
)

// DefaultValidity is how long a rollout lives. After it nodes raise an alarm and take no update until it is renewed.
const DefaultValidity = 30 * 24 * time.Hour

// Config says what to publish where. Release, Origin and Keys are required; Refresh needs no Release.
type Config struct {
	FS       vfs.FS // nil: the real one
	Release  string // directory with model.snap, catalogue.snap, card.json
	Origin   origin.Origin
	Keys     string // directory with the keys of the roles release and freshness, trust.json and roots/ (release.Custody)
	Clock    func() time.Time
	Validity time.Duration // of the rollout; 0: DefaultValidity

	// Rules is a document of rules, which travels with the release: nodes obey it from the moment they serve that. Empty: those of the release offered so
	// far go on, but for NoRules.
	Rules   string
	NoRules bool

	// Canary lets some nodes try the release before the others. Nil: all serve it.
	Canary *Canary

	// Limits say what the release may change beside the one offered so far; outside of them it is not signed, unless Force says that
	// it is to be all the same, which is written into its manifest.
	Limits compare.Limits
	Force  bool

	// Above takes the place of a rollout that the origin lost, or whose bytes are damaged: the versions given out, of
	// rollouts and of releases, begin above it. Nodes say what they accepted. 0: such a rollout is an error. Which release was offered is lost with it:
	// Force says that the next is to be compared with nothing, Rules or NoRules which rules it has.
	Above uint64

	Progress func(Step)

	revoked bool // go on from a rollout that only keys vouch for which were revoked since
}

// Canary says which nodes try a release first.
type Canary struct {
	Share float64  // of the nodes, above 0, at most 1
	Zones []string // only there; empty: everywhere
}

// Step is one step of a publish, told when it begins and, for long ones, as it goes on.
type Step struct {
	Name        string // verify, base, gate, chunks, manifest, rollout
	Done, Total int64  // bytes; 0 where there is nothing to count
}

// EnsureDefaults fills in what was left out.
func (c *Config) EnsureDefaults() {
	if c.FS == nil {
		c.FS = vfs.OS
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Validity == 0 {
		c.Validity = DefaultValidity
	}
	if c.Progress == nil {
		c.Progress = func(Step) {}
	}
}

// Validate names everything that is missing.
func (c *Config) Validate() error {
	var missing []string
	if c.Origin == nil {
		missing = append(missing, "origin")
	}
	if c.Keys == "" {
		missing = append(missing, "keys")
	}
	if c.Validity < time.Minute {
		missing = append(missing, "a validity of a minute or more")
	}
	if c.Rules != "" && c.NoRules {
		missing = append(missing, "one word on rules: a document or none")
	}
	if c.Canary != nil && c.Canary.share() == 0 {
		missing = append(missing, "a share of the canary above 0 and at most 1")
	}
	if missing != nil {
		return fmt.Errorf("publish: config: missing %s", strings.Join(missing, ", "))
	}
	return nil
}

// Result is what a publish did.
type Result struct {
	Release   string          `json:"release"` // id, as answers name it
	Version   uint64          `json:"version"`
	Manifest  release.Hash    `json:"manifest"`
	Rollout   uint64          `json:"rollout"`
	Expires   time.Time       `json:"expires"`
	Unchanged bool            `json:"unchanged"`       // the origin offers this release already
	Waits     string          `json:"waits,omitempty"` // why it is put and not served: a hold, a pin
	Canary    *release.Canary `json:"canary,omitempty"`
	Size      int64           `json:"size"` // raw bytes of the components
	Chunks    int             `json:"chunks"`
	Packed    int64           `json:"packed"`    // compressed bytes of the chunks
	Update    int64           `json:"update"`    // bytes a node fetches that holds the release before; 0: there is none
	NewChunks int             `json:"newChunks"` // pieces put now: chunks, and differences to the release before
	NewBytes  int64           `json:"newBytes"`
	Keys      []string        `json:"keys"`               // that signed
	Sections  []Section       `json:"sections,omitempty"` // of the pieces, where there is a release before

	Rules      string   `json:"rules,omitempty"` // version of the document, as answers name it; empty: the release has none
	RulesCount int      `json:"rulesCount,omitempty"`
	Warnings   []string `json:"warnings,omitempty"` // of rules: what the catalogue has nothing of

	Figures []compare.Figure `json:"figures,omitempty"` // of the gate
	Forced  []string         `json:"forced,omitempty"`  // those outside their limits
	Alone   bool             `json:"alone,omitempty"`   // the release offered before was not read: there was nothing to compare with

	Notes []string `json:"notes,omitempty"` // what else a change of the rollout did

	Steered *release.Rollout `json:"-"` // the rollout, whole
}

// String is a summary for people.
func (r Result) String() string {
	did := "published"
	switch {
	case r.Unchanged:
		did = "unchanged"
	case r.Waits != "":
		did = "put, not served (" + r.Waits + "; edged rollout to serves it)"
	case r.Canary != nil && r.Canary.Release.Version == r.Version:
		did = "published as canary on " + describe(r.Canary)
	}
	return fmt.Sprintf("%s: release %s, rollout %d, valid until %s\n%d bytes in %d chunks (%d bytes compressed), %d pieces new (%d bytes)%s\nmanifest %s\nsigned by %s",
		did, r.Release, r.Rollout, r.Expires.UTC().Format(time.RFC3339), r.Size, r.Chunks, r.Packed, r.NewChunks, r.NewBytes,
		r.updates(), r.Manifest, strings.Join(r.Keys, ", ")) + r.ruled() + r.gate()
}

func (r Result) ruled() (text string) {
	if r.Rules != "" {
		text = fmt.Sprintf("\nrules %s, %d of them", r.Rules, r.RulesCount)
	}
	for _, w := range r.Warnings {
		text += "\n" + w
	}
	return text
}

// gate says what was measured.
func (r Result) gate() (text string) {
	for _, f := range r.Figures {
		text += "\n" + f.String()
	}
	if r.Alone {
		text += "\nthe release offered before was not read: compared with nothing"
	}
	if len(r.Forced) > 0 {
		text += "\nsigned by force: " + strings.Join(r.Forced, ", ")
	}
	return text
}

func (r Result) updates() string {
	if r.Update == 0 {
		return ""
	}
	return fmt.Sprintf("\n%d bytes for a node that has the release before", r.Update)
}

// Run publishes a release directory.
func Run(ctx context.Context, cfg Config) (Result, error) {
	return run(ctx, cfg, func(p *publisher) error {
		if err := errors.Join(p.ready(), p.decided()); err != nil {
			return err
		}
		if err := p.verify(); err != nil {
			return err
		}
		if err := p.readRules(ctx); err != nil {
			return err
		}
		return p.publish(ctx)
	})
}

// ready refuses, before anything is put, what could not be ended.
func (p *publisher) ready() error {
	if _, err := p.keys(release.RoleRelease, release.RoleFreshness); err != nil {
		return err
	}
	r := p.before
	if r != nil && p.Canary != nil && waits(r) != "" {
		return fmt.Errorf("a %s is on, so that no node would try the release: publish it without a canary, for it to wait, and then 'edged rollout canary --release'; or 'edged rollout resume' first", waits(r))
	}
	if r != nil && r.Canary != nil && p.Canary == nil && waits(r) == "" {
		return fmt.Errorf("release %s is tried on %s: promote it or abort that first (edged rollout), or publish another canary", r.Canary.Release.ID(), describe(r.Canary))
	}
	return nil
}

func run(ctx context.Context, cfg Config, do func(*publisher) error) (Result, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return Result{}, err
	}
	if _, ok := cfg.Origin.(*origin.HTTP); ok {
		return Result{}, fmt.Errorf("publish: %s: %w: publish to a directory that the web server shows", cfg.Origin, origin.ErrReadOnly)
	}
	p := &publisher{Config: cfg, opened: map[string]*snapshot.File{}}
	err := p.loadTrust()
	if err == nil {
		err = p.locked(ctx, func() error {
			if err := p.look(ctx); err != nil {
				return err
			}
			if err := p.putRoots(ctx); err != nil {
				return err
			}
			if p.before != nil { // it may have come before there was such a mark, or the mark not after it
				if err := p.mark(ctx); err != nil {
					return err
				}
			}
			return do(p)
		})
	}
	if err != nil {
		return Result{}, fmt.Errorf("publish: %w", err)
	}
	return p.result, nil
}

// publisher is one run.
type publisher struct {
	Config
	chain  []*release.Trust // every root, the newest last
	trust  *release.Trust   // the newest
	result Result

	before   *release.Rollout  // the origin's; nil: none
	outdated bool              // keys signed before that were revoked since
	manifest *release.Manifest // of the release before names; nil: none, or damaged
	unread   error             // why the release offered so far cannot be read, where there is one; nil: it can, or there is none

	card    []byte
	created time.Time
	opened  map[string]*snapshot.File // the files of the directory, by component
	ranker  *rank.Ranker
	recall  float64 // after quantisation, as the card says; 0: it does not
	base    *base   // nil: none
	rules   []byte  // nil: none
}

func (p *publisher) loadTrust() (err error) {
	custody := release.Custody{FS: p.FS, Dir: p.Keys}
	if p.chain, err = custody.Chain(); err != nil {
		return err
	}
	p.trust = p.chain[len(p.chain)-1]
	if p.trust.Expired(p.Clock()) {
		return fmt.Errorf("root %d expired on %s, and no node would take an update: renew it (edged keys renew)", p.trust.Version(), p.trust.Expires().Format(time.RFC3339))
	}
	return nil
}

func (p *publisher) locked(ctx context.Context, do func() error) error {
	locker, ok := p.Origin.(origin.Locker)
	if !ok {
		return do()
	}
	lock, err := locker.Lock(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(), closeLock(lock))
}

func closeLock(lock io.Closer) error {
	if err := lock.Close(); err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	return nil
}

// look reads what the origin offers now. A rollout that keys of none of the roots signed is nobody's to replace, unless Above says
// that it is lost.
func (p *publisher) look(ctx context.Context) error {
	envelope, err := p.Origin.Get(ctx, origin.RolloutName, release.MaxEnvelope(release.MaxRollout))
	if errors.Is(err, origin.ErrNotFound) {
		return p.missing(ctx)
	}
	if err != nil {
		return err
	}
	r, err := p.openRollout(envelope)
	if (err != nil || p.outdated) && p.Above > 0 {
		p.lost()
		return nil
	}
	if err != nil {
		return fmt.Errorf("the rollout at %s: %w; publish with the keys that signed it, or to another origin, or, where it was damaged, above the version that nodes accepted", p.Origin, err)
	}
	if p.Above > 0 {
		return fmt.Errorf("the rollout at %s is sound, at version %d: leave out the version to publish above", p.Origin, r.Version)
	}
	if p.outdated && !p.revoked {
		return fmt.Errorf("the rollout at %s, of release %s, is signed by keys that were revoked since: if it is yours, 'edged publish --refresh' signs it again, and then go on; "+
			"if a thief may have made it, publish a release of your own with --above N, N being the highest version of your own", p.Origin, r.Release.ID())
	}
	p.before = r
	p.manifest, _, err = p.offered(ctx, r.Release)
	switch {
	case err != nil:
		p.unread = err
	case p.manifest == nil:
		p.unread = fmt.Errorf("release %s: its manifest at %s is missing or damaged", r.Release.ID(), p.Origin)
	}
	return p.unlessForced(err)
}

// decided refuses to go on from a release that cannot be read before somebody says what takes its place: which rules count from now on, and that
// the next release is compared with nothing.
func (p *publisher) decided() error {
	if p.unread == nil {
		return nil
	}
	var say []string
	if p.Rules == "" && !p.NoRules {
		say = append(say, "which rules count from now on (--rules FILE) or that none do (--no-rules)")
	}
	if !p.Force {
		say = append(say, "that the next release may be compared with nothing (--force; its manifest will say so)")
	}
	if say == nil {
		return nil
	}
	return fmt.Errorf("what is offered so far cannot be read: %w; nothing was signed; bring a sound copy of the origin back, or say %s", p.unread, strings.Join(say, ", and "))
}

// openRollout opens a rollout by the newest root that it opens by.
func (p *publisher) openRollout(envelope []byte) (*release.Rollout, error) {
	r, err := release.OpenRollout(p.trust, envelope)
	for i := len(p.chain) - 2; i >= 0 && err != nil; i-- {
		older, olderErr := release.OpenRollout(p.chain[i], envelope)
		if olderErr != nil {
			continue
		}
		if max(older.Version, older.Highest) > release.MaxVersion/2 {
			return nil, fmt.Errorf("version %d, signed by a key revoked since, is out of reach", max(older.Version, older.Highest))
		}
		r, err, p.outdated = older, nil, true
	}
	return r, err
}

// putRoots puts every root that the origin does not have, for nodes to follow to the newest.
func (p *publisher) putRoots(ctx context.Context) error {
	limit := release.MaxEnvelope(release.MaxRoot)
	if newer, err := p.Origin.Get(ctx, origin.RootName(p.trust.Version()+1), limit); err == nil {
		if _, err := p.trust.Next(newer); err == nil {
			return fmt.Errorf("%s has root %d, and %s ends with %d: bring trust.json and roots/ of whoever changed the keys", p.Origin, p.trust.Version()+1, p.Keys, p.trust.Version())
		}
	}
	for _, t := range p.chain {
		name := origin.RootName(t.Version())
		if there, err := p.Origin.Get(ctx, name, limit); err == nil && bytes.Equal(there, t.Envelope()) {
			continue
		}
		if err := p.Origin.Put(ctx, name, t.Envelope()); err != nil {
			return err
		}
	}
	return nil
}

// missing goes on without a rollout: to the first one, where there was none. One that is lost took with it which versions nodes have seen, which release
// was offered, and which rules it had.
func (p *publisher) missing(ctx context.Context) error {
	if p.Above > 0 {
		p.lost()
		return nil
	}
	_, err := p.Origin.Get(ctx, origin.PublishedName, maxMark)
	switch {
	case errors.Is(err, origin.ErrNotFound):
		return nil
	case err != nil && !damaged(err):
		return err
	}
	return fmt.Errorf("the rollout at %s is lost, with the versions that nodes have accepted: bring it back, or publish above the largest version that nodes show (--above); "+
		"where no node has ever taken anything from there, remove %s to begin anew", p.Origin, origin.PublishedName)
}

const maxMark = 64

// mark leaves word that there was a rollout. It comes after the first one, so that a first publish that ended halfway is begun again as such.
func (p *publisher) mark(ctx context.Context) error {
	_, err := p.Origin.Get(ctx, origin.PublishedName, maxMark)
	if !errors.Is(err, origin.ErrNotFound) {
		return nil // it is there, or the next publish looks again
	}
	return p.Origin.Put(ctx, origin.PublishedName, []byte("{\"type\":\"edged.published/1\"}\n"))
}

// lost makes up a rollout that names nothing, where Above says what nodes may have accepted.
func (p *publisher) lost() {
	if p.Above > 0 {
		p.before = &release.Rollout{Version: p.Above, Highest: p.Above}
		p.unread = errors.New("the rollout that named it is lost")
	}
}

// offered is the manifest of a release at the origin, nil where it is damaged, and whether keys signed it that were revoked since.
func (p *publisher) offered(ctx context.Context, ref release.Ref) (m *release.Manifest, retired bool, err error) {
	envelope, err := p.Origin.Get(ctx, origin.ManifestName(ref.Manifest.Hex()), ref.Size)
	if err != nil && !damaged(err) {
		return nil, false, fmt.Errorf("release %s: %w", ref.ID(), err)
	}
	if err != nil || release.Sum(envelope) != ref.Manifest {
		return nil, false, nil
	}
	for i := len(p.chain) - 1; i >= 0; i-- {
		if m, err := release.OpenManifest(p.chain[i], envelope); err == nil {
			return m, p.chain[i] != p.trust, nil
		}
	}
	return nil, false, nil
}

// damaged tells an answer of the origin that something is not there, or is not what it was, from no answer: that one says nothing.
func damaged(err error) bool {
	return errors.Is(err, origin.ErrNotFound) || errors.Is(err, origin.ErrTooLarge)
}

// unlessForced is an error of reading the release offered so far: who forces goes on without it.
func (p *publisher) unlessForced(err error) error {
	if err == nil || p.Force {
		return nil
	}
	return fmt.Errorf("what is offered so far cannot be read, so that there is nothing to compare with: %w; try again, or --force", err)
}
