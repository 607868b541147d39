package data

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
)

// root finds the top of the repository.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func dataFile(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("EDGED_DATA")
	if dir == "" {
		dir = filepath.Join(root(t), "..", "shared", "data")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skip("needs the Online Retail data: set EDGED_DATA")
	}
	return path
}

func retailMapping(t testing.TB) *Mapping {
	t.Helper()
	m, err := LoadMapping(vfs.OS, filepath.Join(root(t), "examples", "online-retail", "mapping.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const retailFile = "online-retail_2009-12_2010-12.csv.gz"

func TestOnlineRetail(t *testing.T) {
	file := dataFile(t, retailFile)
	dir, err := CreateDir(vfs.OS, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	rep, err := Import(context.Background(), dir, retailMapping(t), []string{file}, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(rep.String(), time.Since(start))
	if rep.Rows != 525461 || rep.Rows != rep.Events+rep.Duplicates+rep.Dropped || rep.Duplicates != 0 {
		t.Errorf("%+v", rep)
	}
	counts := map[edged.EventType]int{}
	purchases := 0
	countries := map[string]int{}
	start = time.Now()
	err = dir.Events(context.Background(), 0, 0, func(e *edged.Event) error {
		counts[e.Type]++
		if e.Type == edged.Purchase && e.User != "" {
			purchases++
		}
		countries[e.Context[edged.Country]]++
		return nil
	})
	t.Log(time.Since(start))
	if err != nil {
		t.Fatal(err)
	}
	if purchases != 406323 {
		t.Errorf("%d purchases of known users, want 406323", purchases)
	}
	t.Log(counts, len(countries), countries)
	items, err := dir.Items(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(items), items[:3], dir.Digest())
	before := dir.Digest()
	start = time.Now()
	rep, err = Import(context.Background(), dir, retailMapping(t), []string{file}, ImportOptions{})
	t.Log(rep.String(), err, time.Since(start))
	if dir.Digest() != before {
		t.Error("changed")
	}
}
