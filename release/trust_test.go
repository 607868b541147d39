package release

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/internal/vfs"
)

var testDay = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// rootOf gives each of the keys every role.
func rootOf(version uint64, threshold int, keys ...PrivateKey) *Root {
	r := &Root{Version: version, Issued: testDay, Expires: testDay.AddDate(1, 0, 0)}
	for _, role := range Roles() {
		for _, k := range keys {
			r.Add(role, k.Public())
		}
		r.Quorum(role).Threshold = threshold
	}
	return r
}

// trustOf believes the keys, threshold of them at once, in every role.
func trustOf(threshold int, keys ...PrivateKey) *Trust {
	env, err := rootOf(1, threshold, keys...).sealed(keys...)
	if err == nil {
		var t *Trust
		if t, err = ParseTrust(env); err == nil {
			return t
		}
	}
	panic(err)
}

func (r *Root) sealed(keys ...PrivateKey) ([]byte, error) {
	b, err := r.Encode()
	if err != nil {
		return nil, err
	}
	return Seal(RootType, b, keys...)
}

// TestRoles: each role signs its own documents and no others.
func TestRoles(t *testing.T) {
	byRole := map[Role]PrivateKey{RoleRoot: testKey(1), RoleRelease: testKey(2), RoleFreshness: testKey(3)}
	r := &Root{Version: 1, Issued: testDay, Expires: testDay.AddDate(1, 0, 0)}
	for _, role := range Roles() {
		r.Add(role, byRole[role].Public())
		r.Quorum(role).Threshold = 1
	}
	env, err := r.sealed(byRole[RoleRoot])
	if err != nil {
		t.Fatal(err)
	}
	trust, err := ParseTrust(env)
	if err != nil {
		t.Fatal(err)
	}
	for typ, owner := range roleOf {
		for role, key := range byRole {
			env, err := Seal(typ, []byte("{}"), key)
			if err != nil {
				t.Fatal(err)
			}
			_, err = trust.Open(env, typ)
			if role == owner && err != nil || role != owner && !errors.Is(err, ErrRole) {
				t.Errorf("%s signed by %s: %v", typ, role, err)
			}
		}
	}
	for role, key := range byRole {
		env, err := r.sealed(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseTrust(env); (err == nil) != (role == RoleRoot) {
			t.Errorf("a root signed by %s: %v", role, err)
		}
	}
}

// TestNext: a root follows when enough keys of the one before and of its own signed it, and its number is the next.
func TestNext(t *testing.T) {
	a, b, c, d := testKey(1), testKey(2), testKey(3), testKey(4)
	trust := trustOf(2, a, b, c)
	for _, tc := range []struct {
		name string
		root *Root
		keys []PrivateKey
		want error
	}{
		{"same keys", rootOf(2, 2, a, b, c), []PrivateKey{a, b}, nil},
		{"new keys, both thresholds", rootOf(2, 1, d), []PrivateKey{a, b, d}, nil},
		{"one key of both", rootOf(2, 2, c, d), []PrivateKey{a, c, d}, nil},
		{"too few of before", rootOf(2, 1, d), []PrivateKey{a, d}, ErrThreshold},
		{"none of before", rootOf(2, 1, d), []PrivateKey{d}, ErrUnknownKey},
		{"too few of its own", rootOf(2, 2, c, d), []PrivateKey{a, b, c}, ErrThreshold},
		{"none of its own", rootOf(2, 1, d), []PrivateKey{a, b}, ErrUnknownKey},
		{"its number again", rootOf(1, 2, a, b, c), []PrivateKey{a, b}, ErrNotNext},
		{"one left out", rootOf(3, 2, a, b, c), []PrivateKey{a, b}, ErrNotNext},
		{"the last number", rootOf(MaxVersion, 2, a, b, c), []PrivateKey{a, b}, ErrNotNext},
	} {
		env, err := tc.root.sealed(tc.keys...)
		if err != nil {
			t.Fatal(err)
		}
		next, err := trust.Next(env)
		if !errors.Is(err, tc.want) || (err == nil) != (next != nil) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

// TestEveryByteOfRoot: no changed root follows.
func TestEveryByteOfRoot(t *testing.T) {
	key := testKey(1)
	trust := trustOf(1, key)
	env, err := rootOf(2, 1, key).sealed(key)
	if err != nil {
		t.Fatal(err)
	}
	for i := range env {
		for bit := range 8 {
			bad := bytes.Clone(env)
			bad[i] ^= 1 << bit
			if _, err := trust.Next(bad); err == nil {
				t.Fatalf("byte %d, bit %d", i, bit)
			}
		}
		if _, err := trust.Next(env[:i]); err == nil {
			t.Fatalf("cut to %d", i)
		}
	}
}

func TestRootRefusals(t *testing.T) {
	good, err := rootOf(1, 1, testKey(1), testKey(2)).Encode()
	if err != nil {
		t.Fatal(err)
	}
	id, other := testKey(1).ID(), testKey(3)
	for _, e := range [][2]string{
		{`"threshold":1`, `"threshold":0`}, {`"threshold":1`, `"threshold":3`}, {`"threshold":1`, `"threshold":-1`},
		{`"id":"` + id, `"id":"0000000000000000`}, {`{"keys":["` + id, `{"keys":["` + other.ID()}, {`{"keys":["` + id, `{"keys":["` + testKey(2).ID()},
		{`"version":1`, `"version":0`}, {`"version":1`, `"version":9007199254740993`}, {`"edged.root/1"`, `"edged.root/2"`},
		{`"expires":"2027`, `"expires":"2025`}, {`"roles":{"root"`, `"roles":{"toor"`}, {`"roles"`, `"critical":["x"],"roles"`},
	} {
		text := strings.Replace(string(good), e[0], e[1], 1)
		if _, err := parseRoot([]byte(text)); err == nil || text == string(good) {
			t.Errorf("%s → %s: %v", e[0], e[1], err)
		}
	}
	many := rootOf(1, 1, testKey(1))
	for i := range MaxKeys {
		many.Add(RoleRelease, ed25519.PublicKey(bytes.Repeat([]byte{byte(i)}, ed25519.PublicKeySize)))
	}
	if _, err := many.Encode(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%d keys: %v", len(many.Keys), err)
	}
}

func FuzzRoot(f *testing.F) {
	good, err := rootOf(1, 1, testKey(1), testKey(2)).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, many := range swarms(1000) {
		f.Add(fmt.Appendf(nil, `{"type":"edged.root/1","version":1,"keys":%[1]s,"roles":%[1]s}`, many))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r *Root
		var err error
		testkit.Bounded(t, documentRoom(len(b)), func() { r, err = parseRoot(b) })
		if err != nil {
			return
		}
		first, err := r.Encode()
		if err != nil {
			t.Skip() // times between the seconds
		}
		again, err := parseRoot(first)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := again.Encode(); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%v\n%s\n%s", err, first, second)
		}
	})
}

// custody makes a key directory whose root keys are elsewhere.
func newCustody(t *testing.T) (*Custody, *vfs.Mem) {
	t.Helper()
	fsys := vfs.NewMem()
	c := &Custody{FS: fsys, Dir: "keys", Root: "usb", Now: func() time.Time { return testDay }}
	if _, err := c.Init(); err != nil {
		t.Fatal(err)
	}
	return c, fsys
}

func made(t *testing.T, c *Change, err error) *Trust {
	t.Helper()
	if err != nil || c.Trust == nil {
		t.Fatalf("%+v, %v", c, err)
	}
	return c.Trust
}

func TestCustody(t *testing.T) {
	c, fsys := newCustody(t)
	if _, err := c.Init(); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("twice: %v", err)
	}
	if _, err := fsys.Stat("keys/root.key"); err == nil {
		t.Error("the root key is not kept apart")
	}
	if keys, err := LoadGossipKeys(fsys, "keys/gossip.key"); err != nil || len(keys) != 1 || len(keys[0]) != 32 {
		t.Errorf("gossip keys: %d, %v", len(keys), err)
	}
	first, err := c.Trust()
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		name string
		do   func() (*Change, error)
		want func(before, now *Trust) bool
	}{
		{"add", func() (*Change, error) { return c.Grow(RoleRelease) }, func(_, now *Trust) bool { return len(now.KeyIDs(RoleRelease)) == 2 }},
		{"threshold", func() (*Change, error) { return c.Threshold(RoleRelease, 2) }, func(_, now *Trust) bool { return now.Threshold(RoleRelease) == 2 }},
		{"rotate release", func() (*Change, error) { return c.Rotate(RoleRelease) }, func(before, now *Trust) bool {
			return len(now.KeyIDs(RoleRelease)) == 2 && fmt.Sprint(now.KeyIDs(RoleRelease)) != fmt.Sprint(before.KeyIDs(RoleRelease)) &&
				fmt.Sprint(now.KeyIDs(RoleFreshness)) == fmt.Sprint(before.KeyIDs(RoleFreshness))
		}},
		{"rotate root", func() (*Change, error) { return c.Rotate(RoleRoot) }, func(before, now *Trust) bool {
			return now.KeyIDs(RoleRoot)[0] != before.KeyIDs(RoleRoot)[0]
		}},
		{"renew", c.Renew, func(before, now *Trust) bool { return now.Expires().After(testDay) }},
	}
	before := first
	for i, step := range steps {
		change, err := step.do()
		now := made(t, change, err)
		if now.Version() != uint64(i+2) || !step.want(before, now) {
			t.Errorf("%s: root %d, %+v", step.name, now.Version(), now.Root())
		}
		before = now
	}
	chain, err := c.Chain()
	if err != nil || len(chain) != len(steps)+1 || chain[0].Version() != 1 {
		t.Fatalf("a chain of %d, %v", len(chain), err)
	}
	keys, err := LoadKeys(fsys, "keys", before, RoleRelease)
	if err != nil || len(keys) != 2 {
		t.Errorf("%v, %v", keys, err) // of the four that lie there
	}
	if keys, err := LoadKeys(fsys, "keys", first, RoleRelease); err != nil || len(keys) != 1 {
		t.Errorf("%v, %v", keys, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, keys[0]); s != "private key "+keys[0].ID() {
			t.Errorf("%s: a key prints more than its id: %s", verb, s)
		}
	}
	if _, err := c.Revoke(keys[0].ID()); err == nil || !strings.Contains(err.Error(), "threshold of 2") {
		t.Errorf("revoked below the threshold: %v", err)
	}
	if _, err := c.Revoke("nobody"); err == nil {
		t.Error("revoked nobody")
	}
	c.Root = "nowhere"
	if err := fsys.MkdirAll(c.Root); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Renew(); err == nil || !strings.Contains(err.Error(), "--root") {
		t.Errorf("without the root key: %v", err)
	}
}

