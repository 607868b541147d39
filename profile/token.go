package profile

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// Sizes of a token; TOKEN.md has the byte table.
const (
	tokenVersion = 1
	tokenHead    = 1 + keyIDSize
	nonceAt      = tokenHead
	sealedAt     = nonceAt + chacha20poly1305.NonceSizeX
	keyIDSize    = 4
	payloadHead  = 13
	heldSize     = 14
	MaxHeld      = 50 // items of a token
	maxPayload   = payloadHead + MaxHeld*heldSize
	leastRaw     = sealedAt + payloadHead + chacha20poly1305.Overhead
	maxRaw       = sealedAt + maxPayload + chacha20poly1305.Overhead
	MaxTokenText = (maxRaw*8 + 5) / 6 // 1,015 characters
	maxName      = 64                 // bytes of a tenant or purpose
	maxTokenKeys = 16
)

// MaxTTL bounds the lifetime of tokens.
const MaxTTL = 400 * 24 * time.Hour

// maxTokenAhead is how far ahead of this clock the one of the node that issued a token may be.
const maxTokenAhead = 5 * time.Minute

// ErrToken is the error of every token that is refused, whatever the reason.
var ErrToken = errors.New("profile: the token is not accepted")

// TokenOptions say whose tokens a Sealer makes and takes. The zero value of each field means its default.
type TokenOptions struct {
	Tenant  string           // default "edged"
	Purpose string           // default "profile"
	TTL     time.Duration    // default 30 days
	Clock   func() time.Time // default time.Now
	Rand    io.Reader        // default crypto/rand.Reader
}

// Sealer makes and opens tokens. All methods are safe for concurrent use.
type Sealer struct {
	keys  []tokenKey          // the first seals
	decoy tokenKey            // opens what names no key we hold, in vain
	bait  [MaxHeld + 1][]byte // of the decoy's key, by the number of items: what is opened where a token could not be
	bound []byte              // authenticated behind the head: tenant and purpose
	opts  TokenOptions
}

type tokenKey struct {
	id   [keyIDSize]byte
	aead cipher.AEAD
}

// NewSealer returns a Sealer for keys of 32 bytes each, the sealing one first.
func NewSealer(keys [][]byte, o TokenOptions) (*Sealer, error) {
	o.Tenant, o.Purpose = cmp.Or(o.Tenant, "edged"), cmp.Or(o.Purpose, "profile")
	o.TTL = cmp.Or(o.TTL, 30*24*time.Hour)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	switch {
	case len(keys) == 0 || len(keys) > maxTokenKeys:
		return nil, fmt.Errorf("profile: %d token keys, want 1 to %d", len(keys), maxTokenKeys)
	case len(o.Tenant) > maxName || len(o.Purpose) > maxName:
		return nil, fmt.Errorf("profile: tenant and purpose: at most %d bytes each", maxName)
	case o.TTL < time.Minute || o.TTL > MaxTTL:
		return nil, fmt.Errorf("profile: a token's lifetime of %v, want 1 minute to 400 days", o.TTL)
	}
	s := &Sealer{opts: o, bound: appendName(appendName(nil, o.Tenant), o.Purpose)}
	for i, key := range append(keys[:len(keys):len(keys)], make([]byte, chacha20poly1305.KeySize)) {
		k, err := newTokenKey(key)
		if err != nil {
			return nil, fmt.Errorf("profile: token key %d: %w", i+1, err)
		}
		s.keys = append(s.keys, k)
	}
	s.decoy = s.keys[len(keys)]
	s.keys = s.keys[:len(keys)]
	s.setBait()
	return s, nil
}

var baitNonce [chacha20poly1305.NonceSizeX]byte

// setBait seals a sound payload for each number of items.
func (s *Sealer) setBait() {
	h := Held{Issued: 1000, Expires: math.MaxUint32 * 1000, Depth: MaxHeld}
	for n := range s.bait {
		s.bait[n] = s.decoy.aead.Seal(nil, baitNonce[:], h.encode(nil), nil)
		h.Items = append(h.Items, HeldItem{Hash: uint64(n)})
	}
}

func appendName(dst []byte, name string) []byte { return append(append(dst, byte(len(name))), name...) }

