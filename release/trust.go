package release

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edged/edged/internal/vfs"
)

// Trust is a root that is believed: which keys may sign what. It is immutable and may be shared.
//
// It begins with a root that whoever runs the node gave it (ParseTrust), and goes on with those that follow from it
// (Next), as in section 5.3 of the TUF specification: version by version, each signed by enough keys of the one before and
// of its own.
type Trust struct {
	root     *Root
	envelope []byte
}

// ParseTrust believes a root because of where it comes from. It must be signed by enough of its own root keys.
func ParseTrust(envelope []byte) (*Trust, error) {
	t, env, err := unproven(envelope)
	if err != nil {
		return nil, err
	}
	return t, t.verify(env, RoleRoot)
}

func unproven(envelope []byte) (*Trust, *Envelope, error) {
	env, err := ParseEnvelope(envelope, MaxRoot)
	if err != nil {
		return nil, nil, err
	}
	if env.PayloadType != RootType {
		return nil, nil, formatf("envelope: payload type %.80q, want %q", env.PayloadType, RootType)
	}
	root, err := parseRoot(env.Payload)
	if err != nil {
		return nil, nil, err
	}
	return &Trust{root: root, envelope: slices.Clone(envelope)}, env, nil
}

// ErrNotNext means that a root is not the one that follows.
var ErrNotNext = errors.New("not the next root")

// Next believes the root that follows (TUF 5.3.4, 5.3.5): its version is one more, and enough keys of both signed it.
func (t *Trust) Next(envelope []byte) (*Trust, error) {
	env, err := ParseEnvelope(envelope, MaxRoot)
	if err != nil {
		return nil, err
	}
	if env.PayloadType != RootType {
		return nil, formatf("envelope: payload type %.80q, want %q", env.PayloadType, RootType)
	}
	if err := t.verify(env, RoleRoot); err != nil { // R1: before the payload is parsed
		return nil, fmt.Errorf("by root %d: %w", t.Version(), err)
	}
	next, env, err := unproven(envelope)
	if err != nil {
		return nil, err
	}
	if next.Version() != t.Version()+1 {
		return nil, fmt.Errorf("root: version %d, want %d: %w", next.Version(), t.Version()+1, ErrNotNext)
	}
	if err := next.verify(env, RoleRoot); err != nil {
		return nil, fmt.Errorf("by root %d itself: %w", next.Version(), err)
	}
	return next, nil
}

// LoadTrust reads a trust.json.
func LoadTrust(fsys vfs.FS, name string) (*Trust, error) {
	b, err := vfs.ReadFile(fsys, name, MaxEnvelope(MaxRoot))
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	t, err := ParseTrust(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// Root is a copy of what is believed.
func (t *Trust) Root() *Root { return t.root.clone() }

// Version is the root's.
func (t *Trust) Version() uint64 { return t.root.Version }

// Envelope is the root as it was signed; it must not be changed.
func (t *Trust) Envelope() []byte { return t.envelope }

// Expires is when the root's life is over: nothing new is believed then until it is renewed.
func (t *Trust) Expires() time.Time { return t.root.Expires }

// Expired reports whether the root's life is over.
func (t *Trust) Expired(now time.Time) bool { return !now.Before(t.root.Expires) }

// Threshold is how many distinct keys of a role must have signed.
func (t *Trust) Threshold(role Role) int { return t.root.Quorum(role).Threshold }

// KeyIDs are the ids of a role's keys, sorted.
func (t *Trust) KeyIDs(role Role) []string {
	return slices.Sorted(slices.Values(t.root.Quorum(role).Keys))
}

// Open returns an envelope's payload when enough distinct keys of the role that signs this payload type did, and an
// error that wraps ErrSignature, ErrUnknownKey, ErrRole, ErrThreshold, ErrFormat or ErrTooLarge otherwise. A signature that
// claims a key of the role and does not match is refused even where others would do; those of other keys are skipped,
// so that a new key may sign before every node knows it.
func (t *Trust) Open(envelope []byte, payloadType string) ([]byte, error) {
	env, err := ParseEnvelope(envelope, payloadLimit(payloadType))
	if err != nil {
		return nil, err
	}
	if env.PayloadType != payloadType {
		return nil, formatf("envelope: payload type %.80q, want %q", env.PayloadType, payloadType)
	}
	if err := t.verify(env, roleOf[payloadType]); err != nil {
		return nil, err
	}
	return env.Payload, nil
}

// Vouches reports whether enough keys of a role signed an envelope, whatever it holds.
func (t *Trust) Vouches(role Role, envelope []byte) error {
	env, err := ParseEnvelope(envelope, MaxManifest)
	if err != nil {
		return err
	}
	return t.verify(env, role)
}

// signers are whose signatures an envelope has.
type signers struct {
	good           map[string]bool // keys of the role, verified
	other, unknown []string        // claimed: keys of other roles, and of none
}

func (t *Trust) verify(env *Envelope, role Role) error {
	s, err := t.signers(env, role)
	if err != nil {
		return err
	}
	need := t.Threshold(role)
	switch {
	case len(s.good) >= need:
		return nil
	case len(s.good) == 0 && len(s.other) > 0:
		return fmt.Errorf("envelope: %w: signed by %s, but the role %s has %s", ErrRole, strings.Join(s.other, ", "), role, strings.Join(t.KeyIDs(role), ", "))
	case len(s.good) == 0 && len(s.unknown) > 0:
		return fmt.Errorf("envelope: %w: signed by %s, trusted for the role %s are %s (root %d)",
			ErrUnknownKey, strings.Join(s.unknown, ", "), role, strings.Join(t.KeyIDs(role), ", "), t.Version())
	case len(s.good) == 0:
		return fmt.Errorf("envelope: unsigned: %w: 0 of %d", ErrThreshold, need)
	}
	return fmt.Errorf("envelope: %w: %d of %d for the role %s", ErrThreshold, len(s.good), need, role)
}

func (t *Trust) signers(env *Envelope, role Role) (signers, error) {
	message := pae(env.PayloadType, env.Payload)
	s := signers{good: map[string]bool{}}
	members := t.root.Quorum(role).Keys
	for _, sig := range env.Signatures {
		switch key := t.root.key(sig.KeyID); {
		case key == nil:
			s.unknown = append(s.unknown, fmt.Sprintf("%.40q", sig.KeyID))
		case !slices.Contains(members, sig.KeyID):
			s.other = append(s.other, sig.KeyID)
		case !ed25519.Verify(key, message, sig.Sig):
			return s, fmt.Errorf("envelope: signature of key %s: %w: the document was changed after signing", sig.KeyID, ErrSignature)
		default:
			s.good[sig.KeyID] = true
		}
	}
	return s, nil
}

// payloadLimit bounds a payload by its type; unknown types get the smallest.
func payloadLimit(payloadType string) int64 {
	switch payloadType {
	case ManifestType:
		return MaxManifest
	case RootType:
		return MaxRoot
	}
	return MaxRollout
}
