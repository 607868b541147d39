package serve

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/snapshot"
)

// TestFaultIsTold cuts the files of a release under the server: each request that meets it tells so once.
func TestFaultIsTold(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("mapped files can't be cut here")
	}
	told := 0
	f := newFixture(t, func(c *Config) {
		c.Fault = func(err error) {
			told++
			if !errors.Is(err, snapshot.ErrFault) {
				t.Error(err)
			}
		}
	})
	cut := f.publishFiles()
	for _, files := range [][]string{nil, cut[1:], cut} {
		for _, name := range files {
			if err := os.Truncate(name, 0); err != nil {
				t.Fatal(err)
			}
		}
		f.server.finished.cache.Clear()
		broken, noModel := len(files) > 0, len(files) > 1
		for _, c := range []struct {
			target string
			fails  bool // the answer
			meets  bool // the fault
		}{
			{"/v1/items/lamp-1", broken, broken},
			{"/v1/popular?fields=title", broken, broken},
			{"/v1/items/lamp-1/similar?fields=title", broken, broken}, // twice, where both files are cut
			{"/v1/items/lamp-1/similar", false, noModel},
			{"/v1/popular", false, false},
		} {
			want := 200
			if c.fails {
				want = 500
			}
			told = 0
			if r := f.get(c.target); r.status != want || (told == 1) != c.meets || told > 1 {
				t.Errorf("%d files cut: %s: %d, told %d times", len(files), c.target, r.status, told)
			}
		}
	}
}

// publishFiles makes a release on disk the current one, and returns its files.
func (f *fixture) publishFiles() []string {
	f.t.Helper()
	names := []string{filepath.Join(f.t.TempDir(), "model"), filepath.Join(f.t.TempDir(), "catalogue")}
	m, c := shopFiles(f.t, "")
	if err := errors.Join(vfs.WriteFile(vfs.OS, names[0], m), vfs.WriteFile(vfs.OS, names[1], c)); err != nil {
		f.t.Fatal(err)
	}
	opened, err := model.OpenFiles(vfs.OS, names[0], names[1])
	if err != nil {
		f.t.Fatal(err)
	}
	f.releases.Store(rank.New(opened, rank.Release{ID: "2-bbbb", Version: 2, Created: start}))
	return names
}
