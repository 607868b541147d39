//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package vfs

import (
	"errors"
	"os"
)

// lockFile refuses: a lock that does not lock would cost data.
func lockFile(*os.File) error { return errors.ErrUnsupported }
