package vfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/edged/edged/internal/vfs"
)

// tree lists a file system as text, so that a test can say what a crash left.
func tree(t *testing.T, f vfs.FS, dir string) string {
	t.Helper()
	list, err := f.ReadDir(dir)
	must(t, err)
	var lines []string
	for _, e := range list {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			lines = append(lines, name+"/")
			if below := tree(t, f, name); below != "" {
				lines = append(lines, below)
			}
			continue
		}
		lines = append(lines, name+"="+read(t, f, name))
	}
	return strings.Join(lines, " ")
}

func wantTree(t *testing.T, what string, f vfs.FS, want string) {
	t.Helper()
	if got := tree(t, f, "/"); got != want {
		t.Errorf("%s left %q, want %q", what, got, want)
	}
}

func all(n int) int { return n }

// synced writes a file whose data is durable; its name is not.
func synced(t *testing.T, f vfs.FS, name, text string) {
	t.Helper()
	h, err := f.Create(name)
	must(t, err)
	_, err = io.WriteString(h, text)
	must(t, err)
	must(t, h.Sync())
	must(t, h.Close())
}

func TestCrashLosesNames(t *testing.T) {
	m := vfs.NewMem()
	synced(t, m, "/a", "1")
	wantTree(t, "a created name", m.Crash(all), "")
	must(t, m.SyncDir("/"))
	wantTree(t, "a synced name", m.Crash(nil), "/a=1")

	must(t, m.Rename("/a", "/b"))
	wantTree(t, "a rename", m.Crash(nil), "/a=1")
	must(t, m.SyncDir("/"))
	wantTree(t, "a synced rename", m.Crash(nil), "/b=1")

	must(t, m.Remove("/b"))
	wantTree(t, "a removal", m.Crash(nil), "/b=1")
	must(t, m.SyncDir("/"))
	wantTree(t, "a synced removal", m.Crash(nil), "")
}

func TestCrashLosesReplacedFilesNever(t *testing.T) {
	m := vfs.NewMem()
	synced(t, m, "/a", "old")
	must(t, m.SyncDir("/"))
	synced(t, m, "/tmp", "new")
	must(t, m.Rename("/tmp", "/a"))
	wantText(t, m, "/a", "new")
	wantTree(t, "a replacing rename", m.Crash(nil), "/a=old")
	must(t, m.SyncDir("/"))
	wantTree(t, "a synced one", m.Crash(nil), "/a=new")
}

func TestCrashLosesDirectoriesRenamedOrRemoved(t *testing.T) {
	m := vfs.NewMem()
	must(t, m.MkdirAll("/d/sub"))
	wantTree(t, "made directories", m.Crash(nil), "/d/ /d/sub/")
	synced(t, m, "/d/sub/x", "1")
	must(t, m.SyncDir("/d/sub"))
	must(t, m.Rename("/d", "/e"))
	wantTree(t, "a renamed directory", m.Crash(nil), "/d/ /d/sub/ /d/sub/x=1")
	must(t, m.SyncDir("/"))
	wantTree(t, "a synced one", m.Crash(nil), "/e/ /e/sub/ /e/sub/x=1")
	must(t, m.RemoveAll("/e"))
	wantTree(t, "a removed tree", m.Crash(nil), "/e/ /e/sub/ /e/sub/x=1")
	must(t, m.SyncDir("/"))
	wantTree(t, "a synced one", m.Crash(nil), "")
}

func TestSyncDirIsNotDeep(t *testing.T) {
	m := vfs.NewMem()
	must(t, m.MkdirAll("/d"))
	synced(t, m, "/d/x", "1")
	must(t, m.SyncDir("/"))
	wantTree(t, "a sync of the parent", m.Crash(nil), "/d/")
}

func TestCrashCutsWhatWasNotSynced(t *testing.T) {
	m := vfs.NewMem()
	synced(t, m, "/log", "durable,")
	must(t, m.SyncDir("/"))
	h, err := m.Append("/log")
	must(t, err)
	_, err = io.WriteString(h, "lost")
	must(t, err)
	for keep := -1; keep <= 5; keep++ {
		var asked []int
		c := m.Crash(func(n int) int { asked = append(asked, n); return keep })
		wantTree(t, fmt.Sprint("keeping ", keep), c, "/log=durable,"+"lost"[:min(max(keep, 0), 4)])
		if fmt.Sprint(asked) != "[4]" {
			t.Errorf("asked about %v unsynced bytes, want 4 once", asked)
		}
	}
	must(t, h.Sync())
	wantTree(t, "a synced tail", m.Crash(nil), "/log=durable,lost")

	must(t, h.Truncate(3))
	_, err = io.WriteString(h, "new")
	must(t, err)
	wantTree(t, "a cut", m.Crash(nil), "/log=dur")
	must(t, h.Sync())
	wantTree(t, "a synced cut", m.Crash(nil), "/log=durnew")
	must(t, h.Close())
	write(t, m, "/log", "again")
	wantTree(t, "a file created over another", m.Crash(nil), "/log=")
}

