package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const rolloutDoc = "edged.rollout/1"

// Ref points at a signed manifest.
type Ref struct {
	Version  uint64 `json:"version"`  // of the release
	Manifest Hash   `json:"manifest"` // of the manifest's envelope, byte for byte
	Size     int64  `json:"size"`     // of that envelope
}

// ID names the release to people: its version and the start of its manifest's hash.
func (r Ref) ID() string { return fmt.Sprintf("%d-%s", r.Version, r.Manifest.Short()) }

// Rollout says which release to serve. Its version only grows; a rollback is a newer rollout that names an older
// release and says so, never an older rollout.
type Rollout struct {
	Type     string    `json:"type"`
	Version  uint64    `json:"version"`
	Issued   time.Time `json:"issued"`
	Expires  time.Time `json:"expires"` // after it nodes take no update from this rollout and raise an alarm; they go on serving
	Release  Ref       `json:"release"`
	Highest  uint64    `json:"highest"` // the highest release version ever given out, so that none is given twice
	Rollback bool      `json:"rollback,omitempty"`
	Critical []string  `json:"critical,omitempty"` // keys a node must understand, or refuse
}

// Expired reports whether the rollout's life is over.
func (r *Rollout) Expired(now time.Time) bool { return !now.Before(r.Expires) }

// Encode checks the rollout and returns the bytes to sign.
func (r *Rollout) Encode() ([]byte, error) {
	r.Type, r.Issued, r.Expires = rolloutDoc, seconds(r.Issued), seconds(r.Expires)
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("rollout: %w", err)
	}
	if _, err := ParseRollout(b); err != nil {
		return nil, err
	}
	return b, nil
}

// ParseRollout reads a rollout that Trust.Open gave (R1).
func ParseRollout(b []byte) (*Rollout, error) {
	const what = "rollout"
	if err := checkJSON(what, b, MaxRollout); err != nil {
		return nil, err
	}
	var r Rollout
	var ref json.RawMessage
	err := decode(what, b, field{name: "type", dst: &r.Type}, field{name: "version", dst: &r.Version},
		field{name: "issued", dst: &r.Issued}, field{name: "expires", dst: &r.Expires}, field{name: "release", dst: &ref},
		field{name: "highest", dst: &r.Highest}, field{name: "rollback", dst: &r.Rollback, optional: true},
		field{name: "critical", dst: &r.Critical, optional: true})
	if err != nil {
		return nil, err
	}
	if err := checkType(what, r.Type, rolloutDoc); err != nil {
		return nil, err
	}
	err = decode("rollout: release", ref, field{name: "version", dst: &r.Release.Version},
		field{name: "manifest", dst: &r.Release.Manifest}, field{name: "size", dst: &r.Release.Size})
	if err != nil {
		return nil, err
	}
	return &r, r.validate()
}

func (r *Rollout) validate() error {
	err := errors.Join(checkVersion("rollout", r.Version), checkVersion("rollout: release", r.Release.Version), checkVersion("rollout: highest", r.Highest))
	switch size := r.Release.Size; {
	case err != nil:
		return err
	case size < 1 || size > MaxEnvelope(MaxManifest):
		return fmt.Errorf("rollout: release: size %d, want 1 to %d: %w", size, MaxEnvelope(MaxManifest), ErrTooLarge)
	case r.Release.Version > r.Highest:
		return formatf("rollout: release %d is above highest %d", r.Release.Version, r.Highest)
	case !r.Expires.After(r.Issued):
		return formatf("rollout: expires %s, not after issued %s", r.Expires.Format(time.RFC3339), r.Issued.Format(time.RFC3339))
	}
	return checkCritical("rollout", r.Critical, func(string) bool { return false })
}
