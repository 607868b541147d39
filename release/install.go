package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/edged/edged/internal/vfs"
)

// Get fetches the compressed bytes of a chunk of which nothing is believed yet.
type Get func(ctx context.Context, c Chunk) ([]byte, error)

// Install brings the named components of a release into the store, whole and checked, or not at all. Chunks that came
// before a crash or a fault are not fetched again. The manifest's envelope must have been opened already.
func (s *Store) Install(ctx context.Context, envelope []byte, m *Manifest, components []string, get Get) error {
	in := &install{Store: s, hash: Sum(envelope), manifest: m, get: get}
	in.stage = path.Join(s.root, "staging", in.hash.Hex())
	err := in.begin()
	for _, name := range components {
		if err == nil {
			err = in.component(ctx, name)
		}
	}
	if err == nil {
		err = in.finish(envelope, components)
	}
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	return nil
}

// install is one release on its way in.
type install struct {
	*Store
	hash     Hash
	manifest *Manifest
	stage    string
	get      Get
}

func (in *install) tree(name string) string { return path.Join(in.stage, "release", name) }
func (in *install) chunk(c Chunk) string    { return path.Join(in.stage, "chunks", c.Hash.Hex()) }

// begin clears what other installs left, and keeps the chunks of this one.
func (in *install) begin() error {
	parent := path.Dir(in.stage)
	entries, err := in.fs.ReadDir(parent)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if e.Name() != path.Base(in.stage) {
			if err := in.fs.RemoveAll(path.Join(parent, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := in.fs.RemoveAll(in.tree("")); err != nil {
		return err
	}
	return errors.Join(in.fs.MkdirAll(in.tree("")), in.fs.MkdirAll(path.Join(in.stage, "chunks")))
}

func (in *install) component(ctx context.Context, name string) error {
	c, ok := in.manifest.Component(name)
	if !ok {
		return formatf("component %q: not in the manifest", name)
	}
	return in.write(name, func(w io.Writer) error {
		return Join(w, c, func(c Chunk) ([]byte, error) { return in.fetch(ctx, c) })
	})
}

// write makes a file of the release, durable but for its name.
func (in *install) write(name string, fill func(io.Writer) error) error {
	f, err := in.fs.Create(in.tree(name))
	if err != nil {
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (in *install) writeBytes(name string, b []byte) error {
	return in.write(name, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// fetch takes a chunk from an earlier try, if what lies there is right, or from get. It is kept for a next try
// without waiting for the disk: what a crash does to it will be seen by its hash.
func (in *install) fetch(ctx context.Context, c Chunk) ([]byte, error) {
	if b, err := vfs.ReadFile(in.fs, in.chunk(c), c.Size); err == nil && c.Verify(b) == nil {
		return b, nil
	}
	b, err := in.get(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := c.Verify(b); err != nil {
		return nil, err
	}
	return b, in.keep(c, b)
}

func (in *install) keep(c Chunk, b []byte) error {
	f, err := in.fs.Create(in.chunk(c))
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// finish writes the documents, makes the tree durable and gives it its name.
func (in *install) finish(envelope []byte, components []string) error {
	record, err := json.Marshal(map[string]any{"type": installedDoc, "components": components})
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return in.writeBytes(manifestName, envelope) },
		func() error { return in.writeBytes(installedName, record) },
		func() error { return in.fs.SyncDir(in.tree("")) },
		func() error { return in.fs.RemoveAll(in.dir(in.hash)) }, // a damaged copy, or it would have been used
		func() error { return in.fs.Rename(in.tree(""), in.dir(in.hash)) },
		func() error { return in.fs.SyncDir(path.Join(in.root, "releases")) },
		func() error { return in.fs.SyncDir(in.root) },
		func() error { return in.fs.RemoveAll(in.stage) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
