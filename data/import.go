package data

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
)

// What an import is of.
const (
	Events = "events" // and items, where the mapping has a section for them
	Items  = "items"
)

// noNode stands for the place in a mapping that was not written by anyone.
var noNode yaml.Node

// progressRows is how many rows lie between two calls of ImportOptions.Progress.
const progressRows = 1 << 16

// ImportOptions say how to import. The zero value imports events.
type ImportOptions struct {
	Kind      string           // Events or Items; empty: Events
	MaxBad    float64          // share of bad rows above which the import fails; 0: 0.05, negative: none allowed
	Progress  func(Report)     // called now and then, and at the end
	MaxMemory int64            // bytes for rows that wait and ids that are compared; 0: 96 MiB
	Clock     func() time.Time // nil: time.Now
}

// EnsureDefaults fills what is zero.
func (o *ImportOptions) EnsureDefaults() {
	if o.Kind == "" {
		o.Kind = Events
	}
	if o.MaxBad == 0 {
		o.MaxBad = 0.05
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = 4 * spillBudget
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(Report) {}
	}
}

// Validate reports all faults at once.
func (o *ImportOptions) Validate() error {
	var errs []error
	if o.Kind != Events && o.Kind != Items {
		errs = append(errs, fmt.Errorf("kind %q: want %s or %s", o.Kind, Events, Items))
	}
	if !(o.MaxBad <= 1) {
		errs = append(errs, fmt.Errorf("share of bad rows %v: want at most 1", o.MaxBad))
	}
	if o.MaxMemory < 1<<20 {
		errs = append(errs, fmt.Errorf("memory %d: want at least 1 MiB", o.MaxMemory))
	}
	return errors.Join(errs...)
}

// importer is one run of Import.
type importer struct {
	dir   *Dir
	m     *Mapping // nil: fields are named as ours are
	opts  ImportOptions
	now   int64
	tally tally
	spill *spill
	items catalogue // patches waiting
	isRow int64     // rows that spoke of an item, of an import of items

	file   int    // number of the file being read
	base   string // its base name, for examples
	event  edged.Event
	item   edged.Item
	record []byte
	made   []string // files to remove if the import fails
}

// Import reads files into a directory opened by CreateDir: CSV and JSON lines, plain or gzip, edged's own segments,
// and directories of these, such as a node's event log. A nil mapping takes fields by their own names.
//
// All of it becomes visible at once at the end, or nothing does. The report is filled in either case.
func Import(ctx context.Context, dir *Dir, m *Mapping, files []string, opts ImportOptions) (Report, error) {
	opts.EnsureDefaults()
	if err := opts.Validate(); err != nil {
		return Report{}, fmt.Errorf("import: %w", err)
	}
	if dir.lock == nil {
		return Report{}, fmt.Errorf("import: %w", ErrReadOnly)
	}
	im := &importer{dir: dir, m: m, opts: opts, now: opts.Clock().UnixMilli(), items: catalogue{}}
	err := im.run(ctx, files)
	if err != nil {
		err = fmt.Errorf("import: %w", errors.Join(err, im.undo()))
	}
	return im.tally.report(), err
}

func (im *importer) run(ctx context.Context, files []string) (err error) {
	if err := im.dir.fs.MkdirAll(im.dir.file(tempDir)); err != nil {
		return err
	}
	im.spill = newSpill(im.dir.fs, im.dir.file(tempDir, "rows"), int(im.opts.MaxMemory/4))
	if err := im.readAll(ctx, files); err != nil {
		return errors.Join(err, im.spill.close())
	}
	if err := im.spill.close(); err != nil {
		return err
	}
	if err := im.commit(ctx); err != nil {
		return err
	}
	im.opts.Progress(im.tally.report())
	return im.dir.fs.RemoveAll(im.dir.file(tempDir))
}

// undo removes what a failed import wrote. What it can't remove the next writer will.
func (im *importer) undo() error {
	errs := []error{im.dir.fs.RemoveAll(im.dir.file(tempDir))}
	for _, name := range im.made {
		errs = append(errs, im.dir.fs.RemoveAll(name))
	}
	return errors.Join(errs...)
}

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

// table is a CSV file as a mapping sees it.
type table struct {
	im *importer
	m  *Mapping
	at []int
	r  *row
}

func (im *importer) table(header []string) (*table, error) {
	m := im.m
	if m == nil {
		var err error
		if m, err = identity(header, im.opts.Kind); err != nil {
			return nil, err
		}
	}
	if err := im.checkSections(m); err != nil {
		return nil, err
	}
	at, err := m.bind(header, im.opts.Kind == Events, m.items != nil)
	if err != nil {
		return nil, err
	}
	return &table{im, m, at, m.newRow()}, nil
}

// checkSections fails when a mapping lacks what is to be imported.
func (im *importer) checkSections(m *Mapping) error {
	if im.opts.Kind == Events && m.events == nil || im.opts.Kind == Items && m.items == nil {
		return fmt.Errorf("the mapping has no section %q", im.opts.Kind)
	}
	return nil
}

func (t *table) load(fields []string) {
	t.r.reset()
	for slot, i := range t.at {
		t.r.values[slot] = ""
		if i >= 0 {
			t.r.values[slot] = fields[i]
		}
	}
}

