package edge

import (
	"os"
	"path/filepath"
	"runtime"
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