// TestTwoMedia: two root keys that never meet sign one root.
func TestTwoMedia(t *testing.T) {
	c, fsys := newCustody(t)
	change, err := c.Grow(RoleRoot)
	made(t, change, err)
	change, err = c.Threshold(RoleRoot, 2)
	made(t, change, err)
	second := change.Trust
	if err := errors.Join(fsys.MkdirAll("usb2"), fsys.Rename("usb/root.key", "usb2/root.key")); err != nil {
		t.Fatal(err)
	}
	change, err = c.Rotate(RoleFreshness)
	if err != nil || change.Trust != nil || len(change.Missing) != 2 || len(change.Made) != 1 {
		t.Fatalf("%+v, %v", change, err)
	}
	if now, err := c.Trust(); err != nil || now.Version() != second.Version() {
		t.Errorf("root %d counts already, %v", now.Version(), err)
	}
	if _, err := c.Renew(); err == nil || !strings.Contains(err.Error(), "waits for signatures") {
		t.Errorf("two at once: %v", err)
	}
	if change, err = c.Sign(); err != nil || change.Trust != nil {
		t.Errorf("the same key twice: %+v, %v", change, err)
	}
	c.Root = "usb2"
	change, err = c.Sign()
	now := made(t, change, err)
	if now.Version() != second.Version()+1 || now.KeyIDs(RoleFreshness)[0] == second.KeyIDs(RoleFreshness)[0] {
		t.Errorf("root %d", now.Version())
	}
	if _, err := c.Sign(); err == nil {
		t.Error("signed what does not wait")
	}
}

