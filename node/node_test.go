package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
)

func TestLife(t *testing.T) {
	s, m := newShop(t), newMachine()
	n := s.open(m)
	serves(t, n, 0)
	if err := n.Check(t.Context()); err == nil {
		t.Error("an empty origin is worth telling")
	}
	for v := 1; v <= 4; v++ {
		s.publish(v)
		s.check(n)
		serves(t, n, uint64(v))
	}
	s.check(n)
	st := n.Status()
	if st.Version != 4 || st.Rollout != 4 || st.Previous.IsZero() || st.Expired || len(st.Refusals) != 0 || st.Swaps != 4 {
		t.Errorf("%+v", st)
	}
	held, err := n.store.Held()
	if err != nil || len(held) != DefaultKeep {
		t.Errorf("holds %d releases, %v", len(held), err)
	}
	if len(m.swapped) != 4 {
		t.Errorf("told of %v", m.swapped)
	}
}

// refusals is a table of what an origin may do wrong: each edit starts from version 2 published over version 1.
var refusals = []struct {
	name, reason, words string
	edit                func(s *shop, first publish.Result, second publish.Result)
}{
	{"rollout of a lower version", "version", "rollout 1, held is 5", func(s *shop, _, _ publish.Result) {
		s.roll(func(r *release.Rollout) { r.Version = 1 })
	}},
	{"release of a lower version", "version", "release 1, held is 2", func(s *shop, first, _ publish.Result) {
		s.roll(func(r *release.Rollout) { r.Release = releaseRef(s, first) })
	}},
	{"same rollout version, other content", "version", "one version, two documents: rollout 5: an origin restored from a backup gives versions out again: remove its rollout.json", func(s *shop, first, _ publish.Result) {
		s.roll(func(r *release.Rollout) { r.Version, r.Rollback, r.Release = 5, true, releaseRef(s, first) })
	}},
	{"same release version, other manifest", "version", "one version, two documents", func(s *shop, first, _ publish.Result) {
		s.roll(func(r *release.Rollout) { r.Release.Manifest = first.Manifest })
	}},
	{"expired", "expired", "2026-11-21", func(s *shop, first, _ publish.Result) {
		s.roll(func(r *release.Rollout) { r.Expires = day.Add(24 * time.Hour) })
		s.pass(48 * time.Hour)
	}},
	{"other keys", "key", "not signed by a trusted key", func(s *shop, _, _ publish.Result) {
		s.keys = "others"
		s.roll(func(*release.Rollout) {})
	}},
	{"unsigned", "unsigned", "0 of 1", func(s *shop, _, _ publish.Result) {
		s.put(origin.RolloutName, []byte(`{"payload":"e30=","payloadType":"`+release.RolloutType+`","signatures":[]}`))
	}},
	{"truncated", "format", "cut short", func(s *shop, _, _ publish.Result) {
		b := s.get(origin.RolloutName)
		s.put(origin.RolloutName, b[:len(b)-10])
	}},
	{"empty", "format", "cut short", func(s *shop, _, _ publish.Result) { s.put(origin.RolloutName, nil) }},
	{"endless", "size", "larger than allowed", func(s *shop, _, _ publish.Result) {
		s.put(origin.RolloutName, bytes.Repeat([]byte(" "), 1<<20))
	}},
	{"deep", "size", "deeper", func(s *shop, _, _ publish.Result) {
		s.put(origin.RolloutName, []byte(strings.Repeat("[", 5000)+strings.Repeat("]", 5000)))
	}},
}

func releaseRef(s *shop, r publish.Result) release.Ref {
	env := s.get(origin.ManifestName(r.Manifest.Hex()))
	return release.Ref{Version: r.Version, Manifest: r.Manifest, Size: int64(len(env))}
}

func TestRolloutRefused(t *testing.T) {
	for _, tc := range refusals {
		t.Run(tc.name, func(t *testing.T) {
			s, m := newShop(t), newMachine()
			first := s.publish(1)
			second := s.publish(2)
			s.roll(func(r *release.Rollout) { r.Version = 5 })
			n := s.open(m)
			s.check(n)
			tc.edit(s, first, second)
			expectRefusal(t, n, m, tc.reason, tc.words)
			serves(t, n, 2)
		})
	}
}

