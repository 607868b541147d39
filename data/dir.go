package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
)

const (
	eventsDir     = "events"
	itemsDir      = "items"
	tempDir       = "tmp"
	lockName      = "lock"
	segmentSuffix = ".seg"
)

// ErrReadOnly is what an import into a directory opened for reading gets.
var ErrReadOnly = errors.New("data directory is open for reading only")

// Dir is a data directory as its manifest was when it was opened: what others import later is not seen.
type Dir struct {
	fs   vfs.FS
	path string
	m    *manifest
	lock io.Closer // nil: reading
}

// OpenDir opens a data directory for reading. It needs no lock and no Close.
func OpenDir(fsys vfs.FS, path string) (*Dir, error) {
	if _, err := fsys.Stat(filepath.Join(path, manifestName)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open data directory %s: nothing was imported there (see edged import): %w", path, err)
		}
		return nil, fmt.Errorf("open data directory: %w", err)
	}
	m, err := readManifest(fsys, path)
	if err != nil {
		return nil, fmt.Errorf("open data directory: %w", err)
	}
	return &Dir{fs: fsys, path: path, m: m}, nil
}

// CreateDir opens a data directory for writing, made if absent, takes its lock, and removes what a writer that died
// left behind. Close releases the lock.
func CreateDir(fsys vfs.FS, path string) (*Dir, error) {
	for _, sub := range []string{eventsDir, itemsDir} {
		if err := fsys.MkdirAll(filepath.Join(path, sub)); err != nil {
			return nil, fmt.Errorf("create data directory: %w", err)
		}
	}
	lock, err := fsys.Lock(filepath.Join(path, lockName))
	if err != nil {
		return nil, fmt.Errorf("data directory %s has another writer: %w", path, err)
	}
	d := &Dir{fs: fsys, path: path, lock: lock}
	if d.m, err = readManifest(fsys, path); err == nil {
		err = d.sweep()
	}
	if err == nil {
		err = d.settle()
	}
	if err != nil {
		return nil, fmt.Errorf("create data directory: %w", errors.Join(err, lock.Close()))
	}
	return d, nil
}

// settle makes the directory's own name and its folders durable, and gives it a first manifest.
func (d *Dir) settle() error {
	if err := d.fs.SyncDir(filepath.Dir(filepath.Clean(d.path))); err != nil {
		return err
	}
	if err := d.fs.SyncDir(d.path); err != nil {
		return err
	}
	if _, err := d.fs.Stat(d.file(manifestName)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return vfs.WriteFile(d.fs, d.file(manifestName), d.m.encode())
}

func (d *Dir) file(parts ...string) string {
	return filepath.Join(append([]string{d.path}, parts...)...)
}

// sweep removes what the manifest does not name.
func (d *Dir) sweep() error {
	if err := d.fs.RemoveAll(d.file(tempDir)); err != nil {
		return err
	}
	used := d.m.files()
	for _, folder := range []string{"", eventsDir, itemsDir} {
		entries, err := d.fs.ReadDir(d.file(folder))
		if err != nil {
			return err
		}
		for _, e := range entries {
			name := filepath.Join(folder, e.Name())
			orphan := folder != "" && strings.HasSuffix(name, segmentSuffix) && !used[name]
			if !orphan && !vfs.IsTemp(name) {
				continue
			}
			if err := d.fs.Remove(d.file(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close releases the lock of a directory opened for writing.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	lock := d.lock
	d.lock = nil
	return lock.Close()
}

// Path is where the directory is.
func (d *Dir) Path() string { return d.path }

// Digest identifies the events and items in the directory: equal content has an equal digest wherever it lies.
func (d *Dir) Digest() string { return d.m.digest() }

// Count returns how many events the directory holds.
func (d *Dir) Count() (n int64) {
	for _, s := range d.m.Events {
		n += s.Count
	}
	return n
}

// Days returns the first and last day that have events, as YYYY-MM-DD in UTC; empty where there are none.
func (d *Dir) Days() (first, last string) {
	if n := len(d.m.Events); n > 0 {
		first, last = d.m.Events[0].Day, d.m.Events[n-1].Day
	}
	return first, last
}

// Events calls fn for every event with from ≤ time < to in Unix milliseconds (0: open), day after day, within a day in
// order of arrival (within an import of one day too large for its memory, in a fixed other order). Memory is bounded by a block. The event is valid until fn returns; its strings may be kept; its
// Context is shared and must not be changed. An error of fn ends the walk and is returned as it is.
func (d *Dir) Events(ctx context.Context, from, to int64, fn func(*edged.Event) error) error {
	dec, e := newDecoder(), edged.Event{}
	for i := range d.m.Events {
		s := &d.m.Events[i]
		if from > 0 && s.Day < dayOf(from) || to > 0 && s.Day > dayOf(to-1) {
			continue
		}
		err := d.scan(ctx, eventsDir, s, EventSegment, func(r *SegmentReader, rec []byte) error {
			if err := dec.event(&e, rec); err != nil {
				return r.corrupt(err)
			}
			if e.Time < from || to > 0 && e.Time >= to {
				return nil
			}
			return fn(&e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// scan calls fn for every record of a segment, and checks the segment against the manifest.
func (d *Dir) scan(ctx context.Context, folder string, s *segment, kind Kind, fn func(*SegmentReader, []byte) error) (err error) {
	name := d.file(folder, s.File)
	f, err := d.fs.Open(name)
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, err := openSegment(f, kind, s.Size)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	count, err := r.each(ctx, fn)
	var own *segmentError
	if errors.As(err, &own) {
		return fmt.Errorf("%s: %w", name, own.err)
	}
	if err == nil && count != s.Count {
		return fmt.Errorf("%s: %d records, the manifest says %d", name, count, s.Count)
	}
	return err
}

// openSegment opens a segment that must have that kind and size.
func openSegment(f vfs.File, kind Kind, size int64) (*SegmentReader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != size {
		return nil, &CorruptError{min(size, info.Size()), fmt.Sprintf("file has %d bytes, the manifest says %d", info.Size(), size)}
	}
	r, err := NewSegmentReader(f, size)
	if err == nil && r.Kind() != kind {
		err = fmt.Errorf("%w: kind %d, want %d", ErrSegment, r.Kind(), kind)
	}
	return r, err
}

// segmentError marks an error of the segment itself, apart from those of the callback.
type segmentError struct{ err error }

func (e *segmentError) Error() string { return e.err.Error() }
func (e *segmentError) Unwrap() error { return e.err }

// corrupt says that the current block holds something it should not.
func (s *SegmentReader) corrupt(err error) error {
	return &segmentError{&CorruptError{s.started, err.Error()}}
}

// each calls fn for every record until the end.
func (s *SegmentReader) each(ctx context.Context, fn func(*SegmentReader, []byte) error) (count int64, err error) {
	for ; ; count++ {
		if s.left == 0 && ctx.Err() != nil {
			return count, ctx.Err()
		}
		rec, err := s.next()
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return count, &segmentError{err}
		}
		if err := fn(s, rec); err != nil {
			return count, err
		}
	}
}
