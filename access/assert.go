package access

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/edged/edged"
)

// MaxAssertion is how far ahead the end of an assertion may lie.
const MaxAssertion = time.Hour

// maxAssertionText bounds what is looked at.
const maxAssertionText = 1024

// ErrAssertion is the error of every assertion that is not believed.
var ErrAssertion = errors.New("access: the assertion is not accepted")

// signer is the private key of a secret key's assertions.
func signer(secret string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("edged assertion" + secret))
	return ed25519.NewKeyFromSeed(seed[:])
}

var assertionText = base64.RawURLEncoding.Strict()

// Assert lets whoever has the assertion act for the user until it expires.
func Assert(secret, user string, expires time.Time) (string, error) {
	if !strings.HasPrefix(secret, prefixes[Secret]) {
		return "", errors.New("access: only a secret key asserts")
	}
	if err := edged.ValidID(user); err != nil {
		return "", fmt.Errorf("access: user: %w", err)
	}
	sum := sha256.Sum256([]byte(secret))
	text := "v1." + hex.EncodeToString(sum[:4]) + "." + strconv.FormatInt(expires.Unix(), 10) + "." + assertionText.EncodeToString([]byte(user))
	return text + "." + assertionText.EncodeToString(ed25519.Sign(signer(secret), []byte(text))), nil
}

// Asserted returns whom an assertion is for. Every one that is not believed is ErrAssertion.
func (s *Keys) Asserted(text []byte, now time.Time) (user string, err error) {
	dot := bytes.LastIndexByte(text, '.')
	if dot < 0 || len(text) > maxAssertionText || bytes.ContainsAny(text, "\r\n") { // base64 passes over line ends
		return "", ErrAssertion
	}
	parts := strings.Split(string(text[:dot]), ".")
	signature, err := assertionText.DecodeString(string(text[dot+1:]))
	if err != nil || len(parts) != 4 || parts[0] != "v1" || len(signature) != ed25519.SignatureSize {
		return "", ErrAssertion
	}
	expires, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil || expires <= now.Unix() || expires > now.Add(MaxAssertion).Unix() {
		return "", ErrAssertion
	}
	name, err := assertionText.DecodeString(parts[3])
	if err != nil || edged.ValidID(string(name)) != nil || !utf8.Valid(name) {
		return "", ErrAssertion
	}
	for i := range s.list {
		k := &s.list[i]
		if k.IsSecret() && k.ID == parts[1] && ed25519.Verify(k.verify, text[:dot], signature) {
			return string(name), nil
		}
	}
	return "", ErrAssertion
}
