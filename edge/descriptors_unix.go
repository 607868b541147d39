//go:build unix

package edge

import "syscall"

// descriptors is how many files and connections the process may have open, 0 if it can't be told. Go has raised that to as many as the system lets
// it, before main began.
func descriptors() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return uint64(limit.Cur)
}
