package snapshot

import (
	"errors"
	"fmt"
)

// What callers branch on; all are wrapped with the particulars.
var (
	ErrVersion        = errors.New("snapshot of another version")
	ErrKind           = errors.New("snapshot of another kind")
	ErrUnknownSection = errors.New("unknown critical section")
	ErrNoSection      = errors.New("no such section")
	ErrFault          = errors.New("the mapped file was cut or can't be read")
	ErrClosed         = errors.New("snapshot closed")
	ErrByteOrder      = errors.New("snapshots need a little-endian machine")
)

// CorruptError says where a file is not what it should be. Section is "header", "table" or a section's name.
type CorruptError struct {
	Section   string
	What      string // the field or property
	Offset    int64  // in the file
	Want, Got uint64
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("corrupt snapshot: %s: %s at offset %d: want %#x, got %#x", e.Section, e.What, e.Offset, e.Want, e.Got)
}
