package exchange

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	window   = 5 * time.Minute // a request made longer ago, or later than now, is refused
	maxKeys  = 8
	scheme   = "Edged1"
	nonceLen = 16
	overhead = chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead // of a sealed answer
)

var errAuth = errors.New("not a node of this cluster, or clocks apart by more than 5 minutes")

// keys authenticate requests and seal answers: the first makes, all are taken.
type keys struct {
	cluster string
	list    atomic.Pointer[[]key]
}

type key struct {
	id   string
	mac  []byte
	aead cipher.AEAD
}

func newKeys(cluster string, secrets [][]byte) (*keys, error) {
	k := &keys{cluster: cluster}
	return k, k.rotate(secrets)
}

// rotate replaces all keys at once.
func (k *keys) rotate(secrets [][]byte) error {
	if len(secrets) == 0 || len(secrets) > maxKeys {
		return fmt.Errorf("exchange keys: %d given, want 1 to %d", len(secrets), maxKeys)
	}
	var list []key
	for i, secret := range secrets {
		aead, err := chacha20poly1305.NewX(derive("edged exchange answer", secret))
		if err != nil || len(secret) != chacha20poly1305.KeySize {
			return fmt.Errorf("exchange key %d: %d bytes, want %d", i+1, len(secret), chacha20poly1305.KeySize)
		}
		id := derive("edged exchange key id", secret)
		list = append(list, key{hex.EncodeToString(id[:4]), derive("edged exchange request", secret), aead})
	}
	k.list.Store(&list)
	return nil
}

// derive makes a key for one purpose, so that none of the gossip's is used for another.
func derive(purpose string, secret []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(purpose))
	return m.Sum(nil)
}

// ticket is the text of a request's Authorization header.
func (k *keys) ticket(now time.Time, path string) string {
	nonce := make([]byte, nonceLen)
	_, _ = rand.Read(nonce) // never fails
	first := (*k.list.Load())[0]
	claim := fmt.Sprintf("%s.%d.%x", first.id, now.UnixMilli(), nonce)
	return scheme + " " + claim + "." + hex.EncodeToString(first.sign(k.cluster, claim, path))
}

func (k *key) sign(cluster, claim, path string) []byte {
	m := hmac.New(sha256.New, k.mac)
	for _, part := range []string{cluster, claim, path} {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(part)))
		m.Write(n[:])
		m.Write([]byte(part))
	}
	return m.Sum(nil)
}

// check takes a ticket and returns the key it was made with.
func (k *keys) check(now time.Time, ticket, path string) (*key, error) {
	rest, ok := strings.CutPrefix(ticket, scheme+" ")
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 4 || len(rest) > 256 {
		return nil, errAuth
	}
	made, err := strconv.ParseInt(parts[1], 10, 64)
	mac, hexErr := hex.DecodeString(parts[3])
	if err != nil || hexErr != nil {
		return nil, errAuth
	}
	list := *k.list.Load()
	for i := range list {
		one := &list[i]
		if one.id != parts[0] {
			continue
		}
		if age := now.Sub(time.UnixMilli(made)); age > window || age < -window {
			return nil, errAuth
		}
		if hmac.Equal(mac, one.sign(k.cluster, strings.Join(parts[:3], "."), path)) {
			return one, nil
		}
	}
	return nil, errAuth
}

// seal is an answer to a ticket, and to no other.
func (k *key) seal(ticket string, plain []byte) []byte {
	out := make([]byte, chacha20poly1305.NonceSizeX, overhead+len(plain))
	_, _ = rand.Read(out)
	return k.aead.Seal(out, out, plain, []byte(ticket))
}

// open opens the answer to a ticket this node made, in place.
func (k *keys) open(ticket string, sealed []byte) ([]byte, error) {
	if len(sealed) < overhead {
		return nil, errors.New("answer: cut short")
	}
	for _, one := range *k.list.Load() {
		if !strings.HasPrefix(ticket, scheme+" "+one.id+".") {
			continue
		}
		nonce, rest := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
		plain, err := one.aead.Open(rest[:0], nonce, rest, []byte(ticket))
		if err == nil {
			return plain, nil
		}
	}
	return nil, errors.New("answer: the seal is broken")
}
