package data

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/edged/edged"
)

// Kind says what the records of a segment are.
type Kind uint8

// The kinds of segment.
const (
	EventSegment Kind = 1
	ItemSegment  Kind = 2
)

// Sizes of a segment. FORMAT.md has the tables.
const (
	segmentMagic   = "EDGEDSEG"
	segmentVersion = 1
	segmentHeader  = 16
	blockHeader    = 16
	maxRawBlock    = 4 << 20
	maxBlock       = maxRawBlock + 64<<10 // compressed; zstd adds little to what doesn't compress
	blockTarget    = 256 << 10            // raw bytes after which a writer ends a block by itself
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrTorn is what a reader ends with when its writer died in the middle of a block: all before is good.
var ErrTorn = errors.New("torn tail")

// ErrSegment is wrapped when a file is no segment of a kind and version this program reads.
var ErrSegment = errors.New("not an edged segment")

// CorruptError names a place in a segment that does not hold what was written.
type CorruptError struct {
	Offset int64
	What   string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("corrupt segment: offset %d: %s", e.Offset, e.What)
}

// The compressor's level is part of what makes two imports of one file write equal bytes.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderCRC(false), zstd.WithWindowSize(512<<10))
		if err != nil {
			panic("BUG: zstd options: " + err.Error())
		}
		return e
	})
	decompressor = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxRawBlock))
		if err != nil {
			panic("BUG: zstd options: " + err.Error())
		}
		return d
	})
)

// SegmentWriter writes a segment, a block at a time. One goroutine uses it; it starts none.
type SegmentWriter struct {
	w       io.Writer
	raw     []byte
	count   uint32
	out     []byte
	rec     []byte
	size    int64
	total   int64
	file    hash.Hash
	content hash.Hash
	err     error
}

// NewSegmentWriter writes the header of a new segment to w.
func NewSegmentWriter(w io.Writer, kind Kind) (*SegmentWriter, error) {
	s := &SegmentWriter{w: w, file: sha256.New(), content: sha256.New()}
	h := binary.LittleEndian.AppendUint16([]byte(segmentMagic), segmentVersion)
	h = append(h, byte(kind), 0)
	h = binary.LittleEndian.AppendUint32(h, crc32.Checksum(h, castagnoli))
	return s, s.write(h)
}

func (s *SegmentWriter) write(b []byte) error {
	if s.err != nil {
		return s.err
	}
	n, err := s.w.Write(b)
	s.file.Write(b[:n])
	s.size += int64(n)
	if err != nil {
		s.err = fmt.Errorf("write segment: %w", err)
	}
	return s.err
}

// Event adds an event; Flush or a full block writes it. An event that breaks a limit is an error and leaves no trace.
func (s *SegmentWriter) Event(e *edged.Event) error {
	if err := CheckEvent(e); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	s.rec = AppendEventRecord(s.rec[:0], e)
	return s.Record(s.rec)
}

// Record adds the bytes of one record, as AppendEventRecord or AppendItemJSON made them.
func (s *SegmentWriter) Record(rec []byte) error {
	if len(rec) == 0 || len(rec) > maxRecord {
		return fmt.Errorf("data: record of %d bytes, want 1 to %d", len(rec), maxRecord)
	}
	if len(s.raw)+len(rec)+binary.MaxVarintLen32 > maxRawBlock || len(s.raw) >= blockTarget {
		if err := s.Flush(); err != nil {
			return err
		}
	}
	s.raw = append(binary.AppendUvarint(s.raw, uint64(len(rec))), rec...)
	s.count++
	return s.err
}

