package snapshot

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
)

// Flag is a property of a section.
type Flag uint32

// Critical sections must be known to the reader; Hot ones are copied to memory at open.
const (
	Critical Flag = 1 << iota
	Hot

	knownFlags     = Critical | Hot
	mustUnderstand = Flag(0xffff0000)
)

// See FORMAT.md.
const (
	magic       = "EDGEDSNP"
	headerSize  = 64
	entrySize   = 64
	align       = 64
	maxSections = 1024
	maxName     = 16
	nameLetters = "abcdefghijklmnopqrstuvwxyz0123456789._-"
)

// Section is one named array. Data need not be aligned when written; Elem 0 is written as 1.
type Section struct {
	Name  string
	Flags Flag
	Elem  uint32 // bytes of one element, of which Data holds a whole number
	Data  []byte
}

// entry is a row of the section table.
type entry struct {
	name        string
	off, length uint64
	crc         uint32
	flags       Flag
	elem        uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func crcOf(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

func padded(n uint64) uint64 { return (n + align - 1) &^ (align - 1) }

func checkName(s string) error {
	if s == "" || len(s) > maxName || strings.ContainsFunc(s, notNameLetter) {
		return fmt.Errorf("snapshot: name %q: want 1 to %d of a–z 0–9 . _ -", s, maxName)
	}
	return nil
}

func notNameLetter(r rune) bool { return !strings.ContainsRune(nameLetters, r) }

// parseName undoes the filling with zeros.
func parseName(b []byte) (string, bool) {
	s := strings.TrimRight(string(b), "\x00")
	return s, checkName(s) == nil
}

func (e *entry) append(dst []byte) []byte {
	var b [entrySize]byte
	copy(b[:16], e.name)
	binary.LittleEndian.PutUint64(b[16:], e.off)
	binary.LittleEndian.PutUint64(b[24:], e.length)
	binary.LittleEndian.PutUint32(b[32:], e.crc)
	binary.LittleEndian.PutUint32(b[36:], uint32(e.flags))
	binary.LittleEndian.PutUint32(b[40:], e.elem)
	return append(dst, b[:]...)
}
