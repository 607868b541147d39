package release

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Payload types of the two signed documents.
const (
	ManifestType = "application/vnd.edged.release.v1+json"
	RolloutType  = "application/vnd.edged.rollout.v1+json"
)

// Types of a manifest. The first is read and no longer written.
const (
	manifestDoc1 = "edged.release/1" // chunks are zstd frames without an id
	manifestDoc  = "edged.release/2"
)

// Piece is what travels: bytes that its hash proves.
type Piece struct {
	Hash Hash  `json:"hash"`
	Size int64 `json:"size"`
}

// Chunk is a block of a component. Its bytes travel as the Piece, or as differences to the component's base.
type Chunk struct {
	ID    Hash   `json:"id,omitzero"` // of the raw bytes: what has it already needs no piece; zero in the first format
	Raw   int64  `json:"raw"`         // raw bytes
	Delta *Piece `json:"delta,omitempty"`
	Piece
}

// BaseRef names the file that differences are taken to.
type BaseRef struct {
	Hash Hash  `json:"hash"`
	Size int64 `json:"size"`
}

// Component is a file of a release.
type Component struct {
	Name   string   `json:"name"`
	Size   int64    `json:"size"` // raw bytes
	Hash   Hash     `json:"hash"` // of the raw file
	Base   *BaseRef `json:"base,omitempty"`
	Chunks []Chunk  `json:"chunks"`
}

// Manifest names every byte of a release.
type Manifest struct {
	Type       string          `json:"type"`
	Version    uint64          `json:"version"`
	Created    time.Time       `json:"created"`            // when the model was trained
	Critical   []string        `json:"critical,omitempty"` // components a node must understand, or refuse
	Against    Hash            `json:"against,omitzero"`   // manifest of the release it was compared with before it was signed
	Forced     []string        `json:"forced,omitempty"`   // figures outside the limits then, signed by force
	Components []Component     `json:"components"`
	Card       json.RawMessage `json:"card,omitempty"` // the model card, a JSON object
}

// Component finds a component by name.
func (m *Manifest) Component(name string) (*Component, bool) {
	for i := range m.Components {
		if m.Components[i].Name == name {
			return &m.Components[i], true
		}
	}
	return nil, false
}

// Plain reports whether the manifest is of the first format, whose chunks have no ids.
func (m *Manifest) Plain() bool { return m.Type == manifestDoc1 }

// Size is the number of raw bytes of all components.
func (m *Manifest) Size() (n int64) {
	for i := range m.Components {
		n += m.Components[i].Size
	}
	return n
}

// Chunks is the number of chunks and of their compressed bytes.
func (m *Manifest) Chunks() (n int, size int64) {
	for i := range m.Components {
		for _, c := range m.Components[i].Chunks {
			n, size = n+1, size+c.Size
		}
	}
	return n, size
}

// Pieces lists everything that may travel, in the order of the document: of each chunk the whole, then the differences.
func (m *Manifest) Pieces() []Piece {
	var list []Piece
	for i := range m.Components {
		for _, c := range m.Components[i].Chunks {
			list = append(list, c.Piece)
			if c.Delta != nil {
				list = append(list, *c.Delta)
			}
		}
	}
	return list
}

// Encode checks the manifest and returns the bytes to sign. The same manifest gives the same bytes.
func (m *Manifest) Encode() ([]byte, error) {
	m.Type, m.Created = cmp.Or(m.Type, manifestDoc), seconds(m.Created)
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if _, err := ParseManifest(b); err != nil {
		return nil, err
	}
	return b, nil
}

// ParseManifest reads a manifest that Trust.Open gave (R1) and checks every count and sum in it.
func ParseManifest(b []byte) (*Manifest, error) {
	const what = "manifest"
	if err := checkJSON(what, b, MaxManifest); err != nil {
		return nil, err
	}
	var m Manifest
	var components json.RawMessage
	err := decode(what, b, field{name: "type", dst: &m.Type}, field{name: "version", dst: &m.Version},
		field{name: "created", dst: &m.Created}, field{name: "components", dst: &components},
		field{name: "critical", dst: &m.Critical, optional: true}, field{name: "card", dst: &m.Card, optional: true},
		field{name: "against", dst: &m.Against, optional: true}, field{name: "forced", dst: &m.Forced, optional: true})
	if err != nil {
		return nil, err
	}
	if m.Type != manifestDoc1 {
		if err := checkType(what, m.Type, manifestDoc); err != nil {
			return nil, err
		}
	}
	if err := checkVersion(what, m.Version); err != nil {
		return nil, err
	}
	if len(m.Forced) > MaxForced {
		return nil, fmt.Errorf("%s: forced: %d entries, at most %d: %w", what, len(m.Forced), MaxForced, ErrTooLarge)
	}
	if len(m.Card) > MaxCard {
		return nil, fmt.Errorf("%s: card: %d bytes, at most %d: %w", what, len(m.Card), MaxCard, ErrTooLarge)
	}
	if len(m.Card) > 0 && m.Card[0] != '{' {
		return nil, formatf("%s: card: not an object", what)
	}
	return &m, m.parseComponents(components)
}

