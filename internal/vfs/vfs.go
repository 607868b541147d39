// Package vfs is the file system as an interface, so that tests can take a disk away.
//
// Everything in edged that writes goes through an FS. Three exist: OS, the real one; Mem, which loses what was not
// synced when it crashes; Faulty, which fails a chosen operation of another. The rule for durable files is one:
// write, fsync, rename, fsync the directory (WriteFile does all four).
package vfs

import (
	"io"
	"io/fs"
)

// File is an open file. It is not safe for concurrent use, except ReadAt.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer // appends after what was written or read so far by this handle
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error               // data and size are durable after it; the name is not (see FS.SyncDir)
	Truncate(size int64) error // only for files opened by Append
}

// FS is a file system. All methods are safe for concurrent use. Names are slash-separated paths as the OS takes them.
type FS interface {
	Open(name string) (File, error)   // for reading
	Create(name string) (File, error) // for writing, mode 0600, truncated if it exists
	Append(name string) (File, error) // for reading and writing at its end, created if absent
	Rename(from, to string) error     // replaces a file called to atomically; a directory there is an error
	Remove(name string) error
	RemoveAll(name string) error
	MkdirAll(dir string) error                 // modes 0700; the directories it made are durable when it returns
	ReadDir(dir string) ([]fs.DirEntry, error) // sorted by name
	Stat(name string) (fs.FileInfo, error)
	Share(name string) error  // lets every user of the machine read a file, or enter a directory; until then only the owner may
	SyncDir(dir string) error // makes creations, renames and removals in dir durable
	// Lock takes an exclusive lock on name, created if absent, until closed or the process ends. It does not wait:
	// a held lock is an error.
	Lock(name string) (io.Closer, error)
	// Map maps a file read-only. The bytes are valid until Unmap; a file truncated meanwhile faults on access.
	Map(name string) (Mapping, error)
}

// Mapping is a file mapped into memory.
type Mapping interface {
	Bytes() []byte
	Unmap() error
}
