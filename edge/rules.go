package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/rules"
)

// rulebook compiles the rules of a file for each release and follows changes of the file. A document that is wrong never loads:
// the one before stays.
type rulebook struct {
	e       *Edge
	current atomic.Pointer[[2]edition] // of the two releases asked for last
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
	e.rules.current.Store(&[2]edition{})
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
	next := edition{r.Model(), b.compile(r)}
	b.current.Store(&[2]edition{next, b.current.Load()[0]})
	return next.set
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

func (b *rulebook) compile(r *rank.Ranker) *rules.Set {
	set, faults := rules.Compile(b.document, r.Model())
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
	var next [2]edition
	if r := b.e.Current(); r != nil {
		next[0] = edition{r.Model(), b.compile(r)}
	}
	b.current.Store(&next)
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
