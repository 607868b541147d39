package node

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/release"
)

// The attacks of the TUF specification (1.5.2), by whoever has the origin or the way to it, and by whoever has some keys. Each is
// refused, raises an alarm, and ends with it; what was served before goes on being served.

// alarmed fails unless exactly these alarms are on.
func alarmed(t testing.TB, n *Node, want ...string) {
	t.Helper()
	var got []string
	for _, a := range n.Status().Alarms {
		got = append(got, a.Name)
		if a.Text == "" || a.Since.IsZero() {
			t.Errorf("alarm %+v", a)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("alarms %q, want %q", got, want)
	}
}

// underAttack is a node that serves release 2, of rollout 2.
func underAttack(t *testing.T) (*shop, *machine, *Node, []publish.Result) {
	t.Helper()
	s, m := newShop(t), newMachine()
	results := []publish.Result{s.publish(1), s.publish(2)}
	n := s.open(m)
	s.check(n)
	serves(t, n, 2)
	alarmed(t, n)
	return s, m, n, results
}

// withstood fails unless the attack is refused for the reason, alarmed, and over when the origin is honest again.
func withstood(t *testing.T, s *shop, m *machine, n *Node, reason, words string, honest func()) {
	t.Helper()
	expectRefusal(t, n, m, reason, words)
	serves(t, n, 2)
	alarmed(t, n, AlarmRefused)
	honest()
	s.check(n)
	alarmed(t, n)
}

func TestAttackArbitraryInstall(t *testing.T) {
	s, m, n, _ := underAttack(t)
	good := s.get(origin.RolloutName)
	s.keys = "others" // the attacker's own
	ref := s.signUnchecked(s.train(3), 3)
	s.sealed(&release.Rollout{Version: 3, Issued: day, Expires: day.Add(time.Hour), Release: ref, Highest: 3}, release.RoleFreshness)
	withstood(t, s, m, n, "key", "not signed by a trusted key", func() { s.put(origin.RolloutName, good) })
}

// TestAttackManifest: an honest rollout, and a manifest of the attacker's in the place of the one it names.
func TestAttackManifest(t *testing.T) {
	s, m, n, _ := underAttack(t)
	third := s.publish(3)
	name := origin.ManifestName(third.Manifest.Hex())
	good := s.get(name)
	s.put(name, bytes.Replace(good, []byte(`"signatures"`), []byte(`"signaturez"`), 1))
	withstood(t, s, m, n, "hash", "manifest", func() { s.put(name, good) })
	serves(t, n, 3)
}

func TestAttackRollback(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	old := s.get(origin.RolloutName)
	s.publish(2)
	good := s.get(origin.RolloutName)
	n := s.open(m)
	s.check(n)
	s.put(origin.RolloutName, old)
	withstood(t, s, m, n, "version", "rollout 1, held is 2", func() { s.put(origin.RolloutName, good) })
}

// TestAttackRollbackByFreshness: who has the keys of freshness alone goes on to newer releases, and never back.
func TestAttackRollbackByFreshness(t *testing.T) {
	s, m, n, results := underAttack(t)
	good := s.get(origin.RolloutName)
	back := &release.Rollout{Version: 3, Issued: day, Expires: day.Add(time.Hour), Release: releaseRef(s, results[0]), Highest: 2, Rollback: true}
	s.sealed(back, release.RoleFreshness)
	withstood(t, s, m, n, "role", "needs keys of the role release too", func() { s.put(origin.RolloutName, good) })
	s.sealed(back, release.RoleFreshness, release.RoleRelease)
	s.check(n)
	serves(t, n, 1)
}

// TestAttackRootRollback: a root that revokes keys can't be kept from a node that has seen it, by a restart neither.
func TestAttackRootRollback(t *testing.T) {
	s, m, n, _ := underAttack(t)
	stolen := s.signers(release.RoleFreshness)
	s.rotate("keys", release.RoleFreshness)
	s.refresh()
	s.check(n)
	s.must(errors.Join(s.fs.RemoveAll("origin/roots"), n.Close()))
	good := s.get(origin.RolloutName)
	n = s.open(m)
	if got := n.Status().Root; got != 2 {
		t.Fatalf("root %d", got)
	}
	r := &release.Rollout{Version: 9, Issued: day, Expires: day.Add(time.Hour), Release: n.ref(s), Highest: 2}
	payload, err := r.Encode()
	s.must(err)
	env, err := release.Seal(release.RolloutType, payload, stolen...)
	s.must(err)
	s.put(origin.RolloutName, env)
	withstood(t, s, m, n, "key", "root 2", func() { s.put(origin.RolloutName, good) })
}

// ref points at the release served.
func (n *Node) ref(s *shop) release.Ref {
	st := n.Status()
	env := s.get(origin.ManifestName(st.Manifest.Hex()))
	return release.Ref{Version: st.Version, Manifest: st.Manifest, Size: int64(len(env))}
}

func (s *shop) rotate(dir string, role release.Role) {
	s.t.Helper()
	change, err := s.custody(dir).Rotate(role)
	s.must(err)
	if change.Trust == nil {
		s.t.Fatalf("waits for %q", change.Missing)
	}
}

func (s *shop) refresh() {
	s.t.Helper()
	_, err := publish.Refresh(s.t.Context(), s.publisher(""))
	s.must(err)
}

// TestManyRoots: a node that slept over more roots than it follows in one look believes nothing by those between: the next look goes on.
func TestManyRoots(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.publish(1)
	n := s.open(m)
	s.check(n)
	s.publish(2) // by keys that are revoked at last
	old := s.get(origin.RolloutName)
	for range release.MaxRoots {
		change, err := s.custody("keys").Renew()
		s.must(err)
		if change.Trust == nil {
			t.Fatal("no root")
		}
	}
	s.rotate("keys", release.RoleFreshness)
	s.refresh()
	fresh := s.get(origin.RolloutName)
	s.put(origin.RolloutName, old)
	if err := n.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "root 65 is followed to") {
		t.Errorf("%v", err)
	}
	serves(t, n, 1)
	alarmed(t, n, AlarmTrouble)
	expectRefusal(t, n, m, "key", "root 66")
	serves(t, n, 1)
	s.put(origin.RolloutName, fresh)
	s.check(n)
	serves(t, n, 2)
}

