package access

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Limits of a key file.
const (
	MaxKeys    = 1000
	MaxFile    = 1 << 20
	maxOrigins = 100
	maxNote    = 200
	maxKeyText = 128
)

// Kinds of keys.
const (
	Publishable = "publishable"
	Secret      = "secret"
)

// prefixes tell a person, and a scanner of repositories, what a key is.
var prefixes = map[string]string{Publishable: "edged_pk_", Secret: "edged_sk_"}

// Key is one key as the file has it.
type Key struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Hash    string    `json:"hash"`              // SHA-256 of the key, hexadecimal
	Verify  string    `json:"verify,omitempty"`  // Ed25519 public key of assertions, base64; of a secret key
	Origins []string  `json:"origins,omitempty"` // pages that may use a publishable key; none: any
	Created time.Time `json:"created"`
	Note    string    `json:"note,omitempty"`

	digest [sha256.Size]byte
	verify ed25519.PublicKey
}

// IsSecret reports whether the key may act for anyone.
func (k *Key) IsSecret() bool { return k.Kind == Secret }

// Admits reports whether a page of this origin may use the key. A secret key belongs in no page.
func (k *Key) Admits(origin []byte) bool {
	if k.IsSecret() {
		return false
	}
	return len(k.Origins) == 0 || k.Names(origin)
}

// Names reports whether the key names the origin.
func (k *Key) Names(origin []byte) bool {
	for _, o := range k.Origins {
		if o == string(origin) {
			return true
		}
	}
	return false
}

// Keys are those of one file. They are immutable and may be shared.
type Keys struct{ list []Key }

type keyFile struct {
	Keys []Key `json:"keys"`
}

// New draws a key. Its text is told once and kept nowhere.
func New(kind string, origins []string, note string, now time.Time) (text string, k Key, err error) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	text = prefixes[kind] + base64.RawURLEncoding.EncodeToString(b[:])
	sum := sha256.Sum256([]byte(text))
	k = Key{ID: hex.EncodeToString(sum[:4]), Kind: kind, Hash: hex.EncodeToString(sum[:]), Origins: origins, Created: now.UTC().Truncate(time.Second), Note: note}
	if kind == Secret {
		k.Verify = base64.StdEncoding.EncodeToString(signer(text).Public().(ed25519.PublicKey))
	}
	return text, k, errors.Join(k.complete()...)
}

// Parse reads a key file and reports everything wrong with it.
func Parse(file []byte) (*Keys, error) {
	if len(file) > MaxFile {
		return nil, fmt.Errorf("keys: %d bytes, at most %d", len(file), MaxFile)
	}
	var f keyFile
	d := json.NewDecoder(bytes.NewReader(file))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("keys: not a key file: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("keys: something after the key file's object")
	}
	if len(f.Keys) > MaxKeys {
		return nil, fmt.Errorf("keys: %d, at most %d", len(f.Keys), MaxKeys)
	}
	var faults []error
	seen := map[string]bool{}
	for i := range f.Keys {
		k := &f.Keys[i]
		for _, err := range k.complete() {
			faults = append(faults, fmt.Errorf("keys[%d]: %w", i, err))
		}
		if seen[k.ID] {
			faults = append(faults, fmt.Errorf("keys[%d]: id %q is there twice", i, k.ID))
		}
		seen[k.ID] = true
	}
	return &Keys{f.Keys}, errors.Join(faults...)
}

// complete checks a key and works out what requests need of it.
func (k *Key) complete() (faults []error) {
	if len(k.ID) != 8 || strings.Trim(k.ID, "0123456789abcdef") != "" {
		faults = append(faults, fmt.Errorf("id: want 8 hexadecimal digits, got %.20q", k.ID))
	}
	if prefixes[k.Kind] == "" {
		faults = append(faults, fmt.Errorf("kind: want %s or %s, got %.20q", Publishable, Secret, k.Kind))
	}
	if digest, err := hex.DecodeString(k.Hash); err != nil || copy(k.digest[:], digest) != sha256.Size || len(digest) != sha256.Size {
		faults = append(faults, errors.New("hash: want a SHA-256 in hexadecimal"))
	}
	verify, err := base64.StdEncoding.DecodeString(k.Verify)
	if err != nil || k.IsSecret() != (len(verify) == ed25519.PublicKeySize) || !k.IsSecret() && len(verify) > 0 {
		faults = append(faults, errors.New("verify: want an Ed25519 public key as base64 with a secret key, nothing with a publishable one"))
	}
	k.verify = verify
	if len(k.Note) > maxNote {
		faults = append(faults, fmt.Errorf("note: %d bytes, at most %d", len(k.Note), maxNote))
	}
	return append(faults, k.checkOrigins()...)
}

func (k *Key) checkOrigins() (faults []error) {
	if k.IsSecret() && len(k.Origins) > 0 {
		faults = append(faults, errors.New("origins: a secret key belongs in no page"))
	}
	if len(k.Origins) > maxOrigins {
		faults = append(faults, fmt.Errorf("origins: %d, at most %d", len(k.Origins), maxOrigins))
	}
	for _, o := range k.Origins {
		if err := CheckOrigin(o); err != nil {
			faults = append(faults, fmt.Errorf("origins: %w", err))
		}
	}
	return faults
}

// CheckOrigin reports what is no origin as browsers write it: a scheme, a host and perhaps a port, nothing behind.
func CheckOrigin(o string) error {
	u, err := url.Parse(o)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || o != u.Scheme+"://"+u.Host || o != strings.ToLower(o) {
		return fmt.Errorf("%.60q is none; want https://shop.example, in small letters and without a path", o)
	}
	return nil
}

// File is the key file of these keys.
func (s *Keys) File() ([]byte, error) {
	b, err := json.MarshalIndent(keyFile{s.list}, "", "  ")
	return append(b, '\n'), err
}

// List returns the keys.
func (s *Keys) List() []Key { return slices.Clone(s.list) }

// With returns the keys with one more.
func (s *Keys) With(k Key) *Keys { return &Keys{append(slices.Clone(s.list), k)} }

// Without returns the keys without one; ok is false where there is none of this id.
func (s *Keys) Without(id string) (left *Keys, ok bool) {
	list := slices.DeleteFunc(slices.Clone(s.list), func(k Key) bool { return k.ID == id })
	return &Keys{list}, len(list) < len(s.list)
}

// Find returns the key presented, nil where it is none. The time it takes tells neither which nor how much of it was right:
// hashes are compared, and always with all.
func (s *Keys) Find(presented []byte) *Key {
	if len(presented) == 0 || len(presented) > maxKeyText {
		return nil
	}
	sum := sha256.Sum256(presented)
	found := -1
	for i := range s.list {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], s.list[i].digest[:]), i, found)
	}
	if found < 0 {
		return nil
	}
	return &s.list[found]
}

// Origins are all that any key names.
func (s *Keys) Origins() (list []string) {
	for i := range s.list {
		list = append(list, s.list[i].Origins...)
	}
	return list
}
