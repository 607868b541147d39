package release

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The codec is shared: EncodeAll and DecodeAll are safe for concurrent use. Int8 vectors are stored raw at default
// settings, since they have no repeats; entropy coding of all literals saves a sixth of them.
var (
	encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithAllLitEntropyCompression(true), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	})
	decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxChunkRaw), zstd.WithDecoderMaxWindow(8<<20))
	})
)

// Split reads a component to its end, gives every chunk with its compressed bytes to put, and returns the component.
// The bytes are put's to read until it returns. Memory does not grow with the component, but for its list of chunks.
func Split(name string, r io.Reader, put func(Chunk, []byte) error) (Component, error) {
	c := Component{Name: name, Chunks: []Chunk{}}
	enc, err := encoder()
	if err != nil {
		return c, fmt.Errorf("zstd: %w", err)
	}
	whole, raw, packed := sha256.New(), make([]byte, MaxChunkRaw), []byte(nil)
	for {
		n, err := io.ReadFull(r, raw)
		if n > 0 {
			whole.Write(raw[:n])
			packed = enc.EncodeAll(raw[:n], packed[:0])
			chunk := Chunk{Hash: Sum(packed), Size: int64(len(packed)), Raw: int64(n)}
			if err := put(chunk, packed); err != nil {
				return c, err
			}
			c.Size += chunk.Raw
			c.Chunks = append(c.Chunks, chunk)
		}
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			whole.Sum(c.Hash[:0])
			return c, nil
		}
		if err != nil {
			return c, fmt.Errorf("component %q: %w", name, err)
		}
	}
}

// Verify checks a chunk's compressed bytes.
func (c Chunk) Verify(packed []byte) error {
	if int64(len(packed)) != c.Size {
		return fmt.Errorf("%w: %d bytes, want %d", ErrSize, len(packed), c.Size)
	}
	if got := Sum(packed); got != c.Hash {
		return fmt.Errorf("%w: found %s, want %s", ErrHash, got, c.Hash)
	}
	return nil
}

// Decode appends the chunk's raw bytes to dst; the compressed bytes are verified first (R2).
func (c Chunk) Decode(dst, packed []byte) ([]byte, error) {
	if err := c.Verify(packed); err != nil {
		return dst, err
	}
	dec, err := decoder()
	if err != nil {
		return dst, fmt.Errorf("zstd: %w", err)
	}
	out, err := dec.DecodeAll(packed, dst)
	if err != nil {
		return dst, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	if n := int64(len(out) - len(dst)); n != c.Raw {
		return dst, fmt.Errorf("%w: decodes to %d bytes, want %d", ErrSize, n, c.Raw)
	}
	return out, nil
}

// Join writes a component's raw bytes to w, each chunk's compressed bytes from get, and checks the whole at the end:
// what it wrote is to be thrown away when it returns an error.
func Join(w io.Writer, c *Component, get func(Chunk) ([]byte, error)) error {
	whole, raw := sha256.New(), []byte(nil)
	for i, chunk := range c.Chunks {
		packed, err := get(chunk)
		if err == nil {
			raw, err = chunk.Decode(raw[:0], packed)
		}
		if err != nil {
			return fmt.Errorf("component %q: chunk %d of %d (%s): %w", c.Name, i+1, len(c.Chunks), chunk.Hash.Short(), err)
		}
		whole.Write(raw)
		if _, err := w.Write(raw); err != nil {
			return fmt.Errorf("component %q: %w", c.Name, err)
		}
	}
	return c.checkWhole(Hash(whole.Sum(nil)))
}

// Check reads a component's raw file and compares it with the manifest.
func (c *Component) Check(r io.Reader) error {
	whole := sha256.New()
	n, err := io.Copy(whole, io.LimitReader(r, c.Size+1))
	if err != nil {
		return fmt.Errorf("component %q: %w", c.Name, err)
	}
	if n != c.Size {
		return fmt.Errorf("component %q: %w: want %d bytes, found %s", c.Name, ErrSize, c.Size, orMore(n, c.Size))
	}
	return c.checkWhole(Hash(whole.Sum(nil)))
}

func (c *Component) checkWhole(got Hash) error {
	if got != c.Hash {
		return fmt.Errorf("component %q: %w: found %s, want %s", c.Name, ErrHash, got, c.Hash)
	}
	return nil
}

// orMore says "more" where reading stopped at the limit.
func orMore(n, limit int64) string {
	if n > limit {
		return "more"
	}
	return fmt.Sprint(n)
}
