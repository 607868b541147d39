package cluster

import (
	"encoding/binary"
	"fmt"
)

// The library's messages are msgpack maps from field names to small values. What follows reads just that much of msgpack, and
// decides before the library's decoder, which trusts its input, sees a byte.

// form is the fields a message has, each once, in any order.
type form []field

type field struct {
	name     string
	kind     fieldKind
	min, max int // of a number, or of the length of bytes
	optional bool
}

type fieldKind uint8

const (
	number  fieldKind = iota
	raw               // bytes or text; nil counts as empty
	address           // 4 or 16 bytes
	boolean
)

// check reads one map of this form at the start of b and returns what follows. Numbers named in want are stored there.
func (f form) check(b []byte, want map[string]int) ([]byte, error) {
	if len(b) == 0 || b[0]&0xf0 != 0x80 {
		return nil, fmt.Errorf("%w: not a small map", errForm)
	}
	count, seen := int(b[0]&0x0f), uint32(0)
	b = b[1:]
	for range count {
		name, rest, err := cutRaw(b)
		if err != nil {
			return nil, err
		}
		i := f.index(name)
		if i < 0 || seen&(1<<i) != 0 {
			return nil, fmt.Errorf("%w: field %.20q unknown or twice", errForm, name)
		}
		seen |= 1 << i
		if b, err = f[i].check(rest, want); err != nil {
			return nil, err
		}
	}
	return b, f.complete(seen)
}

func (f form) index(name []byte) int {
	for i := range f {
		if f[i].name == string(name) {
			return i
		}
	}
	return -1
}

func (f form) complete(seen uint32) error {
	for i := range f {
		if seen&(1<<i) == 0 && !f[i].optional {
			return fmt.Errorf("%w: field %s missing", errForm, f[i].name)
		}
	}
	return nil
}

func (f *field) check(b []byte, want map[string]int) (rest []byte, err error) {
	switch f.kind {
	case boolean:
		if len(b) == 0 || b[0] != 0xc2 && b[0] != 0xc3 {
			return nil, fmt.Errorf("%w: field %s is no boolean", errForm, f.name)
		}
		return b[1:], nil
	case number:
		return f.checkNumber(b, want)
	}
	value, rest, err := cutRaw(b)
	if err != nil {
		return nil, err
	}
	if len(value) < f.min || len(value) > f.max {
		return nil, fmt.Errorf("%w: field %s of %d bytes, want %d to %d", errForm, f.name, len(value), f.min, f.max)
	}
	if f.kind == address && len(value) != 4 && len(value) != 16 {
		return nil, fmt.Errorf("%w: field %s of %d bytes is no address", errForm, f.name, len(value))
	}
	return rest, nil
}

func (f *field) checkNumber(b []byte, want map[string]int) ([]byte, error) {
	n, rest, err := cutNumber(b)
	if err != nil {
		return nil, err
	}
	if n < uint64(f.min) || n > uint64(f.max) {
		return nil, fmt.Errorf("%w: field %s is %d, want %d to %d", errForm, f.name, n, f.min, f.max)
	}
	if want != nil {
		want[f.name] = int(n)
	}
	return rest, nil
}

// cutNumber reads a number of any width, signed or not, that isn't negative.
func cutNumber(b []byte) (n uint64, rest []byte, err error) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), b[1:], nil
	}
	if len(b) < 2 || b[0] < 0xcc || b[0] > 0xd3 {
		return 0, nil, fmt.Errorf("%w: not a number", errForm)
	}
	width, signed := 1<<(b[0]&3), b[0] >= 0xd0
	if len(b) < 1+width {
		return 0, nil, fmt.Errorf("%w: cut off", errForm)
	}
	if signed && b[1] >= 0x80 {
		return 0, nil, fmt.Errorf("%w: a negative number", errForm)
	}
	for _, digit := range b[1 : 1+width] {
		n = n<<8 | uint64(digit)
	}
	return n, b[1+width:], nil
}

// cutRaw reads bytes or text in the old encoding, where they are one type, or nil.
func cutRaw(b []byte) (value, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, fmt.Errorf("%w: cut off", errForm)
	}
	length, head := 0, 1
	switch {
	case b[0]&0xe0 == 0xa0:
		length = int(b[0] & 0x1f)
	case b[0] == 0xda && len(b) >= 3:
		length, head = int(binary.BigEndian.Uint16(b[1:])), 3
	case b[0] == 0xc0:
	default:
		return nil, nil, fmt.Errorf("%w: neither bytes nor text", errForm)
	}
	if len(b) < head+length {
		return nil, nil, fmt.Errorf("%w: cut off", errForm)
	}
	return b[head : head+length], b[head+length:], nil
}
