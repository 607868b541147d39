package edge

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/edged/edged/internal/vfs"
)

// TestTruncatedRelease cuts a held file under a running node: requests for what stood in it fail, and make the node
// fetch the release again.
func TestTruncatedRelease(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("mapped files can't be cut here")
	}
	t.Chdir(t.TempDir())
	s := newShopOn(t, vfs.OS)
	id := s.publish("a")
	e := s.start(s.config("one"))
	until(t, "it serves", func() bool { return serves(t, e, id) })
	url := "http://" + e.Addr() + "/v1/items/a-001"
	if status, _ := ask(t, "GET", url, ""); status != 200 {
		t.Fatalf("before: %d", status)
	}
	held, err := filepath.Glob("node-one/releases/*/catalogue")
	if err != nil || len(held) != 1 {
		t.Fatal(held, err)
	}
	s.must(os.Truncate(held[0], 0))
	if status, _ := ask(t, "GET", url, ""); status != 500 {
		t.Errorf("of a cut file: %d", status)
	}
	until(t, "it is healed", func() bool {
		status, a := ask(t, "GET", url, "")
		return status == 200 && a.Release == id
	})
	if st := e.node.Status(); st.Swaps != 3 || st.Failures == 0 {
		t.Errorf("%+v", st)
	}
}

// TestReadOnlyDisk: a node whose disk can only be read answers from what it holds, and takes no events and no words of the overlay.
func TestReadOnlyDisk(t *testing.T) {
	s := newShop(t)
	id := s.publish("a")
	e := s.start(s.config("one"))
	until(t, "it serves", func() bool { return serves(t, e, id) })
	s.must(e.Close())
	s.publish("b")
	cfg := s.config("one")
	cfg.FS = vfs.Faulty(cfg.FS, func(op vfs.Op) error {
		if op.Name.Changes() && op.Name != vfs.OpMkdirAll { // of what is there
			return &fs.PathError{Op: string(op.Name), Path: op.Path, Err: syscall.EROFS}
		}
		return nil
	})
	e = s.start(cfg)
	if !serves(t, e, id) {
		t.Error("does not serve what it holds")
	}
	if status, _ := ask(t, "GET", "http://"+e.Addr()+"/v1/items/a-001", ""); status != 200 {
		t.Errorf("an item: %d", status)
	}
	if status, _ := ask(t, "POST", "http://"+e.Addr()+"/v1/events", `[{"type":"view","item":"a-001","user":"u"}]`); status != 503 {
		t.Errorf("an event: %d", status)
	}
	if status, _ := ask(t, "POST", "http://"+e.AdminAddr()+"/v1/admin/overlay", `{"entries":[{"id":"a-001","available":false}]}`); status < 500 {
		t.Errorf("a word of the overlay: %d", status)
	}
	if st := e.node.Status(); !st.ReadOnly || !st.Alarmed("readOnly") {
		t.Errorf("%+v", st)
	}
}
