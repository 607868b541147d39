package events

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/edged/edged"
	"github.com/edged/edged/data"
	"github.com/edged/edged/internal/vfs"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func clockAt(t time.Time) func() time.Time { return func() time.Time { return t } }

func view(id string) edged.Event {
	return edged.Event{ID: id, User: "u", Item: "i" + id, Type: edged.View, Time: noon.UnixMilli()}
}

func open(t *testing.T, fsys vfs.FS, opts Options) *Log {
	t.Helper()
	if opts.Clock == nil {
		opts.Clock = clockAt(noon)
	}
	l, err := Open(fsys, "log", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// imported returns how often each id is in the directory an import of the log fills.
func imported(t *testing.T, fsys vfs.FS) map[string]int {
	t.Helper()
	if err := fsys.RemoveAll("data"); err != nil {
		t.Fatal(err)
	}
	dir, err := data.CreateDir(fsys, "data")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	rep, err := data.Import(context.Background(), dir, nil, []string{"log"}, data.ImportOptions{Clock: clockAt(noon)})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Bad() != 0 || rep.Rows != rep.Events+rep.Duplicates+rep.Dropped {
		t.Fatalf("import of the log: %s", rep.String())
	}
	ids := map[string]int{}
	if err := dir.Events(context.Background(), 0, 0, func(e *edged.Event) error { ids[e.ID]++; return nil }); err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestAppendAndImport(t *testing.T) {
	defer goleak.VerifyNone(t)
	disk := vfs.NewMem()
	l := open(t, disk, Options{})
	fresh, err := l.Append(context.Background(), []edged.Event{view("a"), view("b"), view("a")})
	if err != nil || fmt.Sprint(fresh) != "[true true false]" {
		t.Fatal(fresh, err)
	}
	fresh, err = l.Append(context.Background(), []edged.Event{view("b"), view("c")})
	if err != nil || fmt.Sprint(fresh) != "[false true]" {
		t.Fatal(fresh, err)
	}
	if s := l.Stats(); s.Events != 3 || s.Duplicates != 2 || s.Commits != 2 {
		t.Errorf("%+v", s)
	}
	crashed := disk.Crash(nil)
	if ids := imported(t, crashed); fmt.Sprint(ids) != "map[a:1 b:1 c:1]" {
		t.Error(ids)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(context.Background(), []edged.Event{view("d")}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestIDsAreKeptOverRestarts(t *testing.T) {
	disk := vfs.NewMem()
	l := open(t, disk, Options{MaxSegment: 1})
	for _, id := range []string{"a", "b", "c"} {
		if _, err := l.Append(context.Background(), []edged.Event{view(id)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, disk, Options{KeepIDs: 2})
	fresh, err := l.Append(context.Background(), []edged.Event{view("c"), view("b"), view("a")})
	if err != nil || fmt.Sprint(fresh) != "[false false true]" {
		t.Fatal(fresh, err) // the window holds two
	}
}

func TestEventsWithoutIDGetOne(t *testing.T) {
	l := open(t, vfs.NewMem(), Options{})
	batch := []edged.Event{view(""), view("")}
	fresh, err := l.Append(context.Background(), batch)
	if err != nil || !fresh[0] || !fresh[1] {
		t.Fatal(fresh, err)
	}
	if len(batch[0].ID) != 32 || batch[0].ID == batch[1].ID {
		t.Error(batch[0].ID, batch[1].ID)
	}
}

func TestInvalidEventNamesItself(t *testing.T) {
	l := open(t, vfs.NewMem(), Options{})
	_, err := l.Append(context.Background(), []edged.Event{view("a"), {Item: "x"}})
	if err == nil || err.Error() != "append events: event 1: type: missing" {
		t.Error(err)
	}
	if l.Stats().Events != 0 {
		t.Error("half a batch was written")
	}
}

func TestRotation(t *testing.T) {
	disk := vfs.NewMem()
	now := noon
	l := open(t, disk, Options{Clock: func() time.Time { return now }, MaxSegment: 100})
	for i := range 10 {
		if i == 9 {
			now = now.Add(24 * time.Hour)
		}
		if _, err := l.Append(context.Background(), []edged.Event{view(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	entries, _ := disk.ReadDir("log")
	for _, e := range entries {
		if filepath.Ext(e.Name()) == segmentSuffix {
			names = append(names, e.Name())
		}
	}
	if len(names) < 3 || names[0] != "2026-03-01-000001.seg" || names[len(names)-1][:10] != "2026-03-02" {
		t.Error(names)
	}
}

func TestGroupCommitSharesSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, syncs := make(chan struct{}), 0
		disk := vfs.Faulty(vfs.NewMem(), func(op vfs.Op) error {
			if op.Name == vfs.OpSync {
				if syncs++; syncs == 1 {
					<-release
				}
			}
			return nil
		})
		l := open(t, disk, Options{})
		const n = 50
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				if _, err := l.Append(context.Background(), []edged.Event{view(fmt.Sprint(i))}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // one commit hangs in its sync, the others wait for the next
		if s := l.Stats(); s.Events != 0 {
			t.Errorf("acknowledged before the sync: %+v", s)
		}
		close(release)
		wg.Wait()
		if s := l.Stats(); s.Events != n || s.Commits > 2 || syncs > 2 {
			t.Errorf("%+v: %d syncs", s, syncs)
		}
		_ = l.Close()
	})
}

// TestCancelledWait gives up while the disk hangs, and finds the event again by its id.
func TestCancelledWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		disk := vfs.Faulty(vfs.NewMem(), func(op vfs.Op) error {
			if op.Name == vfs.OpSync {
				<-release
			}
			return nil
		})
		l := open(t, disk, Options{})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := l.Append(ctx, []edged.Event{view("a")}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		close(release)
		fresh, err := l.Append(context.Background(), []edged.Event{view("a")})
		if err != nil || fresh[0] {
			t.Error(fresh, err)
		}
		_ = l.Close()
	})
}

// script sends ids, three a batch, twice the second time, and returns those acknowledged.
func script(l *Log) (acked []string) {
	for i := range 6 {
		batch := []edged.Event{view(fmt.Sprint("e", i)), view(fmt.Sprint("f", i)), view(fmt.Sprint("e", max(0, i-1)))}
		if _, err := l.Append(context.Background(), batch); err == nil {
			acked = append(acked, batch[0].ID, batch[1].ID, batch[2].ID)
		}
	}
	return acked
}

// quarters keeps some of what was not synced.
func quarters(q int) func(*vfs.Mem) *vfs.Mem {
	return func(m *vfs.Mem) *vfs.Mem { return m.Crash(func(n int) int { return n * q / 4 }) }
}

// faults are ways for a disk to fail: at an operation of these, or whatever it is.
var faults = []struct {
	name string
	hits []vfs.OpName
	err  error
}{
	{"disk error", nil, syscall.EIO},
	{"no room", []vfs.OpName{vfs.OpCreate, vfs.OpAppend, vfs.OpWrite, vfs.OpMkdirAll}, syscall.ENOSPC},
	{"half of a write, then no room", []vfs.OpName{vfs.OpWrite}, fmt.Errorf("%w: %w", syscall.ENOSPC, io.ErrShortWrite)},
	{"half of a write, then a disk error", []vfs.OpName{vfs.OpWrite}, fmt.Errorf("%w: %w", syscall.EIO, io.ErrShortWrite)},
	{"fsync", []vfs.OpName{vfs.OpSync, vfs.OpSyncDir}, syscall.EIO},
}

// TestCrash fails every operation, once or from then on, in every way, takes the power away, and looks for what was acknowledged.
func TestCrash(t *testing.T) {
	keeps := map[string]func(*vfs.Mem) *vfs.Mem{
		"nothing": quarters(0), "a quarter": quarters(1), "half": quarters(2), "three quarters": quarters(3), "all": quarters(4),
		"most":   func(m *vfs.Mem) *vfs.Mem { return m.Crash(func(n int) int { return max(0, n-1) }) },
		"killed": (*vfs.Mem).Kill,
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			cases := 0
			for _, once := range []bool{false, true} {
				for at, more := 1, true; more; at++ {
					more = false
					disk, hit := vfs.NewMem(), false
					acked := crashRun(vfs.Faulty(disk, func(op vfs.Op) error {
						more = more || op.N >= at
						if op.N < at || once && op.N > at || !hit && op.N > at || f.hits != nil && !slices.Contains(f.hits, op.Name) {
							return nil
						}
						hit = true
						return f.err
					}))
					if !hit {
						continue
					}
					for left, crash := range keeps {
						checkRecovered(t, fmt.Sprintf("at operation %d, once %v, %s left", at, once, left), crash(disk), acked)
						cases++
					}
				}
			}
			if cases < 50 {
				t.Errorf("%d cases only", cases)
			}
			t.Logf("%d cases", cases)
		})
	}
}

// ticking is a clock that moves on whenever it is looked at, so that every batch is tried.
func ticking(step time.Duration) func() time.Time {
	var looks atomic.Int64
	return func() time.Time { return noon.Add(time.Duration(looks.Add(1)) * step) }
}

func crashRun(fsys vfs.FS) []string {
	l, err := Open(fsys, "log", Options{Clock: ticking(2 * retryPause), MaxSegment: 500})
	if err != nil {
		return nil
	}
	acked := script(l)
	_ = l.Close()
	return acked
}

// checkRecovered opens the log again, sends everything once more, and wants each event exactly once.
func checkRecovered(t *testing.T, name string, disk *vfs.Mem, acked []string) {
	t.Helper()
	if err := disk.MkdirAll("log"); err != nil {
		t.Fatal(err)
	}
	before := map[string]int{}
	if files, _ := segmentsOf(disk); files > 0 {
		before = imported(t, disk)
	}
	for _, id := range acked {
		if before[id] != 1 {
			t.Fatalf("%s: %s was acknowledged and is there %d times", name, id, before[id])
		}
	}
	l, err := Open(disk, "log", Options{Clock: clockAt(noon)})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if s := l.Stats(); s.Damaged != 0 {
		t.Fatalf("%s: %+v", name, s)
	}
	if got := len(script(l)); got != 18 {
		t.Fatalf("%s: %d acknowledged after the crash", name, got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for id, n := range imported(t, disk.Crash(nil)) {
		if n != 1 {
			t.Fatalf("%s: %s is there %d times", name, id, n)
		}
	}
	if n := len(imported(t, disk.Crash(nil))); n != 12 {
		t.Fatalf("%s: %d events, want 12", name, n)
	}
}

func segmentsOf(disk vfs.FS) (n int, err error) {
	entries, err := disk.ReadDir("log")
	for _, e := range entries {
		if filepath.Ext(e.Name()) == segmentSuffix {
			n++
		}
	}
	return n, err
}

// TestDamageIsNotCut flips a byte of a block with more behind it: that is no torn tail.
func TestDamageIsNotCut(t *testing.T) {
	disk := vfs.NewMem()
	l := open(t, disk, Options{})
	for i := range 3 {
		if _, err := l.Append(context.Background(), []edged.Event{view(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	_ = l.Close()
	name := "log/2026-03-01-000001.seg"
	b, _ := vfs.ReadFile(disk, name, 1<<20)
	b[40] ^= 1
	if err := vfs.WriteFile(disk, name, b); err != nil {
		t.Fatal(err)
	}
	l = open(t, disk, Options{})
	if s := l.Stats(); s.Damaged != 1 || s.Torn != 0 {
		t.Errorf("%+v", s)
	}
	if after, _ := vfs.ReadFile(disk, name, 1<<20); len(after) != len(b) {
		t.Error("a damaged segment was cut")
	}
}

func TestOneWriter(t *testing.T) {
	disk := vfs.NewMem()
	l := open(t, disk, Options{})
	if _, err := Open(disk, "log", Options{}); err == nil {
		t.Fatal("two writers")
	}
	_ = l.Close()
	open(t, disk, Options{})
}

// fullDisk is a disk that is full or not, and counts the attempts to write while it is.
type fullDisk struct {
	vfs.FS
	mem   *vfs.Mem
	full  atomic.Bool
	tries atomic.Int64
}

func newFullDisk() *fullDisk {
	d := &fullDisk{mem: vfs.NewMem()}
	d.FS = vfs.Faulty(d.mem, func(op vfs.Op) error {
		if op.Name != vfs.OpWrite || !d.full.Load() {
			return nil
		}
		if d.tries.Add(1)%2 == 0 {
			return &fs.PathError{Op: "write", Path: op.Path, Err: syscall.ENOSPC}
		}
		return fmt.Errorf("%w: %w", &fs.PathError{Op: "write", Path: op.Path, Err: syscall.ENOSPC}, io.ErrShortWrite)
	})
	return d
}

// TestFullDisk goes on appending to a full disk: no files are left behind, the disk is tried once a second, the log
// has one line, and all is well once there is room again.
func TestFullDisk(t *testing.T) {
	disk, now, said := newFullDisk(), noon, &bytes.Buffer{}
	l := open(t, disk, Options{Clock: func() time.Time { return now }, Logger: slog.New(slog.NewTextHandler(said, nil))})
	ctx := context.Background()
	put := func(id string) error { _, err := l.Append(ctx, []edged.Event{view(id)}); return err }
	if err := put("before"); err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		disk.full.Store(true)
		disk.tries.Store(0)
		for i := range 20 { // five seconds
			if err := put(fmt.Sprint("lost", i)); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("attempt %d: %v", i, err)
			}
			now = now.Add(retryPause / 4)
		}
		if n := disk.tries.Load(); n != 5 {
			t.Errorf("the disk was tried %d times, want 5", n)
		}
		if n, err := segmentsOf(disk); n != 1+round || err != nil {
			t.Errorf("round %d: %d segments, %v", round, n, err)
		}
		if fresh, err := l.Append(ctx, []edged.Event{view("before")}); err != nil || fresh[0] {
			t.Errorf("what is in the log needs no room: %v, %v", fresh, err)
		}
		disk.full.Store(false)
		now = now.Add(retryPause)
		if err := put(fmt.Sprint("after", round)); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(said.String(), "level=ERROR"); n != 2 || strings.Count(said.String(), "written again") != 2 {
		t.Errorf("%d lines, want one for each time it was full:\n%s", n, said)
	}
	if ids := imported(t, disk.mem.Crash(nil)); fmt.Sprint(ids) != "map[after0:1 after1:1 before:1]" {
		t.Error(ids)
	}
	if _, err := disk.Stat("log/2026-03-01-000003.seg"); err != nil {
		t.Error("numbers were not given back:", err)
	}
}

// TestClockSetBack tries the disk again at once: nobody waits for yesterday to come.
func TestClockSetBack(t *testing.T) {
	disk, now := newFullDisk(), noon
	l := open(t, disk, Options{Clock: func() time.Time { return now }})
	disk.full.Store(true)
	if _, err := l.Append(context.Background(), []edged.Event{view("a")}); err == nil {
		t.Fatal("a full disk took an event")
	}
	disk.full.Store(false)
	now = now.Add(-time.Hour)
	if _, err := l.Append(context.Background(), []edged.Event{view("a")}); err != nil {
		t.Error(err)
	}
}
