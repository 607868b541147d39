package testkit

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestRoot(t *testing.T) {
	if _, err := os.Stat(filepath.Join(Root(), "internal", "testkit", "testkit.go")); err != nil {
		t.Errorf("Root() = %s is not the repository: %v", Root(), err)
	}
}

func TestDataFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("EDGED_DATA", dir)
	if err := os.WriteFile(filepath.Join(dir, "x.csv"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := DataFile(t, "x.csv"); got != filepath.Join(dir, "x.csv") {
		t.Errorf("DataFile = %s", got)
	}
	skipped := false
	t.Run("absent", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		DataFile(t, "none.csv")
	})
	if !skipped {
		t.Error("an absent file did not skip the test")
	}
}

func TestTopK(t *testing.T) {
	vectors := [][]float32{{1, 0}, {0, 1}, {2, 0}, {2, 0}, {-1, 5}}
	want := []Scored{{2, 2}, {3, 2}, {0, 1}}
	if got := TopK(vectors, []float32{1, 0}, 3); !reflect.DeepEqual(got, want) {
		t.Errorf("TopK = %v, want %v", got, want)
	}
	if got := TopK(vectors, []float32{1, 0}, 9); len(got) != 5 {
		t.Errorf("k beyond all: %d answers, want 5", len(got))
	}
}

func TestAnnotate(t *testing.T) {
	got := string(Annotate([]byte("abcd"), []Field{{2, "head"}, {1, ""}}))
	want := "000000  61 62                                            head\n" +
		"000002  63\n" +
		"000003  64                                               NOT DESCRIBED\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestFirstDifference(t *testing.T) {
	if got := firstDifference("a\nb", "a\nc"); got != "line 2:\n got \"b\"\nwant \"c\"" {
		t.Error(got)
	}
	if got := firstDifference("a", "a\nc"); got != "1 lines, want 2" {
		t.Error(got)
	}
}
