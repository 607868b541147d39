package release

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

const rootDoc = "edged.root/1"

// RootType is the payload type of a root.
const RootType = "application/vnd.edged.root.v1+json"

// DefaultRootLife is how long a root is good, unless it is renewed.
const DefaultRootLife = 365 * 24 * time.Hour

// Role is what a key may sign. TUF (specification 1.0, 2.1) has four; rollouts take the place of its snapshot and timestamp.
type Role string

// The roles.
const (
	RoleRoot      Role = "root"      // which keys have which role: kept offline
	RoleRelease   Role = "release"   // manifests, and going back to an older release
	RoleFreshness Role = "freshness" // rollouts: which release is served, and until when that is known
)

// Roles lists them.
func Roles() []Role { return []Role{RoleRoot, RoleRelease, RoleFreshness} }

// roleOf says which role signs documents of a payload type.
var roleOf = map[string]Role{RootType: RoleRoot, ManifestType: RoleRelease, RolloutType: RoleFreshness}

// RootKey is a public key in a root.
type RootKey struct {
	ID  string `json:"id"`
	Key []byte `json:"key"`
}

// Quorum says which keys have a role, and how many of them must agree.
type Quorum struct {
	Keys      []string `json:"keys"` // ids
	Threshold int      `json:"threshold"`
}

// Quorums are those of all roles.
type Quorums struct {
	Root      Quorum `json:"root"`
	Release   Quorum `json:"release"`
	Freshness Quorum `json:"freshness"`
}

// Root says who may sign what. Each version is signed by the keys of the version before, so that a node follows from the
// one it was given to the newest.
type Root struct {
	Type     string    `json:"type"`
	Version  uint64    `json:"version"`
	Issued   time.Time `json:"issued"`
	Expires  time.Time `json:"expires"`
	Keys     []RootKey `json:"keys"`
	Roles    Quorums   `json:"roles"`
	Critical []string  `json:"critical,omitempty"`
}

// Quorum is that of a role.
func (r *Root) Quorum(role Role) *Quorum {
	switch role {
	case RoleRoot:
		return &r.Roles.Root
	case RoleRelease:
		return &r.Roles.Release
	}
	return &r.Roles.Freshness
}

// Add gives a key a role.
func (r *Root) Add(role Role, pub ed25519.PublicKey) {
	id := KeyID(pub)
	if !slices.ContainsFunc(r.Keys, func(k RootKey) bool { return k.ID == id }) {
		r.Keys = append(r.Keys, RootKey{id, pub})
	}
	if q := r.Quorum(role); !slices.Contains(q.Keys, id) {
		q.Keys = append(q.Keys, id)
	}
}

// Remove takes a key out of every role, and reports whether it had one.
func (r *Root) Remove(id string) bool {
	is := func(k string) bool { return k == id }
	had := false
	for _, role := range Roles() {
		q := r.Quorum(role)
		had = had || slices.Contains(q.Keys, id)
		q.Keys = slices.DeleteFunc(q.Keys, is)
	}
	r.Keys = slices.DeleteFunc(r.Keys, func(k RootKey) bool { return k.ID == id })
	return had
}

// clone shares nothing with r.
func (r *Root) clone() *Root {
	c := *r
	c.Keys, c.Critical = slices.Clone(r.Keys), slices.Clone(r.Critical)
	for _, role := range Roles() {
		q := c.Quorum(role)
		q.Keys = slices.Clone(q.Keys)
	}
	return &c
}

// Encode checks the root and returns the bytes to sign.
func (r *Root) Encode() ([]byte, error) {
	r.Type, r.Issued, r.Expires = rootDoc, seconds(r.Issued), seconds(r.Expires)
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("root: %w", err)
	}
	if _, err := parseRoot(b); err != nil {
		return nil, err
	}
	return b, nil
}

// parseRoot reads a root. Whether its signatures suffice is judged by the keys in it and by those of the root before:
// ParseTrust, Trust.Next.
func parseRoot(b []byte) (*Root, error) {
	const what = "root"
	if err := checkJSON(what, b, MaxRoot); err != nil {
		return nil, err
	}
	var r Root
	var keys, roles json.RawMessage
	err := decode(what, b, field{name: "type", dst: &r.Type}, field{name: "version", dst: &r.Version},
		field{name: "issued", dst: &r.Issued}, field{name: "expires", dst: &r.Expires}, field{name: "keys", dst: &keys},
		field{name: "roles", dst: &roles}, field{name: "critical", dst: &r.Critical, optional: true})
	if err == nil {
		err = checkType(what, r.Type, rootDoc)
	}
	if err == nil {
		err = decodeList("root: keys", keys, MaxKeys, r.parseKey)
	}
	if err == nil {
		err = r.parseRoles(roles)
	}
	if err == nil {
		err = r.validate()
	}
	if err != nil {
		return nil, err
	}
	return &r, nil
}

func (r *Root) parseKey(i int, raw json.RawMessage) error {
	what := fmt.Sprintf("root: key %d", i+1)
	var k RootKey
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
	if r.key(k.ID) != nil {
		return formatf("%s: %s twice", what, k.ID)
	}
	r.Keys = append(r.Keys, k)
	return nil
}

func (r *Root) key(id string) ed25519.PublicKey {
	for _, k := range r.Keys {
		if k.ID == id {
			return k.Key
		}
	}
	return nil
}

func (r *Root) parseRoles(raw json.RawMessage) error {
	var parts [3]json.RawMessage
	var fields []field
	for i, role := range Roles() {
		fields = append(fields, field{name: string(role), dst: &parts[i]})
	}
	if err := decode("root: roles", raw, fields...); err != nil {
		return err
	}
	for i, role := range Roles() {
		if err := r.parseQuorum(role, parts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *Root) parseQuorum(role Role, raw json.RawMessage) error {
	what := fmt.Sprintf("root: role %s", role)
	q := r.Quorum(role)
	var ids json.RawMessage
	if err := decode(what, raw, field{name: "keys", dst: &ids}, field{name: "threshold", dst: &q.Threshold}); err != nil {
		return err
	}
	err := decodeList(what+": keys", ids, MaxKeys, func(_ int, raw json.RawMessage) error {
		var id string
		if err := decodeField(raw, &id); err != nil {
			return formatf("%s: %v", what, err)
		}
		if r.key(id) == nil || slices.Contains(q.Keys, id) {
			return formatf("%s: key %.40q is not among the keys, or twice", what, id)
		}
		q.Keys = append(q.Keys, id)
		return nil
	})
	if err == nil && (q.Threshold < 1 || q.Threshold > len(q.Keys) || q.Threshold > MaxSignatures) {
		return formatf("%s: threshold %d of %d keys: want 1 to the number of keys, at most %d", what, q.Threshold, len(q.Keys), MaxSignatures)
	}
	return err
}

func (r *Root) validate() error {
	if err := checkVersion("root", r.Version); err != nil {
		return err
	}
	if !r.Expires.After(r.Issued) {
		return formatf("root: expires %s, not after issued %s", r.Expires.Format(time.RFC3339), r.Issued.Format(time.RFC3339))
	}
	return checkCritical("root", r.Critical, func(string) bool { return false })
}

// checkVersion leaves room above every version: whoever once gave out the largest must not be the last to give one out.
func checkVersion(what string, v uint64) error {
	if v == 0 || v > MaxVersion {
		return formatf("%s: version %d, want 1 to %d", what, v, uint64(MaxVersion))
	}
	return nil
}
