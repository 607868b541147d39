package vfs

import (
	"io"
	"io/fs"
	"time"
)

// cut shortens a file. The capacity goes too, so that bytes written later do not appear in a mapping taken before.
func (n *node) cut(size int) {
	n.data = n.data[:size:size]
	n.synced = min(n.synced, size)
	n.mod = time.Now()
}

func (n *node) info(name string) fs.FileInfo {
	return memInfo{name: name, size: int64(len(n.data)), mod: n.mod, dir: n.dir}
}

type memInfo struct {
	name string
	size int64
	mod  time.Time
	dir  bool
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return i.mod }
func (i memInfo) IsDir() bool        { return i.dir }
func (i memInfo) Sys() any           { return nil }

func (i memInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o700
	}
	return 0o600
}

// memFile is a handle: it holds the node, so it works on after the name has gone.
type memFile struct {
	m                      *Mem
	n                      *node
	name                   string
	off                    int
	reads, writes, appends bool
	closed                 bool
}

// use locks the file system if the handle is fit for an operation.
func (f *memFile) use(op string, fit bool) (unlock func(), err error) {
	f.m.mu.Lock()
	switch {
	case f.closed:
		err = fs.ErrClosed
	case !fit:
		err = fs.ErrPermission
	}
	if err != nil {
		f.m.mu.Unlock()
		return nil, pathErr(op, f.name, err)
	}
	return f.m.mu.Unlock, nil
}

func (f *memFile) Read(p []byte) (int, error) {
	unlock, err := f.use("read", f.reads)
	if err != nil {
		return 0, err
	}
	defer unlock()
	if len(p) == 0 {
		return 0, nil
	}
	if f.off >= len(f.n.data) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[f.off:])
	f.off += n
	return n, nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	unlock, err := f.use("read", f.reads)
	if err != nil {
		return 0, err
	}
	defer unlock()
	if off < 0 {
		return 0, pathErr("read", f.name, fs.ErrInvalid)
	}
	if off >= int64(len(f.n.data)) && len(p) > 0 {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[min(off, int64(len(f.n.data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Write(p []byte) (int, error) {
	unlock, err := f.use("write", f.writes)
	if err != nil {
		return 0, err
	}
	defer unlock()
	if gap := f.off - len(f.n.data); !f.appends && gap > 0 {
		f.n.data = append(f.n.data, make([]byte, gap)...) // cut by another handle: the system fills with zeros
	}
	if !f.appends && f.off < len(f.n.data) {
		return 0, pathErr("write", f.name, errOverwrite)
	}
	f.n.data = append(f.n.data, p...)
	f.off = len(f.n.data)
	f.n.mod = time.Now()
	return len(p), nil
}

func (f *memFile) Close() error {
	unlock, err := f.use("close", true)
	if err != nil {
		return err
	}
	defer unlock()
	f.closed = true
	return nil
}

func (f *memFile) Stat() (fs.FileInfo, error) {
	unlock, err := f.use("stat", true)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return f.n.info(f.name), nil
}

func (f *memFile) Sync() error {
	unlock, err := f.use("sync", true)
	if err != nil {
		return err
	}
	defer unlock()
	f.n.synced = len(f.n.data)
	return nil
}

func (f *memFile) Truncate(size int64) error {
	unlock, err := f.use("truncate", true)
	if err != nil {
		return err
	}
	defer unlock()
	if !f.appends {
		return pathErr("truncate", f.name, errNotAppend)
	}
	if size < 0 {
		return pathErr("truncate", f.name, fs.ErrInvalid)
	}
	if grow := size - int64(len(f.n.data)); grow > 0 {
		f.n.data = append(f.n.data, make([]byte, grow)...)
		return nil
	}
	f.n.cut(int(size))
	return nil
}
