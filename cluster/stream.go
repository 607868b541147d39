package cluster

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

// A stream carries one request and at most one answer, each sealed in chunks, so that whoever has no key costs the memory of
// one chunk however much he sends or announces. The byte table is in WIRE.md.
const (
	streamMagic   = 0xEC
	streamHeader  = 1 + keyIDLen + timeLen + saltLen
	saltLen       = 16
	chunkHeader   = 4
	maxChunk      = 64 << 10 // plain bytes of one chunk
	maxStream     = 8 << 20  // plain bytes of one direction
	lastChunk     = 1 << 31
	answerPurpose = "answer"
	askPurpose    = "request"
)

// salt names one request; the answer is bound to it.
type salt [saltLen]byte

// seal is the state of one direction of a stream.
type streamSeal struct {
	aead  cipher.AEAD
	salt  salt
	ad    []byte // associated data, up to the chunk's own header
	index uint64
}

// nonce is salt and index: never the same twice under one key, as the salt is random and the index counts.
func (s *streamSeal) nonce() []byte {
	n := append(make([]byte, 0, chacha20poly1305.NonceSizeX), s.salt[:]...)
	n = binary.LittleEndian.AppendUint64(n, s.index)
	s.index++
	return n
}

func (s *streamSeal) context(header []byte) []byte {
	return append(s.ad[:len(s.ad):len(s.ad)], header...)
}

// sealStream is a whole message, sealed. about is the salt of the request that is answered, or zero for a request.
func (r *keyring) sealStream(plain []byte, purpose string, about salt) (sealed []byte, own salt, err error) {
	if len(plain) == 0 || len(plain) > maxStream {
		return nil, own, errTooLong
	}
	key := r.sealer()
	_, _ = rand.Read(own[:]) // never fails
	chunks := len(plain)/maxChunk + 1
	out := make([]byte, 0, streamHeader+len(plain)+chunks*(chunkHeader+chacha20poly1305.Overhead))
	out = append(append(out, streamMagic), key.id[:]...)
	out = binary.LittleEndian.AppendUint64(out, r.now())
	out = append(out, own[:]...)
	s := streamSeal{aead: key.aead, salt: own, ad: r.context(purpose, out[:streamHeader], about[:])}
	for len(plain) > 0 {
		n := min(len(plain), maxChunk)
		out = s.sealChunk(out, plain[:n], n == len(plain))
		plain = plain[n:]
	}
	return out, own, nil
}

func (s *streamSeal) sealChunk(dst, plain []byte, last bool) []byte {
	length := uint32(len(plain))
	if last {
		length |= lastChunk
	}
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, length)
	return s.aead.Seal(dst, s.nonce(), plain, s.context(dst[start:]))
}

// openStream reads a whole message. It reads no byte beyond it, and holds no more than one chunk that isn't proven.
func (r *keyring) openStream(in io.Reader, purpose string, about salt) (plain []byte, from salt, err error) {
	var header [streamHeader]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return nil, from, err
	}
	if header[0] != streamMagic {
		return nil, from, errForm
	}
	s := streamSeal{ad: r.context(purpose, header[:], about[:])}
	if s.aead, err = r.opener(header[1 : 1+keyIDLen]); err != nil {
		return nil, from, err
	}
	if err := r.checkTime(binary.LittleEndian.Uint64(header[1+keyIDLen:])); err != nil {
		return nil, from, err
	}
	copy(s.salt[:], header[1+keyIDLen+timeLen:])
	plain, err = s.openChunks(in)
	return plain, s.salt, err
}

func (s *streamSeal) openChunks(in io.Reader) (plain []byte, err error) {
	var buf []byte
	for last := false; !last; {
		var header [chunkHeader]byte
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return nil, unexpected(err)
		}
		word := binary.LittleEndian.Uint32(header[:])
		length := int(word &^ lastChunk)
		last = word&lastChunk != 0
		if length == 0 || length > maxChunk || len(plain)+length > maxStream {
			return nil, errTooLong
		}
		if buf, err = readSome(in, buf[:0], length+chacha20poly1305.Overhead); err != nil {
			return nil, unexpected(err)
		}
		if plain, err = s.aead.Open(plain, s.nonce(), buf, s.context(header[:])); err != nil {
			return nil, errSeal
		}
	}
	return plain, nil
}

// readSome appends n bytes, growing as they come: an announced length alone allocates little.
func readSome(in io.Reader, dst []byte, n int) ([]byte, error) {
	for n > 0 {
		step := min(n, 4<<10)
		start := len(dst)
		dst = append(dst, make([]byte, step)...)
		if _, err := io.ReadFull(in, dst[start:]); err != nil {
			return nil, err
		}
		n -= step
	}
	return dst, nil
}

// unexpected makes the end of a stream in the middle of a message the error it is.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
