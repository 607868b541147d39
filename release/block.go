package release

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
)

const (
	blockFormat = 2 // 1 was a bare zstd frame
	blockHeader = 16
	maxUnit     = 64 << 10

	wordNone  = 0 // no base
	wordBytes = 1 // differences byte by byte, mod 256
	word32    = 4 // differences of u32, mod 2³², zigzag: small ones of either sign leave the high bytes 0
)

// Move says where units of a block lie in the base: Units of them from unit From on, or nowhere where From is −1.
type Move struct {
	Units, From int64
}

// block is what a chunk of the second format is made of: rows of unit bytes, and where there is a base the rows of it that they
// resemble.
type block struct {
	unit  int
	word  byte
	base  int64 // offset in the base file that moves count from
	moves []Move
}

// encode appends the block's bytes as they travel. Columns of the rows come one after the other (the k-th byte of each row,
// then the k+1st), since bytes of one meaning have one distribution.
func (b *block) encode(dst, raw []byte, base io.ReaderAt) ([]byte, error) {
	dst = append(dst, blockFormat, b.word, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(b.unit))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(b.base))
	residue := raw
	if b.word != wordNone {
		like, err := b.predict(len(raw), base)
		if err != nil {
			return nil, err
		}
		if dst, err = appendStream(dst, appendMoves(nil, b.moves)); err != nil {
			return nil, err
		}
		residue = subtract(raw, like, b.word)
	}
	return appendStream(dst, toColumns(residue, b.unit))
}

// decodeBlock appends the raw bytes of a block. What comes out is still to be compared with the chunk's id: of the base
// nothing is believed.
func decodeBlock(dst, packed []byte, raw int, base io.ReaderAt, baseSize int64) ([]byte, error) {
	b, rest, err := parseBlock(packed)
	if err != nil {
		return nil, err
	}
	var like []byte
	if b.word != wordNone {
		if base == nil {
			return nil, formatf("block: differences to a base that is not here")
		}
		var text []byte
		if text, rest, err = cutStream(nil, rest, raw+maxMovesSlack); err != nil {
			return nil, fmt.Errorf("moves: %w", err)
		}
		if b.moves, err = parseMoves(text, int64(raw/b.unit), b.unit, b.base, baseSize); err != nil {
			return nil, err
		}
		if like, err = b.predict(raw, base); err != nil {
			return nil, err
		}
	}
	residue, rest, err := cutStream(nil, rest, raw)
	if err != nil {
		return nil, err
	}
	if len(residue) != raw || len(rest) > 0 {
		return nil, fmt.Errorf("block: decodes to %d bytes and leaves %d, want %d and none: %w", len(residue), len(rest), raw, ErrSize)
	}
	out := appendRows(dst, residue, b.unit)
	if b.word != wordNone {
		add(out[len(dst):], like, b.word)
	}
	return out, nil
}

func parseBlock(packed []byte) (block, []byte, error) {
	if len(packed) < blockHeader {
		return block{}, nil, formatf("block: cut short")
	}
	unit, at := binary.LittleEndian.Uint32(packed[4:]), binary.LittleEndian.Uint64(packed[8:])
	word := packed[1]
	switch {
	case packed[0] != blockFormat:
		return block{}, nil, formatf("block: format %d", packed[0])
	case word != wordNone && word != wordBytes && word != word32:
		return block{}, nil, formatf("block: words of kind %d", word)
	case packed[2] != 0 || packed[3] != 0:
		return block{}, nil, formatf("block: reserved bytes")
	case unit < 1 || unit > maxUnit || word == word32 && unit%4 != 0:
		return block{}, nil, formatf("block: rows of %d bytes", unit)
	case at > math.MaxInt64 || word == wordNone && at != 0:
		return block{}, nil, formatf("block: base at %d", at)
	}
	return block{unit: int(unit), word: word, base: int64(at)}, packed[blockHeader:], nil
}

// maxMovesSlack is what moves may take beyond the size of their block: of more they would be no use.
const maxMovesSlack = 64

func appendMoves(dst []byte, moves []Move) []byte {
	var end int64 // of the move before, in the base
	for _, m := range moves {
		if m.From < 0 {
			dst = binary.AppendUvarint(dst, uint64(m.Units)<<1)
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(m.Units)<<1|1)
		dst = binary.AppendVarint(dst, m.From-end)
		end = m.From + m.Units
	}
	return dst
}

