package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/edged/edged/internal/vfs"
)

// suite is what every FS owes its users; each case gets an empty directory.
var suite = map[string]func(t *testing.T, f vfs.FS, dir string){
	"create writes, open reads": createOpen,
	"create empties":            createEmpties,
	"append reads and adds":     appendReadsAdds,
	"truncate is for append":    truncates,
	"missing names":             missing,
	"directories are not files": directories,
	"rename replaces":           renames,
	"rename keeps open handles": renameOpen,
	"rename of directories":     renameDirs,
	"remove":                    removes,
	"readdir is sorted":         lists,
	"lock excludes":             locks,
	"map":                       maps,
	"map keeps removed files":   mapRemoved,
	"closed handles":            closed,
	"writefile and readfile":    wholeFiles,
	"readfile bounds":           bounds,
	"mkdirall stops at files":   mkdirFile,
	"readat":                    readAt,
	"read handles do not write": readOnly,
	"write handles do not read": writeOnly,
}

func TestConformance(t *testing.T) {
	kinds := map[string]func(t *testing.T) (vfs.FS, string){
		"os":  func(t *testing.T) (vfs.FS, string) { return vfs.OS, t.TempDir() },
		"mem": func(t *testing.T) (vfs.FS, string) { return memDir(t) },
		"faulty": func(t *testing.T) (vfs.FS, string) {
			m, dir := memDir(t)
			return vfs.Faulty(m, func(vfs.Op) error { return nil }), dir
		},
	}
	for kind, open := range kinds {
		for name, run := range suite {
			t.Run(kind+"/"+name, func(t *testing.T) {
				f, dir := open(t)
				run(t, f, dir)
			})
		}
	}
}

func memDir(t *testing.T) (*vfs.Mem, string) {
	m := vfs.NewMem()
	must(t, m.MkdirAll("/some/dir"))
	return m, "/some/dir"
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

func anyErr(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
	}
}

func write(t *testing.T, f vfs.FS, name, text string) {
	t.Helper()
	h, err := f.Create(name)
	must(t, err)
	n, err := io.WriteString(h, text)
	must(t, err)
	if n != len(text) {
		t.Fatalf("wrote %d of %d", n, len(text))
	}
	must(t, h.Close())
}

func read(t *testing.T, f vfs.FS, name string) string {
	t.Helper()
	b, err := vfs.ReadFile(f, name, 1<<20)
	must(t, err)
	return string(b)
}

func wantText(t *testing.T, f vfs.FS, name, want string) {
	t.Helper()
	if got := read(t, f, name); got != want {
		t.Errorf("%s holds %q, want %q", filepath.Base(name), got, want)
	}
}

func createOpen(t *testing.T, f vfs.FS, dir string) {
	name := filepath.Join(dir, "a")
	h, err := f.Create(name)
	must(t, err)
	for _, s := range []string{"one ", "", "two"} {
		_, err := io.WriteString(h, s)
		must(t, err)
	}
	must(t, h.Sync())
	info, err := h.Stat()
	must(t, err)
	if info.Size() != 7 || info.IsDir() {
		t.Errorf("stat of the handle: %d bytes, directory %v", info.Size(), info.IsDir())
	}
	must(t, h.Close())
	wantText(t, f, name, "one two")
	info, err = f.Stat(name)
	must(t, err)
	if info.Size() != 7 || info.Name() != "a" || info.Mode().Perm() != 0o600 {
		t.Errorf("stat: %d bytes, name %q, mode %v", info.Size(), info.Name(), info.Mode())
	}
}

func createEmpties(t *testing.T, f vfs.FS, dir string) {
	name := filepath.Join(dir, "a")
	write(t, f, name, "a longer text")
	write(t, f, name, "short")
	wantText(t, f, name, "short")
}

