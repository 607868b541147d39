package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/rules"
)

// rulebook compiles the rules of a file for each release and follows changes of the file. A document that is wrong never loads:
// the one before stays.
type rulebook struct {
	e       *Edge
	current atomic.Pointer[[4]edition] // of the two releases asked for last, with the overlay and without
	missing bool                       // the file has gone; only follow looks at it

	mu       sync.Mutex
	document []byte // the one that counts
	refused  []byte // the one that was wrong last; nil: the file's counts
	faults   []rules.Fault
}

// edition is the document as compiled for one release; the set is nil where the catalogue could not be read. An overlay changes the catalogue
// only where it makes another model.
type edition struct {
	model *model.Model
	set   *rules.Set
}

// openRules reads the file, where there is one. A node doesn't start with rules that are wrong.
func (e *Edge) openRules() error {
	if e.cfg.Rules == "" {
		return nil
	}
	e.rules = &rulebook{e: e}
	e.rules.current.Store(&[4]edition{})
	return e.rules.read()
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
	return b.compileFor(r)
}

// compileFor compiles for a release, and for what an overlay makes of it, which is much the same. The caller holds mu.
func (b *rulebook) compileFor(r *rank.Ranker) *rules.Set {
	before := b.current.Load()
	next := [4]edition{2: before[0], 3: before[1]}
	base, ok := b.find(r.Base())
	if !ok {
		base = b.compile(r.Base().Model(), nil, nil)
	}
	next[1] = edition{r.Base().Model(), base}
	next[0] = next[1]
	if r.Model() != r.Base().Model() {
		next[0] = edition{r.Model(), b.compile(r.Model(), base, r.Repriced())}
	}
	b.current.Store(&next)
	return next[0].set
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

func (b *rulebook) compile(m *model.Model, like *rules.Set, changed []edged.Row) *rules.Set {
	set, faults := rules.CompileLike(b.document, m, like, changed)
	b.faults = faults
	if set == nil { // the document was checked
		b.e.cfg.Logger.Error("rules: the catalogue can't be read for them", "faults", fmt.Sprint(faults))
		b.e.node.Suspect()
	}
	return set
}

// read takes the file's document if it is another one than before.
func (b *rulebook) read() error {
	document, err := vfs.ReadFile(b.e.cfg.FS, b.e.cfg.Rules, rules.MaxDocument)
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.document != nil && bytes.Equal(document, b.document) || b.refused != nil && bytes.Equal(document, b.refused) {
		return nil
	}
	if faults := rules.Check(document); rules.Failed(faults) {
		b.refused = document
		return fmt.Errorf("rules: %s: %w", b.e.cfg.Rules, joined(faults))
	}
	b.document, b.refused = document, nil
	b.current.Store(&[4]edition{})
	if r := b.e.Current(); r != nil {
		b.compileFor(r)
	}
	return nil
}

func joined(faults []rules.Fault) error {
	var list []error
	for _, f := range faults {
		list = append(list, errors.New(f.String()))
	}
	return errors.Join(list...)
}

// follow reads the file again, and compiles for a release that has become the current one.
func (b *rulebook) follow() {
	switch err := b.read(); {
	case err == nil:
		b.missing = false
	case !b.missing:
		b.missing = errors.Is(err, fs.ErrNotExist) // told once; a document that is wrong is told once by itself
		b.e.cfg.Logger.Error("rules stay as they were", "error", err)
	}
	if r := b.e.Current(); r != nil {
		b.For(r)
	}
}

// rulesStatus is what /v1/admin/rules shows.
type rulesStatus struct {
	Version  string   `json:"version"` // of the document; empty: no release is held yet
	Rules    int      `json:"rules"`
	Warnings []string `json:"warnings"`
	Refused  bool     `json:"refused"` // the file holds another document, which doesn't load
}

func (b *rulebook) status() any {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := rulesStatus{Warnings: []string{}, Refused: b.refused != nil}
	if set := b.current.Load()[0].set; set != nil {
		s.Version, s.Rules = set.Version(), set.Len()
	}
	for _, f := range b.faults {
		s.Warnings = append(s.Warnings, f.String())
	}
	return s
}
