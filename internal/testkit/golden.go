package testkit

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files with what the tests got")

// Golden compares got with testdata/name, or writes it there under -update, which is then reviewed as a diff.
func Golden(t testing.TB, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %s", path, firstDifference(string(got), string(want)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d:\n got %q\nwant %q", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// Field names a run of bytes of a binary format.
type Field struct {
	Len  int
	What string
}

// Annotate writes b as hexadecimal text, a line for every 16 bytes of every field: offset, bytes, meaning. Bytes
// beyond the fields are an own field, so that none can hide.
func Annotate(b []byte, fields []Field) []byte {
	var out bytes.Buffer
	off := 0
	for _, f := range append(fields, Field{len(b), "NOT DESCRIBED"}) {
		n := min(f.Len, len(b)-off)
		what := f.What
		for ; n > 0; what = "" {
			k := min(n, 16)
			fmt.Fprintf(&out, "%06x  %-48s %s", off, fmt.Sprintf("% x", b[off:off+k]), what)
			out.Truncate(len(bytes.TrimRight(out.Bytes(), " ")))
			out.WriteByte('\n')
			off, n = off+k, n-k
		}
	}
	return out.Bytes()
}
