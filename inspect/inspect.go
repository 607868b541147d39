// Package inspect looks at a release wherever it lies (a release directory, an origin, a node's store), verifies all
// of it, and says what is in it. It changes nothing and takes no lock, so it may look at a store in use.
//
// What is verified: signatures against the trusted keys, the hash of every chunk and file, the checksum of every
// section, every reference inside the model, and the release's own known answers.
package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
	"github.com/edged/edged/snapshot"
)

// Kinds of places.
const (
	Directory = "release directory"
	Origin    = "origin"
	Store     = "node store"
)

// Inspection is what was found. Everything in it was verified, but for signatures that say otherwise.
type Inspection struct {
	Kind       string          `json:"kind"`
	Address    string          `json:"address"`
	Release    string          `json:"release,omitempty"` // id; empty: not published yet
	Version    uint64          `json:"version,omitempty"`
	Manifest   release.Hash    `json:"manifest,omitzero"`
	Created    time.Time       `json:"created,omitzero"`     // when it was trained
	Signatures []Signature     `json:"signatures,omitempty"` // of the manifest
	Root       *Root           `json:"root,omitempty"`       // the newest that follows from the trust given
	Rollout    *Rollout        `json:"rollout,omitempty"`
	Components []Component     `json:"components"`
	Counts     Counts          `json:"counts"`
	Rules      *Rules          `json:"rules,omitempty"`
	Card       json.RawMessage `json:"card,omitempty"`
	Forced     []string        `json:"forced,omitempty"` // figures outside the limits, signed by force
	Held       []Held          `json:"held,omitempty"`   // by a node store

	Revoked bool `json:"revoked,omitempty"` // keys revoked since signed the release

	files  map[string]*snapshot.File // by component
	ranker *rank.Ranker
}

// Signature is one on a document.
type Signature struct {
	Key     string `json:"key"`
	Trusted bool   `json:"trusted"`           // and verified; without a trust.json none is
	Revoked bool   `json:"revoked,omitempty"` // verified by a root before: of the keys that signed too few are trusted now
}

// Root says who may sign what.
type Root struct {
	Version uint64                          `json:"version"`
	Expires time.Time                       `json:"expires"`
	Roles   map[release.Role]release.Quorum `json:"roles"`
}

// Rollout is what names the release.
type Rollout struct {
	Version    uint64          `json:"version"`
	Issued     time.Time       `json:"issued"`
	Expires    time.Time       `json:"expires"`
	Rollback   bool            `json:"rollback"`
	Hold       bool            `json:"hold"`
	Pin        bool            `json:"pin"`
	Canary     *release.Canary `json:"canary,omitempty"`
	Kept       []release.Kept  `json:"kept,omitempty"`
	Signatures []Signature     `json:"signatures"`
}

// Component is one file of the release.
type Component struct {
	Name     string       `json:"name"`
	Size     int64        `json:"size"`
	Hash     release.Hash `json:"hash,omitzero"`
	Chunks   int          `json:"chunks,omitempty"`
	Packed   int64        `json:"packed,omitempty"`
	Sections []Section    `json:"sections"`
}

// Section is one of a snapshot.
type Section struct {
	Name     string `json:"name"`
	Size     int    `json:"size"`
	Critical bool   `json:"critical"`
	Hot      bool   `json:"hot"`
}

// Counts says how much the model knows.
type Counts struct {
	Items      int      `json:"items"`
	Dim        int      `json:"dim"`
	Users      int      `json:"users"`
	Neighbours int      `json:"neighbours"` // of each item
	Trends     int      `json:"trends"`     // lists, the one for everywhere included
	Checks     int      `json:"checks"`     // known answers, all given again
	Fields     []string `json:"fields"`     // of the catalogue

	Table   int      `json:"table,omitempty"`   // entries of the item table
	Session int      `json:"session,omitempty"` // entries of the session table
	Goals   []string `json:"goals,omitempty"`   // of the blends; none: the vectors alone rank
}

// Held is one release in a node store.
type Held struct {
	Release string `json:"release"`
	Role    string `json:"role"`              // current, previous, older, unused
	Revoked bool   `json:"revoked,omitempty"` // keys revoked since signed it
	Fault   string `json:"fault,omitempty"`
}

// Open inspects what lies at an address. Without trust the signatures are listed and not verified.
func Open(ctx context.Context, fsys vfs.FS, address string, trust *release.Trust) (*Inspection, error) {
	return OpenRelease(ctx, fsys, address, 0, trust)
}

