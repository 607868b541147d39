package release

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/edged/edged/internal/vfs"
)

// Custody keeps the keys of a shop: the newest root and those before it, and the private keys that sign. It changes roots as TUF
// 6.1 wants it: each new one signed by those who were trusted to and by those who are from now on.
//
//	trust.json            the newest root, for nodes
//	roots/<version>.json  all of them
//	trust-next.json       one that waits for more signatures
//	<role>.key, <role>-<id>.key
//	gossip.key
//
// A private key is durable before a root names it, and a root before trust.json is it: a crash leaves a key that nobody trusts.
type Custody struct {
	FS   vfs.FS
	Dir  string
	Root string           // where private root keys are, a medium kept offline; empty: Dir
	Life time.Duration    // of the roots made; 0: DefaultRootLife
	Now  func() time.Time // nil: time.Now
}

func (c *Custody) defaults() {
	if c.Root == "" {
		c.Root = c.Dir
	}
	if c.Life == 0 {
		c.Life = DefaultRootLife
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

func (c *Custody) file(name string) string { return path.Join(c.Dir, name) }

// dirOf is where private keys of a role are.
func (c *Custody) dirOf(role Role) string {
	if role == RoleRoot {
		return c.Root
	}
	return c.Dir
}

// InitKeys makes everything a shop needs in one directory.
func InitKeys(fsys vfs.FS, dir string) (*Trust, error) {
	c := Custody{FS: fsys, Dir: dir}
	return c.Init()
}

// Init makes a key for each role, the first root, and a gossip key. It replaces nothing: where one of them is there already it
// refuses, since an overwritten key cannot be had back.
func (c *Custody) Init() (*Trust, error) {
	c.defaults()
	if err := errors.Join(c.FS.MkdirAll(c.Dir), c.FS.MkdirAll(c.Root)); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	names := []string{c.file(TrustFile), c.file(GossipKeyFile)}
	for _, role := range Roles() {
		names = append(names, path.Join(c.dirOf(role), string(role)+keySuffix))
	}
	for _, name := range names {
		if _, err := c.FS.Stat(name); err == nil {
			return nil, fmt.Errorf("keys: %s is there already: it is never overwritten; give another directory", name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("keys: %w", err)
		}
	}
	root := &Root{Version: 1}
	for _, role := range Roles() {
		if _, err := c.make(root, role, string(role)+keySuffix); err != nil {
			return nil, err
		}
		root.Quorum(role).Threshold = 1
	}
	gossip := make([]byte, gossipKeySize)
	rand.Read(gossip) // never fails: crypto/rand
	if err := c.write(c.file(GossipKeyFile), []byte(base64.StdEncoding.EncodeToString(gossip)+"\n"), vfs.WriteFile); err != nil {
		return nil, err
	}
	change, err := c.seal(nil, root)
	if err != nil {
		return nil, err
	}
	return change.Trust, nil
}

// make draws a key, writes it and gives it a role in a root.
func (c *Custody) make(root *Root, role Role, name string) (PrivateKey, error) {
	key, err := NewKey()
	if err != nil {
		return key, fmt.Errorf("keys: %w", err)
	}
	text, err := key.encode()
	if err != nil {
		return key, fmt.Errorf("keys: %w", err)
	}
	if name == "" {
		name = fmt.Sprintf("%s-%s%s", role, key.ID(), keySuffix)
	}
	root.Add(role, key.Public())
	return key, c.write(path.Join(c.dirOf(role), name), text, vfs.WriteFile)
}

func (c *Custody) write(name string, b []byte, write func(vfs.FS, string, []byte) error) error {
	if err := write(c.FS, name, b); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	return nil
}

// Trust is the newest root.
func (c *Custody) Trust() (*Trust, error) {
	c.defaults()
	return LoadTrust(c.FS, c.file(TrustFile))
}

// Chain lists every root from the first to the newest, each following from the one before.
func (c *Custody) Chain() ([]*Trust, error) {
	newest, err := c.Trust()
	if err != nil {
		return nil, err
	}
	var chain []*Trust
	for v := uint64(1); v < newest.Version(); v++ {
		b, err := vfs.ReadFile(c.FS, c.rootFile(v), MaxEnvelope(MaxRoot))
		if errors.Is(err, fs.ErrNotExist) && chain == nil {
			continue // this machine was given later ones only
		}
		if err != nil {
			return nil, fmt.Errorf("keys: %w", err)
		}
		t, err := follow(chain, b)
		if err != nil {
			return nil, fmt.Errorf("keys: %s: %w", c.rootFile(v), err)
		}
		chain = append(chain, t)
	}
	if len(chain) == 0 {
		return []*Trust{newest}, nil
	}
	if _, err := follow(chain, newest.Envelope()); err != nil {
		return nil, fmt.Errorf("keys: %s does not follow from %s: %w", c.file(TrustFile), c.rootFile(newest.Version()-1), err)
	}
	return append(chain, newest), nil
}

func follow(chain []*Trust, envelope []byte) (*Trust, error) {
	if len(chain) == 0 {
		return ParseTrust(envelope)
	}
	return chain[len(chain)-1].Next(envelope)
}

func (c *Custody) rootFile(version uint64) string {
	return path.Join(c.Dir, rootsDir, strconv.FormatUint(version, 10)+".json")
}

// Change is a root that was made, or waits for signatures.
type Change struct {
	Trust   *Trust   // the new root; nil: it waits
	Version uint64   // of the new root
	Missing []string // which signatures it waits for, for people
	Made    []string // files of keys drawn
}

// Grow adds a new key to a role.
func (c *Custody) Grow(role Role) (*Change, error) {
	return c.change(func(r *Root, made *[]string) error { return c.grow(r, role, made) })
}

func (c *Custody) grow(r *Root, role Role, made *[]string) error {
	key, err := c.make(r, role, "")
	if err == nil {
		*made = append(*made, path.Join(c.dirOf(role), fmt.Sprintf("%s-%s%s", role, key.ID(), keySuffix)))
	}
	return err
}

// Rotate gives a role one new key for each it had, and takes those from it.
func (c *Custody) Rotate(role Role) (*Change, error) {
	return c.change(func(r *Root, made *[]string) error {
		old := slices.Clone(r.Quorum(role).Keys)
		for range old {
			if err := c.grow(r, role, made); err != nil {
				return err
			}
		}
		for _, id := range old {
			r.Remove(id)
		}
		return nil
	})
}

// Revoke takes every role from a key.
func (c *Custody) Revoke(id string) (*Change, error) {
	return c.change(func(r *Root, _ *[]string) error {
		if !r.Remove(id) {
			return fmt.Errorf("no role has a key %.40q: edged keys show lists them", id)
		}
		for _, role := range Roles() {
			if q := r.Quorum(role); len(q.Keys) < q.Threshold {
				return fmt.Errorf("the role %s would have %d keys and a threshold of %d: add a key first, or rotate the role", role, len(q.Keys), q.Threshold)
			}
		}
		return nil
	})
}

// Threshold sets how many keys of a role must agree.
func (c *Custody) Threshold(role Role, n int) (*Change, error) {
	return c.change(func(r *Root, _ *[]string) error {
		q := r.Quorum(role)
		if n < 1 || n > len(q.Keys) {
			return fmt.Errorf("threshold %d: the role %s has %d keys", n, role, len(q.Keys))
		}
		q.Threshold = n
		return nil
	})
}

// Renew gives the root a new life.
func (c *Custody) Renew() (*Change, error) {
	return c.change(func(*Root, *[]string) error { return nil })
}

// change makes the next root of the newest.
func (c *Custody) change(edit func(r *Root, made *[]string) error) (*Change, error) {
	trust, err := c.Trust()
	if err != nil {
		return nil, err
	}
	if _, err := c.FS.Stat(c.file(nextFile)); err == nil {
		return nil, fmt.Errorf("keys: %s waits for signatures: sign it (edged keys sign), or remove it", c.file(nextFile))
	}
	var made []string
	next := trust.Root()
	next.Version++
	if err := edit(next, &made); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	change, err := c.seal(trust, next)
	if change != nil {
		change.Made = made
	}
	return change, err
}

// seal signs a root by the keys at hand, and keeps it.
func (c *Custody) seal(before *Trust, root *Root) (*Change, error) {
	root.Issued = c.Now()
	root.Expires = root.Issued.Add(c.Life)
	payload, err := root.Encode()
	if err != nil {
		return nil, err
	}
	keys, err := c.signingKeys(before, root)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("keys: no private root key is in %s: name the medium that has it (--root)", c.Root)
	}
	envelope, err := Seal(RootType, payload, keys...)
	if err != nil {
		return nil, err
	}
	return c.settle(before, envelope)
}

// signingKeys are the root keys at hand that the root, or the one before it, wants to hear from.
func (c *Custody) signingKeys(before *Trust, root *Root) ([]PrivateKey, error) {
	files, err := keyFiles(c.FS, c.Root, RoleRoot)
	var keys []PrivateKey
	for _, f := range files {
		id := f.Key.ID()
		if slices.Contains(root.Roles.Root.Keys, id) || before != nil && slices.Contains(before.root.Roles.Root.Keys, id) {
			keys = append(keys, f.Key)
		}
	}
	return keys, err
}

// Sign adds the signatures of the root keys at hand to the root that waits.
func (c *Custody) Sign() (*Change, error) {
	before, err := c.Trust()
	if err != nil {
		return nil, err
	}
	b, err := vfs.ReadFile(c.FS, c.file(nextFile), MaxEnvelope(MaxRoot))
	if err != nil {
		return nil, fmt.Errorf("keys: no root waits for signatures: %w", err)
	}
	next, env, err := unproven(b)
	if err != nil {
		return nil, fmt.Errorf("keys: %s: %w", c.file(nextFile), err)
	}
	keys, err := c.signingKeys(before, next.root)
	if err != nil {
		return nil, err
	}
	more, err := env.signedBy(keys)
	if err != nil {
		return nil, err
	}
	return c.settle(before, more)
}

// settle makes a root the newest where its signatures suffice, and lets it wait where not.
func (c *Custody) settle(before *Trust, envelope []byte) (*Change, error) {
	next, env, err := unproven(envelope)
	if err != nil {
		return nil, err
	}
	change := &Change{Version: next.Version()}
	for _, t := range []*Trust{before, next} {
		if t == nil {
			continue
		}
		if err := t.verify(env, RoleRoot); errors.Is(err, ErrSignature) {
			return nil, err
		} else if err != nil {
			change.Missing = append(change.Missing, fmt.Sprintf("of root %d: %d of %v", t.Version(), t.Threshold(RoleRoot), t.KeyIDs(RoleRoot)))
		}
	}
	if change.Missing != nil {
		return change, c.write(c.file(nextFile), envelope, vfs.WriteSharedFile)
	}
	if change.Trust, err = follow(chainOf(before), envelope); err != nil {
		return nil, err
	}
	return change, c.adopt(change.Trust)
}

func chainOf(t *Trust) []*Trust {
	if t == nil {
		return nil
	}
	return []*Trust{t}
}

// adopt keeps a root that is proven.
func (c *Custody) adopt(t *Trust) error {
	if err := c.FS.MkdirAll(c.file(rootsDir)); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	for _, name := range []string{c.rootFile(t.Version()), c.file(TrustFile)} {
		if err := c.write(name, t.Envelope(), vfs.WriteSharedFile); err != nil {
			return err
		}
	}
	if err := c.FS.Remove(c.file(nextFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keys: %w", err)
	}
	return nil
}

// Present lists the private keys here, by the ids the newest root may know.
func (c *Custody) Present() (map[string]string, error) {
	c.defaults()
	at := map[string]string{}
	for _, role := range Roles() {
		files, err := keyFiles(c.FS, c.dirOf(role), role)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			at[f.Key.ID()] = path.Join(c.dirOf(role), f.Name)
		}
	}
	return at, nil
}
