package edge

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/edged/edged/access"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/words"
)

// file is one that a node follows, so that a rotation of keys, or a better sentence, needs no restart. One that is wrong, or has gone, changes nothing.
type file struct {
	what  string
	name  string // empty: there is none
	limit int64
	apply func() error // reads it again

	last []byte // as read last; nil: never
	told string // the fault told last
}

// files are those of a node, but for its rules (rulebook).
func (e *Edge) files() []*file {
	list := []*file{
		{what: "API keys", name: e.cfg.APIKeys, limit: access.MaxFile, apply: func() error {
			keys, err := e.keys()
			if err == nil {
				e.server.SetKeys(keys)
			}
			return err
		}},
		{what: "words", name: e.cfg.Words, limit: words.MaxFile, apply: func() error {
			set, err := e.words()
			if err == nil {
				e.server.SetWords(set)
			}
			return err
		}},
	}
	if e.cfg.Profile == ProfileToken {
		list = append(list, &file{what: "token keys", name: e.cfg.Token.KeyFile, limit: maxKey, apply: func() error {
			sealer, err := e.sealer()
			if err == nil {
				e.server.SetTokens(sealer)
			}
			return err
		}})
	}
	return list
}

// follow applies the file where it has changed, and once after the start, when it may have changed already.
func (f *file) follow(e *Edge) {
	if f.name == "" {
		return
	}
	text, err := vfs.ReadFile(e.cfg.FS, f.name, f.limit)
	if err == nil && f.last != nil && bytes.Equal(text, f.last) {
		return
	}
	first := f.last == nil
	if err == nil {
		f.last = append(make([]byte, 0, len(text)), text...)
		err = f.apply()
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

// words reads the words of reasons, English ones where no file has any, and says which are missing.
func (e *Edge) words() (*words.Set, error) {
	if e.cfg.Words == "" {
		return words.English(), nil
	}
	text, err := vfs.ReadFile(e.cfg.FS, e.cfg.Words, words.MaxFile)
	if err != nil {
		return nil, fmt.Errorf("words: %w", err)
	}
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
