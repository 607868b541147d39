package events

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/edged/edged/data"
	"github.com/edged/edged/internal/vfs"
)

const segmentSuffix = ".seg"

// retryPause is how long the disk is left alone after it failed. Visitors send without pause, and every attempt on a
// full disk makes a file, fsyncs and removes it again.
const retryPause = time.Second

// writer writes commits to segments. Only the committer uses it.
type writer struct {
	fs   vfs.FS
	dir  string
	opts Options
	ids  *window

	sequence int // of the last segment
	day      string
	name     string
	file     vfs.File // nil: the next commit begins a segment
	w        *data.SegmentWriter
	good     int64 // bytes of the segment that were acknowledged
	named    bool  // the segment's name is durable

	trouble error     // what the last attempt failed with, nil: it didn't
	failed  time.Time // when that was
}

// commit writes what is new of a group and makes it durable.
func (w *writer) commit(group []*request) (events, bytes int64, err error) {
	keys := w.choose(group)
	if len(keys) == 0 {
		return 0, 0, nil
	}
	if w.pausing() {
		return 0, 0, w.trouble
	}
	if bytes, err = w.attempt(group); err != nil {
		w.trouble, w.failed = errors.Join(err, w.abandon()), w.opts.Clock()
		return 0, 0, w.trouble
	}
	w.trouble = nil
	for _, k := range keys {
		w.ids.add(k)
	}
	return int64(len(keys)), bytes, nil
}

// pausing says whether the disk failed just now. A clock that was set back ends the pause.
func (w *writer) pausing() bool {
	since := w.opts.Clock().Sub(w.failed)
	return w.trouble != nil && since >= 0 && since < retryPause
}

// attempt writes a group to the current segment, or to a new one.
func (w *writer) attempt(group []*request) (bytes int64, err error) {
	if err := w.rotate(); err != nil {
		return 0, err
	}
	before := w.w.Size()
	if err := w.write(group); err != nil {
		return 0, err
	}
	w.good = w.w.Size()
	return w.good - before, nil
}

// choose marks the events whose id was not seen before, in the log or in the group.
func (w *writer) choose(group []*request) (keys []key) {
	here := map[key]struct{}{}
	for _, r := range group {
		for i, k := range r.keys {
			_, twice := here[k]
			r.fresh[i] = !twice && !w.ids.has(k)
			if r.fresh[i] {
				here[k] = struct{}{}
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// write writes the fresh events of a group, and returns when they are durable.
func (w *writer) write(group []*request) error {
	for _, r := range group {
		for i, rec := range r.records {
			if !r.fresh[i] {
				continue
			}
			if err := w.w.Record(rec); err != nil {
				return err
			}
		}
	}
	if err := w.w.Flush(); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return fmt.Errorf("sync segment: %w", err)
	}
	if w.named {
		return nil
	}
	if err := w.fs.SyncDir(w.dir); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	w.named = true
	return nil
}

// rotate begins a segment where there is none, the current one is full, or a day began.
func (w *writer) rotate() error {
	today := w.opts.Clock().UTC().Format(time.DateOnly)
	if w.file != nil && w.day == today && w.w.Size() < w.opts.MaxSegment {
		return nil
	}
	if err := w.close(); err != nil {
		return err
	}
	w.day, w.good, w.named = today, 0, false
	w.name = filepath.Join(w.dir, fmt.Sprintf("%s-%06d%s", today, w.sequence+1, segmentSuffix))
	file, err := w.fs.Append(w.name)
	if err != nil {
		return fmt.Errorf("begin segment: %w", err) // nobody has the number
	}
	w.file = file
	w.sequence++
	w.w, err = data.NewSegmentWriter(file, data.EventSegment)
	return err
}

// abandon leaves the segment of a failed commit for good (E3), and tries to take back what was not acknowledged. One
// that holds nothing else goes, and its number is free: the next file of that name is another file, and its name is
// synced before anything in it is acknowledged.
func (w *writer) abandon() error {
	if w.file == nil {
		return nil
	}
	err := errors.Join(w.file.Truncate(w.good), w.close())
	if w.good > 0 {
		return err
	}
	if gone := w.fs.Remove(w.name); gone != nil {
		return errors.Join(err, gone)
	}
	w.sequence--
	return err
}

func (w *writer) close() error {
	if w.file == nil {
		return nil
	}
	file := w.file
	w.file, w.w = nil, nil
	return file.Close()
}
