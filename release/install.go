package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
)

// Fetch brings pieces of which nothing is believed yet, in any order and several at once, to got, which may be called
// concurrently and says why it does not take one. It returns when all were taken, or cannot be had.
type Fetch func(ctx context.Context, pieces []Piece, got func(Piece, []byte) error) error

// OneByOne is the Fetch that gets piece after piece.
func OneByOne(get func(context.Context, Piece) ([]byte, error)) Fetch {
	return func(ctx context.Context, pieces []Piece, got func(Piece, []byte) error) error {
		for _, p := range pieces {
			b, err := get(ctx, p)
			if err == nil {
				err = got(p, b)
			}
			if err != nil {
				return &PieceError{p, err}
			}
		}
		return nil
	}
}

// PieceError says which piece could not be had.
type PieceError struct {
	Piece Piece
	Err   error
}

func (e *PieceError) Error() string { return fmt.Sprintf("piece %s: %v", e.Piece.Hash.Short(), e.Err) }

// Unwrap gives the cause.
func (e *PieceError) Unwrap() error { return e.Err }

// Install brings the named components of a release into the store, whole and checked, or not at all. What releases held
// have already is taken from them, as it is or as the base of differences; pieces that came before a crash or a fault are not
// fetched again. The manifest's envelope must have been opened already.
func (s *Store) Install(ctx context.Context, envelope []byte, m *Manifest, components []string, fetch Fetch) error {
	in := &install{Store: s, hash: Sum(envelope), manifest: m, fetch: fetch}
	in.stage = path.Join(s.root, "staging", in.hash.Hex())
	err := in.begin(envelope)
	if err == nil {
		err = in.gather(ctx, components)
	}
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
	fetch    Fetch
	held     *heldBlocks
}

func (in *install) tree(name string) string { return path.Join(in.stage, "release", name) }

// begin clears what other installs left, and keeps the pieces of this one.
func (in *install) begin(envelope []byte) error {
	if err := in.sweep(in.manifest, in.hash); err != nil {
		return err
	}
	parent := path.Dir(in.stage)
	if err := in.fs.RemoveAll(parent); err != nil {
		return err
	}
	if err := in.fs.MkdirAll(in.tree("")); err != nil {
		return err
	}
	in.held = in.heldBlocks()
	if p := (Piece{Hash: in.hash, Size: int64(len(envelope))}); !in.there(p) {
		return in.keep(p, envelope)
	}
	return nil
}

// gather fetches every piece that is needed. Where differences cannot be had, for they are damaged or missing at the source,
// chunks come whole.
func (in *install) gather(ctx context.Context, components []string) error {
	want, err := in.needed(components, true)
	if err != nil || len(want) == 0 {
		return err
	}
	err = in.fetch(ctx, want, in.keep)
	var bad *PieceError
	if errors.As(err, &bad) && in.isDelta(bad.Piece) && ctx.Err() == nil {
		if want, err = in.needed(components, false); err == nil {
			err = in.fetch(ctx, want, in.keep)
		}
	}
	return in.named(err)
}

// needed lists the pieces to fetch: of no block that is held; differences where their base is held.
func (in *install) needed(components []string, deltas bool) (want []Piece, err error) {
	asked := map[Hash]bool{}
	for _, name := range components {
		c, ok := in.manifest.Component(name)
		if !ok {
			return nil, formatf("component %q: not in the manifest", name)
		}
		based := in.held.base(c.Base)
		for _, chunk := range c.Chunks {
			if in.held.block(chunk) || in.there(chunk.Piece) || chunk.Delta != nil && based && in.there(*chunk.Delta) {
				continue
			}
			p := chunk.Piece
			if deltas && chunk.Delta != nil && based {
				p = *chunk.Delta
			}
			if !asked[p.Hash] {
				asked[p.Hash] = true
				want = append(want, p)
			}
		}
	}
	return want, nil
}

func (in *install) isDelta(p Piece) bool {
	for _, c := range in.manifest.Components {
		for _, chunk := range c.Chunks {
			if chunk.Delta != nil && *chunk.Delta == p {
				return true
			}
		}
	}
	return false
}

// named says which chunk of which component a piece belongs to.
func (in *install) named(err error) error {
	var bad *PieceError
	if !errors.As(err, &bad) {
		return err
	}
	for i := range in.manifest.Components {
		c := &in.manifest.Components[i]
		for k, chunk := range c.Chunks {
			if chunk.Piece == bad.Piece || chunk.Delta != nil && *chunk.Delta == bad.Piece {
				return c.at(k, bad.Err)
			}
		}
	}
	return err
}

func (in *install) component(ctx context.Context, name string) error {
	c, ok := in.manifest.Component(name)
	if !ok {
		return formatf("component %q: not in the manifest", name)
	}
	return in.write(name, func(w io.Writer) error {
		return c.join(w, func(dst []byte, chunk *Chunk) ([]byte, error) { return in.raw(ctx, dst, c, chunk) })
	})
}

// raw gives a chunk's raw bytes: of a release held, of the piece that came, of its differences. Where none of these gives the
// right ones, since a disk may fail, the piece itself is fetched.
func (in *install) raw(ctx context.Context, dst []byte, c *Component, chunk *Chunk) ([]byte, error) {
	if b, err := in.held.read(dst, *chunk); err == nil {
		return b, nil
	}
	if b, err := in.whole(dst, chunk); err == nil {
		return b, nil
	}
	if b, err := in.difference(dst, c, chunk); err == nil {
		return b, nil
	}
	if err := in.fetch(ctx, []Piece{chunk.Piece}, in.keep); err != nil {
		var bad *PieceError
		if errors.As(err, &bad) {
			return nil, bad.Err
		}
		return nil, err
	}
	return in.whole(dst, chunk)
}

// errAbsent means that something is not here.
var errAbsent = errors.New("absent")

func (in *install) whole(dst []byte, chunk *Chunk) ([]byte, error) {
	b, err := in.piece(chunk.Piece)
	if err != nil {
		return nil, err
	}
	return chunk.Decode(dst, b)
}

func (in *install) difference(dst []byte, c *Component, chunk *Chunk) ([]byte, error) {
	if chunk.Delta == nil || !in.held.base(c.Base) {
		return nil, errAbsent
	}
	b, err := in.piece(*chunk.Delta)
	if err != nil {
		return nil, err
	}
	f, err := in.held.open(c.Base.Hash)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return chunk.DecodeDelta(dst, b, f, c.Base.Size)
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
