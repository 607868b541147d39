package snapshot

import "golang.org/x/sys/unix"

// wantLargePages asks for large pages before the memory is first touched. Where the system does not give any, all stays as it was.
func wantLargePages(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
