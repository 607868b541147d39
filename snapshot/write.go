package snapshot

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Write writes a snapshot of the given kind and sections, and returns its size. The same arguments give the same bytes.
func Write(w io.Writer, kind string, sections []Section) (n int64, err error) {
	if !littleEndian {
		return 0, ErrByteOrder
	}
	head, err := layout(kind, sections)
	if err != nil {
		return 0, err
	}
	out := &counter{w: w}
	out.write(head)
	var zeros [align]byte
	for _, s := range sections {
		out.write(s.Data)
		size := uint64(len(s.Data))
		out.write(zeros[:padded(size)-size])
	}
	if out.err != nil {
		return out.n, fmt.Errorf("snapshot: write: %w", out.err)
	}
	return out.n, nil
}

type counter struct {
	w   io.Writer
	n   int64
	err error
}

func (c *counter) write(b []byte) {
	if c.err != nil || len(b) == 0 {
		return
	}
	n, err := c.w.Write(b)
	c.n += int64(n)
	c.err = err
}

// layout returns header and table.
func layout(kind string, sections []Section) ([]byte, error) {
	if err := checkName(kind); err != nil {
		return nil, err
	}
	if len(sections) > maxSections {
		return nil, fmt.Errorf("snapshot: %d sections, at most %d", len(sections), maxSections)
	}
	head := make([]byte, headerSize, headerSize+entrySize*len(sections))
	off := uint64(cap(head))
	seen := make(map[string]bool, len(sections))
	for i := range sections {
		e, err := newEntry(&sections[i], off)
		if err != nil {
			return nil, err
		}
		if seen[e.name] {
			return nil, fmt.Errorf("snapshot: section %s twice", e.name)
		}
		seen[e.name] = true
		off += padded(e.length)
		head = e.append(head)
	}
	putHeader(head, kind, len(sections), off)
	return head, nil
}

func newEntry(s *Section, off uint64) (entry, error) {
	e := entry{name: s.Name, off: off, length: uint64(len(s.Data)), flags: s.Flags, elem: max(s.Elem, 1)}
	if err := checkName(s.Name); err != nil {
		return e, err
	}
	if s.Flags&^knownFlags != 0 {
		return e, fmt.Errorf("snapshot: section %s: unknown flags %#x", s.Name, s.Flags&^knownFlags)
	}
	if e.length%uint64(e.elem) != 0 {
		return e, fmt.Errorf("snapshot: section %s: %d bytes are no whole number of elements of %d", s.Name, e.length, e.elem)
	}
	e.crc = crcOf(s.Data)
	return e, nil
}

func putHeader(head []byte, kind string, sections int, size uint64) {
	le := binary.LittleEndian
	copy(head, magic)
	le.PutUint16(head[8:], Major)
	le.PutUint16(head[10:], Minor)
	le.PutUint32(head[12:], uint32(sections))
	copy(head[16:32], kind)
	le.PutUint64(head[32:], size)
	le.PutUint32(head[40:], crcOf(head[headerSize:]))
	le.PutUint32(head[60:], crcOf(head[:60]))
}