// TestAttackFreeze: an origin that shows for ever what was true once is noticed when that has expired. So is a root that is not
// renewed.
func TestAttackFreeze(t *testing.T) {
	s, m, n, _ := underAttack(t)
	s.pass(31 * 24 * time.Hour)
	s.check(n)
	serves(t, n, 2)
	alarmed(t, n, AlarmRolloutExpired)
	fresh := newMachine()
	n2 := s.open(fresh)
	expectRefusal(t, n2, fresh, "expired", "publish --refresh") // a node that comes new takes nothing stale
	s.refresh()
	s.check(n)
	alarmed(t, n)

	s.pass(340 * 24 * time.Hour) // beyond the root's year
	expectRefusal(t, n, m, "root", "edged keys renew")
	serves(t, n, 2)
	alarmed(t, n, AlarmRefused, AlarmRolloutExpired, AlarmRootExpired)
	if _, err := publish.Refresh(t.Context(), s.publisher("")); err == nil || !strings.Contains(err.Error(), "edged keys renew") {
		t.Errorf("published under an expired root: %v", err)
	}
	_, err := s.custody("keys").Renew()
	s.must(err)
	s.refresh()
	s.check(n)
	alarmed(t, n)
	serves(t, n, 2)
}

// TestAttackFastForward: who had the keys of freshness ran the versions ahead as far as they go. When the keys are rotated the versions
// begin anew.
func TestAttackFastForward(t *testing.T) {
	s, m, n, _ := underAttack(t)
	s.sealed(&release.Rollout{Version: release.MaxVersion, Issued: day, Expires: day.Add(time.Hour), Release: n.ref(s), Highest: 2}, release.RoleFreshness)
	s.check(n) // keys it trusts say so
	if n.Status().Rollout != release.MaxVersion {
		t.Fatalf("%+v", n.Status())
	}
	s.rotate("keys", release.RoleFreshness)
	cfg := s.publisher(s.train(3))
	if _, err := publish.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "out of reach") {
		t.Errorf("published above it: %v", err)
	}
	cfg.Above, cfg.NoRules, cfg.Force = 2, true, true
	r, err := publish.Run(t.Context(), cfg)
	s.must(err)
	s.check(n)
	serves(t, n, 3)
	alarmed(t, n)
	if st := n.Status(); st.Rollout != r.Rollout || st.Rollout > 10 || st.Root != 2 {
		t.Errorf("rollout %d, root %d", st.Rollout, st.Root)
	}
	s.must(n.Close())
	serves(t, s.open(m), 3)

	// numbers beyond the last are no numbers
	over := &release.Rollout{Version: release.MaxVersion + 1, Issued: day, Expires: day.Add(time.Hour), Release: release.Ref{Version: 1, Size: 1}, Highest: 1}
	if _, err := over.Encode(); err == nil {
		t.Error("a version beyond the last")
	}
}

