package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

const smallMapping = `
events: {user: user, item: item, type: {value: view}, time: day}
items: {id: item, title: title}
`

// table writes a table of n rows over three days, from the first row on.
func smallTable(from, n int) string {
	var b strings.Builder
	b.WriteString("user,item,day,title\n")
	for i := from; i < from+n; i++ {
		fmt.Fprintf(&b, "u%d,i%d,2026-02-0%dT10:00:00Z,Title %d\n", i%3, i, 1+i%3, i)
	}
	return b.String()
}

func parsedMapping(t testing.TB, text string) *Mapping {
	t.Helper()
	m, err := ParseMapping("m.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// contents is what a reader finds in a directory.
func contents(t testing.TB, fsys vfs.FS, path string) string {
	t.Helper()
	d, err := OpenDir(fsys, path)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	err = d.Events(context.Background(), 0, 0, func(e *edged.Event) error {
		b = append(AppendEventJSON(b, e), '\n')
		return nil
	})
	if err != nil {
		t.Fatalf("events: %v", err)
	}
	items, err := d.Items(context.Background())
	if err != nil {
		t.Fatalf("items: %v", err)
	}
	for i := range items {
		b = append(AppendItemJSON(b, &items[i]), '\n')
	}
	return string(b)
}

// TestImportCrash takes the disk away at every operation of an import: what is found afterwards is the directory as
// it was before or as it is after, and the next import ends where an undisturbed one does.
func TestImportCrash(t *testing.T) {
	gone := errors.New("disk is gone")
	m := parsedMapping(t, smallMapping)
	opts := ImportOptions{Clock: clock}
	start := vfs.NewMem()
	putFile(t, start, "first.csv", smallTable(0, 5))
	putFile(t, start, "second.csv", smallTable(3, 6))
	importInto(t, start, m, "first.csv", opts)
	before := contents(t, start, "data")
	end := start.Kill()
	importInto(t, end, m, "second.csv", opts)
	after, manifestAfter := contents(t, end, "data"), fileText(t, end, "data/manifest.json")
	if before == after {
		t.Fatal("the second import changes nothing")
	}
	for _, short := range []bool{false, true} {
		for at, more := 1, true; more; at++ {
			more = false
			disk := start.Kill()
			faulty := vfs.Faulty(disk, func(op vfs.Op) error {
				if op.N < at {
					return nil
				}
				more = true
				if short && op.N == at && op.Name == vfs.OpWrite {
					return fmt.Errorf("%w: %w", gone, io.ErrShortWrite)
				}
				return gone
			})
			err := tryImport(faulty, m, "second.csv", opts)
			for name, crashed := range map[string]*vfs.Mem{
				"power": disk.Crash(nil), "some": disk.Crash(func(n int) int { return n * 2 / 3 }), "killed": disk.Kill(),
			} {
				name = fmt.Sprintf("%s at %d short %v", name, at, short)
				got := contents(t, crashed, "data")
				if got != before && got != after || err == nil && got != after {
					t.Fatalf("%s: neither before nor after:\n%s", name, got)
				}
				importInto(t, crashed, m, "second.csv", opts)
				if fileText(t, crashed, "data/manifest.json") != manifestAfter || contents(t, crashed, "data") != after {
					t.Fatalf("%s: the next import did not mend it", name)
				}
				checkNoOrphans(t, name, crashed)
			}
		}
	}
}

func importInto(t testing.TB, fsys vfs.FS, m *Mapping, file string, opts ImportOptions) {
	t.Helper()
	if err := tryImport(fsys, m, file, opts); err != nil {
		t.Fatal(err)
	}
}

func tryImport(fsys vfs.FS, m *Mapping, file string, opts ImportOptions) error {
	d, err := CreateDir(fsys, "data")
	if err != nil {
		return err
	}
	_, err = Import(context.Background(), d, m, []string{file}, opts)
	return errors.Join(err, d.Close())
}

func fileText(t testing.TB, fsys vfs.FS, name string) string {
	t.Helper()
	b, err := vfs.ReadFile(fsys, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func checkNoOrphans(t testing.TB, name string, fsys vfs.FS) {
	t.Helper()
	m, err := readManifest(fsys, "data")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, folder := range []string{"events", "items"} {
		entries, err := fsys.ReadDir("data/" + folder)
		if err != nil {
			t.Fatal(err)
		}
		n += len(entries)
	}
	if n != len(m.files()) {
		t.Fatalf("%s: %d files, the manifest names %d", name, n, len(m.files()))
	}
}

// TestFailedImportLeavesNothing fails one operation at a time and lets the others work.
func TestFailedImportLeavesNothing(t *testing.T) {
	m := parsedMapping(t, smallMapping)
	for at, more := 1, true; more; at++ {
		more = false
		disk := vfs.NewMem()
		putFile(t, disk, "first.csv", smallTable(0, 5))
		faulty := vfs.Faulty(disk, func(op vfs.Op) error {
			if op.N == at {
				more = true
				return errors.New("no")
			}
			return nil
		})
		err := tryImport(faulty, m, "first.csv", ImportOptions{Clock: clock})
		if !more && err != nil {
			t.Fatal(err)
		}
		importInto(t, disk, m, "first.csv", ImportOptions{Clock: clock})
		checkNoOrphans(t, fmt.Sprint(at), disk)
		if got := strings.Count(contents(t, disk, "data"), "\n"); got != 10 {
			t.Fatalf("at %d: %d lines, want 5 events and 5 items", at, got)
		}
	}
}
