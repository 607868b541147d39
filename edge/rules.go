package edge

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/rules"
)

// rulebook says which rules count. Those of a release come with it, and with it alone; where a file is configured, it counts in the place of all
// that releases bring: the rulebook compiles it for each release and follows its changes. A document that is wrong never loads: the one before stays.
type rulebook struct {
	e       *Edge
	current atomic.Pointer[[4]edition] // of the two releases asked for last, with the overlay and without

	// Of follow alone:
	missing bool // the file can't be read: told already
	last    look // at the file

	mu       sync.Mutex
	document []byte // of the file; nil: none is configured
	refused  []byte // the one that was wrong last; nil: the file's counts
}

// edition is what counts of one release; the set is nil where there is none, or the catalogue could not be read. An overlay changes the catalogue
// only where it makes another model.
type edition struct {
	model  *model.Model
	set    *rules.Set
	faults []rules.Fault
}

// openRules reads the file, where there is one. A node doesn't start with rules that are wrong.
func (e *Edge) openRules() error {
	e.rules = &rulebook{e: e}
	e.rules.current.Store(&[4]edition{})
	if e.cfg.Rules == "" {
		return nil
	}
	if err := e.rules.read(); err != nil {
		return err
	}
	e.cfg.Logger.Info("rules of the file count; those that releases bring do not", "file", e.cfg.Rules)
	return nil
}

// For implements serve.Rules. Whoever comes first after a change compiles, others wait for it.
func (b *rulebook) For(r *rank.Ranker) *rules.Set {
	if set, ok := b.find(r); ok {
		return set
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if set, ok := b.find(r); ok {
		return set
	}
	return b.compileFor(r, b.current.Load())
}

// compileFor compiles for a release, and for what an overlay makes of it, which is much the same, beside the editions there are. Requests go by those
// until it is done. The caller holds mu.
func (b *rulebook) compileFor(r *rank.Ranker, before *[4]edition) *rules.Set {
	next := [4]edition{2: before[0], 3: before[1]}
	next[1] = b.edition(r.Base(), before)
	next[0] = next[1]
	if r.Model() != r.Base().Model() && next[1].set != nil {
		next[0] = b.compiled(r.Model(), func() (*rules.Set, []rules.Fault) { return next[1].set.For(r.Model(), r.Repriced()) })
	}
	next[0].model = r.Model()
	b.current.Store(&next)
	return next[0].set
}

// edition is that of a release without an overlay.
func (b *rulebook) edition(base *rank.Ranker, before *[4]edition) edition {
	for _, known := range before {
		if known.model == base.Model() {
			return known
		}
	}
	if b.document != nil {
		return b.compiled(base.Model(), func() (*rules.Set, []rules.Fault) { return rules.Compile(b.document, base.Model()) })
	}
	one := edition{model: base.Model(), set: base.Rules()}
	if one.set != nil {
		one.faults = one.set.Warnings()
	}
	return one
}

func (b *rulebook) find(r *rank.Ranker) (*rules.Set, bool) {
	list := b.current.Load()
	for i := range list {
		if list[i].model == r.Model() {
			return list[i].set, true
		}
	}
	return nil, false
}

func (b *rulebook) compiled(m *model.Model, compile func() (*rules.Set, []rules.Fault)) edition {
	set, faults := compile()
	if set == nil { // the document was checked
		b.e.cfg.Logger.Error("rules: the catalogue can't be read for them", "faults", fmt.Sprint(faults))
		b.e.node.Suspect()
	}
	return edition{m, set, faults}
}

// settleTime is how long a file must stay as it is before it counts: one that is written in place is, for a while, the beginning of what it will be.
const settleTime = 500 * time.Millisecond

// read takes the file's document at once, as a start does.
func (b *rulebook) read() error {
	now := b.e.look(b.e.cfg.Rules, rules.MaxDocument)
	if now.err != nil {
		return fmt.Errorf("rules: %w", now.err)
	}
	b.last = now
	return b.take(now.text)
}

// settle takes the file's document once it has been the same for a while.
func (b *rulebook) settle(now look) error {
	if now.err != nil {
		return fmt.Errorf("rules: %w", now.err)
	}
	if !now.changed.Equal(b.last.changed) || !bytes.Equal(now.text, b.last.text) {
		b.last = now
		return nil
	}
	if now.at.Sub(b.last.at) < settleTime {
		return nil
	}
	return b.take(b.last.text)
}

// take takes a document if it is another one than before.
func (b *rulebook) take(document []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.document != nil && bytes.Equal(document, b.document) || b.refused != nil && bytes.Equal(document, b.refused) {
		return nil
	}
	if faults := rules.Check(document); rules.Failed(faults) {
		b.refused = document
		return fmt.Errorf("rules: %s: %w", b.e.cfg.Rules, rules.Joined(faults))
	}
	b.document, b.refused = document, nil
	if r := b.e.Current(); r != nil {
		b.compileFor(r, &[4]edition{})
	}
	return nil
}

// prepare compiles for a release that has become the current one.
func (b *rulebook) prepare() {
	if r := b.e.Current(); r != nil {
		b.For(r)
	}
}

// follow takes a look at the file.
func (b *rulebook) follow(now look) {
	switch err := b.settle(now); {
	case err == nil:
		b.missing = false
	case !b.missing:
		b.missing = now.err != nil // told once; a document that is wrong is told once by itself
		b.e.cfg.Logger.Error("rules stay as they were", "error", err)
	}
}

// refuses reports whether the file holds a document that doesn't load.
func (b *rulebook) refuses() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused != nil
}

// Where rules are from.
const (
	rulesOfFile    = "file"
	rulesOfRelease = "release"
)

// rulesStatus is what /v1/admin/rules shows.
type rulesStatus struct {
	From     string   `json:"from"`    // file or release
	Version  string   `json:"version"` // of the document; empty: there is none, or no release is held yet
	Rules    int      `json:"rules"`
	Warnings []string `json:"warnings"`
	Refused  bool     `json:"refused"` // the file holds another document, which doesn't load
}

func (b *rulebook) status() any {
	r := b.e.Current()
	if r != nil {
		b.For(r)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := rulesStatus{From: rulesOfRelease, Warnings: []string{}, Refused: b.refused != nil}
	if b.document != nil {
		s.From = rulesOfFile
	}
	for _, now := range b.current.Load() {
		if r == nil || now.model != r.Model() {
			continue
		}
		if now.set != nil {
			s.Version, s.Rules = now.set.Version(), now.set.Len()
		}
		for _, f := range now.faults {
			s.Warnings = append(s.Warnings, f.String())
		}
		return s
	}
	return s
}
