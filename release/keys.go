package release

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/edged/edged/internal/vfs"
)

// Files of a key directory. TrustFile, the newest root, goes to every node, GossipKeyFile to the nodes of one cluster; private keys, a
// file each, are called by their role.
const (
	TrustFile     = "trust.json"
	GossipKeyFile = "gossip.key"

	rootsDir  = "roots"           // every root there was, by version
	nextFile  = "trust-next.json" // a root that waits for more signatures
	keySuffix = ".key"
)

const (
	gossipKeySize = 32
	maxKeyFile    = 16 << 10
	maxKeyFiles   = MaxKeys
)

// PrivateKey signs releases. It prints as its id, never as itself.
type PrivateKey struct{ key ed25519.PrivateKey }

// NewKey draws a key.
func NewKey() (PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return PrivateKey{key}, err
}

// Public is the public half.
func (k PrivateKey) Public() ed25519.PublicKey { return k.key.Public().(ed25519.PublicKey) }

// ID is the key's id.
func (k PrivateKey) ID() string { return KeyID(k.Public()) }

// String hides the key.
func (k PrivateKey) String() string { return "private key " + k.ID() }

// GoString hides the key from %#v.
func (k PrivateKey) GoString() string { return k.String() }

// KeyID is the first 16 hex digits of the SHA-256 of the 32 bytes of a public key.
func KeyID(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	return hex.EncodeToString(sum[:8])
}

// encode is the PKCS#8 PEM form.
func (k PrivateKey) encode() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// LoadKeys reads the private keys of a role in a directory that a trust gives that role: role.key and every role-*.key, in the order
// of their names. Others, revoked or not yet added, are left out.
func LoadKeys(fsys vfs.FS, dir string, trust *Trust, role Role) ([]PrivateKey, error) {
	all, err := keyFiles(fsys, dir, role)
	if err != nil {
		return nil, err
	}
	var keys []PrivateKey
	for _, f := range all {
		if slices.Contains(trust.KeyIDs(role), f.Key.ID()) {
			keys = append(keys, f.Key)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("keys: none of the %d private keys %s*.key in %s is trusted for the role %s, which has %s: %w",
			len(all), role, dir, role, strings.Join(trust.KeyIDs(role), ", "), ErrUnknownKey)
	}
	return keys, nil
}

// keyFile is a private key and the name of its file.
type keyFile struct {
	Name string
	Key  PrivateKey
}

// keyFiles reads the private keys of a role.
func keyFiles(fsys vfs.FS, dir string, role Role) ([]keyFile, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("keys: %w (edged keys init makes them)", err)
	}
	var keys []keyFile
	for _, e := range entries {
		name := e.Name()
		if name != string(role)+keySuffix && !(strings.HasPrefix(name, string(role)+"-") && strings.HasSuffix(name, keySuffix)) {
			continue
		}
		if len(keys) == maxKeyFiles {
			return nil, fmt.Errorf("keys: %s: more than %d keys of the role %s: %w", dir, maxKeyFiles, role, ErrTooLarge)
		}
		key, err := loadKey(fsys, path.Join(dir, name))
		if err != nil {
			return nil, err
		}
		keys = append(keys, keyFile{name, key})
	}
	return keys, nil
}

func loadKey(fsys vfs.FS, name string) (PrivateKey, error) {
	b, err := vfs.ReadFile(fsys, name, maxKeyFile)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("keys: %w", err)
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return PrivateKey{}, formatf("keys: %s: want one PEM block PRIVATE KEY (PKCS#8)", name)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return PrivateKey{}, formatf("keys: %s: not PKCS#8", name) // the parser's words could quote the key
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return PrivateKey{}, formatf("keys: %s: %T, want an ed25519 key", name, parsed)
	}
	return PrivateKey{key}, nil
}

// Limits of a gossip key file: how many keys it may hold, and how many bytes.
const (
	MaxGossipKeys    = 8
	MaxGossipKeyFile = maxKeyFile
)

// LoadGossipKeys reads a gossip key file: a key of 32 bytes a line, the one that seals first; all open.
func LoadGossipKeys(fsys vfs.FS, name string) (keys [][]byte, err error) {
	b, err := vfs.ReadFile(fsys, name, MaxGossipKeyFile)
	if err != nil {
		return nil, fmt.Errorf("gossip keys: %w", err)
	}
	return ParseGossipKeys(name, b)
}

// ParseGossipKeys is LoadGossipKeys of what the file holds; errors name it.
func ParseGossipKeys(name string, b []byte) (keys [][]byte, err error) {
	for line := range strings.FieldsSeq(string(b)) {
		key, err := decodeBase64(line, maxKeyFile)
		if err != nil || len(key) != gossipKeySize {
			return nil, formatf("gossip keys: %s: key %d: want %d bytes of base64", name, len(keys)+1, gossipKeySize)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 || len(keys) > MaxGossipKeys {
		return nil, formatf("gossip keys: %s: %d keys, want 1 to %d, one a line", name, len(keys), MaxGossipKeys)
	}
	return keys, nil
}

// AddGossipKey draws a key and appends it: nodes open with it, and seal with the first still.
func AddGossipKey(fsys vfs.FS, name string) error {
	return changeGossipKeys(fsys, name, func(keys [][]byte) ([][]byte, error) {
		if len(keys) > 1 {
			return nil, fmt.Errorf("a rotation is under way: use the new key, and drop the old one")
		}
		key := make([]byte, gossipKeySize)
		rand.Read(key) // never fails: crypto/rand
		return append(keys, key), nil
	})
}

// UseGossipKey lets nodes seal with the last key, and open with all still.
func UseGossipKey(fsys vfs.FS, name string) error {
	return changeGossipKeys(fsys, name, func(keys [][]byte) ([][]byte, error) {
		if len(keys) < 2 {
			return nil, fmt.Errorf("there is one key only: add another first")
		}
		last := len(keys) - 1
		return append([][]byte{keys[last]}, keys[:last]...), nil
	})
}

// DropGossipKeys keeps the first key alone.
func DropGossipKeys(fsys vfs.FS, name string) error {
	return changeGossipKeys(fsys, name, func(keys [][]byte) ([][]byte, error) {
		if len(keys) < 2 {
			return nil, fmt.Errorf("there is one key only")
		}
		return keys[:1], nil
	})
}

func changeGossipKeys(fsys vfs.FS, name string, edit func([][]byte) ([][]byte, error)) error {
	keys, err := LoadGossipKeys(fsys, name)
	if err != nil {
		return err
	}
	if keys, err = edit(keys); err != nil {
		return fmt.Errorf("gossip keys: %s: %w", name, err)
	}
	var text []byte
	for _, key := range keys {
		text = append(base64.StdEncoding.AppendEncode(text, key), '\n')
	}
	if err := vfs.WriteFile(fsys, name, text); err != nil {
		return fmt.Errorf("gossip keys: %w", err)
	}
	return nil
}