// The disk before the crash and the one after have nothing in common but their past.
func TestCrashIsACopy(t *testing.T) {
	m := vfs.NewMem()
	must(t, vfs.WriteFile(m, "/a", []byte("1")))
	lock, err := m.Lock("/lock")
	must(t, err)
	c := m.Crash(nil)
	must(t, vfs.WriteFile(m, "/a", []byte("before")))
	must(t, vfs.WriteFile(c, "/b", []byte("after")))
	wantTree(t, "the crash", c, "/a=1 /b=after")
	wantTree(t, "life without it", m, "/a=before /lock=")
	relock, err := m.Kill().Lock("/lock")
	must(t, err)
	must(t, relock.Close())
	must(t, lock.Close())
	must(t, lock.Close()) // a second Close must not let go of somebody else's lock
}

func TestKillKeepsWhatWasWritten(t *testing.T) {
	m := vfs.NewMem()
	write(t, m, "/a", "not synced")
	wantTree(t, "a killed process", m.Kill(), "/a=not synced")
	wantTree(t, "a crash after it", m.Kill().Crash(all), "")
	wantTree(t, "a crash", m.Crash(all), "")
}

func TestMappingsDoNotMove(t *testing.T) {
	m := vfs.NewMem()
	write(t, m, "/a", "0123456789")
	mapped, err := m.Map("/a")
	must(t, err)
	h, err := m.Append("/a")
	must(t, err)
	must(t, h.Truncate(2))
	_, err = io.WriteString(h, "xxxx")
	must(t, err)
	if got := string(mapped.Bytes()); got != "0123456789" {
		t.Errorf("the mapping became %q", got)
	}
}

// Power is lost after each operation of WriteFile in turn: the file holds all of the old or all of the new, and the
// new once WriteFile has said so.
func TestWriteFileCrash(t *testing.T) {
	for stop := 1; ; stop++ {
		m := vfs.NewMem()
		must(t, vfs.WriteFile(m, "/a", []byte("old")))
		var after *vfs.Mem
		f := vfs.Faulty(m, func(op vfs.Op) error {
			if op.N == stop {
				after = m.Crash(nil)
			}
			return nil
		})
		must(t, vfs.WriteFile(f, "/a", []byte("new")))
		if after == nil {
			wantText(t, m.Crash(nil), "/a", "new")
			if stop < 6 {
				t.Errorf("only %d operations: create, write, sync, close, rename and sync of the directory are 6", stop-1)
			}
			return
		}
		if got := read(t, after, "/a"); got != "old" && got != "new" {
			t.Errorf("a crash at operation %d left %q", stop, got)
		}
	}
}

// Each operation fails in turn: the error comes out, the old file stays unless only the last sync failed, and no
// temporary file lies about.
func TestWriteFileErrors(t *testing.T) {
	broken := errors.New("broken")
	for stop := 1; stop <= 6; stop++ {
		m := vfs.NewMem()
		must(t, vfs.WriteFile(m, "/a", []byte("old")))
		f := vfs.Faulty(m, failAt(stop, broken))
		wantErr(t, vfs.WriteFile(f, "/a", []byte("new")), broken)
		want := "/a=old"
		if stop == 6 {
			want = "/a=new"
		}
		wantTree(t, fmt.Sprint("failing operation ", stop), m, want)
	}
}

func failAt(n int, err error) func(vfs.Op) error {
	return func(op vfs.Op) error {
		if op.N == n {
			return err
		}
		return nil
	}
}

func TestShortWrite(t *testing.T) {
	m := vfs.NewMem()
	f := vfs.Faulty(m, func(op vfs.Op) error {
		if op.Name == vfs.OpWrite {
			return io.ErrShortWrite
		}
		return nil
	})
	h, err := f.Create("/a")
	must(t, err)
	n, err := h.Write([]byte("123456"))
	wantErr(t, err, io.ErrShortWrite)
	if n != 3 {
		t.Errorf("%d bytes written, want half", n)
	}
	wantText(t, m, "/a", "123")
}

