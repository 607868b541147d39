package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

var (
	errIsDir     = errors.New("is a directory")
	errNotDir    = errors.New("not a directory")
	errNotEmpty  = errors.New("directory not empty")
	errInside    = errors.New("a directory cannot move into itself")
	errOverwrite = errors.New("another handle has written here")
)

// Mem is a file system in memory that remembers what a power loss would leave of it, see Crash.
//
// Relative names count from the root, which always exists. Like the other file systems it is safe for concurrent use.
// Stricter than a real one, it fails a write over bytes that another handle wrote meanwhile.
type Mem struct {
	mu   sync.Mutex
	root *node
}

// node is a file or a directory. Files only grow at their end or are cut, so what is durable of one is a prefix.
type node struct {
	dir     bool
	live    map[string]*node // of a directory: as the process sees it
	durable map[string]*node // of a directory: as after power loss
	data    []byte
	synced  int // data[:synced] survives power loss
	locked  bool
	mod     time.Time
}

// NewMem returns an empty file system.
func NewMem() *Mem { return &Mem{root: newDir()} }

func newDir() *node {
	return &node{dir: true, live: map[string]*node{}, durable: map[string]*node{}, mod: time.Now()}
}

// Crash returns the disk as it would be after power loss now; m itself goes on unharmed. Names created, renamed or
// removed since the last SyncDir of their directory are back where they were. Of bytes written since a file's last
// Sync, n in number, the first keep(n) are there; nil keeps none. A file cut since stays cut. Nothing is locked.
// keep is called in the order of paths.
func (m *Mem) Crash(keep func(unsynced int) int) *Mem {
	if keep == nil {
		keep = func(int) int { return 0 }
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Mem{root: m.root.after(keep)}
}

// Kill returns the disk as it would be after the process was killed now: all that was written is there, nothing is
// locked, and nothing more is durable than was. m itself goes on unharmed.
func (m *Mem) Kill() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Mem{root: m.root.clone(map[*node]*node{})}
}

// clone copies n and what is below it, by the names it has now and by those it would have after power loss.
func (n *node) clone(done map[*node]*node) *node {
	if c := done[n]; c != nil {
		return c
	}
	c := &node{dir: n.dir, data: slices.Clone(n.data), synced: n.synced, mod: n.mod}
	done[n] = c
	if n.dir {
		c.live, c.durable = map[string]*node{}, map[string]*node{}
		for name, child := range n.live {
			c.live[name] = child.clone(done)
		}
		for name, child := range n.durable {
			c.durable[name] = child.clone(done)
		}
	}
	return c
}

// after copies the tree below n by its durable names, everything in the copy being durable.
func (n *node) after(keep func(int) int) *node {
	if !n.dir {
		k := min(max(keep(len(n.data)-n.synced), 0), len(n.data)-n.synced)
		data := slices.Clone(n.data[:n.synced+k])
		return &node{data: data, synced: len(data), mod: n.mod}
	}
	c := newDir()
	c.mod = n.mod
	for _, name := range sortedNames(n.durable) {
		child := n.durable[name].after(keep)
		c.live[name], c.durable[name] = child, child
	}
	return c
}

func sortedNames(m map[string]*node) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func split(name string) []string {
	name = strings.Trim(path.Clean("/"+name), "/")
	if name == "" {
		return nil
	}
	return strings.Split(name, "/")
}

func pathErr(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// walk follows parts from the root.
func (m *Mem) walk(parts []string) (*node, error) {
	n := m.root
	for _, p := range parts {
		if !n.dir {
			return nil, errNotDir
		}
		next, ok := n.live[p]
		if !ok {
			return nil, fs.ErrNotExist
		}
		n = next
	}
	return n, nil
}

// find returns the node called name.
func (m *Mem) find(op, name string) (*node, error) {
	n, err := m.walk(split(name))
	if err != nil {
		return nil, pathErr(op, name, err)
	}
	return n, nil
}

// parent returns the directory name stands in, and the last element of name.
func (m *Mem) parent(op, name string) (*node, string, error) {
	parts := split(name)
	if len(parts) == 0 {
		return nil, "", pathErr(op, name, fs.ErrInvalid)
	}
	dir, err := m.walk(parts[:len(parts)-1])
	if err == nil && !dir.dir {
		err = errNotDir
	}
	if err != nil {
		return nil, "", pathErr(op, name, err)
	}
	return dir, parts[len(parts)-1], nil
}

// file returns the file called name, made if absent.
func (m *Mem) file(op, name string) (*node, error) {
	dir, base, err := m.parent(op, name)
	if err != nil {
		return nil, err
	}
	n, ok := dir.live[base]
	if !ok {
		n = &node{mod: time.Now()}
		dir.live[base] = n
	}
	if n.dir {
		return nil, pathErr(op, name, errIsDir)
	}
	return n, nil
}

// Open opens a file for reading.
func (m *Mem) Open(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("open", name)
	if err != nil {
		return nil, err
	}
	if n.dir {
		return nil, pathErr("open", name, errIsDir)
	}
	return &memFile{m: m, n: n, name: name, reads: true}, nil
}

// Create opens a file for writing, empty.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.file("create", name)
	if err != nil {
		return nil, err
	}
	n.cut(0)
	return &memFile{m: m, n: n, name: name, writes: true}, nil
}

