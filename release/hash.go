package release

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Hash is a SHA-256. Its text form is "sha256:" and 64 lower-case hex digits.
type Hash [sha256.Size]byte

const hashPrefix = "sha256:"

// Sum hashes b.
func Sum(b []byte) Hash { return sha256.Sum256(b) }

// Hex is the 64 digits alone, as used in file names.
func (h Hash) Hex() string { return hex.EncodeToString(h[:]) }

// String is the text form.
func (h Hash) String() string { return hashPrefix + h.Hex() }

// Short is the first 8 hex digits, for people.
func (h Hash) Short() string { return h.Hex()[:8] }

// IsZero reports whether h was never set.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText writes the text form.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads the text form, and no other spelling of it.
func (h *Hash) UnmarshalText(b []byte) error {
	parsed, err := ParseHash(string(b))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}

// ParseHash reads the text form.
func ParseHash(s string) (Hash, error) {
	digits, ok := strings.CutPrefix(s, hashPrefix)
	if !ok {
		return Hash{}, fmt.Errorf("hash %.80q: want %q and 64 hex digits", s, hashPrefix)
	}
	return ParseHex(digits)
}

// ParseHex reads 64 lower-case hex digits.
func ParseHex(s string) (Hash, error) {
	var h Hash
	if len(s) != 2*len(h) || strings.ToLower(s) != s {
		return h, fmt.Errorf("hash %.80q: want 64 lower-case hex digits", s)
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return Hash{}, fmt.Errorf("hash %.80q: %w", s, err)
	}
	return h, nil
}
