package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
)

var day = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// shop is a publisher with its origin and keys, on a disk of its own; the nodes have others.
type shop struct {
	t     testing.TB
	fs    *vfs.Mem
	keys  string
	trust *release.Trust

	mu  sync.Mutex
	now time.Time
}

func newShop(t testing.TB) *shop {
	t.Helper()
	s := &shop{t: t, fs: vfs.NewMem(), keys: "keys", now: day}
	for _, dir := range []string{"keys", "others"} {
		if _, err := s.custody(dir).Init(); err != nil {
			t.Fatal(err)
		}
	}
	trust, err := release.LoadTrust(s.fs, "keys/trust.json")
	if err != nil {
		t.Fatal(err)
	}
	s.trust = trust
	return s
}

func (s *shop) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *shop) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// train writes a release directory whose every item id begins with "v<version>-".
func (s *shop) train(version int, edits ...func(*model.Build)) string {
	s.t.Helper()
	rng := rand.New(rand.NewPCG(uint64(version), 1))
	b := model.Build{Meta: model.Meta{Dim: 8, Users: 10, A0: 0.1, Reg: 0.01, Nu: 1, Created: day}}
	for i := range 50 {
		b.IDs = append(b.IDs, fmt.Sprintf("v%d-%03d", version, i))
		b.Popularity = append(b.Popularity, float32(50-i))
		for range b.Meta.Dim {
			b.Vectors = append(b.Vectors, rng.Float32()-0.5)
		}
	}
	s.addChecks(&b)
	for _, edit := range edits {
		edit(&b)
	}
	dir := fmt.Sprintf("rel%d", version)
	s.must(s.fs.MkdirAll(dir))
	s.write(path.Join(dir, model.ModelFile), b.WriteModel)
	s.write(path.Join(dir, model.CatalogueFile), b.WriteCatalogue)
	s.write(path.Join(dir, publish.CardFile), func(w io.Writer) error { _, err := io.WriteString(w, "{}"); return err })
	return dir
}

func (s *shop) addChecks(b *model.Build) {
	s.t.Helper()
	var mb, cb bytes.Buffer
	s.must(errors.Join(b.WriteModel(&mb), b.WriteCatalogue(&cb)))
	m, err := model.Parse(mb.Bytes(), cb.Bytes())
	s.must(err)
	b.Checks = rank.MakeChecks(m, 3, 1)
}

func (s *shop) write(name string, fill func(io.Writer) error) {
	s.t.Helper()
	var b bytes.Buffer
	s.must(errors.Join(fill(&b), vfs.WriteFile(s.fs, name, b.Bytes())))
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) origin() *origin.Dir { return origin.NewDir(s.fs, "origin") }

func (s *shop) publisher(dir string) publish.Config {
	return publish.Config{FS: s.fs, Release: dir, Origin: s.origin(), Keys: s.keys, Clock: s.clock, Force: true} // each version has other items
}

// publish trains and publishes the next version.
func (s *shop) publish(version int) publish.Result {
	s.t.Helper()
	r, err := publish.Run(s.t.Context(), s.publisher(s.train(version)))
	s.must(err)
	if r.Version != uint64(version) {
		s.t.Fatalf("published %d, want %d", r.Version, version)
	}
	return r
}

// roll signs a rollout of its own making and puts it.
func (s *shop) roll(edit func(*release.Rollout)) {
	s.t.Helper()
	r, err := release.OpenRollout(s.newest("keys"), s.get(origin.RolloutName))
	s.must(err)
	r.Version++
	edit(r)
	s.sealed(r, release.RoleFreshness, release.RoleRelease)
}

// newest is the root a publisher has.
func (s *shop) newest(dir string) *release.Trust {
	s.t.Helper()
	trust, err := s.custody(dir).Trust()
	s.must(err)
	return trust
}

func (s *shop) custody(dir string) *release.Custody {
	return &release.Custody{FS: s.fs, Dir: dir, Now: s.clock}
}

// signers are the private keys of roles.
func (s *shop) signers(roles ...release.Role) (keys []release.PrivateKey) {
	s.t.Helper()
	for _, role := range roles {
		more, err := release.LoadKeys(s.fs, s.keys, s.newest(s.keys), role)
		s.must(err)
		keys = append(keys, more...)
	}
	return keys
}

func (s *shop) sealed(r *release.Rollout, roles ...release.Role) {
	s.t.Helper()
	payload, err := r.Encode()
	s.must(err)
	env, err := release.Seal(release.RolloutType, payload, s.signers(roles...)...)
	s.must(err)
	s.put(origin.RolloutName, env)
}

func (s *shop) get(name string) []byte {
	s.t.Helper()
	b, err := s.origin().Get(s.t.Context(), name, 1<<30)
	s.must(err)
	return b
}

func (s *shop) put(name string, b []byte) {
	s.t.Helper()
	s.must(s.origin().Put(s.t.Context(), name, b))
}

// machine is a node's: its disk, its log, what it was told.
type machine struct {
	fs  vfs.FS
	log bytes.Buffer

	mu      sync.Mutex
	refused []error
	swapped []string
}

func newMachine() *machine { return &machine{fs: vfs.NewMem()} }

func (s *shop) config(m *machine) Config {
	return Config{
		FS: m.fs, Dir: "node", Origin: s.origin(), Trust: s.trust, Clock: s.clock,
		Logger: slog.New(slog.NewTextHandler(&m.log, nil)),
		beside: func(f func()) { f() }, // there are no requests to wait
		OnSwap: func(r *rank.Ranker) { m.mu.Lock(); defer m.mu.Unlock(); m.swapped = append(m.swapped, r.Release().ID) },
		OnRefuse: func(err error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.refused = append(m.refused, err)
		},
	}
}

// open opens a node, and closes it when the test ends.
func (s *shop) open(m *machine) *Node {
	s.t.Helper()
	n, err := Open(s.t.Context(), s.config(m))
	s.must(err)
	s.t.Cleanup(func() { _ = n.Close() })
	return n
}

func (s *shop) check(n *Node) {
	s.t.Helper()
	s.must(n.Check(context.Background()))
}

// serves fails unless the node answers, wholly from the version; 0: from nothing.
func serves(t testing.TB, n *Node, version uint64) {
	t.Helper()
	r := n.Current()
	if r == nil {
		if version != 0 {
			t.Fatalf("nothing is served, want version %d; %+v", version, n.Status())
		}
		return
	}
	if err := wholly(r); err != nil {
		t.Fatal(err)
	}
	if got := r.Release().Version; got != version {
		t.Fatalf("version %d is served, want %d", got, version)
	}
}

// wholly asks for recommendations and looks whether each is of the release's own version.
func wholly(r *rank.Ranker) error {
	var a rank.Answer
	r.Recommend(&a, new(rank.Scratch), &rank.Request{Recent: []rank.Recent{{Row: 3, Weight: 1}}, N: 10})
	if a.Err != nil || len(a.Items) != 10 {
		return fmt.Errorf("%d items, %v", len(a.Items), a.Err)
	}
	prefix := fmt.Sprintf("v%d-", r.Release().Version)
	for _, it := range a.Items {
		if id := r.Model().ID(it.Row); !strings.HasPrefix(id, prefix) {
			return fmt.Errorf("item %s in an answer of release %s", id, r.Release().ID)
		}
	}
	return nil
}
