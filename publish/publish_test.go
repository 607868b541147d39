package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
	"github.com/edged/edged/rules"
)

var day = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// writeRelease writes a small release directory; the seed makes its vectors.
func writeRelease(t testing.TB, fsys vfs.FS, dir string, seed uint64, edits ...func(*model.Build)) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	b := model.Build{Meta: model.Meta{Dim: 8, Users: 10, A0: 0.1, Reg: 0.01, Nu: 1, Created: day}}
	for i := range 50 {
		b.IDs = append(b.IDs, fmt.Sprintf("i%03d", i))
		b.Popularity = append(b.Popularity, float32(50-i))
		for range b.Meta.Dim {
			b.Vectors = append(b.Vectors, rng.Float32()-0.5)
		}
	}
	m, err := parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	b.Checks = rank.MakeChecks(m, 5, seed)
	for _, edit := range edits {
		edit(&b)
	}
	writeBuild(t, fsys, dir, seed, &b)
}

// writeBuild writes a release directory of b.
func writeBuild(t testing.TB, fsys vfs.FS, dir string, seed uint64, b *model.Build) {
	t.Helper()
	if err := fsys.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(io.Writer) error{
		model.ModelFile: b.WriteModel, model.CatalogueFile: b.WriteCatalogue,
		CardFile: func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "{\n  \"seed\": %d, \"note\": \"<&>\"\n}\n", seed)
			return err
		},
	} {
		var text bytes.Buffer
		if err := errors.Join(write(&text), vfs.WriteFile(fsys, path.Join(dir, name), text.Bytes())); err != nil {
			t.Fatal(err)
		}
	}
}

func parse(b *model.Build) (*model.Model, error) {
	var m, c bytes.Buffer
	if err := errors.Join(b.WriteModel(&m), b.WriteCatalogue(&c)); err != nil {
		return nil, err
	}
	return model.Parse(m.Bytes(), c.Bytes())
}

// site is a publisher's machine.
type site struct {
	fs  *vfs.Mem
	now time.Time
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{fs: vfs.NewMem(), now: day}
	if _, err := release.InitKeys(s.fs, "keys"); err != nil {
		t.Fatal(err)
	}
	writeRelease(t, s.fs, "rel1", 1)
	writeRelease(t, s.fs, "rel2", 2)
	return s
}

func (s *site) config(dir string) Config {
	return Config{FS: s.fs, Release: dir, Origin: origin.NewDir(s.fs, "origin"), Keys: "keys", Clock: func() time.Time { return s.now }}
}

