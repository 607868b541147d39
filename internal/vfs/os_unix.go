//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package vfs

import (
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

const openNow = unix.O_NONBLOCK // a pipe nobody writes to opens as well

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

// lockFile uses flock: it belongs to the open file, so that two handles of one process exclude each other as well,
// and the kernel lets go of it however the process ends.
func lockFile(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}

type mapping []byte

func (m *mapping) Bytes() []byte { return *m }

func (m *mapping) Unmap() error {
	b := *m
	if b == nil {
		return nil
	}
	*m = nil
	return unix.Munmap(b)
}

func mapFile(name string) (Mapping, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the mapping outlives the handle
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if size == 0 {
		return heap{}, nil
	}
	if size > math.MaxInt {
		return nil, fmt.Errorf("map %s: %d bytes do not fit in the address space", name, size)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", name, err)
	}
	m := mapping(b)
	return &m, nil
}