// TestAttackMixAndMatch: parts that are signed, and do not belong together.
func TestAttackMixAndMatch(t *testing.T) {
	s, m, n, results := underAttack(t)
	good := s.get(origin.RolloutName)
	s.sealed(&release.Rollout{Version: 3, Issued: day, Expires: day.Add(time.Hour), Highest: 9,
		Release: release.Ref{Version: 9, Manifest: results[0].Manifest, Size: releaseRef(s, results[0]).Size}}, release.RoleFreshness)
	withstood(t, s, m, n, "version", "its manifest 1", func() { s.put(origin.RolloutName, good) })

	// chunks of another release
	third := s.publish(3)
	manifest, err := release.OpenManifest(s.trust, s.get(origin.ManifestName(third.Manifest.Hex())))
	s.must(err)
	other, err := release.OpenManifest(s.trust, s.get(origin.ManifestName(results[0].Manifest.Hex())))
	s.must(err)
	name := origin.ChunkName(manifest.Components[1].Chunks[0].Hash.Hex())
	chunk := s.get(name)
	mixed := s.get(origin.ChunkName(other.Components[1].Chunks[0].Hash.Hex()))
	mixed = append(mixed, make([]byte, len(chunk))...)[:len(chunk)]
	s.put(name, mixed)
	withstood(t, s, m, n, "hash", "chunk 1", func() { s.put(name, chunk) })
	serves(t, n, 3)
}

func TestAttackEndlessData(t *testing.T) {
	s, m, n, _ := underAttack(t)
	for _, name := range []string{origin.RolloutName, origin.RootName(2)} {
		good, err := s.origin().Get(t.Context(), name, 1<<30)
		s.must(orAbsent(err))
		s.put(name, bytes.Repeat([]byte("x"), 4<<20))
		withstood(t, s, m, n, "size", "larger than allowed", func() {
			if good == nil {
				s.must(s.fs.Remove("origin/" + name))
				return
			}
			s.put(name, good)
		})
		s.pass(time.Hour) // the next look asks for roots again
	}
}

func orAbsent(err error) error {
	if errors.Is(err, origin.ErrNotFound) {
		return nil
	}
	return err
}

// TestAttackWrongRole: a key signs what is not its role's.
func TestAttackWrongRole(t *testing.T) {
	s, m, n, _ := underAttack(t)
	good := s.get(origin.RolloutName)
	r := &release.Rollout{Version: 3, Issued: day, Expires: day.Add(time.Hour), Release: n.ref(s), Highest: 2}
	for _, role := range []release.Role{release.RoleRelease, release.RoleRoot} {
		s.sealed(r, role)
		withstood(t, s, m, n, "role", "keys of another role", func() { s.put(origin.RolloutName, good) })
	}
	// a manifest signed by freshness
	payload, err := (&release.Manifest{Version: 3, Created: day, Components: s.manifest().Components}).Encode()
	s.must(err)
	env, err := release.Seal(release.ManifestType, payload, s.signers(release.RoleFreshness)...)
	s.must(err)
	ref := release.Ref{Version: 3, Manifest: release.Sum(env), Size: int64(len(env))}
	s.put(origin.ManifestName(ref.Manifest.Hex()), env)
	s.sealed(&release.Rollout{Version: 3, Issued: day, Expires: day.Add(time.Hour), Release: ref, Highest: 3}, release.RoleFreshness)
	withstood(t, s, m, n, "role", "keys of another role", func() { s.put(origin.RolloutName, good) })
	// a root signed by release and freshness
	root := s.newest("keys").Root()
	root.Version = 2
	rb, err := root.Encode()
	s.must(err)
	env, err = release.Seal(release.RootType, rb, s.signers(release.RoleRelease, release.RoleFreshness)...)
	s.must(err)
	s.put(origin.RootName(2), env)
	s.pass(time.Hour)
	withstood(t, s, m, n, "role", "keys of another role", func() { s.must(s.fs.Remove("origin/" + origin.RootName(2))) })
}

// manifest is that of the release offered.
func (s *shop) manifest() *release.Manifest {
	s.t.Helper()
	r, err := release.OpenRollout(s.newest("keys"), s.get(origin.RolloutName))
	s.must(err)
	m, err := release.OpenManifest(s.newest("keys"), s.get(origin.ManifestName(r.Release.Manifest.Hex())))
	s.must(err)
	return m
}

