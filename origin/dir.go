package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
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

// Lock keeps other publishers out. One before may have been killed between a rename and its sync: what it finished is made
// durable before anything is built upon it, what it did not finish is removed.
func (d *Dir) Lock(context.Context) (io.Closer, error) {
	if err := d.mkdir(d.root); err != nil {
		return nil, fmt.Errorf("origin: %w", err)
	}
	lock, err := d.fs.Lock(path.Join(d.root, lockName))
	if err != nil {
		return nil, fmt.Errorf("origin %s: %w: wait for it to end (%w)", d.root, ErrLocked, err)
	}
	if err := d.settle(d.root); err != nil {
		return nil, errors.Join(fmt.Errorf("origin: %w", err), lock.Close())
	}
	return lock, nil
}

// settle does for a directory of the layout, and those in it, what whoever wrote them last may not have come to.
func (d *Dir) settle(dir string) error {
	entries, err := d.fs.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case e.IsDir() && d.holds(name):
			err = d.settle(name)
		case vfs.IsTemp(name):
			err = d.fs.Remove(name)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(d.fs.Share(dir), d.fs.SyncDir(dir))
}

// holds reports whether a directory is one of the layout: an origin may stand among other things.
func (d *Dir) holds(dir string) bool {
	top, below, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(dir, d.root), "/"), "/")
	return slices.Contains([]string{"roots", "manifests", "chunks"}, top) && (below == "" || top == "chunks" && len(below) == 2)
}
