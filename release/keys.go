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
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/edged/edged/internal/vfs"
)

// Files of a key directory. Only TrustFile may leave the publisher's machine for every node; GossipKeyFile goes to the
// nodes of one cluster.
const (
	KeyFile       = "release.key"
	TrustFile     = "trust.json"
	GossipKeyFile = "gossip.key"
)

const (
	gossipKeySize = 32
	maxKeyFile    = 16 << 10
	maxKeyFiles   = MaxSignatures
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

// InitKeys makes a signing key, the trust.json that knows it, and a gossip key, in dir. It replaces nothing: where one
// of the three is there already it refuses, since an overwritten signing key cannot be had back.
func InitKeys(fsys vfs.FS, dir string) (PrivateKey, error) {
	for _, name := range []string{KeyFile, TrustFile, GossipKeyFile} {
		if _, err := fsys.Stat(path.Join(dir, name)); err == nil {
			return PrivateKey{}, fmt.Errorf("keys: %s is there already: it is never overwritten; give another directory", path.Join(dir, name))
		} else if !errors.Is(err, fs.ErrNotExist) {
			return PrivateKey{}, fmt.Errorf("keys: %w", err)
		}
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return PrivateKey{}, fmt.Errorf("keys: %w", err)
	}
	key, err := NewKey()
	if err != nil {
		return PrivateKey{}, fmt.Errorf("keys: %w", err)
	}
	return key, writeKeys(fsys, dir, key)
}

// writeKeys writes trust.json last: it says that the set is complete.
func writeKeys(fsys vfs.FS, dir string, key PrivateKey) error {
	signing, err := key.encode()
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	gossip := make([]byte, gossipKeySize)
	rand.Read(gossip) // never fails: crypto/rand
	trust := NewTrust(1, key.Public())
	for _, f := range []struct {
		name string
		data []byte
		file func(vfs.FS, string, []byte) error
	}{
		{KeyFile, signing, vfs.WriteFile},
		{GossipKeyFile, []byte(base64.StdEncoding.EncodeToString(gossip) + "\n"), vfs.WriteFile},
		{TrustFile, trust.Encode(), vfs.WriteSharedFile},
	} {
		if err := f.file(fsys, path.Join(dir, f.name), f.data); err != nil {
			return fmt.Errorf("keys: %w", err)
		}
	}
	return nil
}

// encode is the PKCS#8 PEM form.
func (k PrivateKey) encode() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// LoadKeys reads the signing keys of a key directory: release.key and, where a key is being replaced or several must
// sign, every release-*.key, in the order of their names.
func LoadKeys(fsys vfs.FS, dir string) ([]PrivateKey, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("keys: %w (edged keys init makes them)", err)
	}
	var keys []PrivateKey
	for _, e := range entries {
		name := e.Name()
		if name != KeyFile && !(strings.HasPrefix(name, "release-") && strings.HasSuffix(name, ".key")) {
			continue
		}
		if len(keys) == maxKeyFiles {
			return nil, fmt.Errorf("keys: %s: more than %d signing keys: %w", dir, maxKeyFiles, ErrTooLarge)
		}
		key, err := loadKey(fsys, path.Join(dir, name))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("keys: no %s in %s: edged keys init makes one", KeyFile, dir)
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

// LoadGossipKey reads the 32 bytes of a gossip key file.
func LoadGossipKey(fsys vfs.FS, name string) ([]byte, error) {
	b, err := vfs.ReadFile(fsys, name, maxKeyFile)
	if err != nil {
		return nil, fmt.Errorf("gossip key: %w", err)
	}
	key, err := decodeBase64(strings.TrimSpace(string(b)), maxKeyFile)
	if err != nil || len(key) != gossipKeySize {
		return nil, formatf("gossip key: %s: want %d bytes of base64", name, gossipKeySize)
	}
	return key, nil
}
