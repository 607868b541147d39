// Package testkit has what tests of several packages share: where the data is, golden files, annotated dumps of binary
// formats, a brute-force oracle, a guard on allocations. Only _test files import it.
package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Root is the directory of the repository: the nearest one above the working directory with a go.mod.
func Root() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(fmt.Sprintf("BUG: testkit: no working directory: %v", err))
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			panic("BUG: testkit: tests run outside the repository: no go.mod above the working directory")
		}
		dir = up
	}
}

// DataFile returns the path of a file of real data, or skips the test where there is none. The directory is EDGED_DATA,
// or shared/data beside the repository.
func DataFile(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("EDGED_DATA")
	if dir == "" {
		dir = filepath.Join(filepath.Dir(Root()), "shared", "data")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs the Online Retail data: set EDGED_DATA to the directory of %s", name)
	}
	return path
}
