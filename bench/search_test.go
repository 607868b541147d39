package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edged/edged/model"
)

func writeNpy(t *testing.T, dir, name string, rng *rand.Rand, rows, dim int) string {
	t.Helper()
	v := make([]float32, rows*dim)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, npyFile(1, npyDict("<f4", rows, dim), v), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRunSearch(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 1))
	dir := t.TempDir()
	cfg := SearchConfig{
		Items: writeNpy(t, dir, "items.npy", rng, 9000, 16), Queries: writeNpy(t, dir, "queries.npy", rng, 1000, 16), Passes: 1, Threads: 2,
	}
	report, err := RunSearch(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if report.N != 9000 || report.D != 16 || report.K != 10 || report.Queries != 500 || report.Cells == 0 || report.USPerQuery <= 0 {
		t.Errorf("%+v", report)
	}
	if report.Recall < .93 || len(report.Curve) == 0 || report.Allocations > .5 {
		t.Errorf("recall %g, curve %v, %g allocations", report.Recall, report.Curve, report.Allocations)
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"n", "d", "k", "recallAsked", "recall", "usPerQuery", "bytesPerItem", "buildSeconds", "variant"} {
		if !bytes.Contains(text, []byte(`"`+key+`":`)) {
			t.Errorf("no %s in %s", key, text)
		}
	}
	var table strings.Builder
	if err := report.WriteTable(&table); err != nil || !strings.Contains(table.String(), "9000 × 16") {
		t.Errorf("%v: %s", err, table.String())
	}
}

func TestRunSearchExactly(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 2))
	dir := t.TempDir()
	cfg := SearchConfig{
		Items: writeNpy(t, dir, "items.npy", rng, 500, 8), Queries: writeNpy(t, dir, "queries.npy", rng, 50, 8), Recall: 1, Passes: 1, K: 3,
	}
	if report, err := RunSearch(context.Background(), cfg); err != nil || report.Recall != 1 || report.Cells != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// releaseDir writes a release of n random items; recall is what its searches are made for.