func (t *table) read(rec *record) *fault {
	if rec.fault != "" {
		return &fault{rec.fault, true, ""}
	}
	t.load(rec.fields)
	return t.im.mapRow(t.m, t.r)
}

// plausible says whether fields map to an event or item, or are filtered: whether they are a row, not prose.
func (t *table) plausible(fields []string) bool {
	t.load(fields)
	err := t.im.mapRow(t.m, t.r)
	return err == nil || !err.bad
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
	im.record = AppendEventRecord(im.record[:0], &im.event)
	return im.spill.add(dayNumber(im.event.Time), im.file, im.record)
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

// commit writes what is new and makes it visible.
func (im *importer) commit(ctx context.Context) error {
	var events []segment
	for _, day := range im.spill.dayNumbers() {
		s, err := im.writeDay(ctx, day)
		if err != nil {
			return err
		}
		if s != nil {
			events = append(events, *s)
		}
		delete(im.spill.days, day)
	}
	items, err := im.writeItems(ctx)
	if err != nil {
		return err
	}
	if len(events)+len(items) == 0 {
		return nil
	}
	for _, folder := range []string{eventsDir, itemsDir} {
		if err := im.dir.fs.SyncDir(im.dir.file(folder)); err != nil {
			return err
		}
	}
	next := im.dir.m.add(events, items)
	if err := vfs.WriteFile(im.dir.fs, im.dir.file(manifestName), next.encode()); err != nil {
		im.made = nil // the rename may have happened: the files may be in use
		return err
	}
	im.dir.m, im.made = next, nil
	return nil
}

// writeDay writes the new events of a day, nil when there are none.
func (im *importer) writeDay(ctx context.Context, day int64) (*segment, error) {
	name := dayName(day)
	known, n := im.dir.daySegments(name)
	rows := im.spill.days[day].rows
	passes := passesFor(n+rows, im.opts.MaxMemory/96) // bytes an id costs in the maps
	w := &segmentFile{im: im, kind: EventSegment, folder: eventsDir, day: name}
	for pass := range passes {
		d := newDeduper(pass, passes)
		if err := im.prepare(ctx, d, day, known); err != nil {
			return nil, errors.Join(err, w.abort())
		}
		err := im.spill.each(day, func(file int, rec []byte) error {
			out, ours := d.fresh(file, rec)
			if out == nil {
				if ours {
					im.tally.Duplicates++
				}
				return nil
			}
			im.tally.Events++
			return w.add(out)
		})
		if err != nil {
			return nil, errors.Join(err, w.abort())
		}
	}
	return w.finish()
}

// prepare teaches a deduper what the day's rows will ask for, and then what the directory has.
func (im *importer) prepare(ctx context.Context, d *deduper, day int64, known []segment) error {
	if im.spill.days[day].own {
		err := im.spill.each(day, func(_ int, rec []byte) error { d.expect(rec); return nil })
		if err != nil {
			return err
		}
	}
	return im.dir.learnDay(ctx, known, d)
}

// writeItems writes the patches that say something new.
func (im *importer) writeItems(ctx context.Context) ([]segment, error) {
	if im.opts.Kind == Items {
		im.tally.Items = int64(len(im.items))
		im.tally.Duplicates = im.isRow - im.tally.Items
	}
	if len(im.items) == 0 {
		return nil, nil
	}
	known, err := im.dir.catalogue(ctx)
	if err != nil {
		return nil, err
	}
	im.tally.Items = int64(len(im.items))
	w := &segmentFile{im: im, kind: ItemSegment, folder: itemsDir}
	for _, id := range slices.Sorted(maps.Keys(im.items)) {
		for _, p := range im.items[id].patches() {
			if !known.apply(&p) {
				continue
			}
			if err := w.add(AppendItemJSON(nil, &p)); err != nil {
				return nil, errors.Join(err, w.abort())
			}
		}
	}
	s, err := w.finish()
	if s == nil || err != nil {
		return nil, err
	}
	return []segment{*s}, nil
}

// segmentFile is a segment of the import being written, made with its first record.
type segmentFile struct {
	im          *importer
	kind        Kind
	folder, day string
	name        string
	file        vfs.File
	w           *SegmentWriter
}

func (s *segmentFile) add(rec []byte) error {
	if s.file == nil {
		if err := s.create(); err != nil {
			return err
		}
	}
	return s.w.Record(rec)
}

func (s *segmentFile) create() (err error) {
	s.name = fmt.Sprintf("%06d%s", s.im.dir.m.Sequence+1, segmentSuffix)
	if s.day != "" {
		s.name = s.day + "-" + s.name
	}
	path := s.im.dir.file(s.folder, s.name)
	s.im.made = append(s.im.made, path)
	if s.file, err = s.im.dir.fs.Create(path); err == nil {
		s.w, err = NewSegmentWriter(s.file, s.kind)
	}
	return err
}

// finish makes the file durable and describes it.
func (s *segmentFile) finish() (*segment, error) {
	if s.file == nil {
		return nil, nil
	}
	err := s.w.Flush()
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		return nil, errors.Join(err, s.abort())
	}
	if err := s.file.Close(); err != nil {
		return nil, err
	}
	return &segment{
		Day: s.day, File: s.name, Size: s.w.Size(), Count: s.w.Count(),
		Hash: sumText(s.w.file.Sum(nil)), Content: sumText(s.w.content.Sum(nil)),
	}, nil
}

func (s *segmentFile) abort() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

func sumText(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }
