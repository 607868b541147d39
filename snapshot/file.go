package snapshot

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"github.com/edged/edged/internal/vfs"
)

// File is an open snapshot, immutable and safe for concurrent use.
//
// What Hot returns is memory of its own, which lives as long as somebody holds it. The mapped file is released by the
// garbage collector when the File can't be reached any more, or after Close as soon as the reads under way are
// done; no reader ever meets an address that has gone.
type File struct {
	entries []entry
	byName  map[string]int
	hot     []hot // by entry
	mapped  atomic.Pointer[mapped]
	head    uint64 // bytes of header and table
}

// hot is a section in memory, or none.
type hot struct {
	bytes []byte // nil where the section stays mapped
	taken atomic.Bool
}

// mapped owns the file's bytes: they are valid while it is reachable.
type mapped struct {
	bytes []byte
}

// Open maps the snapshot at path and checks header, table and hot sections. A critical section whose name is not among
// known is an error; known nil takes all, for programs that list and verify only.
func Open(fsys vfs.FS, path, kind string, known []string) (*File, error) {
	m, err := fsys.Map(path)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	held := &mapped{bytes: m.Bytes()}
	runtime.AddCleanup(held, func(m vfs.Mapping) { _ = m.Unmap() }, m) // nobody is left to hear of an error
	f, err := open(held, kind, known)
	if err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", path, err)
	}
	return f, nil
}

// Parse is Open over bytes in memory, which must not change while the File is used.
func Parse(b []byte, kind string, known []string) (*File, error) {
	return open(&mapped{bytes: b}, kind, known)
}

func open(m *mapped, kind string, known []string) (*File, error) {
	if !littleEndian {
		return nil, ErrByteOrder
	}
	if uint64(len(m.bytes)) > math.MaxInt64-align {
		return nil, &CorruptError{Section: "header", What: "file size, at most", Want: math.MaxInt64 - align, Got: uint64(len(m.bytes))}
	}
	f := &File{}
	f.mapped.Store(m)
	err := guard(func() error { return f.load(m.bytes, kind, known) })
	runtime.KeepAlive(m)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) load(b []byte, kind string, known []string) error {
	h, err := parseHeader(b, uint64(len(b)), kind)
	if err != nil {
		return err
	}
	f.head = headerSize + entrySize*uint64(h.sections)
	if f.entries, err = parseTable(b[:f.head], uint64(len(b)), h, known); err != nil {
		return err
	}
	f.byName = make(map[string]int, len(f.entries))
	f.hot = make([]hot, len(f.entries))
	room := f.hotRoom()
	for i := range f.entries {
		e := &f.entries[i]
		f.byName[e.name] = i
		if e.flags&Hot == 0 {
			continue
		}
		f.hot[i].bytes = room[:e.length:e.length]
		room = room[padded(e.length):]
		copy(f.hot[i].bytes, b[e.off:e.off+e.length])
		if err := e.verify(f.hot[i].bytes); err != nil {
			return err
		}
	}
	return nil
}

// verify holds a section's bytes against its checksum.
func (e *entry) verify(b []byte) error {
	if got := crcOf(b); got != e.crc {
		return &CorruptError{Section: e.name, What: "crc", Offset: int64(e.off), Want: uint64(e.crc), Got: uint64(got)}
	}
	return nil
}

// guard runs read, which touches mapped memory, and turns a fault of it into ErrFault.
func guard(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = faultOf(r)
		}
	}()
	return read()
}

// faultOf makes an error of a recovered memory fault and lets every other panic pass: those are bugs.
func faultOf(r any) error {
	fault, ok := r.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok {
		panic(r)
	}
	return fmt.Errorf("%w (%w)", ErrFault, error(fault))
}

// Verify reads the whole file and checks every section and all padding.
func (f *File) Verify() error {
	m := f.mapped.Load()
	if m == nil {
		return ErrClosed
	}
	err := guard(func() error { return f.verifyAll(m.bytes) })
	runtime.KeepAlive(m)
	return err
}

func (f *File) verifyAll(b []byte) error {
	for i := range f.entries {
		e := &f.entries[i]
		end := e.off + e.length
		if err := e.verify(b[e.off:end]); err != nil {
			return err
		}
		pad := b[end : e.off+padded(e.length)]
		if i := notZero(pad); i >= 0 {
			return &CorruptError{Section: e.name, What: "padding", Offset: int64(end) + int64(i), Want: 0, Got: uint64(pad[i])}
		}
	}
	return nil
}

// Hot returns the bytes of a hot section, aligned to 64. They must not be changed. Of a section that was taken it has none.
func (f *File) Hot(name string) ([]byte, bool) {
	i, ok := f.byName[name]
	if !ok || f.entries[i].flags&Hot == 0 || f.hot[i].taken.Load() {
		return nil, false
	}
	return f.hot[i].bytes, true
}

// Take is Hot for one who changes the bytes: nobody else gets to see these. Who takes the section again gets a copy, read from the mapped file and
// verified; ReadAt reads there, too, from then on, unverified. It must not be called beside ReadAt or Hot of the same section, which may see
// bytes being changed.
func (f *File) Take(name string) ([]byte, bool, error) {
	i, ok := f.byName[name]
	if !ok || f.entries[i].flags&Hot == 0 {
		return nil, false, nil
	}
	if h := &f.hot[i]; h.taken.CompareAndSwap(false, true) {
		return h.bytes, true, nil
	}
	e := &f.entries[i]
	b, err := f.ReadAt(aligned(e.length, align)[:0], name, 0, int(e.length))
	if err == nil {
		err = e.verify(b)
	}
	return b, true, err
}

// ReadAt appends bytes off to off+n of a section to dst. It allocates only where dst has no room. What is not in memory, a section that was taken
// included, comes from the mapped file and is not verified.
func (f *File) ReadAt(dst []byte, name string, off, n int) ([]byte, error) {
	i, ok := f.byName[name]
	if !ok {
		return dst, fmt.Errorf("%w: %q", ErrNoSection, name)
	}
	e := &f.entries[i]
	if off < 0 || n < 0 || uint64(off) > e.length || uint64(n) > e.length-uint64(off) {
		return dst, fmt.Errorf("snapshot: section %s: bytes %d to %d+%d of %d", name, off, off, n, e.length)
	}
	if h := &f.hot[i]; h.bytes != nil && !h.taken.Load() {
		return append(dst, h.bytes[off:off+n]...), nil
	}
	m := f.mapped.Load()
	if m == nil {
		return dst, ErrClosed
	}
	begin := e.off + uint64(off)
	out, err := copyOut(dst, m.bytes[begin:begin+uint64(n)])
	runtime.KeepAlive(m)
	return out, err
}

// copyOut is guard for the one read that must not allocate.
func copyOut(dst, src []byte) (out []byte, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			out, err = dst, faultOf(r)
		}
	}()
	return append(dst, src...), nil
}

// Len returns the bytes of a section.
func (f *File) Len(name string) (int, bool) {
	i, ok := f.byName[name]
	if !ok {
		return 0, false
	}
	return int(f.entries[i].length), true
}

// Sections describes the sections in the order of the file, without their data.
func (f *File) Sections() []Section {
	list := make([]Section, len(f.entries))
	for i, e := range f.entries {
		list[i] = Section{Name: e.name, Flags: e.flags & knownFlags, Elem: e.elem}
	}
	return list
}

// Close lets go of the mapped file. Hot sections stay readable unless they were taken; ReadAt of others, Take of those and Verify return ErrClosed.
func (f *File) Close() { f.mapped.Store(nil) }

// Extent says where a section lies in the file, without its padding.
func (f *File) Extent(name string) (off, n int64, ok bool) {
	i, ok := f.byName[name]
	if !ok {
		return 0, 0, false
	}
	return int64(f.entries[i].off), int64(f.entries[i].length), true
}