// Flush writes the records added since the last block as one block, with one write. After an error the writer is
// of no more use.
func (s *SegmentWriter) Flush() error {
	if s.count == 0 || s.err != nil {
		return s.err
	}
	s.out = encoder().EncodeAll(s.raw, append(s.out[:0], make([]byte, blockHeader)...))
	h, payload := s.out[:blockHeader], s.out[blockHeader:]
	binary.LittleEndian.PutUint32(h[0:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(h[4:], uint32(len(s.raw)))
	binary.LittleEndian.PutUint32(h[8:], s.count)
	binary.LittleEndian.PutUint32(h[12:], blockSum(h, payload))
	s.content.Write(s.raw)
	s.total += int64(s.count)
	s.raw, s.count = s.raw[:0], 0
	return s.write(s.out)
}

func blockSum(h, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(h[:12], castagnoli), castagnoli, payload)
}

// Size is the number of bytes written so far, without what waits for Flush.
func (s *SegmentWriter) Size() int64 { return s.size }

// Count is the number of records written so far, without those that wait for Flush.
func (s *SegmentWriter) Count() int64 { return s.total }

// SegmentReader reads the records of a segment in order. One goroutine uses it. The caller closes the file under it.
type SegmentReader struct {
	r       io.ReaderAt
	size    int64
	off     int64 // where the next block begins: all before is good
	kind    Kind
	block   []byte
	raw     []byte
	rest    []byte
	left    uint32
	started int64 // where the current block begins
	dec     *decoder
}

// NewSegmentReader checks the header of a segment of size bytes.
func NewSegmentReader(r io.ReaderAt, size int64) (*SegmentReader, error) {
	var h [segmentHeader]byte
	if size < segmentHeader {
		return nil, fmt.Errorf("%w: %d bytes: %w", ErrSegment, size, ErrTorn)
	}
	if err := readAt(r, h[:], 0); err != nil {
		return nil, err
	}
	kind := Kind(h[10])
	switch {
	case string(h[:8]) != segmentMagic:
		return nil, fmt.Errorf("%w: no magic at its start", ErrSegment)
	case binary.LittleEndian.Uint32(h[12:]) != crc32.Checksum(h[:12], castagnoli):
		return nil, &CorruptError{What: "checksum of the header"}
	case binary.LittleEndian.Uint16(h[8:]) != segmentVersion:
		return nil, fmt.Errorf("%w: version %d, this program reads %d", ErrSegment, binary.LittleEndian.Uint16(h[8:]), segmentVersion)
	case kind != EventSegment && kind != ItemSegment || h[11] != 0:
		return nil, fmt.Errorf("%w: unknown kind %d", ErrSegment, kind)
	}
	return &SegmentReader{r: r, size: size, off: segmentHeader, kind: kind, dec: newDecoder()}, nil
}

func readAt(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read segment: offset %d: %w", off, err)
}

// Kind says what the records are.
func (s *SegmentReader) Kind() Kind { return s.kind }

// Good is the offset up to which whole, correct blocks were read.
func (s *SegmentReader) Good() int64 { return s.off }

// Event reads the next event into e. Its strings and its context may be kept, but the context is shared and not to
// be changed. The end is io.EOF; ErrTorn where the writer died; a *CorruptError where the file is damaged.
func (s *SegmentReader) Event(e *edged.Event) error {
	rec, err := s.next()
	if err != nil {
		return err
	}
	if err := s.dec.event(e, rec); err != nil {
		return &CorruptError{s.started, err.Error()}
	}
	return nil
}

// next returns the next record; its bytes are valid until the next call.
func (s *SegmentReader) next() ([]byte, error) {
	for s.left == 0 {
		if len(s.rest) != 0 {
			return nil, &CorruptError{s.started, "bytes after the last record of a block"}
		}
		if err := s.nextBlock(); err != nil {
			return nil, err
		}
	}
	n, w := binary.Uvarint(s.rest)
	if w <= 0 || n == 0 || n > maxRecord || n > uint64(len(s.rest)-w) {
		return nil, &CorruptError{s.started, "length of a record"}
	}
	rec := s.rest[w : w+int(n)]
	s.rest = s.rest[w+int(n):]
	s.left--
	return rec, nil
}

// nextBlock reads, checks and decompresses a block.
func (s *SegmentReader) nextBlock() error {
	if s.off == s.size {
		return io.EOF
	}
	var h [blockHeader]byte
	if s.size-s.off < blockHeader {
		return ErrTorn
	}
	if err := readAt(s.r, h[:], s.off); err != nil {
		return err
	}
	n, raw, count, ok := blockSizes(h[:], s.size-s.off)
	if !ok {
		return s.damaged("header of a block")
	}
	s.block = grow(s.block, n)
	if err := readAt(s.r, s.block, s.off+blockHeader); err != nil {
		return err
	}
	if blockSum(h[:], s.block) != binary.LittleEndian.Uint32(h[12:]) {
		return s.damaged("checksum of a block")
	}
	return s.decompress(n, raw, count)
}

func (s *SegmentReader) decompress(n, raw int, count uint32) (err error) {
	s.raw, err = decompressor().DecodeAll(s.block, grow(s.raw, raw)[:0])
	if err != nil || len(s.raw) != raw {
		return &CorruptError{s.off, "block does not decompress to its length"}
	}
	s.started = s.off
	s.off += int64(blockHeader + n)
	s.rest, s.left = s.raw, count
	return nil
}

// blockSizes reads a block's header; ok is false when it can't be one with have bytes left in the file.
func blockSizes(h []byte, have int64) (n, raw int, count uint32, ok bool) {
	c, r := binary.LittleEndian.Uint32(h), binary.LittleEndian.Uint32(h[4:])
	count = binary.LittleEndian.Uint32(h[8:])
	ok = c > 0 && c <= maxBlock && r > 0 && r <= maxRawBlock && count > 0 && count <= r && int64(c) <= have-blockHeader
	return int(c), int(r), count, ok
}

func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// damaged tells a torn tail from corruption: only what was being written last can be torn, so whatever is followed
// by a good block is corrupt, and so is more than one block's worth of bytes.
func (s *SegmentReader) damaged(what string) error {
	rest := s.size - s.off
	if rest > blockHeader+maxBlock {
		return &CorruptError{s.off, what}
	}
	b := make([]byte, rest)
	if err := readAt(s.r, b, s.off); err != nil {
		return err
	}
	for i := 1; i+blockHeader < len(b); i++ {
		n, _, _, ok := blockSizes(b[i:], int64(len(b)-i))
		if ok && blockSum(b[i:], b[i+blockHeader:][:n]) == binary.LittleEndian.Uint32(b[i+12:]) {
			return &CorruptError{s.off, what}
		}
	}
	return ErrTorn
}