func (s *site) publish(t testing.TB, dir string) Result {
	t.Helper()
	r, err := Run(t.Context(), s.config(dir))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// rollout reads what the origin says now.
func (s *site) rollout(t testing.TB) *release.Rollout {
	t.Helper()
	trust, err := release.LoadTrust(s.fs, "keys/trust.json")
	if err != nil {
		t.Fatal(err)
	}
	b, err := vfs.ReadFile(s.fs, "origin/rollout.json", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	r, err := release.OpenRollout(trust, b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPublish(t *testing.T) {
	s := newSite(t)
	first := s.publish(t, "rel1")
	if first.Version != 1 || first.Rollout != 1 || first.Unchanged || first.NewChunks != first.Chunks || first.Chunks < 2 {
		t.Errorf("first: %+v", first)
	}
	r := s.rollout(t)
	if r.Release.ID() != first.Release || !r.Expires.Equal(day.Add(DefaultValidity)) {
		t.Errorf("rollout %+v", r)
	}
	second := s.publish(t, "rel2")
	if second.Version != 2 || second.Rollout != 2 || second.NewChunks == 0 {
		t.Errorf("second: %+v", second)
	}
	if third := s.publish(t, "rel1"); third.Version != 3 || third.NewChunks != 0 {
		t.Errorf("the first again, after another: %+v", third)
	}
}

func TestPublishTwice(t *testing.T) {
	s := newSite(t)
	first := s.publish(t, "rel1")
	before := snapshotOf(t, s.fs)
	s.now = s.now.Add(time.Hour)
	again := s.publish(t, "rel1")
	if !again.Unchanged || again.NewChunks != 0 || again.Release != first.Release || again.Rollout != first.Rollout {
		t.Errorf("again: %+v", again)
	}
	if after := snapshotOf(t, s.fs); after != before {
		t.Errorf("the origin changed:\n%s\n%s", before, after)
	}
	if text := again.String(); !strings.HasPrefix(text, "unchanged: release 1-") || !strings.Contains(text, again.Manifest.String()) {
		t.Errorf("summary: %s", text)
	}
}

// snapshotOf lists every file of the origin with its hash.
func snapshotOf(t testing.TB, fsys vfs.FS) string {
	t.Helper()
	var out strings.Builder
	walk(t, fsys, "origin", func(name string, b []byte) { fmt.Fprintln(&out, name, release.Sum(b)) })
	return out.String()
}

func walk(t testing.TB, fsys vfs.FS, dir string, visit func(string, []byte)) {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			walk(t, fsys, name, visit)
			continue
		}
		b, err := vfs.ReadFile(fsys, name, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		visit(name, b)
	}
}

// TestPublishRepairs damages every file of the origin in turn; publishing again puts it right, of a manifest after a word on what it said of rules, or refuses
// a rollout that is not its own.
func TestPublishRepairs(t *testing.T) {
	s := newSite(t)
	s.publish(t, "rel1")
	walk(t, s.fs, "origin", func(name string, good []byte) {
		if strings.HasSuffix(name, ".lock") {
			return
		}
		bad := bytes.Clone(good)
		bad[len(bad)/2] ^= 1
		if err := vfs.WriteFile(s.fs, name, bad); err != nil {
			t.Fatal(err)
		}
		cfg := s.config("rel1")
		_, err := Run(t.Context(), cfg)
		if strings.HasPrefix(name, "origin/manifests/") {
			if err == nil || !strings.Contains(err.Error(), "--no-rules") || !strings.Contains(err.Error(), "--force") {
				t.Errorf("%s: %v; want the choices", name, err)
			}
			cfg.NoRules, cfg.Force = true, true
			_, err = Run(t.Context(), cfg)
		}
		if name == "origin/rollout.json" {
			if err == nil {
				t.Errorf("a damaged rollout was replaced: nobody knows which version it had")
			}
			_ = vfs.WriteFile(s.fs, name, good)
			return
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := complete(t, s); err != nil {
			t.Errorf("%s: after publishing again: %v", name, err)
		}
	})
}

// complete fetches the offered release as a node would.
func complete(t testing.TB, s *site) error {
	o := origin.NewDir(s.fs, "origin")
	trust, err := release.LoadTrust(s.fs, "keys/trust.json")
	if err != nil {
		return err
	}
	ref := s.rollout(t).Release
	env, err := o.Get(t.Context(), origin.ManifestName(ref.Manifest.Hex()), ref.Size)
	if err != nil {
		return err
	}
	m, err := release.OpenManifest(trust, env)
	if err != nil {
		return err
	}
	for i := range m.Components {
		err := release.Join(io.Discard, &m.Components[i], func(c release.Piece) ([]byte, error) {
			return o.Get(context.Background(), origin.ChunkName(c.Hash.Hex()), c.Size)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// TestPublishRefuses damages every byte of the release directory, one at a time, and cuts its files.
func TestPublishRefuses(t *testing.T) {
	s := newSite(t)
	for _, file := range []string{model.ModelFile, model.CatalogueFile} {
		name := "rel1/" + file
		good, err := vfs.ReadFile(s.fs, name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(good); i += 7 {
			bad := bytes.Clone(good)
			bad[i] ^= 0x10
			for what, b := range map[string][]byte{"flipped": bad, "cut": good[:i]} {
				if err := vfs.WriteFile(s.fs, name, b); err != nil {
					t.Fatal(err)
				}
				if _, err := Run(t.Context(), s.config("rel1")); err == nil || !strings.Contains(err.Error(), file) {
					t.Fatalf("%s: %s at %d: %v", file, what, i, err)
				}
			}
		}
		if err := vfs.WriteFile(s.fs, name, good); err != nil {
			t.Fatal(err)
		}
	}
	if err := vfs.WriteFile(s.fs, "rel1/card.json", []byte("[1]")); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), s.config("rel1")); err == nil || !strings.Contains(err.Error(), "card.json") {
		t.Errorf("card: %v", err)
	}
	if _, err := s.fs.Stat("origin/rollout.json"); err == nil {
		t.Error("something was published")
	}
}

// TestSelfCheckGate: sound files that answer otherwise than they say are not published.
func TestSelfCheckGate(t *testing.T) {
	s := newSite(t)
	writeRelease(t, s.fs, "rel1", 1, func(b *model.Build) {
		for i := range b.Checks[0].Hits {
			b.Checks[0].Hits[i].Score += 0.5
		}
	})
	if _, err := Run(t.Context(), s.config("rel1")); err == nil || !strings.Contains(err.Error(), "self-check") {
		t.Errorf("%v", err)
	}
}

// huge is a file system on which model files are large.
type huge struct {
	vfs.FS
	size int64
}

func (h huge) Stat(name string) (fs.FileInfo, error) {
	info, err := h.FS.Stat(name)
	if path.Base(name) == model.ModelFile {
		info = sized{info, h.size}
	}
	return info, err
}

type sized struct {
	fs.FileInfo
	size int64
}

func (s sized) Size() int64 { return s.size }

// TestTooLarge: what no node would take is not published, and nothing of it is read.
func TestTooLarge(t *testing.T) {
	s := newSite(t)
	cfg := s.config("rel1")
	cfg.FS = huge{s.fs, release.MaxRelease - rules.MaxDocument}
	if _, err := Run(t.Context(), cfg); !errors.Is(err, release.ErrTooLarge) || !strings.Contains(err.Error(), "rel1: 171") || !strings.Contains(err.Error(), "fewer") {
		t.Errorf("%v", err)
	}
	cfg.FS = huge{s.fs, 1 << 30}
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Errorf("of 1 GiB: %v", err)
	}
}

func TestOtherKeys(t *testing.T) {
	s := newSite(t)
	s.publish(t, "rel1")
	if _, err := release.InitKeys(s.fs, "others"); err != nil {
		t.Fatal(err)
	}
	cfg := s.config("rel2")
	cfg.Keys = "others"
	if _, err := Run(t.Context(), cfg); !errors.Is(err, release.ErrUnknownKey) {
		t.Errorf("over another's origin: %v", err)
	}
	for _, name := range []string{"trust.json", "roots/1.json"} {
		b, err := vfs.ReadFile(s.fs, "keys/"+name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(s.fs, "others/"+name, b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Run(t.Context(), cfg); !errors.Is(err, release.ErrUnknownKey) || !strings.Contains(err.Error(), "none of the 1 private keys") {
		t.Errorf("trust.json of other keys: %v", err)
	}
	if r := s.rollout(t); r.Release.Version != 1 {
		t.Errorf("rollout names release %d", r.Release.Version)
	}
}

func TestOnePublisher(t *testing.T) {
	s := newSite(t)
	lock, err := origin.NewDir(s.fs, "origin").Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), s.config("rel1")); !errors.Is(err, origin.ErrLocked) {
		t.Errorf("%v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	s.publish(t, "rel1")
}

func TestRefresh(t *testing.T) {
	s := newSite(t)
	if _, err := Refresh(t.Context(), s.config("")); err == nil || !strings.Contains(err.Error(), "publish a release first") {
		t.Errorf("empty origin: %v", err)
	}
	first := s.publish(t, "rel1")
	s.now = s.now.Add(100 * 24 * time.Hour) // long expired
	again, err := Refresh(t.Context(), s.config(""))
	if err != nil || again.Release != first.Release || again.Rollout != 2 || !again.Expires.Equal(s.now.Add(DefaultValidity)) {
		t.Errorf("%+v, %v", again, err)
	}
	if r := s.rollout(t); r.Version != 2 || r.Release.Manifest != first.Manifest {
		t.Errorf("%+v", r)
	}
}

func TestConfig(t *testing.T) {
	_, err := Run(t.Context(), Config{Validity: time.Second})
	if err == nil || !strings.Contains(err.Error(), "origin, keys, a validity") {
		t.Errorf("%v", err)
	}
}

// TestAbove brings an origin back whose rollout is lost or damaged, and only such a one.
func TestAbove(t *testing.T) {
	for name, lose := range map[string]func(*site) error{
		"removed": func(s *site) error { return s.fs.Remove("origin/rollout.json") },
		"cut":     func(s *site) error { return vfs.WriteFile(s.fs, "origin/rollout.json", []byte(`{"payloadType":`)) },
	} {
		s := newSite(t)
		s.publish(t, "rel1")
		cfg := s.config("rel2")
		cfg.Above, cfg.NoRules, cfg.Force = 41, true, true
		if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "sound, at version 1") {
			t.Errorf("%s: over a sound rollout: %v", name, err)
		}
		if err := lose(s); err != nil {
			t.Fatal(err)
		}
		r, err := Run(t.Context(), cfg)
		if err != nil || r.Version != 42 || r.Rollout != 42 {
			t.Errorf("%s: release %d, rollout %d, %v; want 42 of both", name, r.Version, r.Rollout, err)
		}
		if err := complete(t, s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
