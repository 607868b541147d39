package vfs

import (
	"errors"
	"io/fs"
	"syscall"
)

// ReadOnly reports whether an error says that nothing may be written there: the disk is mounted so, or belongs to others.
func ReadOnly(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
}
