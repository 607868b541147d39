package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync"

	"github.com/edged/edged/internal/vfs"
)

const lockName = ".lock" // no name of the layout begins with a dot

// Dir is an origin in a directory: local, or mounted on every node.
type Dir struct {
	fs   vfs.FS
	root string

	mu   sync.Mutex
	made map[string]bool // directories known to be there, durably
}

// NewDir is the origin in the directory root, which the first Put makes.
func NewDir(fsys vfs.FS, root string) *Dir {
	return &Dir{fs: fsys, root: path.Clean(root), made: map[string]bool{}}
}

// String is the directory.
func (d *Dir) String() string { return d.root }

// Get reads a file.
func (d *Dir) Get(ctx context.Context, name string, max int64) ([]byte, error) {
	if err := errors.Join(ctx.Err(), CheckName(name)); err != nil {
		return nil, err
	}
	b, err := vfs.ReadFile(d.fs, path.Join(d.root, name), max)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, rootErr := d.fs.Stat(d.root); rootErr != nil { // away is not the same as empty
			return nil, fmt.Errorf("origin %s: %w", d.root, rootErr)
		}
		return nil, fmt.Errorf("origin %s: %s: %w", d.root, name, ErrNotFound)
	case errors.Is(err, vfs.ErrTooLarge):
		return nil, fmt.Errorf("origin %s: %s: %w: more than %d bytes", d.root, name, ErrTooLarge, max)
	case err != nil:
		return nil, fmt.Errorf("origin: %w", err)
	}
	return b, nil
}

// Put writes a file by way of a temporary one beside it. Everyone on the machine may read an origin: what is in it is signed,
// and nodes need not run as the publisher.
func (d *Dir) Put(ctx context.Context, name string, data []byte) error {
	if err := errors.Join(ctx.Err(), CheckName(name)); err != nil {
		return err
	}
	file := path.Join(d.root, name)
	if err := d.mkdir(path.Dir(file)); err != nil {
		return fmt.Errorf("origin: %w", err)
	}
	if err := vfs.WriteSharedFile(d.fs, file, data); err != nil {
		return fmt.Errorf("origin: %w", err)
	}
	return nil
}

// mkdir makes dir and all above it, durably: a file is as lasting as the names on the way to it.
func (d *Dir) mkdir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made[dir] {
		return nil
	}
	if err := d.fs.MkdirAll(dir); err != nil {
		return err
	}
	if err := d.fs.Share(dir); err != nil {
		return err
	}
	for up := dir; up != d.root; up = path.Dir(up) {
		if err := errors.Join(d.fs.Share(path.Dir(up)), d.fs.SyncDir(path.Dir(up))); err != nil {
			return err
		}
	}
	if err := d.fs.SyncDir(path.Dir(d.root)); err != nil {
		return err
	}
	d.made[dir] = true
	return nil
}

// Lock keeps other publishers out.
func (d *Dir) Lock(context.Context) (io.Closer, error) {
	if err := d.mkdir(d.root); err != nil {
		return nil, fmt.Errorf("origin: %w", err)
	}
	lock, err := d.fs.Lock(path.Join(d.root, lockName))
	if err != nil {
		return nil, fmt.Errorf("origin %s: %w: wait for it to end (%w)", d.root, ErrLocked, err)
	}
	return lock, nil
}