func newTokenKey(key []byte) (k tokenKey, err error) {
	if k.aead, err = chacha20poly1305.NewX(key); err != nil {
		return k, fmt.Errorf("%d bytes, want %d", len(key), chacha20poly1305.KeySize)
	}
	sum := sha256.Sum256(append([]byte("edged token key"), key...))
	copy(k.id[:], sum[:])
	return k, nil
}

// NewTokenKey draws a key and returns it as a line of a key file.
func NewTokenKey() string {
	var key [chacha20poly1305.KeySize]byte
	_, _ = rand.Read(key[:]) // never fails
	return base64.StdEncoding.EncodeToString(key[:])
}

// ParseTokenKeys reads a key file: one key a line as base64, blank lines and those that begin with # aside.
func ParseTokenKeys(file []byte) (keys [][]byte, err error) {
	lines := bufio.NewScanner(bytes.NewReader(file))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(key) != chacha20poly1305.KeySize {
			return nil, fmt.Errorf("line %d: want a key of 32 bytes as base64", n)
		}
		if len(keys) == maxTokenKeys {
			return nil, fmt.Errorf("line %d: more than %d keys", n, maxTokenKeys)
		}
		for _, other := range keys {
			if bytes.Equal(key, other) {
				return nil, fmt.Errorf("line %d: a key that is there already", n)
			}
		}
		keys = append(keys, key)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("not a key file: %w", err)
	}
	if len(keys) == 0 {
		return nil, errors.New("no key in it")
	}
	return keys, nil
}

// TokenScratch is the working memory of one Open or Seal. The zero value is ready; it belongs to one goroutine at a time.
type TokenScratch struct {
	raw     [maxRaw + 3]byte
	payload [maxPayload + chacha20poly1305.Overhead]byte
	aad     []byte
}

var tokenText = base64.RawURLEncoding.Strict()

// Open reads a token into h. Any token that is refused leaves h empty and is ErrToken, after the same work: two seals are tried, one of which
// holds, and a payload of the token's length is read. It allocates nothing once h and t have grown.
func (s *Sealer) Open(h *Held, t *TokenScratch, text []byte) error {
	*h = Held{Items: h.Items[:0]}
	raw, sound := t.decode(text)
	key, known := s.keyOf(raw[1:tokenHead])
	t.aad = s.authenticated(t.aad[:0], raw[:tokenHead])
	payload, err := key.aead.Open(t.payload[:0], raw[nonceAt:sealedAt], raw[sealedAt:], t.aad)
	sealed := err == nil
	if !sealed { // not s.decoy.aead alone: it would do less
		payload, _ = s.decoy.aead.Open(t.payload[:0], baitNonce[:], s.bait[itemsOf(len(raw))], nil)
	}
	// Every part is worked out before any decides.
	read := h.decode(payload)
	current := s.current(h)
	if sound && known && sealed && raw[0] == tokenVersion && read && current {
		return nil
	}
	if sealed {
		raw[len(raw)-1] ^= 1
		_, _ = key.aead.Open(t.payload[:0], raw[nonceAt:sealedAt], raw[sealedAt:], t.aad)
	}
	*h = Held{Items: h.Items[:0]}
	return ErrToken
}

// itemsOf is how many items a token of so many bytes has room for.
func itemsOf(raw int) int {
	return min(max(raw-leastRaw, 0)/heldSize, MaxHeld)
}

// decode turns text into bytes. Where it is none of ours it reads as many zeros as a token of the same length has, so that this and what follows
// take as long; only how far a text could be read before its fault adds to it, which whoever wrote it knows.
func (t *TokenScratch) decode(text []byte) (raw []byte, sound bool) {
	if len(text) <= MaxTokenText && bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') < 0 {
		n, err := tokenText.Decode(t.raw[:], text)
		if err == nil && n >= leastRaw && n <= maxRaw {
			return t.raw[:n], true
		}
	}
	clear(t.raw[:leastRaw])
	n, _ := tokenText.Decode(t.raw[:], zeros[:min(max(len(text), leastText), MaxTokenText)])
	return t.raw[:max(n, leastRaw)], false // n is 0 where the length is none that base64 has
}

