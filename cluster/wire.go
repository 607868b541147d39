package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Byte tables of everything here are in WIRE.md.
const (
	factFormat  = 1
	partFormat  = 2 // of a message: a state follows
	factHeader  = 30
	stateHeader = 5
	maxState    = 2 << 20 // bytes of facts sent in one exchange
	maxReceived = 4 << 20 // bytes of facts taken in one exchange
)

var (
	errExpired = errors.New("fact: expired")
	errShort   = errors.New("fact: cut off")
)

func (f *Fact) wireLen() int { return factHeader + len(f.Node) + len(f.Key) + len(f.Value) }

func appendFact(dst []byte, f *Fact) []byte {
	dst = append(dst, f.Kind, byte(len(f.Node)))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(f.Key)))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(f.Value)))
	dst = binary.LittleEndian.AppendUint64(dst, f.Boot)
	dst = binary.LittleEndian.AppendUint64(dst, f.Seq)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(f.Expires))
	dst = append(dst, f.Node...)
	dst = append(dst, f.Key...)
	return append(dst, f.Value...)
}

// cutFact reads the fact at the start of b and returns what follows. Value lies in b; Node and Key are copies.
func cutFact(b []byte) (f Fact, rest []byte, err error) {
	if len(b) < factHeader {
		return Fact{}, nil, errShort
	}
	name, key, value := int(b[1]), int(binary.LittleEndian.Uint16(b[2:])), int(binary.LittleEndian.Uint16(b[4:]))
	end := factHeader + name + key + value
	if len(b) < end {
		return Fact{}, nil, errShort
	}
	f = Fact{
		Kind:    b[0],
		Boot:    binary.LittleEndian.Uint64(b[6:]),
		Seq:     binary.LittleEndian.Uint64(b[14:]),
		Expires: int64(binary.LittleEndian.Uint64(b[22:])),
		Node:    string(b[factHeader : factHeader+name]),
		Key:     string(b[factHeader+name : end-value]),
		Value:   b[end-value : end : end],
	}
	return f, b[end:], f.check()
}

// encodeMessage is a fact as it is gossiped.
func encodeMessage(f *Fact) []byte {
	return appendFact(append(make([]byte, 0, 1+f.wireLen()), factFormat), f)
}

func decodeMessage(b []byte) (Fact, error) {
	if len(b) < 1 || b[0] != factFormat {
		return Fact{}, fmt.Errorf("message of %d bytes: not in format %d", len(b), factFormat)
	}
	f, rest, err := cutFact(b[1:])
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("message: %d bytes after the fact", len(rest))
	}
	return f, err
}

func appendStateHeader(dst []byte, count int) []byte {
	return binary.LittleEndian.AppendUint32(append(dst, factFormat), uint32(count))
}

// walkState calls each for every fact of a state, until the first that is malformed. The count is checked against the bytes
// there are before anything is allocated for it.
func walkState(b []byte, each func(*Fact)) error {
	if len(b) < stateHeader || b[0] != factFormat || len(b) > maxReceived {
		return fmt.Errorf("state of %d bytes: not in format %d, or too long", len(b), factFormat)
	}
	count, b := binary.LittleEndian.Uint32(b[1:]), b[stateHeader:]
	if uint64(count)*factHeader > uint64(len(b)) {
		return fmt.Errorf("state: %d facts can't lie in %d bytes", count, len(b))
	}
	for range count {
		f, rest, err := cutFact(b)
		if err != nil {
			return err
		}
		each(&f)
		b = rest
	}
	if len(b) > 0 {
		return fmt.Errorf("state: %d bytes after the last fact", len(b))
	}
	return nil
}