func appendReadsAdds(t *testing.T, f vfs.FS, dir string) {
	name := filepath.Join(dir, "log")
	for range 2 {
		h, err := f.Append(name)
		must(t, err)
		_, err = io.ReadAll(h)
		must(t, err)
		_, err = io.WriteString(h, "line\n")
		must(t, err)
		must(t, h.Close())
	}
	wantText(t, f, name, "line\nline\n")
	h, err := f.Append(name)
	must(t, err)
	head := make([]byte, 3)
	_, err = io.ReadFull(h, head)
	must(t, err)
	_, err = io.WriteString(h, "end")
	must(t, err)
	must(t, h.Close())
	wantText(t, f, name, "line\nline\nend")
	if string(head) != "lin" {
		t.Errorf("read %q from the start", head)
	}
}

func truncates(t *testing.T, f vfs.FS, dir string) {
	name := filepath.Join(dir, "log")
	write(t, f, name, "0123456789")
	h, err := f.Append(name)
	must(t, err)
	must(t, h.Truncate(4))
	_, err = io.WriteString(h, "ab")
	must(t, err)
	must(t, h.Truncate(8))
	anyErr(t, "negative size", h.Truncate(-1))
	must(t, h.Close())
	wantText(t, f, name, "0123ab\x00\x00")
	for _, open := range []func(string) (vfs.File, error){f.Open, f.Create} {
		h, err := open(name)
		must(t, err)
		anyErr(t, "truncate", h.Truncate(0))
		must(t, h.Close())
	}
}

func missing(t *testing.T, f vfs.FS, dir string) {
	name := filepath.Join(dir, "none")
	below := filepath.Join(name, "x")
	_, err := f.Open(name)
	wantErr(t, err, fs.ErrNotExist)
	_, err = f.Stat(name)
	wantErr(t, err, fs.ErrNotExist)
	_, err = f.ReadDir(name)
	wantErr(t, err, fs.ErrNotExist)
	_, err = f.Map(name)
	wantErr(t, err, fs.ErrNotExist)
	_, err = f.Create(below)
	wantErr(t, err, fs.ErrNotExist)
	_, err = f.Append(below)
	wantErr(t, err, fs.ErrNotExist)
	_, err = f.Lock(below)
	wantErr(t, err, fs.ErrNotExist)
	wantErr(t, f.Remove(name), fs.ErrNotExist)
	wantErr(t, f.Rename(name, filepath.Join(dir, "b")), fs.ErrNotExist)
	wantErr(t, f.SyncDir(name), fs.ErrNotExist)
	must(t, f.RemoveAll(name))
	must(t, f.RemoveAll(below))
}

func directories(t *testing.T, f vfs.FS, dir string) {
	_, err := f.Open(dir)
	anyErr(t, "open of a directory", err)
	_, err = f.Create(dir)
	anyErr(t, "create of a directory", err)
	_, err = f.Append(dir)
	anyErr(t, "append to a directory", err)
	_, err = f.Map(dir)
	anyErr(t, "map of a directory", err)
	info, err := f.Stat(dir)
	must(t, err)
	if !info.IsDir() {
		t.Error("stat: not a directory")
	}
	name := filepath.Join(dir, "file")
	write(t, f, name, "")
	_, err = f.ReadDir(name)
	anyErr(t, "readdir of a file", err)
	_, err = f.Create(filepath.Join(name, "x"))
	anyErr(t, "create below a file", err)
}

func renames(t *testing.T, f vfs.FS, dir string) {
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, f, a, "new")
	write(t, f, b, "old")
	must(t, f.Rename(a, b))
	wantText(t, f, b, "new")
	_, err := f.Stat(a)
	wantErr(t, err, fs.ErrNotExist)
	must(t, f.Rename(b, b))
	wantText(t, f, b, "new")
}

func renameOpen(t *testing.T, f vfs.FS, dir string) {
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, f, a, "new")
	write(t, f, b, "old")
	h, err := f.Open(b)
	must(t, err)
	must(t, f.Rename(a, b))
	got, err := io.ReadAll(h)
	must(t, err)
	must(t, h.Close())
	if string(got) != "old" {
		t.Errorf("the open handle reads %q, want what it was opened on", got)
	}
}

