package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
	"github.com/edged/edged/rules"
	"github.com/edged/edged/snapshot"
)

// maxInMemory bounds a component of an origin, which is put together in memory.
const maxInMemory = 4 << 30

// directory looks at what train wrote: nothing is signed yet.
func (in *inspector) directory(_ context.Context, dir string) error {
	in.out.Kind = Directory
	if in.version != 0 {
		return fmt.Errorf("a release directory has no versions yet: leave --release out")
	}
	err := in.snapshots(func(component, file, kind string, known []string) (*snapshot.File, error) {
		name := path.Join(dir, file)
		info, err := in.fs.Stat(name)
		if err != nil {
			return nil, err
		}
		in.component(component).Size = info.Size()
		return snapshot.Open(in.fs, name, kind, known)
	})
	if err != nil {
		return err
	}
	card, err := vfs.ReadFile(in.fs, path.Join(dir, "card.json"), release.MaxCard)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !json.Valid(card) {
		err = fmt.Errorf("card.json: not JSON")
	}
	in.out.Card, in.out.Created = card, trained(card, in.out.Created)
	return err
}

// origin fetches the release the rollout names.
func (in *inspector) origin(ctx context.Context, dir string) error {
	in.out.Kind = Origin
	o, err := origin.Open(in.fs, dir)
	if err != nil {
		return err
	}
	if err := in.follow(func(version uint64) ([]byte, error) {
		return o.Get(ctx, origin.RootName(version), release.MaxEnvelope(release.MaxRoot))
	}); err != nil {
		return err
	}
	envelope, err := o.Get(ctx, origin.RolloutName, release.MaxEnvelope(release.MaxRollout))
	if err != nil {
		return err
	}
	ref, err := in.rollout(envelope)
	if err != nil {
		return err
	}
	envelope, err = o.Get(ctx, origin.ManifestName(ref.Manifest.Hex()), ref.Size)
	if err != nil {
		return err
	}
	m, err := in.manifest(envelope, ref.Manifest)
	if err != nil {
		return err
	}
	if m.Version != ref.Version {
		return fmt.Errorf("the rollout names release %d, its manifest says %d", ref.Version, m.Version)
	}
	err = in.snapshots(func(component, _, kind string, known []string) (*snapshot.File, error) {
		b, err := join(ctx, o, m, component)
		if err != nil {
			return nil, err
		}
		return snapshot.Parse(b, kind, known)
	})
	if err != nil {
		return err
	}
	return in.rules(m, func() ([]byte, error) { return join(ctx, o, m, rulesComponent) })
}

