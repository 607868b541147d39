package calm

import "syscall"

// niceness of the work beside that of requests: nine times less where both want a core, yet never so little that a lock of the Go
// runtime, held by a thread that other programs on a busy machine keep from running, would hold up the node for long.
const niceness = 10

// stepBack lowers the priority of the calling thread. Where that is not allowed it stays as it is.
func stepBack() {
	if own, err := threadPriority(); err == nil {
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), min(19, own+niceness))
	}
}

// threadPriority is the niceness of the calling thread.
func threadPriority() (int, error) {
	raw, err := syscall.Getpriority(syscall.PRIO_PROCESS, syscall.Gettid())
	return 20 - raw, err // the system call gives 20 less the niceness, so that it is never negative
}
