package release

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// blockSize is about how much of a file is one chunk: small enough that a change costs little and a swarm shares well, large
// enough for tables and requests to pay.
const blockSize = 256 << 10

// Span is a part of a file whose bytes have one shape: chunks end where it ends. The zero Unit is 1.
type Span struct {
	Size int64
	Unit int // bytes of a row
	Base int64
	// Moves appends, for the units lo to hi of the span, which units of the base they resemble, counted from offset Base of
	// the base file. nil: none.
	Moves func(dst []Move, lo, hi int64) []Move
}

// Base is the file that differences are taken to: the same component of an earlier release.
type Base struct {
	Hash Hash
	Size int64
	Data io.ReaderAt
	IDs  map[Hash]bool // chunks of the release it is of: those are not sent at all
}

// Plan says how a file is cut. Its Spans cover the file; nil: they are not known.
type Plan struct {
	Spans []Span
	Base  *Base
}

// Split reads a component to its end, gives every piece with its bytes to put, and returns the component.
// The bytes are put's to read until it returns. Memory does not grow with the component, but for its list of chunks.
func Split(name string, r io.Reader, plan Plan, put func(Piece, []byte) error) (Component, error) {
	s := splitter{Component: Component{Name: name, Chunks: []Chunk{}}, plan: plan, put: put, buf: make([]byte, MaxChunkRaw)}
	whole := sha256.New()
	s.r = io.TeeReader(r, whole)
	if plan.Base != nil {
		s.Base = &BaseRef{Hash: plan.Base.Hash, Size: plan.Base.Size}
	}
	if err := s.split(); err != nil {
		return s.Component, fmt.Errorf("component %q: %w", name, err)
	}
	whole.Sum(s.Hash[:0])
	return s.Component, nil
}

type splitter struct {
	Component
	plan Plan
	r    io.Reader
	put  func(Piece, []byte) error
	buf  []byte
}

func (s *splitter) split() error {
	if s.plan.Spans == nil {
		return s.unknown()
	}
	for i := range s.plan.Spans {
		if err := s.span(s.plan.Spans[i]); err != nil {
			return err
		}
	}
	if n, err := s.r.Read(s.buf[:1]); n > 0 || err != nil && err != io.EOF {
		return fmt.Errorf("longer than its spans, or unreadable: %w", errors.Join(ErrSize, err))
	}
	return nil
}

// unknown cuts a file of which nothing is known.
func (s *splitter) unknown() error {
	for {
		n, err := io.ReadFull(s.r, s.buf[:blockSize])
		if n > 0 {
			if err := s.block(Span{Unit: 1}, 0, s.buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *splitter) span(span Span) error {
	span.Unit = max(span.Unit, 1)
	if span.Unit > maxUnit {
		span.Unit, span.Moves = 1, nil
	}
	step := int64(blockSize / span.Unit * span.Unit)
	for at := int64(0); at < span.Size; at += step {
		b := s.buf[:min(step, span.Size-at)]
		if _, err := io.ReadFull(s.r, b); err != nil {
			return fmt.Errorf("shorter than its spans: %w", err)
		}
		if err := s.block(span, at/int64(span.Unit), b); err != nil {
			return err
		}
	}
	return nil
}

// block makes a chunk of one block, which begins at a unit of its span.
func (s *splitter) block(span Span, first int64, raw []byte) error {
	c := Chunk{ID: Sum(raw), Raw: int64(len(raw))}
	full, err := packFull(span.Unit, raw)
	if err != nil {
		return err
	}
	c.Piece = pieceOf(full)
	if err := s.put(c.Piece, full); err != nil {
		return err
	}
	delta, err := s.packDelta(span, first, raw, c.ID)
	if err != nil {
		return err
	}
	if delta != nil && len(delta) < len(full) {
		p := pieceOf(delta)
		c.Delta = &p
		if err := s.put(p, delta); err != nil {
			return err
		}
	}
	s.Size += c.Raw
	s.Chunks = append(s.Chunks, c)
	return nil
}

func pieceOf(packed []byte) Piece { return Piece{Hash: Sum(packed), Size: int64(len(packed))} }

// packFull packs a block by itself, as rows or as it is.
func packFull(unit int, raw []byte) ([]byte, error) {
	best, err := (&block{unit: 1}).encode(nil, raw, nil)
	if err != nil || unit == 1 {
		return best, err
	}
	rows, err := (&block{unit: unit}).encode(nil, raw, nil)
	if len(rows) < len(best) {
		best = rows
	}
	return best, err
}

// packDelta packs the differences of a block to the base, or nothing where there is no base or it has the block itself.
func (s *splitter) packDelta(span Span, first int64, raw []byte, id Hash) (best []byte, err error) {
	base := s.plan.Base
	if base == nil || span.Moves == nil || base.IDs[id] {
		return nil, nil
	}
	b := block{unit: span.Unit, base: span.Base}
	b.moves = span.Moves(nil, first, first+int64(len(raw)/span.Unit))
	if err := checkMoves(&b, raw, base.Size); err != nil {
		return nil, err
	}
	for _, b.word = range []byte{wordBytes, word32} {
		if b.word == word32 && b.unit%4 != 0 {
			continue
		}
		packed, err := b.encode(nil, raw, base.Data)
		if err != nil {
			return nil, err
		}
		if best == nil || len(packed) < len(best) {
			best = packed
		}
	}
	return best, nil
}

// checkMoves sends moves through the reader's checks: what a node would refuse is not written.
func checkMoves(b *block, raw []byte, baseSize int64) error {
	text := appendMoves(nil, b.moves)
	if len(text) > len(raw)+maxMovesSlack { // they would cost more than they save
		b.moves = []Move{{Units: int64(len(raw) / b.unit), From: -1}}
		return nil
	}
	_, err := parseMoves(text, int64(len(raw)/b.unit), b.unit, b.base, baseSize)
	return err
}