// Append opens a file for reading, and writing at its end.
func (m *Mem) Append(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.file("append", name)
	if err != nil {
		return nil, err
	}
	return &memFile{m: m, n: n, name: name, reads: true, writes: true, appends: true}, nil
}

// Rename moves a file or directory, replacing a file of the new name.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	src, a, err := m.parent("rename", from)
	if err != nil {
		return err
	}
	n, ok := src.live[a]
	if !ok {
		return pathErr("rename", from, fs.ErrNotExist)
	}
	if n.dir && inside(split(from), split(to)) {
		return pathErr("rename", to, errInside)
	}
	dst, b, err := m.parent("rename", to)
	if err != nil {
		return err
	}
	if err := replaceable(n, dst.live[b]); err != nil {
		return pathErr("rename", to, err)
	}
	delete(src.live, a)
	dst.live[b] = n
	return nil
}

func inside(dir, p []string) bool { return len(p) > len(dir) && slices.Equal(dir, p[:len(dir)]) }

// replaceable says why n can't take the place of old. A directory takes no other's place, empty or not, as in package os.
func replaceable(n, old *node) error {
	switch {
	case old == nil || old == n:
		return nil
	case old.dir:
		return fs.ErrExist
	case n.dir:
		return errNotDir
	}
	return nil
}

// Remove removes a file or an empty directory.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("remove", name)
	if err != nil {
		return err
	}
	n, ok := dir.live[base]
	if !ok {
		return pathErr("remove", name, fs.ErrNotExist)
	}
	if n.dir && len(n.live) > 0 {
		return pathErr("remove", name, errNotEmpty)
	}
	delete(dir.live, base)
	return nil
}

// RemoveAll removes name and what is below it, if it is there.
func (m *Mem) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("remove", name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	delete(dir.live, base)
	return nil
}

// MkdirAll makes a directory and those above it.
func (m *Mem) MkdirAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.root
	for _, p := range split(name) {
		next, ok := n.live[p]
		if !ok {
			next = newDir()
			n.live[p], n.durable[p] = next, next
		}
		if !next.dir {
			return pathErr("mkdir", name, errNotDir)
		}
		n = next
	}
	return nil
}

// ReadDir lists a directory by name.
func (m *Mem) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.directory("readdir", name)
	if err != nil {
		return nil, err
	}
	list := make([]fs.DirEntry, 0, len(n.live))
	for _, base := range sortedNames(n.live) {
		list = append(list, fs.FileInfoToDirEntry(n.live[base].info(base)))
	}
	return list, nil
}

func (m *Mem) directory(op, name string) (*node, error) {
	n, err := m.find(op, name)
	if err == nil && !n.dir {
		return nil, pathErr(op, name, errNotDir)
	}
	return n, err
}

// Stat describes a file or directory.
func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("stat", name)
	if err != nil {
		return nil, err
	}
	return n.info(path.Base(path.Clean("/" + name))), nil
}

// Share finds the file; a Mem has one user.
func (m *Mem) Share(name string) error {
	_, err := m.Stat(name)
	return err
}

// SyncDir makes the names in a directory durable, not those below.
func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.directory("sync", name)
	if err != nil {
		return err
	}
	clear(n.durable)
	for base, child := range n.live {
		n.durable[base] = child
	}
	return nil
}

type memLock struct {
	m    *Mem
	n    *node
	once sync.Once
}

func (l *memLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	l.once.Do(func() { l.n.locked = false })
	return nil
}

// Lock takes the lock of a file.
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.file("lock", name)
	if err != nil {
		return nil, err
	}
	if n.locked {
		return nil, pathErr("lock", name, ErrLocked)
	}
	n.locked = true
	return &memLock{m: m, n: n}, nil
}

// Map returns the bytes of a file as they are now; they never fault.
func (m *Mem) Map(name string) (Mapping, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("map", name)
	if err != nil {
		return nil, err
	}
	if n.dir {
		return nil, pathErr("map", name, errIsDir)
	}
	return heap(n.data[:len(n.data):len(n.data)]), nil
}
