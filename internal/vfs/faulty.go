package vfs

import (
	"errors"
	"io"
	"io/fs"
	"sync/atomic"
)

// OpName names an operation of an FS, or of a File opened by it.
type OpName string

// The operations Faulty asks about. OpClose is the closing of a file; closing a lock never fails.
const (
	OpOpen      OpName = "open"
	OpCreate    OpName = "create"
	OpAppend    OpName = "append"
	OpRename    OpName = "rename"
	OpRemove    OpName = "remove"
	OpRemoveAll OpName = "removeall"
	OpMkdirAll  OpName = "mkdirall"
	OpReadDir   OpName = "readdir"
	OpStat      OpName = "stat"
	OpShare     OpName = "share"
	OpSyncDir   OpName = "syncdir"
	OpLock      OpName = "lock"
	OpMap       OpName = "map"
	OpRead      OpName = "read"
	OpWrite     OpName = "write"
	OpSync      OpName = "sync"
	OpTruncate  OpName = "truncate"
	OpClose     OpName = "close"
)

// Changes reports whether the operation alters what a disk holds, now or after power loss: a crash between two
// others looks the same as one after them.
func (o OpName) Changes() bool {
	switch o {
	case OpCreate, OpAppend, OpRename, OpRemove, OpRemoveAll, OpMkdirAll, OpShare, OpSyncDir, OpLock, OpWrite, OpSync, OpTruncate:
		return true
	}
	return false
}

// Op is one operation about to happen.
type Op struct {
	Name OpName
	Path string // of a rename: the new name
	N    int    // counts the operations of the file system, from 1
}

type faulty struct {
	fs   FS
	fail func(Op) error
	n    atomic.Int64
}

// Faulty returns fsys with every operation first asked of fail: an error is returned to the caller in its place.
// A Write that fails with io.ErrShortWrite has written half of its bytes, any other operation that fails has done
// nothing, but for Close, which closes. fail is called by all who use the file system, possibly at once.
func Faulty(fsys FS, fail func(Op) error) FS { return &faulty{fs: fsys, fail: fail} }

func (f *faulty) ask(name OpName, path string) error {
	return f.fail(Op{Name: name, Path: path, N: int(f.n.Add(1))})
}

func (f *faulty) open(op OpName, name string, open func(string) (File, error)) (File, error) {
	if err := f.ask(op, name); err != nil {
		return nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, fs: f, name: name}, nil
}

func (f *faulty) do(op OpName, name string, do func(string) error) error {
	if err := f.ask(op, name); err != nil {
		return err
	}
	return do(name)
}

func (f *faulty) Open(name string) (File, error)   { return f.open(OpOpen, name, f.fs.Open) }
func (f *faulty) Create(name string) (File, error) { return f.open(OpCreate, name, f.fs.Create) }
func (f *faulty) Append(name string) (File, error) { return f.open(OpAppend, name, f.fs.Append) }
func (f *faulty) Remove(name string) error         { return f.do(OpRemove, name, f.fs.Remove) }
func (f *faulty) RemoveAll(name string) error      { return f.do(OpRemoveAll, name, f.fs.RemoveAll) }
func (f *faulty) MkdirAll(dir string) error        { return f.do(OpMkdirAll, dir, f.fs.MkdirAll) }
func (f *faulty) Share(name string) error          { return f.do(OpShare, name, f.fs.Share) }
func (f *faulty) SyncDir(dir string) error         { return f.do(OpSyncDir, dir, f.fs.SyncDir) }

func (f *faulty) Rename(from, to string) error {
	return f.do(OpRename, to, func(to string) error { return f.fs.Rename(from, to) })
}

func (f *faulty) ReadDir(dir string) ([]fs.DirEntry, error) {
	if err := f.ask(OpReadDir, dir); err != nil {
		return nil, err
	}
	return f.fs.ReadDir(dir)
}

func (f *faulty) Stat(name string) (fs.FileInfo, error) {
	if err := f.ask(OpStat, name); err != nil {
		return nil, err
	}
	return f.fs.Stat(name)
}

func (f *faulty) Lock(name string) (io.Closer, error) {
	if err := f.ask(OpLock, name); err != nil {
		return nil, err
	}
	return f.fs.Lock(name)
}

func (f *faulty) Map(name string) (Mapping, error) {
	if err := f.ask(OpMap, name); err != nil {
		return nil, err
	}
	return f.fs.Map(name)
}

type faultyFile struct {
	File
	fs   *faulty
	name string
}

func (f *faultyFile) Read(p []byte) (int, error) {
	if err := f.fs.ask(OpRead, f.name); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.ask(OpRead, f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *faultyFile) Write(p []byte) (int, error) {
	err := f.fs.ask(OpWrite, f.name)
	if errors.Is(err, io.ErrShortWrite) {
		n, werr := f.File.Write(p[:len(p)/2])
		return n, errors.Join(err, werr)
	}
	if err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *faultyFile) Stat() (fs.FileInfo, error) {
	if err := f.fs.ask(OpStat, f.name); err != nil {
		return nil, err
	}
	return f.File.Stat()
}

func (f *faultyFile) Sync() error {
	if err := f.fs.ask(OpSync, f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.fs.ask(OpTruncate, f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Close() error {
	return errors.Join(f.fs.ask(OpClose, f.name), f.File.Close())
}