// follow goes on from the root given to the newest there is.
func (in *inspector) follow(get func(version uint64) ([]byte, error)) error {
	if in.trust == nil {
		return nil
	}
	given, err := get(in.trust.Version())
	if err == nil && !bytes.Equal(given, in.trust.Envelope()) {
		return fmt.Errorf("root %d here is not the one given: %w", in.trust.Version(), release.ErrUnknownKey)
	}
	in.older = rootsBefore(in.trust, get)
	for {
		envelope, err := get(in.trust.Version() + 1)
		if errors.Is(err, origin.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		next, err := in.trust.Next(envelope)
		if err != nil {
			return err
		}
		in.older, in.trust = append([]*release.Trust{in.trust}, in.older...), next
	}
	in.root()
	return nil
}

// rootsBefore lists the roots that the one given followed from, as far as they are there, the newest first.
func rootsBefore(given *release.Trust, get func(version uint64) ([]byte, error)) (older []*release.Trust) {
	for next := given; next.Version() > 1 && len(older) < release.MaxRoots; {
		envelope, err := get(next.Version() - 1)
		if err != nil {
			break
		}
		root, err := release.ParseTrust(envelope)
		if err != nil {
			break
		}
		if _, err := root.Next(next.Envelope()); err != nil {
			break
		}
		older, next = append(older, root), root
	}
	return older
}

// root shows the newest root.
func (in *inspector) root() {
	r := &Root{Version: in.trust.Version(), Expires: in.trust.Expires(), Roles: map[release.Role]release.Quorum{}}
	root := in.trust.Root()
	for _, role := range release.Roles() {
		r.Roles[role] = *root.Quorum(role)
	}
	in.out.Root = r
}

func join(ctx context.Context, o origin.Origin, m *release.Manifest, component string) ([]byte, error) {
	c, ok := m.Component(component)
	if !ok {
		return nil, fmt.Errorf("not in the manifest")
	}
	if c.Size > maxInMemory {
		return nil, fmt.Errorf("%d bytes, more than %d: inspect the store of a node instead", c.Size, int64(maxInMemory))
	}
	var b bytes.Buffer
	err := release.Join(&b, c, func(c release.Piece) ([]byte, error) {
		return o.Get(ctx, origin.ChunkName(c.Hash.Hex()), c.Size)
	})
	return b.Bytes(), err
}

// store looks at every release a node holds, and shows the one it serves.
func (in *inspector) store(ctx context.Context, dir string) error {
	in.out.Kind = Store
	s, damage, err := release.ReadStore(in.fs, dir)
	if err = errors.Join(err, damage); err != nil {
		return err
	}
	if err := in.follow(s.Root); err != nil {
		return err
	}
	state := s.State()
	if len(state.Rollout) > 0 {
		if _, err := in.rollout(state.Rollout); err != nil {
			return err
		}
	}
	held, err := s.Held()
	if err != nil {
		return err
	}
	wanted := state.Current
	for _, h := range held {
		if v := in.held(ctx, s, h, state); v != 0 && v == in.version {
			wanted = h
		}
	}
	if err := s.CheckPieces(); err != nil {
		return err
	}
	if state.Current.IsZero() {
		return fmt.Errorf("the node serves nothing yet")
	}
	if err := in.stored(ctx, s, wanted); err != nil {
		return err
	}
	if in.version != 0 && in.out.Version != in.version {
		return fmt.Errorf("release %d is not held", in.version)
	}
	return nil
}

// held lists a release with what is wrong with it, and returns its version, 0 where it can't be read.
func (in *inspector) held(ctx context.Context, s *release.Store, h release.Hash, state release.State) (version uint64) {
	held := Held{Release: h.Short(), Role: "unused"}
	switch h {
	case state.Current:
		held.Role = "current"
	case state.Previous:
		held.Role = "previous"
	default:
		if slices.Contains(state.Older, h) {
			held.Role = "older"
		}
	}
	m, revoked, err := in.checked(ctx, s, h)
	if err != nil {
		held.Fault = err.Error()
	} else {
		held.Revoked = revoked
		version = m.Version
		held.Release = release.Ref{Version: m.Version, Manifest: h}.ID()
	}
	in.out.Held = append(in.out.Held, held)
	return version
}

// checked reads every byte of a held release.
func (in *inspector) checked(ctx context.Context, s *release.Store, h release.Hash) (m *release.Manifest, revoked bool, err error) {
	envelope, err := s.Envelope(h)
	if err != nil {
		return nil, false, err
	}
	payload, signatures, err := in.opened(envelope, release.ManifestType, release.RoleRelease, release.MaxManifest)
	if err != nil {
		return nil, false, err
	}
	if m, err = release.ParseManifest(payload); err != nil {
		return nil, false, err
	}
	return m, revokedSince(signatures), s.Check(ctx, h, m)
}

func (in *inspector) stored(ctx context.Context, s *release.Store, h release.Hash) error {
	if _, _, err := in.checked(ctx, s, h); err != nil {
		return err
	}
	envelope, err := s.Envelope(h)
	if err != nil {
		return err
	}
	m, err := in.manifest(envelope, h)
	if err != nil {
		return err
	}
	err = in.snapshots(func(component, _, kind string, known []string) (*snapshot.File, error) {
		return snapshot.Open(in.fs, s.Path(h, component), kind, known)
	})
	if err != nil {
		return err
	}
	return in.rules(m, func() ([]byte, error) { return vfs.ReadFile(in.fs, s.Path(h, rulesComponent), rules.MaxDocument) })
}

// rollout shows a rollout and returns what it names.
func (in *inspector) rollout(envelope []byte) (release.Ref, error) {
	payload, signatures, err := in.opened(envelope, release.RolloutType, release.RoleFreshness, release.MaxRollout)
	if err != nil {
		return release.Ref{}, fmt.Errorf("rollout: %w", err)
	}
	r, err := release.ParseRollout(payload)
	if err != nil {
		return release.Ref{}, err
	}
	in.out.Rollout = &Rollout{Canary: r.Canary, Hold: r.Hold, Pin: r.Pin, Kept: r.Kept, Version: r.Version, Issued: r.Issued, Expires: r.Expires, Rollback: r.Rollback, Signatures: signatures}
	for _, ref := range r.Refs() {
		if ref.Version == in.version {
			return ref, nil
		}
	}
	if in.version != 0 && in.out.Kind == Origin {
		return release.Ref{}, fmt.Errorf("the rollout names no release %d", in.version)
	}
	return r.Release, nil
}

// manifest shows a manifest.
func (in *inspector) manifest(envelope []byte, want release.Hash) (*release.Manifest, error) {
	if got := release.Sum(envelope); got != want {
		return nil, fmt.Errorf("manifest: %w: found %s, want %s", release.ErrHash, got, want)
	}
	payload, signatures, err := in.opened(envelope, release.ManifestType, release.RoleRelease, release.MaxManifest)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	m, err := release.ParseManifest(payload)
	if err != nil {
		return nil, err
	}
	out := in.out
	out.Release, out.Version, out.Manifest = release.Ref{Version: m.Version, Manifest: want}.ID(), m.Version, want
	out.Created, out.Card, out.Signatures, out.Forced = m.Created, m.Card, signatures, m.Forced
	out.Revoked = revokedSince(signatures)
	for _, c := range m.Components {
		shown := in.component(c.Name)
		shown.Size, shown.Hash, shown.Chunks = c.Size, c.Hash, len(c.Chunks)
		for _, chunk := range c.Chunks {
			shown.Packed += chunk.Size
		}
	}
	return m, nil
}

// opened verifies an envelope where there is trust to verify it with.
func (in *inspector) opened(envelope []byte, payloadType string, role release.Role, limit int64) ([]byte, []Signature, error) {
	env, err := release.ParseEnvelope(envelope, limit)
	if err != nil {
		return nil, nil, err
	}
	trusted, revoked := map[string]bool{}, false
	if in.trust != nil {
		by, err := in.believer(envelope, payloadType)
		if err != nil {
			return nil, nil, err
		}
		revoked = by != in.trust
		for _, id := range by.KeyIDs(role) {
			trusted[id] = true // Open refuses a bad signature of any of them
		}
	}
	var signatures []Signature
	for _, s := range env.Signatures {
		signatures = append(signatures, Signature{Key: s.KeyID, Trusted: trusted[s.KeyID] && !revoked, Revoked: trusted[s.KeyID] && revoked})
	}
	return env.Payload, signatures, nil
}

// believer is the newest root that an envelope opens by: the last, or, for what a node accepted earlier and for a release asked for by its version, one before,
// whose keys were revoked since.
func (in *inspector) believer(envelope []byte, payloadType string) (*release.Trust, error) {
	_, err := in.trust.Open(envelope, payloadType)
	if err == nil || in.out.Kind != Store && (in.version == 0 || payloadType != release.ManifestType) {
		return in.trust, err
	}
	for _, root := range in.older {
		if _, olderErr := root.Open(envelope, payloadType); olderErr == nil {
			return root, nil
		}
	}
	return nil, err
}

// revokedSince reports whether keys signed that are trusted no more, or not enough of those that are.
func revokedSince(list []Signature) bool {
	return slices.ContainsFunc(list, func(s Signature) bool { return s.Revoked })
}