// parseMoves reads moves of units in all, none of which may reach out of the base.
func parseMoves(b []byte, units int64, unit int, base, baseSize int64) ([]Move, error) {
	room := (baseSize - base) / int64(unit) // may be below 0: then no move fits
	moves := make([]Move, 0, min(numbers(b), units))
	var end int64
	for units > 0 {
		head, n := binary.Uvarint(b)
		m := Move{Units: int64(head >> 1), From: -1}
		if n <= 0 || m.Units < 1 || m.Units > units {
			return nil, formatf("moves: a run of %d of the %d units left", m.Units, units)
		}
		b, units = b[n:], units-m.Units
		if head&1 != 0 {
			jump, n := binary.Varint(b)
			if n <= 0 || jump > math.MaxInt64/2 || jump < math.MinInt64/2 {
				return nil, formatf("moves: cut short, or too far")
			}
			b, m.From = b[n:], end+jump
			if end = m.From + m.Units; m.From < 0 || end > room {
				return nil, formatf("moves: units %d to %d of a base of %d", m.From, end, room)
			}
		}
		moves = append(moves, m)
	}
	if len(b) > 0 {
		return nil, formatf("moves: %d bytes too many", len(b))
	}
	return moves, nil
}

// numbers counts the varints in b.
func numbers(b []byte) (n int64) {
	for _, c := range b {
		if c < 0x80 {
			n++
		}
	}
	return n
}

// predict gathers what the block resembles, zeros where it resembles nothing.
func (b *block) predict(raw int, base io.ReaderAt) ([]byte, error) {
	like, at := make([]byte, raw), 0
	near := window{r: base}
	for _, m := range b.moves {
		n := int(m.Units) * b.unit
		if m.From >= 0 {
			if err := near.read(like[at:at+n], b.base+m.From*int64(b.unit)); err != nil {
				return nil, fmt.Errorf("base: %w", err)
			}
		}
		at += n
	}
	return like, nil
}

// window reads ahead: moves are many and near each other.
type window struct {
	r   io.ReaderAt
	buf []byte
	off int64
}

const windowSize = 64 << 10

func (w *window) read(dst []byte, off int64) error {
	if len(dst) > windowSize/2 {
		_, err := readFullAt(w.r, dst, off)
		return err
	}
	if off < w.off || off+int64(len(dst)) > w.off+int64(len(w.buf)) {
		if w.buf == nil {
			w.buf = make([]byte, windowSize)
		}
		w.off = max(0, off-windowSize/4)
		n, err := readFullAt(w.r, w.buf[:windowSize], w.off)
		w.buf = w.buf[:n]
		if off+int64(len(dst)) > w.off+int64(n) {
			return cmp.Or(err, io.ErrUnexpectedEOF)
		}
	}
	copy(dst, w.buf[off-w.off:])
	return nil
}

// readFullAt is ReadAt without the end of the file as an error of a full read.
func readFullAt(r io.ReaderAt, b []byte, off int64) (int, error) {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		err = nil
	} else if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// toColumns turns rows of unit bytes into columns; what is left after the last whole row stays at the end.
func toColumns(b []byte, unit int) []byte {
	rows := len(b) / unit
	if unit == 1 || rows < 2 {
		return b
	}
	out := make([]byte, len(b))
	for k := range unit {
		column := out[k*rows : (k+1)*rows]
		for i := range column {
			column[i] = b[i*unit+k]
		}
	}
	copy(out[rows*unit:], b[rows*unit:])
	return out
}

// appendRows undoes toColumns.
func appendRows(dst, b []byte, unit int) []byte {
	rows := len(b) / unit
	if unit == 1 || rows < 2 {
		return append(dst, b...)
	}
	dst = slices.Grow(dst, len(b))[:len(dst)+len(b)]
	out := dst[len(dst)-len(b):]
	for k := range unit {
		for i, c := range b[k*rows : (k+1)*rows] {
			out[i*unit+k] = c
		}
	}
	copy(out[rows*unit:], b[rows*unit:])
	return dst
}

// subtract gives raw less like, in words.
func subtract(raw, like []byte, word byte) []byte {
	out := make([]byte, len(raw))
	n := 0
	if word == word32 {
		for n = 0; n+4 <= len(raw); n += 4 {
			d := int32(binary.LittleEndian.Uint32(raw[n:]) - binary.LittleEndian.Uint32(like[n:]))
			binary.LittleEndian.PutUint32(out[n:], uint32(d<<1)^uint32(d>>31))
		}
	}
	for ; n < len(raw); n++ {
		out[n] = raw[n] - like[n]
	}
	return out
}

// add undoes subtract, in place.
func add(out, like []byte, word byte) {
	n := 0
	if word == word32 {
		for n = 0; n+4 <= len(out); n += 4 {
			z := binary.LittleEndian.Uint32(out[n:])
			d := z>>1 ^ -(z & 1)
			binary.LittleEndian.PutUint32(out[n:], d+binary.LittleEndian.Uint32(like[n:]))
		}
	}
	for ; n < len(out); n++ {
		out[n] += like[n]
	}
}
