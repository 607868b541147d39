package publish

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
	"github.com/edged/edged/snapshot"
)

// maxBase bounds the component of the release before that is held in memory to take differences to it; larger ones travel whole.
const maxBase = 2 << 30

// base is the release offered so far: what nodes most likely hold.
type base struct {
	files map[string]*snapshot.File // by component
	refs  map[string]*release.Base
	rows  relation
	rules []byte // nil: none, or damaged
}

// findBase makes the release offered so far the base, where it is whole.
func (p *publisher) findBase(ctx context.Context) (err error) {
	if p.base, err = p.loadBase(ctx); err != nil {
		p.unread = cmp.Or(p.unread, err)
		return p.unlessForced(err)
	}
	if p.base != nil {
		p.base.rows = relateRows(p.opened["model"], p.base.files["model"])
	}
	return nil
}

// loadBase reads the release offered so far: what the directory has of it, and else from the origin. One that is not whole there is no base: then
// everything travels whole, and unread says why. It is an error that the origin does not answer.
func (p *publisher) loadBase(ctx context.Context) (*base, error) {
	if p.manifest == nil {
		return nil, nil
	}
	b := &base{files: map[string]*snapshot.File{}, refs: map[string]*release.Base{}}
	for _, f := range files {
		c, ok := p.manifest.Component(f.component)
		if !ok || c.Size > maxBase {
			return nil, nil
		}
		data := p.local(c, f.file)
		if data == nil {
			var err error
			if data, err = p.join(ctx, c); err != nil || data == nil {
				p.unread = fmt.Errorf("release %s: component %q at %s is damaged, or not whole", p.before.Release.ID(), c.Name, p.Origin)
				return nil, err
			}
		}
		var err error
		if b.files[f.component], err = snapshot.Parse(data, f.kind, nil); err != nil {
			p.unread = fmt.Errorf("release %s: component %q: %w", p.before.Release.ID(), c.Name, err)
			return nil, nil
		}
		b.refs[f.component] = &release.Base{Hash: c.Hash, Size: c.Size, Data: bytes.NewReader(data), IDs: ids(c)}
	}
	b.refs[rulesComponent] = &release.Base{}
	if c, ok := p.manifest.Component(rulesComponent); ok {
		b.refs[rulesComponent].IDs = ids(c)
		var err error
		if b.rules, err = p.joinRules(ctx, c); err != nil && !errors.Is(err, errRulesLost) {
			return nil, err
		}
	}
	return b, nil
}

// local is a component that the directory to publish has byte for byte, nil where it has another: publishing a release again compares it with itself,
// whatever the origin has lost of it.
func (p *publisher) local(c *release.Component, file string) []byte {
	if p.Release == "" {
		return nil
	}
	data, err := vfs.ReadFile(p.FS, path.Join(p.Release, file), c.Size)
	if err != nil || c.Check(bytes.NewReader(data)) != nil {
		return nil
	}
	return data
}

// join reads a component from the origin, nil where it is damaged there.
func (p *publisher) join(ctx context.Context, c *release.Component) ([]byte, error) {
	var b bytes.Buffer
	var away error
	step := Step{Name: "base", Total: c.Size}
	err := release.Join(&b, c, func(piece release.Piece) ([]byte, error) {
		step.Done = int64(b.Len())
		p.Progress(step)
		packed, err := p.Origin.Get(ctx, origin.ChunkName(piece.Hash.Hex()), piece.Size)
		if err != nil && !damaged(err) {
			away = err
		}
		return packed, err
	})
	if err != nil {
		return nil, away
	}
	return b.Bytes(), nil
}

// ids are the blocks that nodes with the release have.
func ids(c *release.Component) map[release.Hash]bool {
	known := map[release.Hash]bool{}
	for _, chunk := range c.Chunks {
		known[chunk.ID] = true
	}
	delete(known, release.Hash{}) // of the first format
	return known
}

// small sections share a chunk with their neighbours.
const small = 4 << 10

// plan says how a component is cut, and what of the base its sections resemble.
func (p *publisher) plan(component string, f *snapshot.File) release.Plan {
	var plan release.Plan
	var before *snapshot.File
	if p.base != nil {
		before, plan.Base = p.base.files[component], p.base.refs[component]
	}
	begin := int64(0) // of what is in no span yet: header, table and small sections
	for _, s := range f.Sections() {
		off, n, _ := f.Extent(s.Name)
		if n < small {
			continue
		}
		span := release.Span{Size: padded(n), Unit: rowSize(s, n, int64(p.ranker.Model().Len()))}
		if before != nil {
			p.base.rows.relate(&span, s, f, before)
		}
		plan.Spans = append(appendSpan(plan.Spans, release.Span{Size: off - begin}), span)
		begin = off + span.Size
	}
	if size := fileSize(f); begin < size {
		plan.Spans = appendSpan(plan.Spans, release.Span{Size: size - begin})
	}
	return plan
}

func appendSpan(spans []release.Span, s release.Span) []release.Span {
	if s.Size == 0 {
		return spans
	}
	return append(spans, s)
}

// padded is how much of the file a section takes (snapshot/FORMAT.md).
func padded(n int64) int64 { return (n + 63) &^ 63 }

func fileSize(f *snapshot.File) int64 {
	size := int64(64)
	for _, s := range f.Sections() {
		_, n, _ := f.Extent(s.Name)
		size += 64 + padded(n)
	}
	return size
}

// split cuts a component, and puts its pieces.
func (p *publisher) split(ctx context.Context, component string, r io.Reader, size int64, f *snapshot.File) (release.Component, error) {
	step := Step{Name: "chunks", Total: size}
	c, err := release.Split(component, &counting{r: r, n: &step.Done}, p.plan(component, f), func(piece release.Piece, packed []byte) error {
		p.Progress(step)
		return p.putChunk(ctx, piece, packed)
	})
	if err != nil {
		return c, fmt.Errorf("split: %w", err)
	}
	return c, nil
}

// counting counts what was read.
type counting struct {
	r io.Reader
	n *int64
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	*c.n += int64(n)
	return n, err
}
