package overlay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
)

// The file of an overlay; FORMAT.md has the bytes.
const (
	magic       = "EDGOVL\x01\n"
	fileHeader  = len(magic) + 4
	entryHeader = 2 + 1 + 2 + 8
	fileTrailer = 4
	maxWritten  = maxHeld + len(fields)*MaxChanges // before the oldest go
	maxFile     = fileHeader + maxWritten*(entryHeader+1+edged.MaxIDLen+maxNode+untilSize+maxContent) + fileTrailer
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encodeFile(list []Entry) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(list)))
	for i := range list {
		e := &list[i]
		key := e.Key()
		b = binary.LittleEndian.AppendUint16(b, uint16(len(key)))
		b = append(b, byte(len(e.Node)))
		b = binary.LittleEndian.AppendUint16(b, uint16(len(e.value)))
		b = binary.LittleEndian.AppendUint64(b, e.Stamp)
		b = append(append(append(b, key...), e.Node...), e.value...)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// ErrDamaged is wrapped by errors that say that bytes are no overlay, or not the one that was written.
var ErrDamaged = errors.New("damaged overlay")

// DecodeFile reads an overlay as a node writes it.
func DecodeFile(b []byte) ([]Entry, error) {
	if len(b) < fileHeader+fileTrailer || len(b) > maxFile || string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: %d bytes that do not begin as one, or too many", ErrDamaged, len(b))
	}
	body := b[:len(b)-fileTrailer]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {
		return nil, fmt.Errorf("%w: checksum", ErrDamaged)
	}
	count := binary.LittleEndian.Uint32(body[len(magic):])
	body = body[fileHeader:]
	if int64(count) > int64(maxWritten) || int(count)*entryHeader > len(body) {
		return nil, fmt.Errorf("%w: %d entries in %d bytes", ErrDamaged, count, len(body))
	}
	list := make([]Entry, 0, count)
	seen := make(map[string]bool, count)
	for range count {
		e, rest, err := cutEntry(body)
		if err == nil && seen[e.Key()] {
			err = errors.New("a register twice")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: entry %d: %w", ErrDamaged, len(list), err)
		}
		seen[e.Key()] = true
		list, body = append(list, e), rest
	}
	if len(body) > 0 {
		return nil, fmt.Errorf("%w: %d bytes after the last entry", ErrDamaged, len(body))
	}
	return list, nil
}

func cutEntry(b []byte) (e Entry, rest []byte, err error) {
	if len(b) < entryHeader {
		return e, nil, errors.New("cut off")
	}
	key, node, value := int(binary.LittleEndian.Uint16(b)), int(b[2]), int(binary.LittleEndian.Uint16(b[3:]))
	stamp := binary.LittleEndian.Uint64(b[5:])
	if b = b[entryHeader:]; len(b) < key+node+value {
		return e, nil, errors.New("cut off")
	}
	e, err = Decode(string(b[:key]), stamp, string(b[key:key+node]), b[key+node:key+node+value])
	return e, b[key+node+value:], err
}

// damagedSuffix is what a damaged file is called by then.
const damagedSuffix = ".damaged"

func load(fsys vfs.FS, file string) (list []Entry, damage, err error) {
	b, err := vfs.ReadFile(fsys, file, int64(maxFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case errors.Is(err, vfs.ErrTooLarge):
		b = nil
	case err != nil:
		return nil, nil, err
	}
	if list, damage = DecodeFile(b); damage == nil {
		return list, nil, nil
	}
	damage = fmt.Errorf("%s: %w", file, damage)
	if err := fsys.Rename(file, file+damagedSuffix); err != nil && !vfs.ReadOnly(err) {
		return nil, damage, err
	}
	return nil, damage, nil
}

// Encode is the overlay's file as of a snapshot.
func (s *Snapshot) Encode() []byte { return encodeFile(s.Entries) }
