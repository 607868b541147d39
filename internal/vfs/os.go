package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrLocked is wrapped by the error of Lock when somebody else holds the lock.
var ErrLocked = errors.New("locked by another process")

var errNotAppend = errors.New("only files opened by Append can be truncated")

// OS is the file system of the machine.
var OS FS = osFS{}

type osFS struct{}

type osFile struct {
	*os.File
	appends bool
}

func (f osFile) Truncate(size int64) error {
	if !f.appends {
		return &fs.PathError{Op: "truncate", Path: f.Name(), Err: errNotAppend}
	}
	return f.File.Truncate(size)
}

// Open refuses directories at once: os.Open takes them and fails at the first read.
func (osFS) Open(name string) (File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: errIsDir}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return osFile{File: f}, nil
}

// openRegular refuses what is no file before it is opened, for that alone may wait, and does not wait where it has become one meanwhile.
func (osFS) openRegular(name string) (File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errIsDir}
	}
	if !info.Mode().IsRegular() {
		return nil, irregular(name, info)
	}
	f, err := os.OpenFile(name, os.O_RDONLY|openNow, 0)
	if err != nil {
		return nil, err
	}
	return osFile{File: f}, nil
}

func (osFS) Create(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{File: f}, nil
}

func (osFS) Append(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{File: f, appends: true}, nil
}

func (osFS) Rename(from, to string) error              { return os.Rename(from, to) }
func (osFS) Remove(name string) error                  { return os.Remove(name) }
func (osFS) RemoveAll(name string) error               { return os.RemoveAll(name) }
func (osFS) ReadDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }
func (osFS) Stat(name string) (fs.FileInfo, error)     { return os.Stat(name) }
func (osFS) SyncDir(dir string) error                  { return syncDir(dir) }
func (osFS) Map(name string) (Mapping, error)          { return mapFile(name) }

// MkdirAll makes one missing level at a time, and syncs the directory each stands in.
func (o osFS) MkdirAll(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: errNotDir}
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := o.MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

func (osFS) Share(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.Chmod(name, 0o755)
	}
	return os.Chmod(name, 0o644)
}

type osLock struct{ f *os.File }

func (l osLock) Close() error { return l.f.Close() } // the system drops the lock with the handle

func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return osLock{f}, nil
}

// heap is the mapping of systems without one, and of empty files, which no system maps.
type heap []byte

func (h heap) Bytes() []byte { return h }
func (h heap) Unmap() error  { return nil }