// OpenRelease inspects a release by its version: one that an origin's rollout names, or a node holds. 0 is the one served.
func OpenRelease(ctx context.Context, fsys vfs.FS, address string, version uint64, trust *release.Trust) (*Inspection, error) {
	in := &inspector{fs: fsys, trust: trust, version: version, out: &Inspection{Address: address, files: map[string]*snapshot.File{}}}
	if err := in.open(ctx, address); err != nil {
		return nil, fmt.Errorf("inspect %s: %w", address, err)
	}
	return in.out, nil
}

type inspector struct {
	fs      vfs.FS
	trust   *release.Trust
	older   []*release.Trust // the roots that trust followed from, the newest first
	version uint64           // of the release wanted; 0: the one served
	out     *Inspection
}

// open finds out what it is by the file only that kind of place has.
func (in *inspector) open(ctx context.Context, address string) error {
	if scheme, _, ok := strings.Cut(address, "://"); ok && scheme != "file" {
		return in.origin(ctx, address)
	}
	dir := strings.TrimPrefix(address, "file://")
	for _, place := range []struct {
		mark string
		look func(context.Context, string) error
	}{
		{model.ModelFile, in.directory},
		{origin.RolloutName, in.origin},
		{"releases", in.store},
	} {
		_, err := in.fs.Stat(path.Join(dir, place.mark))
		if err == nil {
			return place.look(ctx, dir)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("neither a release directory (%s), nor an origin (%s), nor a node store (releases/)", model.ModelFile, origin.RolloutName)
}

// kinds of the components, in the order they are shown.
var kinds = []struct {
	component, file, kind string
	sections              func() []string
}{
	{"model", model.ModelFile, model.ModelKind, model.ModelSections},
	{"catalogue", model.CatalogueFile, model.CatalogueKind, model.CatalogueSections},
}

// snapshots verifies the two files and what they mean together. open gives them by component and file name.
func (in *inspector) snapshots(open func(component, file, kind string, known []string) (*snapshot.File, error)) error {
	files := make([]*snapshot.File, len(kinds))
	for i, k := range kinds {
		f, err := open(k.component, k.file, k.kind, k.sections())
		if err == nil {
			err = f.Verify()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", k.component, err)
		}
		files[i], in.out.files[k.component] = f, f
		in.component(k.component).Sections = sections(f)
	}
	m, err := model.Open(files[0], files[1])
	if err != nil {
		return err
	}
	in.out.ranker = rank.New(m, rank.Release{ID: in.out.Release, Version: in.out.Version})
	if err := in.out.ranker.SelfCheck(); err != nil {
		return fmt.Errorf("self-check: %w", err)
	}
	in.count(m)
	return nil
}

func (in *inspector) count(m *model.Model) {
	meta := m.Meta()
	in.out.Counts = Counts{
		Items: m.Len(), Dim: m.Dim(), Users: meta.Users, Neighbours: meta.NeighbourK,
		Trends: m.Trends(), Checks: len(m.Checks()), Fields: m.Fields(),
	}
	in.out.Counts.Table, in.out.Counts.Session = meta.Table, meta.Session
	for i := range meta.Blends {
		in.out.Counts.Goals = append(in.out.Counts.Goals, string(meta.Blends[i].Goal))
	}
	if in.out.Created.IsZero() {
		in.out.Created = meta.Created
	}
}

// trained is when a release was trained, as its manifest will say: what the card says, or else the end of the data.
func trained(card []byte, end time.Time) time.Time {
	var said struct {
		Trained time.Time `json:"trained"`
	}
	if err := json.Unmarshal(card, &said); err != nil || said.Trained.IsZero() {
		return end
	}
	return said.Trained
}

// component is the one of that name, made if it is new.
func (in *inspector) component(name string) *Component {
	for i := range in.out.Components {
		if in.out.Components[i].Name == name {
			return &in.out.Components[i]
		}
	}
	in.out.Components = append(in.out.Components, Component{Name: name, Sections: []Section{}})
	return &in.out.Components[len(in.out.Components)-1]
}

func sections(f *snapshot.File) []Section {
	var out []Section
	for _, s := range f.Sections() {
		size, _ := f.Len(s.Name)
		out = append(out, Section{Name: s.Name, Size: size, Critical: s.Flags&snapshot.Critical != 0, Hot: s.Flags&snapshot.Hot != 0})
	}
	return out
}