// expectRefusal looks three times: refused by name each time, counted three times, logged once.
func expectRefusal(t *testing.T, n *Node, m *machine, reason, words string) {
	t.Helper()
	m.log.Reset()
	before, counted := len(m.refused), n.Status().Refusals[reason]
	for range 3 {
		var r *Refusal
		if err := n.Check(context.Background()); !errors.As(err, &r) || r.Reason != reason || !strings.Contains(err.Error(), words) {
			t.Fatalf("%v, want a refusal for %s with %q", err, reason, words)
		}
	}
	st := n.Status()
	if st.Refusals[reason]-counted != 3 || !strings.Contains(st.LastRefusal, words) || len(m.refused)-before != 3 {
		t.Errorf("status %+v, told %d", st, len(m.refused)-before)
	}
	if got := strings.Count(m.log.String(), "update refused"); got != 1 {
		t.Errorf("logged %d times:\n%s", got, m.log.String())
	}
}

// TestPiecesRefused damages the manifest and each chunk of a new release in every way; putting the piece right is all
// it takes afterwards.
func TestPiecesRefused(t *testing.T) {
	damages := []struct {
		name, reason string
		edit         func([]byte) []byte
	}{
		{"flipped", "hash", func(b []byte) []byte { b[len(b)/2] ^= 4; return b }},
		{"truncated", "size", func(b []byte) []byte { return b[:len(b)-1] }},
		{"empty", "size", func([]byte) []byte { return nil }},
		{"endless", "size", func(b []byte) []byte { return append(b, make([]byte, 1<<20)...) }},
		{"one byte more", "size", func(b []byte) []byte { return append(b, 0) }},
	}
	s := newShop(t)
	s.publish(1)
	old := newMachine()
	s.check(s.open(old))
	second := s.publish(2)
	manifest, err := release.OpenManifest(s.trust, s.get(origin.ManifestName(second.Manifest.Hex())))
	s.must(err)
	pieces := map[string]string{origin.ManifestName(second.Manifest.Hex()): "manifest " + second.Manifest.Short()}
	for _, c := range manifest.Components {
		pieces[origin.ChunkName(c.Chunks[0].Hash.Hex())] = fmt.Sprintf("component %q: chunk 1 of 1 (%s)", c.Name, c.Chunks[0].Hash.Short())
	}
	for name, words := range pieces {
		for _, d := range damages {
			t.Run(words+" "+d.name, func(t *testing.T) {
				m := &machine{fs: old.fs.(*vfs.Mem).Kill()}
				n := s.open(m)
				good := s.get(name)
				s.put(name, d.edit(bytes.Clone(good)))
				expectRefusal(t, n, m, d.reason, words)
				serves(t, n, 1)
				s.put(name, good)
				s.check(n)
				serves(t, n, 2)
			})
		}
		t.Run(words+" missing", func(t *testing.T) {
			m := &machine{fs: old.fs.(*vfs.Mem).Kill()}
			n := s.open(m)
			good := s.get(name)
			s.must(s.fs.Remove("origin/" + name))
			expectRefusal(t, n, m, "missing", words)
			serves(t, n, 1)
			s.put(name, good)
		})
	}
}

// TestEveryByteOfRollout flips each byte of the rollout.
func TestEveryByteOfRollout(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	s.publish(2)
	good := s.get(origin.RolloutName)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		s.put(origin.RolloutName, bad)
		var r *Refusal
		if err := n.Check(t.Context()); !errors.As(err, &r) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	serves(t, n, 1)
	if logged := strings.Count(m.log.String(), "update refused"); logged == 0 || logged > maxDistinct {
		t.Errorf("logged %d times", logged)
	}
}

// TestMixAndMatch: a rollout that names a manifest of another version.
func TestMixAndMatch(t *testing.T) {
	s, m := newShop(t), newMachine()
	first := s.publish(1)
	n := s.open(m)
	s.roll(func(r *release.Rollout) { r.Release, r.Highest = releaseRef(s, first), 9; r.Release.Version = 9 })
	expectRefusal(t, n, m, "version", "its manifest 1")
	serves(t, n, 0)
}

