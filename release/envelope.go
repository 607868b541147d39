package release

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Signature is one signature of an envelope. KeyID is a hint which key made it; only the check counts.
type Signature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// Envelope is a DSSE v1 envelope, taken apart but not believed: see Trust.Open.
type Envelope struct {
	Payload     []byte      `json:"payload"`
	PayloadType string      `json:"payloadType"`
	Signatures  []Signature `json:"signatures"`
}

// pae is DSSE's pre-authentication encoding, the bytes that are signed:
//
//	PAE(type, body) = "DSSEv1" + SP + LEN(type) + SP + type + SP + LEN(body) + SP + body
//
// (github.com/secure-systems-lab/dsse, protocol.md)
func pae(payloadType string, payload []byte) []byte {
	b := make([]byte, 0, len(payload)+len(payloadType)+32)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(b, ' ')
	b = append(b, payloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, ' ')
	return append(b, payload...)
}

// Seal signs a payload with every key and returns the envelope: compact JSON without a byte to spare, so that no byte
// of it can change unnoticed. The same input gives the same bytes.
func Seal(payloadType string, payload []byte, keys ...PrivateKey) ([]byte, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("seal %s: no signing key", payloadType)
	}
	if len(keys) > MaxSignatures {
		return nil, fmt.Errorf("seal %s: %d keys, at most %d: %w", payloadType, len(keys), MaxSignatures, ErrTooLarge)
	}
	env := Envelope{Payload: payload, PayloadType: payloadType}
	return env.signedBy(keys)
}

// signedBy is the envelope with signatures of more keys, those that have signed left out.
func (e *Envelope) signedBy(keys []PrivateKey) ([]byte, error) {
	env := *e
	env.Signatures = slices.Clone(e.Signatures)
	message := pae(e.PayloadType, e.Payload)
	for _, k := range keys {
		if !slices.ContainsFunc(env.Signatures, func(s Signature) bool { return s.KeyID == k.ID() }) {
			env.Signatures = append(env.Signatures, Signature{KeyID: k.ID(), Sig: ed25519.Sign(k.key, message)})
		}
	}
	if len(env.Signatures) > MaxSignatures {
		return nil, fmt.Errorf("seal %s: %d signatures, at most %d: %w", e.PayloadType, len(env.Signatures), MaxSignatures, ErrTooLarge)
	}
	return json.Marshal(&env)
}

// ParseEnvelope takes an envelope apart and believes nothing: payloadLimit bounds the payload, all four keys must be
// there. It serves Trust.Open, and tools that show what an envelope claims.
func ParseEnvelope(b []byte, payloadLimit int64) (*Envelope, error) {
	const what = "envelope"
	if err := checkJSON(what, b, int(MaxEnvelope(payloadLimit))); err != nil {
		return nil, err
	}
	var env Envelope
	var payload string
	var signatures json.RawMessage
	err := decode(what, b, field{name: "payload", dst: &payload}, field{name: "payloadType", dst: &env.PayloadType},
		field{name: "signatures", dst: &signatures})
	if err != nil {
		return nil, err
	}
	if env.Payload, err = decodeBase64(payload, payloadLimit); err != nil {
		return nil, formatf("%s: payload: %v", what, err)
	}
	err = decodeList("envelope: signatures", signatures, MaxSignatures, func(i int, raw json.RawMessage) error {
		sig, err := parseSignature(fmt.Sprintf("envelope: signature %d", i+1), raw)
		env.Signatures = append(env.Signatures, sig)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &env, nil
}

func parseSignature(what string, raw json.RawMessage) (Signature, error) {
	var s Signature
	var sig string
	err := decode(what, raw, field{name: "keyid", dst: &s.KeyID}, field{name: "sig", dst: &sig})
	if err != nil {
		return s, err
	}
	if s.Sig, err = decodeBase64(sig, ed25519.SignatureSize); err != nil || len(s.Sig) != ed25519.SignatureSize {
		return s, formatf("%s: want %d bytes of base64", what, ed25519.SignatureSize)
	}
	return s, nil
}

// decodeBase64 takes one spelling only: standard alphabet, padded, no line breaks, unused bits zero.
func decodeBase64(s string, limit int64) ([]byte, error) {
	if n := int64(base64.StdEncoding.DecodedLen(len(s))); n > limit+2 {
		return nil, fmt.Errorf("%d bytes, at most %d", n, limit)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, err
	}
	if base64.StdEncoding.EncodedLen(len(b)) != len(s) {
		return nil, fmt.Errorf("line breaks in base64")
	}
	return b, nil
}
