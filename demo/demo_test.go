package demo

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edged/edged/internal/testkit"
)

// once runs the story and returns what it printed.
func once(t *testing.T, cfg Config) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs three nodes: not with -short")
	}
	var out bytes.Buffer
	cfg.Once, cfg.Out, cfg.Dir = true, &out, t.TempDir()
	if err := Run(t.Context(), cfg); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return out.String()
}

func TestOnceTellsTheStoryOfASimulatedShop(t *testing.T) {
	out := once(t, Config{Products: 300, Visitors: 120})
	for _, want := range []string{"(simulated)", "level ", "because of", "somebody new", "number 1 of what is trending", "read twice, none twice", "All expectations were met"} {
		if !strings.Contains(out, want) {
			t.Errorf("the story does not say %q:\n%s", want, out)
		}
	}
}

func TestOnceWorksOnAHandfulOfRows(t *testing.T) {
	out := once(t, Config{
		Events:  []string{testkit.DataFile(t, "online-retail_fixture.csv")},
		Mapping: filepath.Join(testkit.Root(), "examples", "online-retail", "mapping.yaml"),
	})
	if !strings.Contains(out, "online retail fixture") || !strings.Contains(out, "All expectations were met") {
		t.Errorf("story:\n%s", out)
	}
}

func TestStayingUpServesThePageAndEndsCleanly(t *testing.T) {
	if testing.Short() {
		t.Skip("runs three nodes: not with -short")
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	page := 0
	err := Run(ctx, Config{Products: 200, Visitors: 60, Listen: "127.0.0.1:0", Ready: func(url string) {
		defer stop()
		if res, err := http.Get(url + "config.json"); err == nil {
			page = res.StatusCode
			res.Body.Close()
		}
	}})
	if err != nil || page != http.StatusOK {
		t.Fatalf("run: %v; page: status %d", err, page)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestADirectoryInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, keysDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "keys is there already") {
		t.Errorf("error %v", err)
	}
	if err := Run(t.Context(), Config{Mapping: "m.yaml"}); err == nil || !strings.Contains(err.Error(), "without events") {
		t.Errorf("error %v", err)
	}
}

func TestValidateBoundsTheShop(t *testing.T) {
	for _, c := range []Config{{Products: MaxProducts, Visitors: MaxVisitors}, {}} {
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
	err := (&Config{Products: MaxProducts + 1, Visitors: -1}).Validate()
	if err == nil || !strings.Contains(err.Error(), "products 100001: want 0 (the default) to 100000") || !strings.Contains(err.Error(), "visitors -1: want") {
		t.Errorf("%v", err)
	}
}
