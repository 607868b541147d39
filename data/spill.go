package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/edged/edged/internal/vfs"
)

// spillBudget is how many bytes of rows wait in memory before they go to disk.
const spillBudget = 24 << 20

// extent is a piece of the spill file.
type extent struct{ off, n int64 }

// spill sorts rows by day: each day's rows in their order of arrival. Rows beyond a budget lie in one file, in pieces.
type spill struct {
	fs      vfs.FS
	name    string
	file    vfs.File // nil until the budget is first reached
	size    int64
	budget  int
	pending int
	days    map[int64]*spillDay
}

// spillDay is what one day has.
type spillDay struct {
	rows    int64
	own     bool // some rows came with an id
	extents []extent
	buf     []byte // rows not written yet; each is uvarint file, uvarint length, record
}

func newSpill(fsys vfs.FS, name string, budget int) *spill {
	return &spill{fs: fsys, name: name, budget: budget, days: map[int64]*spillDay{}}
}

// add appends a row that came from a numbered file.
func (s *spill) add(day int64, file int, rec []byte) error {
	d := s.days[day]
	if d == nil {
		d = &spillDay{}
		s.days[day] = d
	}
	before := len(d.buf)
	d.buf = binary.AppendUvarint(d.buf, uint64(file))
	d.buf = append(binary.AppendUvarint(d.buf, uint64(len(rec))), rec...)
	d.rows++
	d.own = d.own || hasOwnID(rec)
	if s.pending += len(d.buf) - before; s.pending < s.budget {
		return nil
	}
	return s.flush()
}

// flush writes what waits, day by day.
func (s *spill) flush() (err error) {
	if s.file == nil {
		if s.file, err = s.fs.Create(s.name); err != nil {
			return fmt.Errorf("spill rows: %w", err)
		}
	}
	for _, number := range s.dayNumbers() {
		d := s.days[number]
		if len(d.buf) == 0 {
			continue
		}
		if _, err := s.file.Write(d.buf); err != nil {
			return fmt.Errorf("spill rows: %w", err)
		}
		d.extents = append(d.extents, extent{s.size, int64(len(d.buf))})
		s.size += int64(len(d.buf))
		d.buf = nil
	}
	s.pending = 0
	return nil
}

func (s *spill) dayNumbers() []int64 { return slices.Sorted(maps.Keys(s.days)) }

// each calls fn for every row of a day in order.
func (s *spill) each(day int64, fn func(file int, rec []byte) error) error {
	d := s.days[day]
	if len(d.extents) > 0 {
		if err := s.eachWritten(d, fn); err != nil {
			return err
		}
	}
	return eachRow(d.buf, fn)
}

func (s *spill) eachWritten(d *spillDay, fn func(int, []byte) error) (err error) {
	f, err := s.fs.Open(s.name)
	if err != nil {
		return fmt.Errorf("spill rows: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var buf []byte
	for _, x := range d.extents {
		buf = grow(buf, int(x.n))
		if err := readAt(f, buf, x.off); err != nil {
			return fmt.Errorf("spill rows: %w", err)
		}
		if err := eachRow(buf, fn); err != nil {
			return err
		}
	}
	return nil
}

func eachRow(b []byte, fn func(int, []byte) error) error {
	for len(b) > 0 {
		file, w := binary.Uvarint(b)
		n, v := binary.Uvarint(b[max(w, 0):])
		if w <= 0 || v <= 0 || n > uint64(len(b)-w-v) {
			return fmt.Errorf("spill rows: the file was changed by another program")
		}
		b = b[w+v:]
		if err := fn(int(file), b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (s *spill) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