// TestKeyCompromise: release and freshness keys are stolen; the thief's release is served. With a new root the shop is back, the
// thief's keys are worth nothing, for new nodes neither.
func TestKeyCompromise(t *testing.T) {
	s, m, n, _ := underAttack(t)
	stolen := s.signers(release.RoleFreshness)
	stolenRelease := s.signers(release.RoleRelease)
	ref := s.signUnchecked(s.train(3), 3)
	s.sealed(&release.Rollout{Version: 3, Issued: day, Expires: day.Add(time.Hour), Release: ref, Highest: 3}, release.RoleFreshness)
	s.check(n)
	serves(t, n, 3)

	s.rotate("keys", release.RoleFreshness)
	s.rotate("keys", release.RoleRelease)
	cfg := s.publisher(s.train(4))
	if _, err := publish.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "--above") {
		t.Errorf("went on from the thief's rollout: %v", err)
	}
	cfg.Above, cfg.NoRules, cfg.Force = 3, true, true
	r, err := publish.Run(t.Context(), cfg)
	s.must(err)
	if _, err := publish.Serve(t.Context(), s.publisher(""), 0); err == nil || !strings.Contains(err.Error(), "no release before 4-") {
		t.Errorf("went back to the thief's release: %v", err)
	}
	good := s.get(origin.RolloutName)
	s.check(n)
	serves(t, n, 4)
	alarmed(t, n)
	if n.Status().Root != 3 || r.Version != 4 {
		t.Errorf("root %d, release %d", n.Status().Root, r.Version)
	}
	late := s.open(newMachine()) // given the first root
	s.check(late)
	serves(t, late, 4)

	thief := &release.Manifest{Version: 9, Created: day, Components: s.manifest().Components}
	payload, err := thief.Encode()
	s.must(err)
	env, err := release.Seal(release.ManifestType, payload, stolenRelease...)
	s.must(err)
	s.put(origin.ManifestName(release.Sum(env).Hex()), env)
	bad := &release.Rollout{Version: 99, Issued: day, Expires: day.Add(time.Hour), Highest: 9, Release: release.Ref{Version: 9, Manifest: release.Sum(env), Size: int64(len(env))}}
	payload, err = bad.Encode()
	s.must(err)
	rollout, err := release.Seal(release.RolloutType, payload, stolen...)
	s.must(err)
	s.put(origin.RolloutName, rollout)
	expectRefusal(t, n, m, "key", "not signed by a trusted key")
	serves(t, n, 4)
	s.put(origin.RolloutName, good)
	s.check(n)
	alarmed(t, n)
}

// TestPlannedRotation: keys of every role are replaced, one root after the other, and nobody notices.
func TestPlannedRotation(t *testing.T) {
	s, m, n, _ := underAttack(t)
	for i, role := range []release.Role{release.RoleFreshness, release.RoleRelease, release.RoleRoot, release.RoleRelease} {
		s.rotate("keys", role)
		s.refresh()
		s.check(n)
		alarmed(t, n)
		if st := n.Status(); st.Root != uint64(i+2) || len(st.Refusals) != 0 {
			t.Errorf("%s: %+v", role, st)
		}
		if err := s.wholly(n, 2); err != nil {
			t.Fatal(err)
		}
	}
	s.must(n.Close())
	s.check(s.open(m))
	late := s.open(newMachine())
	s.check(late)
	if err := s.wholly(late, 2); err != nil {
		t.Fatal(err)
	}
}

// wholly looks whether the items are those of a version, whatever the release is called since it was signed again.
func (s *shop) wholly(n *Node, version int) error {
	if id := n.Current().Model().ID(0); !strings.HasPrefix(id, "v"+string(rune('0'+version))+"-") {
		return errors.New("item " + id)
	}
	return nil
}

// TestRevokedServesOn: the key of what is served is revoked, and nothing else is published yet.
func TestRevokedServesOn(t *testing.T) {
	s, m, n, _ := underAttack(t)
	s.rotate("keys", release.RoleRelease)
	s.put(origin.RootName(2), s.newest("keys").Envelope())
	s.pass(time.Hour)
	s.check(n)
	serves(t, n, 2)
	alarmed(t, n, AlarmRevoked)
	if !strings.Contains(m.log.String(), "keys that were revoked") {
		t.Errorf("%s", m.log.String())
	}
	s.must(n.Close())
	n = s.open(m)
	serves(t, n, 2)
	alarmed(t, n, AlarmRevoked)
	s.publish(3)
	s.check(n)
	serves(t, n, 3)
	alarmed(t, n)
}

// TestAttackSlowRetrieval: a server that lets a byte go now and then is given up, and told of.
func TestAttackSlowRetrieval(t *testing.T) {
	s, m, n, _ := underAttack(t)
	third := s.publish(3)
	slow := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slow && strings.HasSuffix(r.URL.Path, third.Manifest.Hex()+".json") {
			w.Header().Set("Content-Length", "100")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		b, err := s.origin().Get(r.Context(), strings.TrimPrefix(r.URL.Path, "/"), 1<<30)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(b)
	}))
	defer server.Close()
	o, err := origin.NewHTTP(server.URL)
	s.must(err)
	defer o.Close()
	o.SetPatience(50 * time.Millisecond)
	n.cfg.Origin = o
	expectRefusal(t, n, m, "slow", "too slow")
	serves(t, n, 2)
	alarmed(t, n, AlarmRefused)
	slow = false
	o.SetPatience(time.Minute)
	s.check(n)
	serves(t, n, 3)
	alarmed(t, n)
}
