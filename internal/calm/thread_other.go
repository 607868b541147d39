//go:build !linux

package calm

// stepBack does nothing: only Linux has priorities of threads.
func stepBack() {}