func renameDirs(t *testing.T, f vfs.FS, dir string) {
	from, to, full := filepath.Join(dir, "from"), filepath.Join(dir, "to"), filepath.Join(dir, "full")
	must(t, f.MkdirAll(filepath.Join(from, "sub")))
	write(t, f, filepath.Join(from, "sub", "x"), "x")
	must(t, f.MkdirAll(full))
	write(t, f, filepath.Join(full, "y"), "y")
	anyErr(t, "rename over a full directory", f.Rename(from, full))
	anyErr(t, "rename into itself", f.Rename(from, filepath.Join(from, "sub", "z")))
	anyErr(t, "directory over a file", f.Rename(from, filepath.Join(full, "y")))
	anyErr(t, "file over a directory", f.Rename(filepath.Join(full, "y"), from))
	must(t, f.MkdirAll(to))
	wantErr(t, f.Rename(from, to), fs.ErrExist)
	must(t, f.Remove(to))
	must(t, f.Rename(from, to))
	wantText(t, f, filepath.Join(to, "sub", "x"), "x")
}

func removes(t *testing.T, f vfs.FS, dir string) {
	sub := filepath.Join(dir, "sub")
	name := filepath.Join(sub, "deep", "x")
	must(t, f.MkdirAll(filepath.Dir(name)))
	write(t, f, name, "x")
	anyErr(t, "remove of a full directory", f.Remove(sub))
	must(t, f.Remove(name))
	must(t, f.Remove(filepath.Dir(name)))
	must(t, f.MkdirAll(filepath.Dir(name)))
	write(t, f, name, "x")
	must(t, f.RemoveAll(sub))
	_, err := f.Stat(sub)
	wantErr(t, err, fs.ErrNotExist)
	_, err = f.Stat(dir)
	must(t, err)
}

func lists(t *testing.T, f vfs.FS, dir string) {
	for _, n := range []string{"b", "a", "c"} {
		write(t, f, filepath.Join(dir, n), n)
	}
	must(t, f.MkdirAll(filepath.Join(dir, "bb", "deep")))
	list, err := f.ReadDir(dir)
	must(t, err)
	var got []string
	for _, e := range list {
		info, err := e.Info()
		must(t, err)
		if info.IsDir() != e.IsDir() || info.Name() != e.Name() {
			t.Errorf("entry %s and its info differ", e.Name())
		}
		got = append(got, e.Name())
	}
	if s := strings.Join(got, " "); s != "a b bb c" {
		t.Errorf("listed %q", s)
	}
	must(t, f.SyncDir(dir))
}

func locks(t *testing.T, f vfs.FS, dir string) {
	name := filepath.Join(dir, "lock")
	l, err := f.Lock(name)
	must(t, err)
	_, err = f.Lock(name)
	wantErr(t, err, vfs.ErrLocked)
	other, err := f.Lock(filepath.Join(dir, "other"))
	must(t, err)
	must(t, other.Close())
	must(t, l.Close())
	l, err = f.Lock(name)
	must(t, err)
	must(t, l.Close())
}

func maps(t *testing.T, f vfs.FS, dir string) {
	for _, text := range []string{"", "x", strings.Repeat("0123456789", 1000)} {
		name := filepath.Join(dir, "m")
		write(t, f, name, text)
		m, err := f.Map(name)
		must(t, err)
		if string(m.Bytes()) != text {
			t.Errorf("mapped %d bytes differ from the %d written", len(m.Bytes()), len(text))
		}
		must(t, m.Unmap())
	}
}

func mapRemoved(t *testing.T, f vfs.FS, dir string) {
	name := filepath.Join(dir, "m")
	write(t, f, name, "stays")
	m, err := f.Map(name)
	must(t, err)
	must(t, f.Remove(name))
	write(t, f, name, "other")
	if string(m.Bytes()) != "stays" {
		t.Errorf("mapping holds %q", m.Bytes())
	}
	must(t, m.Unmap())
}

