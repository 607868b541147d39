package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/edged/edged"
)

func (im *importer) readAll(ctx context.Context, files []string) error {
	list, err := expand(im.dir.fs, files)
	if err != nil {
		return err
	}
	for i, name := range list {
		im.file, im.base = i, filepath.Base(name)
		if err := im.readFile(ctx, name); err != nil {
			if errors.Is(err, ErrTooManyBad) || ctx.Err() != nil {
				return err
			}
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return im.tally.tooMany(max(im.opts.MaxBad, 0))
}

func (im *importer) readFile(ctx context.Context, name string) (err error) {
	in, err := openInput(im.dir.fs, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.file.Close()) }()
	switch in.format {
	case formatSegment:
		return im.readSegment(ctx, in)
	case formatJSONL:
		return im.readJSONL(ctx, in)
	}
	return im.readCSV(ctx, in)
}

// step counts a row, and now and then looks whether to go on.
func (im *importer) step(ctx context.Context) error {
	im.tally.Rows++
	if im.tally.Rows%1024 == 0 && ctx.Err() != nil {
		return ctx.Err()
	}
	if im.tally.Rows%progressRows == 0 {
		im.opts.Progress(im.tally.report())
	}
	if im.tally.Rows == earlyRows {
		// A wrong mapping shows early; a bad patch at the beginning of a good file may not.
		return im.tally.tooMany(max(im.opts.MaxBad, 0.5))
	}
	return nil
}

func (im *importer) readCSV(ctx context.Context, in *input) error {
	comma := byte(',')
	if im.m != nil {
		comma = im.m.delimiter
	}
	c, header, err := newCSV(in.r, comma)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("empty file")
	}
	if err != nil {
		return err
	}
	t, err := im.table(header)
	if err != nil {
		return err
	}
	c.plausible = t.plausible
	for {
		rec, err := c.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("after line %d: %w", c.lines.number, err)
		}
		if err := im.step(ctx); err != nil {
			return err
		}
		if err := im.take(t.read(rec), rec.line, rec.raw); err != nil {
			return err
		}
	}
}

func (im *importer) readJSONL(ctx context.Context, in *input) error {
	read, err := im.jsonReader()
	if err != nil {
		return err
	}
	l := newLines(in.r)
	for {
		ln, err := l.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("after line %d: %w", l.number, err)
		}
		text := ln.text
		if ln.number == 1 {
			text = []byte(strings.TrimPrefix(string(text), "\xef\xbb\xbf"))
		}
		if len(text) == 0 {
			continue // JSON lines may be apart
		}
		if err := im.step(ctx); err != nil {
			return err
		}
		var fail *fault
		if ln.long {
			fail = &fault{faultLong, true, ""}
		} else {
			fail = read(text)
		}
		if err := im.take(fail, ln.number, string(text)); err != nil {
			return err
		}
	}
}

// jsonReader returns what makes im.event and im.item of a line.
func (im *importer) jsonReader() (func([]byte) *fault, error) {
	if im.m == nil && im.opts.Kind == Events {
		return im.ownEvent, nil
	}
	if im.m == nil {
		return im.ownItem, nil
	}
	if err := im.checkSections(im.m); err != nil {
		return nil, err
	}
	at, r := im.m.jsonSlots(), im.m.newRow()
	return func(text []byte) *fault {
		r.reset()
		if err := flatten(text, at, r.values); err != nil {
			return badRow("not a JSON object", "%v", err)
		}
		return im.mapRow(im.m, r)
	}, nil
}

func (im *importer) ownEvent(text []byte) *fault {
	e, err := ParseEvent(text)
	if err != nil {
		return badRow("not an event", "%v", err)
	}
	im.event = e
	return admitEvent(&im.event, im.now)
}

func (im *importer) ownItem(text []byte) *fault {
	it, err := ParseItem(text)
	if err != nil {
		return badRow("not an item", "%v", err)
	}
	im.item = it
	return nil
}

func (im *importer) readSegment(ctx context.Context, in *input) error {
	dec := newDecoder()
	kind := EventSegment
	if im.opts.Kind == Items {
		kind = ItemSegment
	}
	return in.readSegments(kind, func(n int64, rec []byte) error {
		if err := im.step(ctx); err != nil {
			return err
		}
		if kind == ItemSegment {
			return im.take(im.ownItem(rec), n, string(rec))
		}
		im.event.Context = nil // the decoder's is shared
		fail := decodeEvent(dec, rec, &im.event)
		if fail == nil {
			fail = admitTime(&im.event, im.now) // a node takes its clock's word
		}
		err := im.take(fail, n, "")
		im.event = edged.Event{}
		return err
	})
}

// checkSections fails when a mapping lacks what is to be imported.
func (im *importer) checkSections(m *Mapping) error {
	if im.opts.Kind == Events && m.events == nil || im.opts.Kind == Items && m.items == nil {
		return fmt.Errorf("the mapping has no section %q", im.opts.Kind)
	}
	return nil
}

// mapRow makes im.event and im.item of a row. Of an import of events, an item without id says the row has none.
func (im *importer) mapRow(m *Mapping, r *row) (err *fault) {
	im.item = edged.Item{}
	if im.opts.Kind == Events {
		if err = m.events.event(r, &im.event, im.now); err != nil && err.bad {
			return err
		}
	}
	if m.items == nil {
		return err
	}
	itemErr := m.items.item(r, &im.item)
	if itemErr != nil && (itemErr.bad || im.opts.Kind == Items) {
		return itemErr
	}
	if itemErr != nil {
		im.item.ID = ""
	}
	if im.opts.Kind == Events && !m.items.dated {
		im.item.Updated = im.event.Time
	}
	return err
}

// take counts a row that was mapped, and keeps what it said.
func (im *importer) take(err *fault, line int64, text string) error {
	if err != nil {
		im.tally.drop(err, im.base, line, text)
	}
	if err != nil && err.bad {
		return nil
	}
	if im.item.ID != "" {
		im.items.apply(&im.item)
	}
	switch {
	case err != nil:
		return nil
	case im.opts.Kind == Items:
		im.isRow++
		return nil
	}
	if im.opts.Forget[im.event.User] || im.opts.Forget[im.event.Session] {
		im.tally.drop(&fault{reason: reasonForgotten}, im.base, line, "")
		return nil
	}
	im.record = AppendEventRecord(im.record[:0], &im.event)
	return im.spill.add(dayNumber(im.event.Time), im.file, im.record)
}
