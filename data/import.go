package data

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/edged/edged"
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

	Forget map[string]bool // users and sessions of whom no event is taken
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
