package release

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	Highest  uint64    `json:"highest"`        // the highest release version ever given out, so that none is given twice
	Kept     []Kept    `json:"kept,omitempty"` // other releases the origin has, which may be gone to; the newest first
	Canary   *Canary   `json:"canary,omitempty"`
	Hold     bool      `json:"hold,omitempty"`     // nodes stay with what they serve
	Pin      bool      `json:"pin,omitempty"`      // newer releases are published and not served
	Rollback bool      `json:"rollback,omitempty"` // the release may be older than the one named before
	Critical []string  `json:"critical,omitempty"` // keys a node must understand, or refuse
}

// Kept is a release that is not served. One that is older than the release for all, and was not withdrawn, was served by all before it.
type Kept struct {
	Ref
	Withdrawn bool `json:"withdrawn,omitempty"` // aborted, gone back from, passed over, or served on under another version: no rollback chooses it
}

// Canary is a newer release that some nodes serve before the others.
type Canary struct {
	Release Ref      `json:"release"`
	Share   int      `json:"share"`           // of the nodes, in 1/Whole
	Zones   []string `json:"zones,omitempty"` // only there; empty: everywhere
}

// Whole is the share of all.
const Whole = 10_000

// Picks reports whether a node is one of the canary's. The place of a node among all hangs on its name and the release alone:
//
//	SHA-256("edged canary" NUL hash of the manifest NUL name), its first 8 bytes big endian, mod Whole  <  share
//
// so that a wider share keeps the nodes it had, and another release is tried on others.
func (c *Canary) Picks(node, zone string) bool {
	if len(c.Zones) > 0 && !slices.Contains(c.Zones, zone) {
		return false
	}
	return c.Place(node) < c.Share
}

// Place is where a node stands among those that try the release first: it does with a share above that.
func (c *Canary) Place(node string) int {
	h := sha256.New()
	fmt.Fprintf(h, "edged canary\x00%s\x00%s", c.Release.Manifest[:], node)
	return int(binary.BigEndian.Uint64(h.Sum(nil)) % Whole)
}

// For is the release that a node is to serve, and whether as a canary.
func (r *Rollout) For(node, zone string) (ref Ref, canary bool) {
	if r.Canary != nil && r.Canary.Picks(node, zone) {
		return r.Canary.Release, true
	}
	return r.Release, false
}

// Refs are all the releases it names.
func (r *Rollout) Refs() []Ref {
	refs := []Ref{r.Release}
	if r.Canary != nil {
		refs = append(refs, r.Canary.Release)
	}
	for _, k := range r.Kept {
		refs = append(refs, k.Ref)
	}
	return refs
}

// Contradicts finds a version that the two know under different manifests (R4).
func (r *Rollout) Contradicts(other *Rollout) (a, b Ref, yes bool) {
	for _, a := range r.Refs() {
		for _, b := range other.Refs() {
			if a.Version == b.Version && a.Manifest != b.Manifest {
				return a, b, true
			}
		}
	}
	return Ref{}, Ref{}, false
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
	var ref, kept, canary json.RawMessage
	err := decode(what, b, field{name: "type", dst: &r.Type}, field{name: "version", dst: &r.Version},
		field{name: "issued", dst: &r.Issued}, field{name: "expires", dst: &r.Expires}, field{name: "release", dst: &ref},
		field{name: "highest", dst: &r.Highest}, field{name: "kept", dst: &kept, optional: true}, field{name: "canary", dst: &canary, optional: true},
		field{name: "hold", dst: &r.Hold, optional: true}, field{name: "pin", dst: &r.Pin, optional: true},
		field{name: "rollback", dst: &r.Rollback, optional: true}, field{name: "critical", dst: &r.Critical, optional: true})
	if err == nil {
		err = checkType(what, r.Type, rolloutDoc)
	}
	if err == nil {
		err = r.Release.parse("rollout: release", ref)
	}
	if err == nil && kept != nil {
		err = decodeList("rollout: kept", kept, MaxKept, func(i int, raw json.RawMessage) error {
			var k Kept
			err := k.parse(fmt.Sprintf("rollout: kept %d", i+1), raw)
			r.Kept = append(r.Kept, k)
			return err
		})
	}
	if err == nil && canary != nil {
		r.Canary = &Canary{}
		err = r.Canary.parse(canary)
	}
	if err == nil {
		err = r.validate()
	}
	if err != nil {
		return nil, err
	}
	return &r, nil
}

func (ref *Ref) parse(what string, raw json.RawMessage) error {
	err := decode(what, raw, field{name: "version", dst: &ref.Version}, field{name: "manifest", dst: &ref.Manifest}, field{name: "size", dst: &ref.Size})
	if err == nil {
		err = checkVersion(what, ref.Version)
	}
	if err == nil && (ref.Size < 1 || ref.Size > MaxEnvelope(MaxManifest)) {
		return fmt.Errorf("%s: size %d, want 1 to %d: %w", what, ref.Size, MaxEnvelope(MaxManifest), ErrTooLarge)
	}
	return err
}

func (k *Kept) parse(what string, raw json.RawMessage) error {
	if err := k.Ref.parse(what, raw); err != nil {
		return err
	}
	return decode(what, raw, field{name: "withdrawn", dst: &k.Withdrawn, optional: true})
}

func (c *Canary) parse(raw json.RawMessage) error {
	const what = "rollout: canary"
	var ref, zones json.RawMessage
	err := decode(what, raw, field{name: "release", dst: &ref}, field{name: "share", dst: &c.Share}, field{name: "zones", dst: &zones, optional: true})
	if err == nil {
		err = c.Release.parse(what, ref)
	}
	if err != nil || zones == nil {
		return err
	}
	return decodeList(what+": zones", zones, MaxZones, func(_ int, raw json.RawMessage) error {
		var zone string
		if err := decodeField(raw, &zone); err != nil || zone == "" || len(zone) > MaxZone {
			return formatf("%s: zones: want names of 1 to %d bytes", what, MaxZone)
		}
		c.Zones = append(c.Zones, zone)
		return nil
	})
}

func (r *Rollout) validate() error {
	if err := errors.Join(checkVersion("rollout", r.Version), checkVersion("rollout: highest", r.Highest)); err != nil {
		return err
	}
	for _, ref := range r.Refs() {
		if ref.Version > r.Highest {
			return formatf("rollout: release %d is above highest %d", ref.Version, r.Highest)
		}
	}
	if !r.Expires.After(r.Issued) {
		return formatf("rollout: expires %s, not after issued %s", r.Expires.Format(time.RFC3339), r.Issued.Format(time.RFC3339))
	}
	if _, _, yes := r.Contradicts(r); yes {
		return formatf("rollout: one release version, two manifests")
	}
	if c := r.Canary; c != nil && (c.Share < 1 || c.Share > Whole || c.Release.Version <= r.Release.Version) {
		return formatf("rollout: canary: share %d of release %d beside %d: want a newer release, and 1 to %d", c.Share, c.Release.Version, r.Release.Version, Whole)
	}
	return checkCritical("rollout", r.Critical, func(string) bool { return false })
}
