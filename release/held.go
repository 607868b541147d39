package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/edged/edged/internal/vfs"
)

func (s *Store) dir(h Hash) string { return path.Join(s.root, "releases", h.Hex()) }

// Path is the file of a component of a held release.
func (s *Store) Path(h Hash, component string) string { return path.Join(s.dir(h), component) }

// Held lists the releases in the store, whole or not, by the hash of their manifests, in the order of the digits.
func (s *Store) Held() ([]Hash, error) {
	entries, err := s.fs.ReadDir(path.Join(s.root, "releases"))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var held []Hash
	for _, e := range entries {
		if h, err := ParseHex(e.Name()); err == nil {
			held = append(held, h)
		}
	}
	return held, nil
}

// Envelope reads the signed manifest of a held release as it is.
func (s *Store) Envelope(h Hash) ([]byte, error) {
	env, err := vfs.ReadFile(s.fs, s.Path(h, manifestName), MaxEnvelope(MaxManifest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("store: release %s: %w", h.Short(), ErrNotHeld)
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if got := Sum(env); got != h {
		return nil, fmt.Errorf("%s: %w: found %s, want %s", s.Path(h, manifestName), ErrHash, got, h)
	}
	return env, nil
}

// Manifest reads the manifest of a held release, checks hash and signatures, and compares the install record and the
// sizes of the files: all that is checked before a release is served again after a restart. Check does the rest. A nil trust
// is for a release whose hash was committed: the signatures were checked when it came, and their keys may be retired since. The manifest
// must not be changed.
func (s *Store) Manifest(trust *Trust, h Hash) (*Manifest, error) {
	env, err := s.Envelope(h)
	if err != nil {
		return nil, err
	}
	m, err := s.opened.open(trust, h, env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Path(h, manifestName), err)
	}
	installed, err := s.installed(h)
	if err != nil {
		return nil, err
	}
	for _, name := range installed {
		if err := s.checkSize(h, m, name); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func openManifest(trust *Trust, envelope []byte) (*Manifest, error) {
	if trust != nil {
		return OpenManifest(trust, envelope)
	}
	env, err := ParseEnvelope(envelope, MaxManifest)
	if err != nil {
		return nil, err
	}
	return ParseManifest(env.Payload)
}

// OpenManifest opens an envelope and parses the manifest in it.
func OpenManifest(trust *Trust, envelope []byte) (*Manifest, error) {
	payload, err := trust.Open(envelope, ManifestType)
	if err != nil {
		return nil, err
	}
	return ParseManifest(payload)
}

// OpenRollout opens an envelope and parses the rollout in it.
func OpenRollout(trust *Trust, envelope []byte) (*Rollout, error) {
	payload, err := trust.Open(envelope, RolloutType)
	if err != nil {
		return nil, err
	}
	return ParseRollout(payload)
}

// installed reads the install record: which components are there.
func (s *Store) installed(h Hash) ([]string, error) {
	b, err := vfs.ReadFile(s.fs, s.Path(h, installedName), maxInstalled)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	names, err := parseInstalled(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Path(h, installedName), err)
	}
	return names, nil
}

func parseInstalled(b []byte) ([]string, error) {
	const what = "install record"
	if err := checkJSON(what, b, maxInstalled); err != nil {
		return nil, err
	}
	var typ string
	var names []string
	err := decode(what, b, field{name: "type", dst: &typ}, field{name: "components", dst: &names})
	if err != nil {
		return nil, err
	}
	return names, checkType(what, typ, installedDoc)
}

func (s *Store) checkSize(h Hash, m *Manifest, name string) error {
	c, ok := m.Component(name)
	if !ok {
		return formatf("%s: component %.40q is not in the manifest", s.Path(h, installedName), name)
	}
	info, err := s.fs.Stat(s.Path(h, name))
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if info.Size() != c.Size {
		return fmt.Errorf("%s: %w: %d bytes, want %d", s.Path(h, name), ErrSize, info.Size(), c.Size)
	}
	return nil
}

// Check reads every file of a held release and compares it with the manifest.
func (s *Store) Check(ctx context.Context, h Hash, m *Manifest) error {
	names, err := s.installed(h)
	if err != nil {
		return err
	}
	for _, name := range names {
		c, ok := m.Component(name)
		if !ok {
			return formatf("%s: component %.40q is not in the manifest", s.Path(h, installedName), name)
		}
		if err := s.checkFile(ctx, s.Path(h, name), c); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) checkFile(ctx context.Context, name string, c *Component) error {
	f, err := s.fs.Open(name)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer f.Close()
	if err := c.Check(&ctxReader{ctx, f}); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// ctxReader ends with its context.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// Remove removes a release.
func (s *Store) Remove(h Hash) error {
	if err := s.fs.RemoveAll(s.dir(h)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Prune removes every release the state does not name, the pieces none of the others names, and what was left of installs.
func (s *Store) Prune() error {
	held, err := s.Held()
	errs := []error{err}
	for _, h := range held {
		if !slices.Contains(s.state.Held(), h) {
			errs = append(errs, s.Remove(h))
		}
	}
	errs = append(errs, s.fs.RemoveAll(path.Join(s.root, "staging")), s.sweep(nil, Hash{}))
	return errors.Join(errs...)
}
