package release

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"
)

// How a stream is coded.
const (
	codingStored = 0
	codingZstd   = 1
	codingHuff0  = 2

	streamHeader = 10
	minSegment   = 12 // log2 of the bytes that share a Huffman table
	maxSegment   = 17
)

// Kinds of a Huffman segment.
const (
	segmentStored   = 0
	segmentConstant = 1
	segmentHuff0    = 2
)

// The codec is shared: EncodeAll and DecodeAll are safe for concurrent use. Int8 vectors are stored raw at default
// settings, since they have no repeats; entropy coding of all literals saves a sixth of them.
var (
	encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithAllLitEntropyCompression(true),
			zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderCRC(false))
	})
	decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxStream), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecodeAllCapLimit(true))
	})
)

// appendStream codes b in whichever way is smallest.
func appendStream(dst, b []byte) ([]byte, error) {
	best, coding, log := b, byte(codingStored), byte(0)
	enc, err := encoder()
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	if z := enc.EncodeAll(b, nil); len(z) < len(best) {
		best, coding = z, codingZstd
	}
	for _, segment := range []byte{13, 15, 17} {
		h, err := huffman(nil, b, 1<<segment)
		if err != nil {
			return nil, err
		}
		if len(h) < len(best) {
			best, coding, log = h, codingHuff0, segment
		}
	}
	dst = append(dst, coding, log)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(b)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(best)))
	return append(dst, best...), nil
}

// huffman appends b in segments, each with a table of its own: columns of vectors differ in their spread.
func huffman(dst, b []byte, segment int) ([]byte, error) {
	for len(b) > 0 {
		n := min(segment, len(b))
		kind, data, err := huffmanSegment(b[:n])
		if err != nil {
			return nil, err
		}
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(data))<<2|kind)
		dst, b = append(dst, data...), b[n:]
	}
	return dst, nil
}

func huffmanSegment(b []byte) (kind uint32, data []byte, err error) {
	out, _, err := huff0.Compress1X(b, &huff0.Scratch{Reuse: huff0.ReusePolicyNone})
	switch {
	case errors.Is(err, huff0.ErrUseRLE):
		return segmentConstant, b[:1], nil
	case errors.Is(err, huff0.ErrIncompressible), err == nil && len(out) >= len(b):
		return segmentStored, b, nil
	case err != nil:
		return 0, nil, fmt.Errorf("huff0: %w", err)
	}
	return segmentHuff0, out, nil
}

// cutStream takes a stream off the front of packed and appends what it holds, at most limit bytes, to dst.
func cutStream(dst, packed []byte, limit int) (out, rest []byte, err error) {
	if len(packed) < streamHeader {
		return nil, nil, formatf("stream: cut short")
	}
	coding, log := packed[0], packed[1]
	raw, size := binary.LittleEndian.Uint32(packed[2:]), binary.LittleEndian.Uint32(packed[6:])
	packed = packed[streamHeader:]
	if int64(raw) > int64(limit) {
		return nil, nil, fmt.Errorf("stream: decodes to %d bytes, at most %d: %w", raw, limit, ErrSize)
	}
	if uint64(size) > uint64(len(packed)) {
		return nil, nil, formatf("stream: %d bytes announced, %d there", size, len(packed))
	}
	out, err = decodeStream(dst, packed[:size], coding, log, int(raw))
	return out, packed[size:], err
}

func decodeStream(dst, b []byte, coding, log byte, raw int) ([]byte, error) {
	if coding == codingHuff0 {
		return unhuffman(dst, b, log, raw)
	}
	if log != 0 {
		return nil, formatf("stream: segments of a coding that has none")
	}
	out := dst
	switch coding {
	case codingStored:
		out = append(dst, b...)
	case codingZstd:
		var err error
		if out, err = unzstd(dst, b, raw); err != nil {
			return nil, err
		}
	default:
		return nil, formatf("stream: unknown coding %d", coding)
	}
	if n := len(out) - len(dst); n != raw {
		return nil, fmt.Errorf("stream: decodes to %d bytes, want %d: %w", n, raw, ErrSize)
	}
	return out, nil
}

// unzstd appends what a frame holds, for which it takes no more room than raw bytes need.
func unzstd(dst, b []byte, raw int) ([]byte, error) {
	dec, err := decoder()
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	out, err := dec.DecodeAll(b, slices.Grow(dst, raw))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return out, nil
}

func unhuffman(dst, b []byte, log byte, raw int) ([]byte, error) {
	if log < minSegment || log > maxSegment {
		return nil, formatf("huff0: segments of 2^%d bytes", log)
	}
	for raw > 0 {
		if len(b) < 4 {
			return nil, formatf("huff0: cut short")
		}
		head := binary.LittleEndian.Uint32(b)
		size, n := int(head>>2), min(raw, 1<<log)
		if size > len(b)-4 {
			return nil, formatf("huff0: segment of %d bytes, %d there", size, len(b)-4)
		}
		var err error
		if dst, err = unhuffmanSegment(dst, b[4:4+size], head&3, n); err != nil {
			return nil, err
		}
		b, raw = b[4+size:], raw-n
	}
	if len(b) > 0 {
		return nil, formatf("huff0: %d bytes too many", len(b))
	}
	return dst, nil
}

func unhuffmanSegment(dst, b []byte, kind uint32, n int) ([]byte, error) {
	switch {
	case kind == segmentStored && len(b) == n:
		return append(dst, b...), nil
	case kind == segmentConstant && len(b) == 1:
		for range n {
			dst = append(dst, b[0])
		}
		return dst, nil
	case kind != segmentHuff0:
		return nil, formatf("huff0: segment of kind %d in %d bytes", kind, len(b))
	}
	scratch := scratches.Get().(*huff0.Scratch)
	scratch.MaxDecodedSize = n
	s, coded, err := huff0.ReadTable(b, scratch)
	if err != nil {
		return nil, formatf("huff0: %v", err)
	}
	dst = slices.Grow(dst, n)
	end := len(dst) + n
	out, err := s.Decoder().Decompress1X(dst[len(dst):len(dst):end], coded) // writes up to the capacity
	if err != nil || len(out) != n {
		return nil, formatf("huff0: %d bytes, want %d: %v", len(out), n, err)
	}
	scratches.Put(scratch) // not after a fault: who knows what is in it
	return dst[:end], nil
}

// scratches hold the tables of decoders: segments are many.
var scratches = sync.Pool{New: func() any { return new(huff0.Scratch) }}