// TestUnfit: a signed release that does not answer as it says is refused, and not opened again at every look.
func TestUnfit(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	ref := s.signUnchecked(s.train(2, func(b *model.Build) { b.Checks[0].Hits[0].Score += 1 }), 2)
	s.roll(func(r *release.Rollout) { r.Release, r.Highest = ref, 2 })
	expectRefusal(t, n, m, "selfcheck", "row")
	serves(t, n, 1)
	if n.unfit.tries != 2 {
		t.Errorf("opened %d times in 3 looks without time passing, want 2", n.unfit.tries)
	}
	s.publish(3)
	s.check(n)
	serves(t, n, 3)
}

// signUnchecked is a publisher without a gate.
func (s *shop) signUnchecked(dir string, version uint64) release.Ref {
	s.t.Helper()
	m := &release.Manifest{Version: version, Created: day}
	for _, c := range []struct{ name, file string }{{"catalogue", model.CatalogueFile}, {"model", model.ModelFile}} {
		b, err := vfs.ReadFile(s.fs, dir+"/"+c.file, 1<<30)
		s.must(err)
		component, err := release.Split(c.name, bytes.NewReader(b), release.Plan{}, func(c release.Piece, packed []byte) error {
			return s.origin().Put(context.Background(), origin.ChunkName(c.Hash.Hex()), packed)
		})
		s.must(err)
		m.Components = append(m.Components, component)
	}
	return s.signManifest(m)
}

func (s *shop) signManifest(m *release.Manifest) release.Ref {
	s.t.Helper()
	payload, err := m.Encode()
	s.must(err)
	env, err := release.Seal(release.ManifestType, payload, s.signers(release.RoleRelease)...)
	s.must(err)
	hash := release.Sum(env)
	s.put(origin.ManifestName(hash.Hex()), env)
	return release.Ref{Version: m.Version, Manifest: hash, Size: int64(len(env))}
}

// TestUnopenable: signed bytes that are no model; and a component this node does not know but must.
func TestUnopenable(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	s.must(s.fs.MkdirAll("junk"))
	for _, f := range []string{model.ModelFile, model.CatalogueFile} {
		s.write("junk/"+f, func(w io.Writer) error { _, err := io.WriteString(w, strings.Repeat("junk", 100)); return err })
	}
	ref := s.signUnchecked("junk", 2)
	s.roll(func(r *release.Rollout) { r.Release, r.Highest = ref, 2 })
	expectRefusal(t, n, m, "unusable", "cannot be opened")
	serves(t, n, 1)

	manifest, err := release.OpenManifest(s.trust, s.get(origin.ManifestName(ref.Manifest.Hex())))
	s.must(err)
	manifest.Version, manifest.Critical = 3, []string{"flags"}
	ref = s.signManifest(manifest)
	s.roll(func(r *release.Rollout) { r.Release, r.Highest = ref, 3 })
	expectRefusal(t, n, m, "critical", `"flags"`)
	serves(t, n, 1)
}

func TestRolloutRollback(t *testing.T) {
	s, m := newShop(t), newMachine()
	first := s.publish(1)
	n := s.open(m)
	s.check(n)
	s.publish(2)
	s.check(n)
	s.must(s.fs.RemoveAll("origin/chunks")) // it is held: nothing needs to be fetched
	s.roll(func(r *release.Rollout) { r.Release, r.Rollback = releaseRef(s, first), true })
	s.check(n)
	serves(t, n, 1)
	s.publish(3)
	s.check(n)
	serves(t, n, 3)
}

func TestRollback(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	if err := n.Rollback(); !errors.Is(err, ErrNoPrevious) {
		t.Errorf("with one release: %v", err)
	}
	s.publish(2)
	s.check(n)
	s.must(n.Rollback())
	serves(t, n, 1)
	s.check(n)
	serves(t, n, 1)
	_, err := publish.Refresh(t.Context(), s.publisher("")) // names the same release
	s.must(err)
	s.check(n)
	serves(t, n, 1)
	if st := n.Status(); !st.Pinned || st.Rollout != 3 {
		t.Errorf("%+v", st)
	}

	s.must(n.Close())
	n = s.open(m) // it outlives a restart
	s.check(n)
	serves(t, n, 1)

	s.must(n.Rollback()) // undone
	serves(t, n, 2)
	if n.Status().Pinned {
		t.Error("pinned to what the rollout names")
	}
	s.must(n.Rollback())
	s.publish(3)
	s.check(n)
	serves(t, n, 3)
	if n.Status().Pinned {
		t.Error("pinned after a newer release")
	}
}