// leastText is the length of the shortest token, zeros the text of zero bytes.
const leastText = (leastRaw*8 + 5) / 6

var zeros = bytes.Repeat([]byte{'A'}, MaxTokenText)

func (s *Sealer) keyOf(id []byte) (k *tokenKey, known bool) {
	k = &s.decoy
	for i := range s.keys {
		if string(s.keys[i].id[:]) == string(id) && !known {
			k, known = &s.keys[i], true
		}
	}
	return k, known
}

func (s *Sealer) authenticated(dst, head []byte) []byte {
	dst = append(dst, "edged profile token\x00"...)
	dst = append(dst, head...)
	return append(dst, s.bound...)
}

// current reports whether a token is neither expired nor from the future.
func (s *Sealer) current(h *Held) bool {
	now := s.opts.Clock()
	return now.UnixMilli() < h.Expires && h.Issued <= now.Add(maxTokenAhead).UnixMilli()
}

// Seal appends the token of h to dst, issued now and good for the Sealer's lifetime. What h's consent, depth and days don't allow is not in it; h is
// trimmed and stamped accordingly.
func (s *Sealer) Seal(dst []byte, h *Held, t *TokenScratch) ([]byte, error) {
	now := s.opts.Clock()
	h.Issued = now.Unix() * 1000
	h.Expires = now.Add(s.opts.TTL).Unix() * 1000
	h.trim(now.UnixMilli())
	key := &s.keys[0]
	raw := append(t.raw[:0], tokenVersion)
	raw = append(raw, key.id[:]...)
	if _, err := io.ReadFull(s.opts.Rand, t.raw[nonceAt:sealedAt]); err != nil {
		return dst, fmt.Errorf("profile: no randomness for a token: %w", err)
	}
	raw = t.raw[:sealedAt]
	t.aad = s.authenticated(t.aad[:0], raw[:tokenHead])
	raw = key.aead.Seal(raw, raw[nonceAt:sealedAt], h.encode(t.payload[:0]), t.aad)
	return tokenText.AppendEncode(dst, raw), nil
}

// encode appends the payload.
func (h *Held) encode(b []byte) []byte {
	flags := byte(0)
	if h.Refused {
		flags = flagRefused
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(h.Issued/1000))
	b = binary.LittleEndian.AppendUint32(b, uint32(h.Expires/1000))
	b = append(b, flags, h.Depth)
	b = binary.LittleEndian.AppendUint16(b, h.Days)
	b = append(b, byte(len(h.Items)))
	for i := range h.Items {
		b = binary.LittleEndian.AppendUint64(b, h.Items[i].Hash)
		b = binary.LittleEndian.AppendUint16(b, h.Items[i].Type)
		b = binary.LittleEndian.AppendUint32(b, uint32(h.Items[i].Time/1000))
	}
	return b
}

const flagRefused = 1

// decode reads a payload strictly.
func (h *Held) decode(b []byte) bool {
	if len(b) < payloadHead || len(b) != payloadHead+heldSize*int(b[12]) || b[8]&^flagRefused != 0 {
		return false
	}
	h.Issued = int64(binary.LittleEndian.Uint32(b)) * 1000
	h.Expires = int64(binary.LittleEndian.Uint32(b[4:])) * 1000
	h.Refused, h.Depth, h.Days = b[8] != 0, b[9], binary.LittleEndian.Uint16(b[10:])
	count := int(b[12])
	if h.Expires <= h.Issued || h.Depth > MaxHeld || count > int(h.Depth) || h.Refused && count > 0 {
		return false
	}
	for b = b[payloadHead:]; len(b) > 0; b = b[heldSize:] {
		it := HeldItem{
			Hash: binary.LittleEndian.Uint64(b), Type: binary.LittleEndian.Uint16(b[8:]), Time: int64(binary.LittleEndian.Uint32(b[10:])) * 1000,
		}
		if it.Time > h.Issued || len(h.Items) > 0 && it.Time > h.Items[len(h.Items)-1].Time || h.find(it.Hash) >= 0 {
			return false
		}
		h.Items = append(h.Items, it)
	}
	return true
}
