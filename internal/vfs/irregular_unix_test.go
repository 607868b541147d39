//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package vfs_test

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/edged/edged/internal/vfs"
)

// What is no file is refused at once; a pipe that nobody writes to would be waited for without an end.
func TestReadFileOfWhatIsNoFile(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{pipe, "/dev/zero", "/dev/null"} {
		if _, err := vfs.ReadFile(vfs.OS, name, 100); !errors.Is(err, vfs.ErrIrregular) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
