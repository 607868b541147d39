//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package vfs

import "os"

// syncDir does nothing: these systems have no handle of a directory to sync.
func syncDir(dir string) error {
	_, err := os.Stat(dir)
	return err
}

const openNow = 0 // these systems open what they have at once

// mapFile reads the file: slower to open and in memory twice, but right.
func mapFile(name string) (Mapping, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return heap(b), nil
}
