package node

import (
	"time"

	"github.com/edged/edged/release"
)

// Held is a release that lies on this node.
type Held struct {
	Release    string          `json:"release,omitempty"` // id; empty: its manifest can't be read
	Version    uint64          `json:"version,omitempty"`
	Manifest   release.Hash    `json:"manifest"`
	Created    time.Time       `json:"created,omitzero"` // when it was trained
	Role       string          `json:"role"`             // current, previous or older
	Components []HeldComponent `json:"components"`
	Forced     []string        `json:"forced,omitempty"` // figures outside the publisher's limits, signed by force
	Fault      string          `json:"fault,omitempty"`
}

// HeldComponent is one file of a release.
type HeldComponent struct {
	Name   string       `json:"name"`
	Size   int64        `json:"size"`
	Hash   release.Hash `json:"hash"`
	Chunks int          `json:"chunks"`
	Packed int64        `json:"packed"` // bytes of the chunks as they travel
}

// Releases lists the releases held, the one served first. It reads their manifests, and nothing else.
func (n *Node) Releases() []Held {
	list := []Held{}
	state := n.state()
	for _, h := range state.Held() {
		held := Held{Manifest: h, Role: "older", Components: []HeldComponent{}}
		switch h {
		case state.Current:
			held.Role = "current"
		case state.Previous:
			held.Role = "previous"
		}
		m, err := n.manifestOf(h)
		if err != nil {
			held.Fault = err.Error()
		} else {
			held.show(m)
		}
		list = append(list, held)
	}
	return list
}

func (h *Held) show(m *release.Manifest) {
	h.Release, h.Version, h.Created, h.Forced = release.Ref{Version: m.Version, Manifest: h.Manifest}.ID(), m.Version, m.Created, m.Forced
	for i := range m.Components {
		c := &m.Components[i]
		shown := HeldComponent{Name: c.Name, Size: c.Size, Hash: c.Hash, Chunks: len(c.Chunks)}
		for k := range c.Chunks {
			shown.Packed += c.Chunks[k].Size
		}
		h.Components = append(h.Components, shown)
	}
}
