package events

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/edged/edged"
	"github.com/edged/edged/data"
	"github.com/edged/edged/internal/vfs"
)

// found is a segment of an earlier run.
type found struct {
	name     string
	sequence int
}

// recover makes the directory durable, cuts torn tails, and learns the recent ids. Damage that is no torn tail is
// counted and left as it is: acknowledged events may lie behind it.
func (w *writer) recover(stats *Stats) error {
	for _, dir := range []string{filepath.Dir(filepath.Clean(w.dir)), w.dir} {
		if err := w.fs.SyncDir(dir); err != nil {
			return err
		}
	}
	segments, err := w.segments()
	if err != nil {
		return err
	}
	var ids []key // the newest last, as far as the window reaches
	for i := len(segments) - 1; i >= 0 && (len(ids) < w.opts.KeepIDs || i == len(segments)-1); i-- {
		some, err := w.mend(segments[i].name, stats)
		if err != nil {
			return fmt.Errorf("%s: %w", segments[i].name, err)
		}
		ids = append(some, ids...)
	}
	for _, k := range ids[max(0, len(ids)-w.opts.KeepIDs):] {
		if !w.ids.has(k) {
			w.ids.add(k)
		}
	}
	return nil
}

// segments lists the log's segments by sequence.
func (w *writer) segments() (list []found, err error) {
	entries, err := w.fs.ReadDir(w.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		base, isSegment := strings.CutSuffix(e.Name(), segmentSuffix)
		if !isSegment {
			continue
		}
		n, err := strconv.Atoi(base[strings.LastIndexByte(base, '-')+1:])
		if err != nil {
			return nil, fmt.Errorf("%s: not a segment of an event log", e.Name())
		}
		list = append(list, found{filepath.Join(w.dir, e.Name()), n})
		w.sequence = max(w.sequence, n)
	}
	slices.SortFunc(list, func(a, b found) int { return a.sequence - b.sequence })
	return list, nil
}

// mend returns the ids in a segment, and cuts its torn tail.
func (w *writer) mend(name string, stats *Stats) (ids []key, err error) {
	f, err := w.fs.Append(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	ids, good, err := readIDs(f, info.Size())
	switch {
	case errors.Is(err, data.ErrTorn):
		stats.Torn += info.Size() - good
		w.opts.Logger.Warn("cut a torn tail", "segment", filepath.Base(name), "bytes", info.Size()-good)
		return ids, cut(f, good)
	case isDamage(err):
		stats.Damaged++
		w.opts.Logger.Error("damaged segment", "segment", filepath.Base(name), "error", err)
		return ids, nil
	case err != nil:
		return nil, err
	}
	// A process that was killed may have left what was never synced. Its ids are known from now on, so that whoever
	// sends them again is told they are here: then they must be.
	return ids, f.Sync()
}

func isDamage(err error) bool {
	var corrupt *data.CorruptError
	return errors.As(err, &corrupt) || errors.Is(err, data.ErrSegment)
}

func cut(f vfs.File, size int64) error {
	if err := f.Truncate(size); err != nil {
		return err
	}
	return f.Sync()
}

// readIDs reads a segment as far as it is good.
func readIDs(f vfs.File, size int64) (ids []key, good int64, err error) {
	r, err := data.NewSegmentReader(f, size)
	if err != nil {
		return nil, 0, err
	}
	var e edged.Event
	for {
		err := r.Event(&e)
		if errors.Is(err, io.EOF) {
			return ids, r.Good(), nil
		}
		if err != nil {
			return ids, r.Good(), err
		}
		ids = append(ids, keyOf(e.ID))
	}
}