// TestCustodyCrash loses power at every operation of a change: the root before or the new one counts, whole, and its keys are there.
func TestCustodyCrash(t *testing.T) {
	c, base := newCustody(t)
	rotate := func(fsys vfs.FS) error {
		on := *c
		on.FS = fsys
		_, err := on.Rotate(RoleFreshness)
		return err
	}
	total := 0
	if err := rotate(vfs.Faulty(base.Crash(func(n int) int { return n }), func(op vfs.Op) error { total = op.N; return nil })); err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]int{}
	for n := range total + 1 {
		for quarter := range 5 {
			disk := base.Crash(func(n int) int { return n })
			_ = rotate(vfs.Faulty(disk, func(op vfs.Op) error {
				if op.N > n {
					return errors.New("power lost")
				}
				return nil
			}))
			after := *c
			after.FS = disk.Crash(func(n int) int { return n * quarter / 4 })
			chain, err := after.Chain()
			if err != nil {
				t.Fatalf("operation %d: %v", n, err)
			}
			trust := chain[len(chain)-1]
			if _, err := LoadKeys(after.FS, "keys", trust, RoleFreshness); err != nil {
				t.Fatalf("operation %d: root %d: %v", n, trust.Version(), err)
			}
			seen[trust.Version()]++
			if _, err := after.Rotate(RoleFreshness); err != nil {
				t.Fatalf("operation %d: again: %v", n, err)
			}
		}
	}
	if seen[1] == 0 || seen[2] == 0 || len(seen) != 2 {
		t.Errorf("roots %v", seen)
	}
}

