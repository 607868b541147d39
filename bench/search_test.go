package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
		Items: writeNpy(t, dir, "items.npy", rng, 3000, 16), Queries: writeNpy(t, dir, "queries.npy", rng, 1000, 16), Passes: 1, Threads: 2,
	}
	report, err := RunSearch(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if report.N != 3000 || report.D != 16 || report.K != 10 || report.Queries != 500 || report.Cells == 0 || report.USPerQuery <= 0 {
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
	if err := report.WriteTable(&table); err != nil || !strings.Contains(table.String(), "3000 × 16") {
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

func TestRunSearchRefuses(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 3))
	dir := t.TempDir()
	items, queries := writeNpy(t, dir, "items.npy", rng, 10, 8), writeNpy(t, dir, "queries.npy", rng, 10, 16)
	for want, cfg := range map[string]SearchConfig{
		"items: no file":   {Queries: queries, K: -1},
		"k is -1":          {Items: items, Queries: queries, K: -1},
		"recall is 3":      {Items: items, Queries: queries, Recall: 3},
		"8 dimensions":     {Items: queries, Queries: items},
		"no such file":     {Items: filepath.Join(dir, "nothing.npy"), Queries: queries},
		"context canceled": {Items: items, Queries: items},
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