// TestRolloutRollbackOfPinned: what was rolled back from here may come again once the rollout has named another.
func TestRolloutRollbackOfPinned(t *testing.T) {
	s, m := newShop(t), newMachine()
	first := releaseRef(s, s.publish(1))
	n := s.open(m)
	s.check(n)
	second := releaseRef(s, s.publish(2))
	s.check(n)
	s.must(n.Rollback())
	s.roll(func(r *release.Rollout) { r.Release, r.Rollback = first, true })
	s.check(n)
	serves(t, n, 1)
	if n.Status().Pinned {
		t.Error("pinned to what the rollout names")
	}
	s.roll(func(r *release.Rollout) { r.Release, r.Rollback = second, false })
	s.check(n)
	serves(t, n, 2)
}

// TestOnSwapAsks: the callback may ask the node.
func TestOnSwapAsks(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	var n *Node
	var seen Status
	cfg := s.config(m)
	cfg.OnSwap = func(*rank.Ranker) { seen = n.Status() }
	n, err := Open(t.Context(), cfg)
	s.must(err)
	s.check(n)
	if seen.Version != 1 || seen.Rollout != 1 || n.Current().Release().ID != seen.Release {
		t.Errorf("%+v", seen)
	}
	s.must(n.Close())
}

// TestRestartAlone: kill -9, and the origin is away.
func TestRestartAlone(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	s.publish(2)
	s.check(n)
	s.must(s.fs.RemoveAll("origin"))
	m2 := &machine{fs: m.fs.(*vfs.Mem).Kill()}
	n2 := s.open(m2)
	serves(t, n2, 2)
	var r *Refusal
	if err := n2.Check(t.Context()); err == nil || errors.As(err, &r) {
		t.Errorf("an origin that is away is a trouble, and no refusal: %v", err)
	}
	serves(t, n2, 2)
	s.must(n2.Rollback())
	serves(t, n2, 1)
}

// TestExpiry: serving goes on, the alarm is raised once, updates stop until the rollout is renewed.
func TestExpiry(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	s.pass(31 * 24 * time.Hour)
	for range 3 {
		s.check(n)
		n.status.watch()
	}
	serves(t, n, 1)
	if st := n.Status(); !st.Expired {
		t.Errorf("%+v", st)
	}
	s.must(n.Close())
	n = s.open(m)
	serves(t, n, 1)
	if !strings.Contains(m.log.String(), "the rollout has expired") {
		t.Errorf("no alarm:\n%s", m.log.String())
	}
	s.publish(2)
	s.check(n)
	serves(t, n, 2)
	if n.Status().Expired {
		t.Error("still expired")
	}
}

// TestNewNodeExpired: a node that holds nothing takes nothing stale either.
func TestNewNodeExpired(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	s.pass(31 * 24 * time.Hour)
	n := s.open(m)
	expectRefusal(t, n, m, "expired", "publish --refresh")
	serves(t, n, 0)
}

// TestOtherTrust: a node that is given another root, for the first was lost, takes nothing the new one does not vouch for, says so, and
// goes on serving until there is something.
func TestOtherTrust(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	s.must(n.Close())
	var err error
	s.trust, err = release.LoadTrust(s.fs, "others/trust.json")
	s.must(err)
	n = s.open(m)
	serves(t, n, 1)
	expectRefusal(t, n, m, "key", "trusted")
	alarmed(t, n, AlarmRevoked, AlarmRefused)
	s.must(s.fs.RemoveAll("origin"))
	s.keys = "others"
	cfg := s.publisher(s.train(1))
	_, err = publish.Run(t.Context(), cfg)
	s.must(err)
	s.check(n)
	serves(t, n, 1)
	alarmed(t, n)
}

func TestConfigFaults(t *testing.T) {
	_, err := Open(t.Context(), Config{Poll: -1})
	if err == nil || !strings.Contains(err.Error(), `"dir" "origin" "trust" "a poll`) {
		t.Errorf("%v", err)
	}
}
