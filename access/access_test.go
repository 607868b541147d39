package access

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/internal/testkit"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func made(t testing.TB, kind string, origins ...string) (string, Key) {
	t.Helper()
	text, k, err := New(kind, origins, "", now)
	if err != nil {
		t.Fatal(err)
	}
	return text, k
}

// reread returns the keys as a node reads them from their file.
func reread(t testing.TB, list ...Key) *Keys {
	t.Helper()
	s := &Keys{}
	for _, k := range list {
		s = s.With(k)
	}
	file, err := s.File()
	if err != nil {
		t.Fatal(err)
	}
	s, err = Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKeysAreFoundAndNotKept(t *testing.T) {
	pk, public := made(t, Publishable, "https://shop.example")
	sk, secret := made(t, Secret)
	s := reread(t, public, secret)
	if k := s.Find([]byte(pk)); k == nil || k.ID != public.ID || k.IsSecret() {
		t.Errorf("the publishable key is %+v", k)
	}
	if k := s.Find([]byte(sk)); k == nil || k.ID != secret.ID || !k.IsSecret() {
		t.Errorf("the secret key is %+v", k)
	}
	file, _ := s.File()
	for _, text := range []string{pk, sk} {
		if bytes.Contains(file, []byte(text)) || bytes.Contains(file, []byte(text[9:])) {
			t.Error("the file holds a key")
		}
		for i := range text {
			changed := []byte(text)
			changed[i] ^= 1
			if s.Find(changed) != nil || s.Find([]byte(text[:i])) != nil {
				t.Fatalf("found with byte %d changed, or cut there", i)
			}
		}
	}
	if s.Find([]byte(pk+"x")) != nil || s.Find(nil) != nil || s.Find(bytes.Repeat([]byte("a"), 1<<20)) != nil {
		t.Error("found what is none")
	}
	left, ok := s.Without(public.ID)
	if !ok || left.Find([]byte(pk)) != nil || left.Find([]byte(sk)) == nil {
		t.Error("a revoked key is found, or its neighbour is not")
	}
}

func TestOrigins(t *testing.T) {
	_, named := made(t, Publishable, "https://shop.example")
	_, free := made(t, Publishable)
	_, secret := made(t, Secret)
	for _, c := range []struct {
		key    *Key
		origin string
		want   bool
	}{
		{&named, "https://shop.example", true}, {&named, "https://shop.example.evil", false}, {&named, "http://shop.example", false}, {&named, "null", false},
		{&free, "https://any.example", true}, {&secret, "https://shop.example", false},
	} {
		if got := c.key.Admits([]byte(c.origin)); got != c.want {
			t.Errorf("%s key of %v admits %s: %v", c.key.Kind, c.key.Origins, c.origin, got)
		}
	}
	for _, o := range []string{"*", "shop.example", "https://shop.example/", "https://", "ftp://x", "null"} {
		if _, _, err := New(Publishable, []string{o}, "", now); err == nil {
			t.Errorf("origin %q is taken", o)
		}
	}
	if _, _, err := New(Secret, []string{"https://shop.example"}, "", now); err == nil {
		t.Error("a secret key with origins is taken")
	}
	if _, _, err := New("master", nil, "", now); err == nil {
		t.Error("an unknown kind is taken")
	}
}

func TestFilesRefused(t *testing.T) {
	_, k := made(t, Secret)
	file, _ := reread(t, k).File()
	for what, change := range map[string][2]string{
		"an unknown key":   {`"keys"`, `"more": 1, "keys"`},
		"a short hash":     {k.Hash, k.Hash[:62]},
		"no public key":    {k.Verify, ""},
		"another kind":     {`"secret"`, `"publishable"`},
		"a bad id":         {k.ID, "x"},
		"something behind": {"]\n}", "]\n} {}"},
	} {
		if _, err := Parse([]byte(strings.ReplaceAll(string(file), change[0], change[1]))); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	twice := (&Keys{}).With(k).With(k)
	file, _ = twice.File()
	if _, err := Parse(file); err == nil {
		t.Error("the same key twice is taken")
	}
}

func TestAssertions(t *testing.T) {
	sk, secret := made(t, Secret)
	other, _ := made(t, Secret)
	pk, public := made(t, Publishable)
	s := reread(t, secret, public)
	good, err := Assert(sk, "u-17.ä", now.Add(10*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if user, err := s.Asserted([]byte(good), now); err != nil || user != "u-17.ä" {
		t.Fatalf("%q, %v", user, err)
	}
	refused := func(what, text string, at time.Time) {
		t.Helper()
		if user, err := s.Asserted([]byte(text), at); err != ErrAssertion || user != "" {
			t.Errorf("%s: %q, %v", what, user, err)
		}
	}
	refused("expired", good, now.Add(10*time.Minute))
	refused("too long a life", good, now.Add(-51*time.Minute))
	foreign, _ := Assert(other, "u-17", now.Add(time.Minute))
	refused("of a key we don't know", foreign, now)
	for i := range good {
		changed := []byte(good)
		changed[i] ^= 1
		refused("a bit changed", string(changed), now)
		refused("cut", good[:i], now)
	}
	for _, text := range []string{"", ".", "....", strings.Repeat(".", 2000), good + ".", good + "\n"} {
		refused("nonsense", text, now)
	}
	if _, err := Assert(pk, "u", now); err == nil {
		t.Error("a publishable key asserts")
	}
	if _, err := Assert(sk, "", now); err == nil {
		t.Error("an assertion for nobody")
	}
}

func TestFindAllocatesNothing(t *testing.T) {
	pk, public := made(t, Publishable)
	s := reread(t, public)
	text := []byte(pk)
	testkit.Allocs(t, 0, func() {
		if s.Find(text) == nil {
			t.Fatal("not found")
		}
	})
}

func FuzzParse(f *testing.F) {
	_, k, _ := New(Secret, nil, "note", now)
	file, _ := (&Keys{}).With(k).File()
	f.Add(file)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			return
		}
		file, err := s.File()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(file); err != nil {
			t.Fatalf("%s\nis read, yet written as\n%s\n%v", b, file, err)
		}
	})
}
