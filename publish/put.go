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
	if err := p.findBase(ctx); err != nil {
		return err
	}
	if err := p.gate(m); err != nil {
		return err
	}
	for _, f := range files {
		c, err := p.component(ctx, f.component, path.Join(p.Release, f.file))
		if err != nil {
			return err
		}
		m.Components = append(m.Components, c)
	}
	if err := p.addRules(ctx, m); err != nil {
		return err
	}
	return p.offer(ctx, m)
}

// offer puts the manifest of a release whose chunks are there, and the rollout, unless the release is offered already.
func (p *publisher) offer(ctx context.Context, m *release.Manifest) error {
	p.describe(m)
	ref, ok, err := p.offers(ctx, m)
	if err := p.unlessForced(err); err != nil {
		return err
	}
	if ok {
		p.result.Unchanged = true
		p.point(p.before, ref)
		return nil
	}
	ref, err = p.putManifest(ctx, m)
	if err != nil {
		return err
	}
	return p.roll(ctx, func(r *release.Rollout) error { return p.announce(r, ref) }, ref)
}

// announce makes a new release the one that is served, or the canary, or lets it wait.
func (p *publisher) announce(r *release.Rollout, ref release.Ref) error {
	switch {
	case r.Hold || r.Pin:
		r.Kept = append(r.Kept, release.Kept{Ref: ref})
		p.result.Waits = waits(r)
	case p.Canary != nil && r.Release.Version > 0:
		retire(r)
		r.Canary = p.Canary.of(ref)
	default:
		serve(r, ref)
	}
	return nil
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

// offers finds the very same release among those that the rollout puts forward.
func (p *publisher) offers(ctx context.Context, m *release.Manifest) (ref release.Ref, ok bool, err error) {
	if p.before == nil || p.before.Release.Version == 0 {
		return ref, false, nil
	}
	refs := []release.Ref{p.before.Release}
	if p.before.Canary != nil {
		refs = append(refs, p.before.Canary.Release)
	}
	if waits(p.before) != "" && len(p.before.Kept) > 0 {
		refs = append(refs, p.before.Kept[0].Ref)
	}
	for _, ref := range refs {
		now, retired, err := p.offered(ctx, ref)
		if err != nil {
			return ref, false, err
		}
		if now != nil && !retired && same(now, m) {
			return ref, true, nil
		}
	}
	return ref, false, nil
}

func same(a, b *release.Manifest) bool { return sameFiles(a, b) && sameJSON(a.Card, b.Card) }

func sameFiles(a, b *release.Manifest) bool {
	if len(a.Components) != len(b.Components) {
		return false
	}
	for i := range b.Components {
		if c, ok := a.Component(b.Components[i].Name); !ok || c.Hash != b.Components[i].Hash {
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

// roll puts the next rollout: from here on nodes see it. It is told of about a release.
func (p *publisher) roll(ctx context.Context, edit func(*release.Rollout) error, about release.Ref) error {
	p.Progress(Step{Name: "rollout"})
	r := &release.Rollout{}
	if p.before != nil {
		*r = *p.before
		r.Kept = slices.Clone(r.Kept)
	}
	r.Version++
	r.Issued = p.Clock()
	r.Expires = r.Issued.Add(p.Validity)
	r.Highest = max(r.Highest, about.Version)
	if err := edit(r); err != nil {
		return err
	}
	r.Kept = newest(r.Kept)
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
	p.point(r, about)
	if p.before == nil {
		return p.mark(ctx)
	}
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

// point fills in what is said of a rollout and of one release of it; of the one served unless about says another.
func (p *publisher) point(r *release.Rollout, about release.Ref) {
	if about.Version == 0 {
		about = r.Release
	}
	p.result.Release, p.result.Version, p.result.Manifest = about.ID(), about.Version, about.Manifest
	p.result.Rollout, p.result.Expires, p.result.Canary, p.result.Steered = r.Version, r.Expires, r.Canary, r
}