// TestStoreRoots: a store goes on from the root given, and starts anew from one that is not its own.
func TestStoreRoots(t *testing.T) {
	a, b := testKey(1), testKey(2)
	first := trustOf(1, a)
	env, err := rootOf(2, 1, a).sealed(a)
	if err != nil {
		t.Fatal(err)
	}
	second, err := first.Next(env)
	if err != nil {
		t.Fatal(err)
	}
	fsys := vfs.NewMem()
	s := openStore(t, fsys)
	if err := errors.Join(s.KeepRoots(first), s.AddRoot(second)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		given *Trust
		want  uint64
	}{{"first", first, 2}, {"second", second, 2}, {"another's", trustOf(1, b), 1}} {
		got, err := s.Trust(tc.given)
		if err != nil || got.Version() != tc.want {
			t.Errorf("%s: root %d, %v", tc.name, got.Version(), err)
		}
	}
	if err := s.KeepRoots(trustOf(1, b)); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Trust(first); err != nil || got.Version() != 1 {
		t.Errorf("root %d of a chain that was dropped, %v", got.Version(), err)
	}
	if err := errors.Join(s.KeepRoots(first), vfs.WriteFile(fsys, "node/roots/2.json", []byte("{}"))); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Trust(first); err == nil || got.Version() != 1 {
		t.Errorf("damaged: root %d, %v", got.Version(), err)
	}
}

// TestTwiceSigned: two signatures of one key are one.
func TestTwiceSigned(t *testing.T) {
	a, b := testKey(1), testKey(2)
	env, err := Seal(RolloutType, []byte("{}"), a)
	if err != nil {
		t.Fatal(err)
	}
	var e Envelope
	if err := json.Unmarshal(env, &e); err != nil {
		t.Fatal(err)
	}
	e.Signatures = append(e.Signatures, e.Signatures[0])
	if env, err = json.Marshal(e); err != nil {
		t.Fatal(err)
	}
	if _, err := trustOf(2, a, b).Open(env, RolloutType); !errors.Is(err, ErrThreshold) {
		t.Errorf("%v", err)
	}
}

// TestCanaryPicks: a share picks about as many nodes, always the same, and more when it is wider; another release picks others.
func TestCanaryPicks(t *testing.T) {
	one := Canary{Release: Ref{Version: 2, Manifest: Sum([]byte("one"))}, Share: 1000}
	wide, other := one, one
	wide.Share, other.Release.Manifest = 3000, Sum([]byte("other"))
	var picked, both, widely int
	for i := range 10_000 {
		name := fmt.Sprintf("edge-%d", i)
		p := one.Picks(name, "")
		if p {
			picked++
			if !wide.Picks(name, "x") {
				t.Fatalf("%s is lost by a wider share", name)
			}
			if other.Picks(name, "") {
				both++
			}
		}
		if wide.Picks(name, "") {
			widely++
		}
	}
	if picked < 900 || picked > 1100 || widely < 2800 || widely > 3200 || both > picked/5 {
		t.Errorf("%d and %d of 10,000 at 10 %% and 30 %%, %d for another release too", picked, widely, both)
	}
	all := Canary{Share: Whole, Zones: []string{"eu"}}
	if !all.Picks("a", "eu") || all.Picks("a", "us") || all.Picks("a", "") {
		t.Error("zones")
	}
}

// TestGossipKeys: add, use, drop; each step in its turn.
func TestGossipKeys(t *testing.T) {
	_, fsys := newCustody(t)
	const file = "keys/gossip.key"
	load := func() [][]byte {
		t.Helper()
		keys, err := LoadGossipKeys(fsys, file)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	old := load()[0]
	for _, early := range []func(vfs.FS, string) error{UseGossipKey, DropGossipKeys} {
		if err := early(fsys, file); err == nil {
			t.Error("a step too early")
		}
	}
	if err := AddGossipKey(fsys, file); err != nil {
		t.Fatal(err)
	}
	if err := AddGossipKey(fsys, file); err == nil {
		t.Error("added in the middle of a rotation")
	}
	both := load()
	if len(both) != 2 || !bytes.Equal(both[0], old) {
		t.Errorf("%d keys, or the new one seals already", len(both))
	}
	if err := UseGossipKey(fsys, file); err != nil {
		t.Fatal(err)
	}
	if used := load(); len(used) != 2 || !bytes.Equal(used[0], both[1]) || !bytes.Equal(used[1], old) {
		t.Error("the new key does not seal")
	}
	if err := DropGossipKeys(fsys, file); err != nil {
		t.Fatal(err)
	}
	if last := load(); len(last) != 1 || !bytes.Equal(last[0], both[1]) {
		t.Error("not the new key is left")
	}
	for _, text := range []string{"", "x", strings.Repeat("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n", MaxGossipKeys+1)} {
		if err := vfs.WriteFile(fsys, file, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadGossipKeys(fsys, file); !errors.Is(err, ErrFormat) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}
