package bench

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// pinThread keeps the calling thread, which must be locked, to one core until undo.
func pinThread(core int) (undo func(), err error) {
	var before, only unix.CPUSet
	only.Set(core)
	if err = unix.SchedGetaffinity(0, &before); err == nil {
		err = unix.SchedSetaffinity(0, &only)
	}
	if err != nil {
		return nil, fmt.Errorf("core %d: %w", core, err)
	}
	return func() { _ = unix.SchedSetaffinity(0, &before) }, nil
}
