package cluster

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// Sizes of sealed packets; the byte table is in WIRE.md.
const (
	packetMagic    = 0xED
	packetHeader   = 1 + keyIDLen + chacha20poly1305.NonceSizeX
	packetSealed   = packetHeader + timeLen + chacha20poly1305.Overhead // what sealing adds
	maxPacket      = 1400                                               // bytes of a datagram
	maxPacketPlain = maxPacket - packetSealed
	keyIDLen       = 4
	timeLen        = 8
	maxKeys        = 8
	sealWindow     = 5 * time.Minute // a packet or stream sealed longer ago, or later than now, is refused
)

// Why something was refused. Each is a Reason of Stats.
var (
	errForm    = errors.New("malformed")
	errKey     = errors.New("sealed with an unknown key")
	errSeal    = errors.New("seal is broken")
	errWindow  = errors.New("sealed too long ago, or in the future")
	errTooLong = errors.New("too long")
)

type keyID [keyIDLen]byte

type sealingKey struct {
	id   keyID
	aead cipher.AEAD
}

// keyring seals with its first key and opens with all. It is safe for concurrent use.
type keyring struct {
	cluster string
	clock   func() time.Time
	keys    atomic.Pointer[[]sealingKey]
}

func newKeyring(cluster string, keys [][]byte, clock func() time.Time) (*keyring, error) {
	r := &keyring{cluster: cluster, clock: clock}
	return r, r.rotate(keys)
}

// rotate replaces all keys at once; the given slices may be wiped afterwards.
func (r *keyring) rotate(keys [][]byte) error {
	if len(keys) == 0 || len(keys) > maxKeys {
		return fmt.Errorf("cluster keys: %d given, want 1 to %d", len(keys), maxKeys)
	}
	list := make([]sealingKey, len(keys))
	for i, key := range keys {
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return fmt.Errorf("cluster key %d: %d bytes, want %d", i+1, len(key), chacha20poly1305.KeySize)
		}
		list[i] = sealingKey{idOf(key), aead}
	}
	r.keys.Store(&list)
	return nil
}

// idOf names a key without telling it.
func idOf(key []byte) (id keyID) {
	sum := sha256.Sum256(append([]byte("edged gossip key id\x00"), key...))
	copy(id[:], sum[:])
	return id
}

func (r *keyring) sealer() sealingKey { return (*r.keys.Load())[0] }

func (r *keyring) opener(id []byte) (cipher.AEAD, error) {
	for _, k := range *r.keys.Load() {
		if string(k.id[:]) == string(id) {
			return k.aead, nil
		}
	}
	return nil, errKey
}

func (r *keyring) now() uint64 { return uint64(r.clock().UnixMilli()) }

func (r *keyring) checkTime(sealed uint64) error {
	now, window := r.now(), uint64(sealWindow.Milliseconds())
	if sealed > now+window || sealed+window < now || sealed+window < sealed {
		return errWindow
	}
	return nil
}

// context is the associated data of a seal: what it is for, the cluster, and the header in the clear.
func (r *keyring) context(purpose string, header ...[]byte) []byte {
	ad := append(make([]byte, 0, 160), "edged gossip 1 "...)
	ad = append(append(ad, purpose...), 0)
	ad = append(append(ad, r.cluster...), 0)
	for _, h := range header {
		ad = append(ad, h...)
	}
	return ad
}

// sealPacket appends plain, sealed, to dst.
func (r *keyring) sealPacket(dst, plain []byte) []byte {
	key := r.sealer()
	start := len(dst)
	dst = append(append(dst, packetMagic), key.id[:]...)
	dst = append(dst, make([]byte, chacha20poly1305.NonceSizeX)...)
	header := dst[start:]
	nonce := header[1+keyIDLen:]
	_, _ = rand.Read(nonce) // never fails
	body := binary.LittleEndian.AppendUint64(make([]byte, 0, timeLen+len(plain)), r.now())
	return key.aead.Seal(dst, nonce, append(body, plain...), r.context("packet", header))
}

// openPacket returns a fresh copy of what was sealed. Nothing is allocated for a packet in another form or under another key.
func (r *keyring) openPacket(sealed []byte) ([]byte, error) {
	if len(sealed) <= packetSealed || sealed[0] != packetMagic {
		return nil, errForm
	}
	if len(sealed) > maxPacket {
		return nil, errTooLong
	}
	header, body := sealed[:packetHeader], sealed[packetHeader:]
	aead, err := r.opener(header[1 : 1+keyIDLen])
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, header[1+keyIDLen:], body, r.context("packet", header))
	if err != nil {
		return nil, errSeal
	}
	return plain[timeLen:], r.checkTime(binary.LittleEndian.Uint64(plain))
}
