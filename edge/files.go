package edge

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/edged/edged/access"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/release"
	"github.com/edged/edged/rules"
	"github.com/edged/edged/words"
)

// followed is a file that a node looks at all the time.
type followed struct {
	what  string
	name  string
	limit int64
	take  func(look)
}

// look is what a file was when it was looked at.
type look struct {
	text    []byte
	changed time.Time // by the file system's clock
	at      time.Time
	err     error
}

func (e *Edge) look(name string, limit int64) look {
	info, err := e.cfg.FS.Stat(name)
	if err != nil {
		return look{err: err}
	}
	text, err := vfs.ReadFile(e.cfg.FS, name, limit)
	return look{text, info.ModTime(), e.cfg.Clock(), err}
}

// followed are the files of a node.
func (e *Edge) followed() (list []followed) {
	add := func(what, name string, limit int64, take func(look)) {
		if name != "" {
			list = append(list, followed{what, name, limit, take})
		}
	}
	for _, f := range e.files() {
		add(f.what, f.name, f.limit, func(seen look) { f.follow(e, seen) })
	}
	add("rules", e.cfg.Rules, rules.MaxDocument, e.rules.follow)
	if e.gossip != nil {
		add("gossip keys", e.cfg.Gossip.KeyFile, release.MaxGossipKeyFile, e.followGossipKeys)
	}
	return list
}

// silence is how long a file may take to be read before that is told.
const silence = 5 * time.Second

// follow looks at one file again and again, until ctx ends. Each has a goroutine of its own: a disk that doesn't answer keeps from nothing but what
// is on it.
func (e *Edge) follow(ctx context.Context, f followed) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if seen, ok := e.await(ctx, f); ok {
			f.take(seen)
		}
	}
}

// await looks at a file, and reports whether that was done before ctx ended. A look that hangs can't be called off: it is left alone, and touches nothing
// of the node when it comes back.
func (e *Edge) await(ctx context.Context, f followed) (look, bool) {
	done := make(chan look, 1)
	go func() { done <- e.look(f.name, f.limit) }()
	patience := time.NewTimer(silence)
	defer patience.Stop()
	for {
		select {
		case seen := <-done:
			return seen, ctx.Err() == nil
		case <-ctx.Done():
			return look{}, false
		case <-patience.C:
			e.cfg.Logger.Error("a file doesn't answer, and what it said before counts on", "what", f.what, "file", f.name, "for", silence)
		}
	}
}

// file is one whose words or keys are put in the place of those before, so that a rotation of keys, or a better sentence, needs no restart. One that is
// wrong, or has gone, changes nothing.
type file struct {
	what  string
	name  string // empty: there is none
	limit int64
	apply func(text []byte) error

	last []byte // as read last; nil: never
	told string // the fault told last
}

// files are those of a node, but for its rules (rulebook) and the keys of gossip.
func (e *Edge) files() []*file {
	list := []*file{
		{what: "API keys", name: e.cfg.APIKeys, limit: access.MaxFile, apply: func(text []byte) error {
			keys, err := access.Parse(text)
			if err == nil {
				e.server.SetKeys(keys)
			}
			return err
		}},
		{what: "words", name: e.cfg.Words, limit: words.MaxFile, apply: func(text []byte) error {
			set, err := e.wordsOf(text)
			if err == nil {
				e.server.SetWords(set)
			}
			return err
		}},
	}
	if e.cfg.Profile == ProfileToken {
		list = append(list, &file{what: "token keys", name: e.cfg.Token.KeyFile, limit: maxKey, apply: func(text []byte) error {
			sealer, err := e.sealerOf(text)
			if err == nil {
				e.server.SetTokens(sealer)
			}
			return err
		}})
	}
	return list
}

// follow applies the file where it has changed, and once after the start, when it may have changed already.
func (f *file) follow(e *Edge, seen look) {
	err := seen.err
	if err == nil && f.last != nil && bytes.Equal(seen.text, f.last) {
		return
	}
	first := f.last == nil
	if err == nil {
		f.last = append(make([]byte, 0, len(seen.text)), seen.text...)
		err = f.apply(seen.text)
	}
	switch {
	case err != nil && err.Error() != f.told:
		f.told = err.Error()
		e.cfg.Logger.Error("a file is wrong, and what it said before counts on", "what", f.what, "file", f.name, "error", err)
	case err == nil && !first:
		f.told = ""
		e.cfg.Logger.Info("a file has changed, and counts from now on", "what", f.what, "file", f.name)
	}
}

// words reads the words of reasons, English ones where no file has any.
func (e *Edge) words() (*words.Set, error) {
	if e.cfg.Words == "" {
		return words.English(), nil
	}
	text, err := vfs.ReadFile(e.cfg.FS, e.cfg.Words, words.MaxFile)
	if err != nil {
		return nil, fmt.Errorf("words: %w", err)
	}
	return e.wordsOf(text)
}

// wordsOf says which words are missing.
func (e *Edge) wordsOf(text []byte) (*words.Set, error) {
	set, err := words.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("words: %s: %w", e.cfg.Words, err)
	}
	if gaps := set.Gaps(); !slices.Equal(gaps, e.gaps) {
		if e.gaps = gaps; len(gaps) > 0 {
			e.cfg.Logger.Warn("words: what a language does not say is said in another one", "file", e.cfg.Words, "missing", gaps)
		}
	}
	return set, nil
}
