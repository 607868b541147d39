package snapshot

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// header is what the first 64 bytes say, believed after their CRC held.
type header struct {
	minor    uint16
	sections int
	kind     string
}

// parseHeader checks the header of a file of the given size, of which b is the beginning.
func parseHeader(b []byte, size uint64, kind string) (header, error) {
	le := binary.LittleEndian
	bad := func(what string, off int64, want, got uint64) (header, error) {
		return header{}, &CorruptError{Section: "header", What: what, Offset: off, Want: want, Got: got}
	}
	if size < headerSize {
		return bad("file size", 0, headerSize, size)
	}
	if string(b[:8]) != magic {
		return bad("magic", 0, le.Uint64([]byte(magic)), le.Uint64(b))
	}
	if want, got := crcOf(b[:60]), le.Uint32(b[60:]); want != got {
		return bad("crc", 60, uint64(want), uint64(got))
	}
	if major, minor := le.Uint16(b[8:]), le.Uint16(b[10:]); major != Major {
		return header{}, fmt.Errorf("%w: %d.%d, this program reads %d.x", ErrVersion, major, minor, Major)
	}
	if want := le.Uint64(b[32:]); want != size {
		return bad("file size", 32, want, size)
	}
	h := header{minor: le.Uint16(b[10:])}
	n := uint64(le.Uint32(b[12:]))
	if limit := min(maxSections, (size-headerSize)/entrySize); n > limit {
		return bad("number of sections", 12, limit, n)
	}
	h.sections = int(n)
	name, ok := parseName(b[16:32])
	if !ok {
		return bad("kind", 16, 0, le.Uint64(b[16:]))
	}
	if name != kind {
		return header{}, fmt.Errorf("%w: %q, want %q", ErrKind, name, kind)
	}
	h.kind = name
	if i := notZero(b[44:60]); i >= 0 && h.minor <= Minor {
		return bad("reserved byte", int64(44+i), 0, uint64(b[44+i]))
	}
	return h, nil
}

// notZero is the index of the first byte of b that is not zero, or −1.
func notZero(b []byte) int { return slices.IndexFunc(b, func(c byte) bool { return c != 0 }) }

// parseTable checks the section table; b is the file's beginning up to the table's end, size that of the whole file.
func parseTable(b []byte, size uint64, h header, known []string) ([]entry, error) {
	table := b[headerSize:]
	if want, got := crcOf(table), binary.LittleEndian.Uint32(b[40:]); want != got {
		return nil, &CorruptError{Section: "table", What: "crc", Offset: 40, Want: uint64(want), Got: uint64(got)}
	}
	list := make([]entry, 0, h.sections)
	seen := make(map[string]bool, h.sections)
	next := uint64(len(b))
	for i := range h.sections {
		at := int64(headerSize + i*entrySize)
		e, err := parseEntry(table[i*entrySize:(i+1)*entrySize], at, h.minor)
		if err != nil {
			return nil, err
		}
		if err := e.check(at, next, size, known); err != nil {
			return nil, err
		}
		if seen[e.name] {
			return nil, &CorruptError{Section: e.name, What: "name stands twice", Offset: at, Want: 1, Got: 2}
		}
		seen[e.name] = true
		next += padded(e.length)
		list = append(list, e)
	}
	if next != size {
		return nil, &CorruptError{Section: "table", What: "end of the last section", Offset: int64(next), Want: size, Got: next}
	}
	return list, nil
}

func parseEntry(b []byte, at int64, minor uint16) (entry, error) {
	le := binary.LittleEndian
	name, ok := parseName(b[:16])
	if !ok {
		return entry{}, &CorruptError{Section: "table", What: "name", Offset: at, Want: 0, Got: le.Uint64(b)}
	}
	e := entry{
		name: name, off: le.Uint64(b[16:]), length: le.Uint64(b[24:]),
		crc: le.Uint32(b[32:]), flags: Flag(le.Uint32(b[36:])), elem: le.Uint32(b[40:]),
	}
	unknown := e.flags &^ knownFlags
	if minor > Minor && unknown&mustUnderstand != 0 {
		return e, fmt.Errorf("%w: section %s: flags %#x unknown to this program", ErrVersion, name, uint32(unknown))
	}
	if minor > Minor {
		return e, nil
	}
	if unknown != 0 {
		return e, &CorruptError{Section: name, What: "flags", Offset: at + 36, Want: 0, Got: uint64(unknown)}
	}
	if i := notZero(b[44:]); i >= 0 {
		return e, &CorruptError{Section: name, What: "reserved byte", Offset: at + 44 + int64(i), Want: 0, Got: uint64(b[44+i])}
	}
	return e, nil
}

// check holds an entry that stands at offset at against where its section must begin and the file end.
func (e *entry) check(at int64, begin, size uint64, known []string) error {
	bad := func(what string, field int64, want, got uint64) error {
		return &CorruptError{Section: e.name, What: what, Offset: at + field, Want: want, Got: got}
	}
	switch {
	case e.off != begin:
		return bad("offset", 16, begin, e.off)
	case begin > size || e.length > size-begin || padded(e.length) > size-begin:
		return bad("length, at most", 24, size-min(begin, size), e.length)
	case e.elem == 0:
		return bad("element size, at least", 40, 1, 0)
	case e.length%uint64(e.elem) != 0:
		return bad("length modulo element size", 24, 0, e.length%uint64(e.elem))
	case known != nil && e.flags&Critical != 0 && !slices.Contains(known, e.name):
		return fmt.Errorf("%w %q: written by a newer program?", ErrUnknownSection, e.name)
	}
	return nil
}