func releaseDir(t *testing.T, rng *rand.Rand, n, dim int, recall float32) string {
	t.Helper()
	b := &model.Build{Meta: model.Meta{Dim: dim, Users: 40, A0: .1, Reg: .01, Nu: 1}, Search: model.SearchOptions{Recall: recall, Threads: 2}}
	for i := range n {
		b.IDs, b.Popularity = append(b.IDs, fmt.Sprintf("item-%04d", i)), append(b.Popularity, 1)
		for range dim {
			b.Vectors = append(b.Vectors, float32(rng.NormFloat64()))
		}
	}
	for range 700 * dim {
		b.Search.Queries = append(b.Search.Queries, float32(rng.NormFloat64()))
	}
	dir := t.TempDir()
	var m, c bytes.Buffer
	err := errors.Join(b.WriteModel(&m), b.WriteCatalogue(&c),
		os.WriteFile(filepath.Join(dir, model.ModelFile), m.Bytes(), 0o600), os.WriteFile(filepath.Join(dir, model.CatalogueFile), c.Bytes(), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRunSearchOfARelease(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 4))
	const n, dim = 2600, 16
	dir := releaseDir(t, rng, n, dim, .95)
	file := writeNpy(t, dir, "queries.npy", rng, 200, dim)
	for _, tc := range []struct {
		queries              string
		asked, recall, least float64
		count                int
	}{{"", 0, .95, .93, 64}, {file, 0, .95, .93, 200}, {file, .9, .9, .88, 200}, {file, .999, .999, .99, 200}, {file, 1, 1, 1, 200}} {
		report, err := RunSearch(context.Background(), SearchConfig{Release: dir, Queries: tc.queries, Recall: tc.asked, Passes: 1})
		if err != nil {
			t.Fatal(err)
		}
		if report.N != n || report.D != dim || report.Queries != tc.count || report.Cells == 0 || math.Abs(report.RecallAsked-tc.recall) > 1e-6 || report.Recall < tc.least {
			t.Errorf("%+v: %+v", tc, report)
		}
	}
	wide := writeNpy(t, dir, "wide.npy", rng, 10, 2*dim)
	if _, err := RunSearch(context.Background(), SearchConfig{Release: dir, Queries: wide}); err == nil || !strings.Contains(err.Error(), "the release has 16") {
		t.Errorf("%v", err)
	}
	none := filepath.Join(dir, "none.npy")
	if err := os.WriteFile(none, npyFile(1, npyDict("<f4", 0, dim), []float32{}), 0o600); err != nil {
		t.Fatal(err)
	}
	if report, err := RunSearch(context.Background(), SearchConfig{Release: dir, Queries: none}); err == nil || !strings.Contains(err.Error(), "none.npy: no rows") {
		t.Errorf("a file without queries was measured: %+v, %v", report, err)
	}
}

func TestRunSearchOfAReleaseSearchedExactly(t *testing.T) {
	dir := releaseDir(t, rand.New(rand.NewPCG(16, 5)), 300, 16, 1)
	for most, want := range map[int]int{0: 300, 40: 40} {
		report, err := RunSearch(context.Background(), SearchConfig{Release: dir, Most: most, Passes: 1})
		if err != nil {
			t.Fatal(err)
		}
		if report.Queries != want || report.Recall != 1 || report.RecallAsked != 1 || report.Cells != 0 {
			t.Errorf("%+v", report)
		}
	}
}

func TestRunSearchRefuses(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 3))
	dir := t.TempDir()
	items, queries := writeNpy(t, dir, "items.npy", rng, 10, 8), writeNpy(t, dir, "queries.npy", rng, 10, 16)
	none := filepath.Join(dir, "none.npy")
	bad := []float32{1, 2, 3, 4, 5, 6, 7, 8, 1, float32(math.NaN()), 3, 4, 5, 6, 7, 8}
	if err := os.WriteFile(none, npyFile(1, npyDict("<f4", 2, 8), bad), 0o600); err != nil {
		t.Fatal(err)
	}
	many, row := writeNpy(t, dir, "many.npy", rng, 2048, 8), writeNpy(t, dir, "row.npy", rng, 1, 8)
	empty, wide := writeNpy(t, dir, "empty.npy", rng, 0, 8), writeNpy(t, dir, "wide.npy", rng, 1, 513)
	for want, cfg := range map[string]SearchConfig{
		"row.npy: 1 queries, a layout wants 200": {Items: many, Queries: many, Train: row},
		"empty.npy: no rows":                     {Items: items, Queries: items, Train: empty},
		"items.npy: bits, cells, head: 10 items": {Items: items, Queries: items, Cells: 4},
		"items.npy: half of its queries are 5":   {Items: many, Queries: items},
		"recall 1 is searched exactly":           {Items: many, Queries: many, Recall: 1, Bits: 2},
		"a release has its own layout":           {Release: dir, Head: 3},
		"wide.npy: 513 dimensions":               {Items: wide, Queries: wide},
		"none.npy: row 1, column 1: NaN":         {Items: items, Queries: none},
		"most: -1":                               {Items: items, Queries: items, Most: -1},
		"threads: -1":                            {Items: items, Queries: items, Threads: -1},
		"items: no file":                         {Queries: queries, K: -1},
		"a release, too":                         {Items: items, Queries: items, Release: dir},
		"model.":                                 {Release: dir},
		"k: -1":                                  {Items: items, Queries: queries, K: -1},
		"recall: 3":                              {Items: items, Queries: queries, Recall: 3},
		"8 dimensions":                           {Items: queries, Queries: items},
		"no such file":                           {Items: filepath.Join(dir, "nothing.npy"), Queries: queries},
		"context canceled":                       {Items: items, Queries: items},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		if want == "context canceled" {
			cancel()
		}
		if _, err := RunSearch(ctx, cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
		cancel()
	}
}
