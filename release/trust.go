package release

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/edged/edged/internal/vfs"
)

const trustType = "edged.trust/1"

// Trust is the set of public keys a node believes, and how many of them must agree. It is immutable and may be shared.
type Trust struct {
	threshold int
	keys      map[string]ed25519.PublicKey
}

// NewTrust believes the given keys, threshold of them at once.
func NewTrust(threshold int, keys ...ed25519.PublicKey) *Trust {
	t := &Trust{threshold: threshold, keys: map[string]ed25519.PublicKey{}}
	for _, k := range keys {
		t.keys[KeyID(k)] = k
	}
	return t
}

// Threshold is how many distinct keys must have signed.
func (t *Trust) Threshold() int { return t.threshold }

// KeyIDs are the ids of the trusted keys, sorted.
func (t *Trust) KeyIDs() []string {
	ids := make([]string, 0, len(t.keys))
	for id := range t.keys {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// trustKey is a key in trust.json.
type trustKey struct {
	ID  string `json:"id"`
	Key []byte `json:"key"`
}

// Encode is the text of trust.json.
func (t *Trust) Encode() []byte {
	doc := struct {
		Type      string     `json:"type"`
		Threshold int        `json:"threshold"`
		Keys      []trustKey `json:"keys"`
	}{Type: trustType, Threshold: t.threshold}
	for _, id := range t.KeyIDs() {
		doc.Keys = append(doc.Keys, trustKey{id, t.keys[id]})
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic("BUG: trust.json: " + err.Error()) // strings and bytes always encode
	}
	return append(b, '\n')
}

// LoadTrust reads a trust.json.
func LoadTrust(fsys vfs.FS, name string) (*Trust, error) {
	b, err := vfs.ReadFile(fsys, name, MaxTrust)
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	t, err := ParseTrust(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// ParseTrust reads the text of a trust.json.
func ParseTrust(b []byte) (*Trust, error) {
	const what = "trust"
	if err := checkJSON(what, b, MaxTrust); err != nil {
		return nil, err
	}
	var typ string
	var keys json.RawMessage
	t := NewTrust(0)
	err := decode(what, b, field{name: "type", dst: &typ}, field{name: "threshold", dst: &t.threshold}, field{name: "keys", dst: &keys})
	if err != nil {
		return nil, err
	}
	if err := checkType(what, typ, trustType); err != nil {
		return nil, err
	}
	if err := decodeList("trust: keys", keys, MaxKeys, t.parseKey); err != nil {
		return nil, err
	}
	if t.threshold < 1 || t.threshold > len(t.keys) {
		return nil, formatf("trust: threshold %d of %d keys: want 1 to the number of keys", t.threshold, len(t.keys))
	}
	return t, nil
}

func (t *Trust) parseKey(i int, raw json.RawMessage) error {
	what := fmt.Sprintf("trust: key %d", i+1)
	var k trustKey
	var text string
	err := decode(what, raw, field{name: "id", dst: &k.ID}, field{name: "key", dst: &text})
	if err != nil {
		return err
	}
	if k.Key, err = decodeBase64(text, ed25519.PublicKeySize); err != nil || len(k.Key) != ed25519.PublicKeySize {
		return formatf("%s: want %d bytes of base64", what, ed25519.PublicKeySize)
	}
	if id := KeyID(k.Key); id != k.ID {
		return formatf("%s: id %.40q, but the key's id is %s", what, k.ID, id)
	}
	if _, ok := t.keys[k.ID]; ok {
		return formatf("%s: %s twice", what, k.ID)
	}
	t.keys[k.ID] = k.Key
	return nil
}

// Open returns an envelope's payload when enough distinct trusted keys signed it for this payload type, and an error
// that wraps ErrSignature, ErrUnknownKey, ErrThreshold, ErrFormat or ErrTooLarge otherwise. A signature that claims a
// trusted key and does not match is refused even where others would do; signatures of unknown keys are skipped, so
// that a new key may sign before every node knows it.
func (t *Trust) Open(envelope []byte, payloadType string) ([]byte, error) {
	env, err := ParseEnvelope(envelope, payloadLimit(payloadType))
	if err != nil {
		return nil, err
	}
	if env.PayloadType != payloadType {
		return nil, formatf("envelope: payload type %.80q, want %q", env.PayloadType, payloadType)
	}
	if err := t.verify(env); err != nil {
		return nil, err
	}
	return env.Payload, nil
}

func (t *Trust) verify(env *Envelope) error {
	message := pae(env.PayloadType, env.Payload)
	good := map[string]bool{}
	var unknown []string
	for _, s := range env.Signatures {
		key, ok := t.keys[s.KeyID]
		if !ok {
			unknown = append(unknown, fmt.Sprintf("%.40q", s.KeyID))
			continue
		}
		if !ed25519.Verify(key, message, s.Sig) {
			return fmt.Errorf("envelope: signature of key %s: %w: the document was changed after signing", s.KeyID, ErrSignature)
		}
		good[s.KeyID] = true
	}
	switch {
	case len(good) >= t.threshold:
		return nil
	case len(good) == 0 && len(unknown) > 0:
		return fmt.Errorf("envelope: %w: signed by %s, trusted are %s: compare the node's trust.json with the publisher's",
			ErrUnknownKey, strings.Join(unknown, ", "), strings.Join(t.KeyIDs(), ", "))
	case len(good) == 0:
		return fmt.Errorf("envelope: unsigned: %w: 0 of %d", ErrThreshold, t.threshold)
	}
	return fmt.Errorf("envelope: %w: %d of %d", ErrThreshold, len(good), t.threshold)
}

// payloadLimit bounds a payload by its type; unknown types get the smallest.
func payloadLimit(payloadType string) int64 {
	if payloadType == ManifestType {
		return MaxManifest
	}
	return MaxRollout
}
