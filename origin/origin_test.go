package origin_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/origin/origintest"
)

func TestDir(t *testing.T) {
	t.Run("Mem", func(t *testing.T) {
		origintest.Run(t, func(*testing.T) origin.Origin { return origin.NewDir(vfs.NewMem(), "a/origin") })
	})
	t.Run("OS", func(t *testing.T) {
		origintest.Run(t, func(t *testing.T) origin.Origin {
			return origin.NewDir(vfs.OS, filepath.ToSlash(t.TempDir())+"/origin")
		})
	})
}

// TestDurable: what Put acknowledged is there after power loss.
func TestDurable(t *testing.T) {
	fsys := vfs.NewMem()
	if err := origin.NewDir(fsys, "a/b").Put(t.Context(), "chunks/aa/aabb", []byte("data")); err != nil {
		t.Fatal(err)
	}
	after := origin.NewDir(fsys.Crash(func(int) int { return 0 }), "a/b")
	if b, err := after.Get(t.Context(), "chunks/aa/aabb", 10); err != nil || string(b) != "data" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestAway: an origin that is not there is another matter than a name that is not.
func TestAway(t *testing.T) {
	_, err := origin.NewDir(vfs.NewMem(), "away").Get(t.Context(), "a", 10)
	if err == nil || errors.Is(err, origin.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestOpen(t *testing.T) {
	for address, want := range map[string]string{
		"/srv/origin": "/srv/origin", "origin/": "origin", "file:///srv/origin": "/srv/origin", "file://localhost/srv/a%20b": "/srv/a b",
		"": "", "http://example.com/x/": "http://example.com/x", "https://u:p@example.com": "https://example.com", "https://": "", "gs://bucket": "", "file://host/x": "", "file://": "", "file:///x?y": "",
	} {
		o, err := origin.Open(vfs.OS, address)
		if (err != nil) != (want == "") || (err == nil && o.String() != want) {
			t.Errorf("%q: %v, %v; want %q", address, o, err, want)
		}
	}
}
