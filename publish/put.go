package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"

	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
)

// publish puts chunks, manifest and rollout, in this order.
func (p *publisher) publish(ctx context.Context) error {
	m := &release.Manifest{Version: 1, Created: p.created, Card: p.card}
	if p.before != nil {
		m.Version = p.before.Highest + 1
	}
	if m.Created.IsZero() {
		m.Created = p.Clock()
	}
	if p.base = p.loadBase(ctx); p.base != nil {
		p.base.rows = relateRows(p.opened["model"], p.base.files["model"])
	}
	for _, f := range files {
		c, err := p.component(ctx, f.component, path.Join(p.Release, f.file))
		if err != nil {
			return err
		}
		m.Components = append(m.Components, c)
	}
	p.describe(m)
	switch {
	case p.offers(m) && !p.outdated:
		return p.keep()
	case p.offers(m):
		return p.roll(ctx, p.before.Release)
	}
	ref, err := p.putManifest(ctx, m)
	if err != nil {
		return err
	}
	return p.roll(ctx, ref)
}

// component puts the chunks of one file.
func (p *publisher) component(ctx context.Context, name, file string) (release.Component, error) {
	f, err := p.FS.Open(file)
	if err != nil {
		return release.Component{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return release.Component{}, err
	}
	return p.split(ctx, name, f, info.Size(), p.opened[name])
}

// putChunk puts a piece unless the origin has it, byte for byte.
func (p *publisher) putChunk(ctx context.Context, c release.Piece, packed []byte) error {
	name := origin.ChunkName(c.Hash.Hex())
	if there, err := p.Origin.Get(ctx, name, c.Size); err == nil && bytes.Equal(there, packed) {
		return nil
	}
	if err := p.Origin.Put(ctx, name, packed); err != nil {
		return err
	}
	p.result.NewChunks++
	p.result.NewBytes += c.Size
	return nil
}

// offers reports whether the origin offers the very same release already.
func (p *publisher) offers(m *release.Manifest) bool {
	now := p.manifest
	if now == nil || p.retired || len(now.Components) != len(m.Components) || !sameJSON(now.Card, m.Card) {
		return false
	}
	for i := range m.Components {
		if c, ok := now.Component(m.Components[i].Name); !ok || c.Hash != m.Components[i].Hash {
			return false
		}
	}
	return true
}

// sameJSON compares as a manifest would hold them: compact, and escaped by encoding/json's rules.
func sameJSON(a, b []byte) bool {
	x, errX := json.Marshal(json.RawMessage(a))
	y, errY := json.Marshal(json.RawMessage(b))
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// keep reports the release offered already.
func (p *publisher) keep() error {
	p.result.Unchanged = true
	p.point(p.before)
	return nil
}

func (p *publisher) putManifest(ctx context.Context, m *release.Manifest) (release.Ref, error) {
	p.Progress(Step{Name: "manifest"})
	payload, err := m.Encode()
	if err != nil {
		return release.Ref{}, err
	}
	envelope, err := p.seal(release.ManifestType, payload, release.RoleRelease)
	if err != nil {
		return release.Ref{}, err
	}
	ref := release.Ref{Version: m.Version, Manifest: release.Sum(envelope), Size: int64(len(envelope))}
	return ref, p.Origin.Put(ctx, origin.ManifestName(ref.Manifest.Hex()), envelope)
}

// roll puts the rollout that names ref: from here on nodes see it.
func (p *publisher) roll(ctx context.Context, ref release.Ref) error {
	p.Progress(Step{Name: "rollout"})
	now := p.Clock()
	r := &release.Rollout{Version: 1, Issued: now, Expires: now.Add(p.Validity), Release: ref, Highest: ref.Version}
	if p.before != nil {
		r.Version = p.before.Version + 1
		r.Highest = max(r.Highest, p.before.Highest)
		r.Rollback = p.before.Rollback && p.before.Release == ref // a renewed rollback is still one
	}
	payload, err := r.Encode()
	if err != nil {
		return err
	}
	roles := []release.Role{release.RoleFreshness}
	if r.Rollback {
		roles = append(roles, release.RoleRelease) // or nodes would not go back
	}
	envelope, err := p.seal(release.RolloutType, payload, roles...)
	if err != nil {
		return err
	}
	if err := p.Origin.Put(ctx, origin.RolloutName, envelope); err != nil {
		return err
	}
	p.point(r)
	return nil
}

// seal signs with the keys of the role that signs such documents, and of others, and opens what it signed as a node would.
func (p *publisher) seal(payloadType string, payload []byte, roles ...release.Role) ([]byte, error) {
	keys, err := p.keys(roles...)
	if err != nil {
		return nil, err
	}
	envelope, err := release.Seal(payloadType, payload, keys...)
	if err != nil {
		return nil, err
	}
	if _, err := p.trust.Open(envelope, payloadType); err != nil {
		return nil, fmt.Errorf("no node would take this: %w", err)
	}
	return envelope, nil
}

// keys are the private keys of roles.
func (p *publisher) keys(roles ...release.Role) (keys []release.PrivateKey, err error) {
	for _, role := range roles {
		more, err := release.LoadKeys(p.FS, p.Keys, p.trust, role)
		if err != nil {
			return nil, err
		}
		keys = append(keys, more...)
	}
	for _, k := range keys {
		if !slices.Contains(p.result.Keys, k.ID()) {
			p.result.Keys = append(p.result.Keys, k.ID())
		}
	}
	return keys, nil
}

func (p *publisher) describe(m *release.Manifest) {
	p.result.Chunks, p.result.Packed = m.Chunks()
	for i := range m.Components {
		p.result.Size += m.Components[i].Size
	}
	if p.base == nil {
		return
	}
	p.result.Sections = p.sections(m)
	for _, s := range p.result.Sections {
		p.result.Update += s.Update
	}
}

func (p *publisher) point(r *release.Rollout) {
	p.result.Release, p.result.Version, p.result.Manifest = r.Release.ID(), r.Release.Version, r.Release.Manifest
	p.result.Rollout, p.result.Expires = r.Version, r.Expires
}