func closed(t *testing.T, f vfs.FS, dir string) {
	h, err := f.Append(filepath.Join(dir, "a"))
	must(t, err)
	must(t, h.Close())
	_, err = h.Write([]byte("x"))
	wantErr(t, err, fs.ErrClosed)
	_, err = h.Read(make([]byte, 1))
	wantErr(t, err, fs.ErrClosed)
	wantErr(t, h.Sync(), fs.ErrClosed)
	wantErr(t, h.Close(), fs.ErrClosed)
	wantErr(t, h.Truncate(0), fs.ErrClosed)
}

func wholeFiles(t *testing.T, f vfs.FS, dir string) {
	name := filepath.Join(dir, "whole")
	for _, text := range []string{"", "first", "a second, longer one"} {
		must(t, vfs.WriteFile(f, name, []byte(text)))
		wantText(t, f, name, text)
	}
	list, err := f.ReadDir(dir)
	must(t, err)
	if len(list) != 1 {
		t.Errorf("%d files left, want the one written", len(list))
	}
}

func bounds(t *testing.T, f vfs.FS, dir string) {
	name := filepath.Join(dir, "big")
	write(t, f, name, "12345")
	_, err := vfs.ReadFile(f, name, 4)
	wantErr(t, err, vfs.ErrTooLarge)
	b, err := vfs.ReadFile(f, name, 5)
	must(t, err)
	if !bytes.Equal(b, []byte("12345")) {
		t.Errorf("read %q", b)
	}
}

func mkdirFile(t *testing.T, f vfs.FS, dir string) {
	name := filepath.Join(dir, "file")
	write(t, f, name, "")
	anyErr(t, "mkdirall over a file", f.MkdirAll(name))
	anyErr(t, "mkdirall below a file", f.MkdirAll(filepath.Join(name, "x")))
	must(t, f.MkdirAll(dir))
}

func readAt(t *testing.T, f vfs.FS, dir string) {
	name := filepath.Join(dir, "r")
	write(t, f, name, "0123456789")
	h, err := f.Open(name)
	must(t, err)
	defer h.Close()
	b := make([]byte, 4)
	n, err := h.ReadAt(b, 3)
	must(t, err)
	if string(b[:n]) != "3456" {
		t.Errorf("read %q at 3", b[:n])
	}
	n, err = h.ReadAt(b, 8)
	wantErr(t, err, io.EOF)
	if string(b[:n]) != "89" {
		t.Errorf("read %q at 8", b[:n])
	}
	_, err = h.ReadAt(b, 10)
	wantErr(t, err, io.EOF)
	_, err = h.ReadAt(b, -1)
	anyErr(t, "negative offset", err)
	all, err := io.ReadAll(h)
	must(t, err)
	if len(all) != 10 {
		t.Errorf("ReadAt moved the handle: %d bytes were left", len(all))
	}
}

func readOnly(t *testing.T, f vfs.FS, dir string) {
	name := filepath.Join(dir, "r")
	write(t, f, name, "text")
	h, err := f.Open(name)
	must(t, err)
	_, err = h.Write([]byte("x"))
	anyErr(t, "write to a handle for reading", err)
	must(t, h.Close())
	wantText(t, f, name, "text")
}

func writeOnly(t *testing.T, f vfs.FS, dir string) {
	h, err := f.Create(filepath.Join(dir, "w"))
	must(t, err)
	_, err = h.Write([]byte("x"))
	must(t, err)
	_, err = h.Read(make([]byte, 1))
	anyErr(t, "read of a handle for writing", err)
	_, err = h.ReadAt(make([]byte, 1), 0)
	anyErr(t, "read of a handle for writing", err)
	must(t, h.Close())
}

// TestSharedFileIsReadableByAll looks at the modes the system shows.
func TestSharedFileIsReadableByAll(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes mean something else there")
	}
	dir := filepath.Join(t.TempDir(), "shared")
	name := filepath.Join(dir, "f")
	if err := errors.Join(vfs.OS.MkdirAll(dir), vfs.OS.Share(dir), vfs.WriteSharedFile(vfs.OS, name, []byte("x")), vfs.WriteFile(vfs.OS, name+"2", nil)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{dir: 0o755, name: 0o644, name + "2": 0o600} {
		if info, err := vfs.OS.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode().Perm(), err, want)
		}
	}
}