// Every method asks first, under its own name, and does nothing when refused.
func TestFaultyAsksAboutEverything(t *testing.T) {
	m := vfs.NewMem()
	must(t, m.MkdirAll("/d"))
	write(t, m, "/f", "text")
	broken := errors.New("broken")
	failing := false
	var asked []string
	f := vfs.Faulty(m, func(op vfs.Op) error {
		if !failing {
			return nil
		}
		asked = append(asked, fmt.Sprintf("%s %s", op.Name, op.Path))
		return broken
	})
	h, err := f.Append("/f")
	must(t, err)
	failing = true
	before := tree(t, m, "/")
	calls := []func() error{
		func() error { _, err := f.Open("/f"); return err },
		func() error { _, err := f.Create("/f"); return err },
		func() error { _, err := f.Append("/g"); return err },
		func() error { return f.Rename("/f", "/g") },
		func() error { return f.Remove("/f") },
		func() error { return f.RemoveAll("/d") },
		func() error { return f.MkdirAll("/e") },
		func() error { _, err := f.ReadDir("/d"); return err },
		func() error { _, err := f.Stat("/f"); return err },
		func() error { return f.SyncDir("/d") },
		func() error { _, err := f.Lock("/l"); return err },
		func() error { _, err := f.Map("/f"); return err },
		func() error { _, err := h.Read(make([]byte, 1)); return err },
		func() error { _, err := h.ReadAt(make([]byte, 1), 0); return err },
		func() error { _, err := h.Write([]byte("x")); return err },
		func() error { _, err := h.Stat(); return err },
		h.Sync,
		func() error { return h.Truncate(0) },
		h.Close,
	}
	for i, call := range calls {
		if err := call(); !errors.Is(err, broken) || len(asked) != i+1 {
			t.Errorf("call %d: error %v after %v", i, err, asked)
		}
	}
	want := "open /f,create /f,append /g,rename /g,remove /f,removeall /d,mkdirall /e,readdir /d,stat /f,syncdir /d," +
		"lock /l,map /f,read /f,read /f,write /f,stat /f,sync /f,truncate /f,close /f"
	if got := strings.Join(asked, ","); got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	wantTree(t, "a refusal of everything", m, before)
	failing = false
	wantErr(t, h.Close(), fs.ErrClosed) // a failed Close has closed
}

// Whether an operation changes the disk is what crash tests skip by: it must not be wrong.
func TestChanges(t *testing.T) {
	reads := []vfs.OpName{vfs.OpOpen, vfs.OpReadDir, vfs.OpStat, vfs.OpMap, vfs.OpRead, vfs.OpClose}
	writes := []vfs.OpName{vfs.OpCreate, vfs.OpAppend, vfs.OpRename, vfs.OpRemove, vfs.OpRemoveAll, vfs.OpMkdirAll,
		vfs.OpSyncDir, vfs.OpLock, vfs.OpWrite, vfs.OpSync, vfs.OpTruncate}
	for _, op := range reads {
		if op.Changes() {
			t.Errorf("%s changes nothing", op)
		}
	}
	for _, op := range writes {
		if !op.Changes() {
			t.Errorf("%s changes the disk", op)
		}
	}
}

func TestIsTemp(t *testing.T) {
	m := vfs.NewMem()
	var temp string
	f := vfs.Faulty(m, func(op vfs.Op) error {
		if op.Name == vfs.OpCreate {
			temp = op.Path
		}
		return nil
	})
	must(t, vfs.WriteFile(f, "/d.json", bytes.Repeat([]byte("x"), 10)))
	if !vfs.IsTemp(temp) || path.Dir(temp) != "/" || vfs.IsTemp("/d.json") {
		t.Errorf("temporary name %q", temp)
	}
}

// A file that shrinks between Stat and the reading, or grows, is read as far as was announced.
func TestReadFileOfAChangingFile(t *testing.T) {
	m := vfs.NewMem()
	write(t, m, "/a", "12345")
	f := vfs.Faulty(m, func(op vfs.Op) error {
		if op.Name == vfs.OpRead {
			h, err := m.Append("/a")
			must(t, err)
			must(t, h.Truncate(2))
		}
		return nil
	})
	wantText(t, f, "/a", "12")
}

// Two handles that write the same file would lose data on a disk; here they are told.
func TestMemRefusesOverwrites(t *testing.T) {
	m := vfs.NewMem()
	a, err := m.Create("/a")
	must(t, err)
	b, err := m.Create("/a")
	must(t, err)
	_, err = a.Write([]byte("first"))
	must(t, err)
	_, err = b.Write([]byte("second"))
	anyErr(t, "overwriting", err)
	must(t, vfs.WriteFile(m, "/x", nil))
	c, err := m.Create("/a")
	must(t, err)
	must(t, c.Close())
	_, err = a.Write([]byte("!"))
	must(t, err)
	wantText(t, m, "/a", "\x00\x00\x00\x00\x00!")
}
