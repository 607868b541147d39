//go:build !linux

package snapshot

func wantLargePages([]byte) {}