func (m *Manifest) parseComponents(raw json.RawMessage) error {
	chunks := MaxChunks // what is left of the limit
	err := decodeList("manifest: components", raw, MaxComponents, func(i int, raw json.RawMessage) error {
		c, err := m.parseComponent(fmt.Sprintf("manifest: component %d", i+1), raw, chunks)
		if err != nil {
			return err
		}
		if _, ok := m.Component(c.Name); ok {
			return formatf("manifest: component %q twice", c.Name)
		}
		chunks -= len(c.Chunks)
		m.Components = append(m.Components, c)
		return nil
	})
	if err == nil && len(m.Components) == 0 {
		return formatf("manifest: no components")
	}
	return err
}

var componentName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

func (m *Manifest) parseComponent(what string, raw json.RawMessage, maxChunks int) (Component, error) {
	var c Component
	var chunks, base json.RawMessage
	fields := []field{{name: "name", dst: &c.Name}, {name: "size", dst: &c.Size}, {name: "hash", dst: &c.Hash}, {name: "chunks", dst: &chunks}}
	if m.Type != manifestDoc1 {
		fields = append(fields, field{name: "base", dst: &base, optional: true})
	}
	if err := decode(what, raw, fields...); err != nil {
		return c, err
	}
	if !componentName.MatchString(c.Name) {
		return c, formatf("%s: name %.80q: want a-z, 0-9 and - (at most 32)", what, c.Name)
	}
	what = fmt.Sprintf("manifest: component %q", c.Name)
	if err := c.parseBase(what+": base", base); err != nil {
		return c, err
	}
	var sum int64 // of at most MaxChunks times MaxChunkRaw: no overflow
	err := decodeList(what+": chunks", chunks, maxChunks, func(i int, raw json.RawMessage) error {
		chunk, err := m.parseChunk(fmt.Sprintf("%s: chunk %d", what, i+1), raw)
		if err == nil && chunk.Delta != nil && c.Base == nil {
			return formatf("%s: chunk %d: differences, and no base", what, i+1)
		}
		c.Chunks = append(c.Chunks, chunk)
		sum += chunk.Raw
		return err
	})
	if err != nil {
		return c, err
	}
	if sum != c.Size {
		return c, formatf("%s: size %d, but its chunks hold %d", what, c.Size, sum)
	}
	return c, nil
}

func (c *Component) parseBase(what string, raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	c.Base = &BaseRef{}
	if err := decode(what, raw, field{name: "hash", dst: &c.Base.Hash}, field{name: "size", dst: &c.Base.Size}); err != nil {
		return err
	}
	if c.Base.Size < 0 || c.Base.Size > MaxChunks*MaxChunkRaw {
		return fmt.Errorf("%s: size %d: %w", what, c.Base.Size, ErrTooLarge)
	}
	return nil
}

func (m *Manifest) parseChunk(what string, raw json.RawMessage) (Chunk, error) {
	var c Chunk
	var delta json.RawMessage
	fields := []field{{name: "hash", dst: &c.Hash}, {name: "size", dst: &c.Size}, {name: "raw", dst: &c.Raw}}
	if m.Type != manifestDoc1 {
		fields = append(fields, field{name: "id", dst: &c.ID}, field{name: "delta", dst: &delta, optional: true})
	}
	if err := decode(what, raw, fields...); err != nil {
		return c, err
	}
	if c.Raw < 1 || c.Raw > MaxChunkRaw {
		return c, fmt.Errorf("%s: raw %d, want 1 to %d: %w", what, c.Raw, MaxChunkRaw, ErrTooLarge)
	}
	if m.Type != manifestDoc1 && c.ID.IsZero() {
		return c, formatf("%s: id: all zeros", what)
	}
	if delta != nil {
		c.Delta = &Piece{}
		if err := c.Delta.parse(what+": delta", delta); err != nil {
			return c, err
		}
	}
	return c, c.check(what)
}

func (p *Piece) parse(what string, raw json.RawMessage) error {
	if err := decode(what, raw, field{name: "hash", dst: &p.Hash}, field{name: "size", dst: &p.Size}); err != nil {
		return err
	}
	return p.check(what)
}

func (p Piece) check(what string) error {
	if p.Size < 1 || p.Size > MaxChunkSize {
		return fmt.Errorf("%s: size %d, want 1 to %d: %w", what, p.Size, MaxChunkSize, ErrTooLarge)
	}
	return nil
}

// Understood refuses a manifest that calls a component critical which is not among the known ones.
func (m *Manifest) Understood(known ...string) error {
	return checkCritical("manifest", m.Critical, func(name string) bool { return slices.Contains(known, name) })
}
