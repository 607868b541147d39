package release

import (
	"crypto/sha256"
	"fmt"
	"io"
)

// Verify checks the bytes of a piece as they travel.
func (p Piece) Verify(packed []byte) error {
	if int64(len(packed)) != p.Size {
		return fmt.Errorf("%w: %d bytes, want %d", ErrSize, len(packed), p.Size)
	}
	if got := Sum(packed); got != p.Hash {
		return fmt.Errorf("%w: found %s, want %s", ErrHash, got, p.Hash)
	}
	return nil
}

// Decode appends the chunk's raw bytes to dst; the bytes that travelled are verified first (R2).
func (c Chunk) Decode(dst, packed []byte) ([]byte, error) {
	if err := c.Verify(packed); err != nil {
		return nil, err
	}
	if c.ID.IsZero() {
		return c.decodeFrame(dst, packed)
	}
	out, err := decodeBlock(dst, packed, int(c.Raw), nil, 0)
	if err != nil {
		return nil, err
	}
	return out, c.identify(out[len(dst):])
}

// DecodeDelta appends the chunk's raw bytes to dst, from its differences to a base of size bytes.
func (c Chunk) DecodeDelta(dst, packed []byte, base io.ReaderAt, size int64) ([]byte, error) {
	if c.Delta == nil {
		return nil, formatf("the chunk has no differences")
	}
	if err := c.Delta.Verify(packed); err != nil {
		return nil, err
	}
	out, err := decodeBlock(dst, packed, int(c.Raw), base, size)
	if err != nil {
		return nil, err
	}
	return out, c.identify(out[len(dst):])
}

// identify compares raw bytes with the chunk's id.
func (c Chunk) identify(raw []byte) error {
	if got := Sum(raw); got != c.ID {
		return fmt.Errorf("%w: decodes to %s, want %s", ErrHash, got, c.ID)
	}
	return nil
}

// decodeFrame decodes a chunk of the first format, one zstd frame.
func (c Chunk) decodeFrame(dst, packed []byte) ([]byte, error) {
	out, err := unzstd(dst, packed, int(c.Raw))
	if err != nil {
		return nil, err
	}
	if n := int64(len(out) - len(dst)); n != c.Raw {
		return nil, fmt.Errorf("%w: decodes to %d bytes, want %d", ErrSize, n, c.Raw)
	}
	return out, nil
}

// Join writes a component's raw bytes to w, each chunk's bytes as they travel from get, and checks the whole at the end:
// what it wrote is to be thrown away when it returns an error.
func Join(w io.Writer, c *Component, get func(Piece) ([]byte, error)) error {
	return c.join(w, func(dst []byte, chunk *Chunk) ([]byte, error) {
		packed, err := get(chunk.Piece)
		if err != nil {
			return nil, err
		}
		return chunk.Decode(dst, packed)
	})
}

// join writes a component, each chunk's raw bytes from raw.
func (c *Component) join(w io.Writer, raw func(dst []byte, chunk *Chunk) ([]byte, error)) error {
	whole, buf := sha256.New(), []byte(nil)
	for i := range c.Chunks {
		b, err := raw(buf[:0], &c.Chunks[i])
		if err != nil {
			return c.at(i, err)
		}
		buf = b
		whole.Write(buf)
		if _, err := w.Write(buf); err != nil {
			return fmt.Errorf("component %q: %w", c.Name, err)
		}
	}
	return c.checkWhole(Hash(whole.Sum(nil)))
}

// at says at which chunk an error happened.
func (c *Component) at(i int, err error) error {
	return fmt.Errorf("component %q: chunk %d of %d (%s): %w", c.Name, i+1, len(c.Chunks), c.Chunks[i].Hash.Short(), err)
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
