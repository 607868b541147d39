package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/rules"
	"github.com/edged/edged/serve"
)

// madeRelease makes a small release of embeddings in two directories of taste, and opens it.
func madeRelease(t *testing.T, blend bool) (string, *model.Model) {
	t.Helper()
	dir := t.TempDir()
	for name, rows := range map[string]int{"items": 600, "queries": 40, "train": 300} {
		if err := os.WriteFile(filepath.Join(dir, name+".npy"), tastes(rows, 16), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := func(name string) string { return filepath.Join(dir, name+".npy") }
	cfg := ReleaseConfig{Items: file("items"), Queries: file("queries"), Train: file("train"), Out: filepath.Join(dir, "out"), Blend: blend}
	report, err := RunRelease(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if report.Items != 600 || report.Requests != 40 || report.Recall < .9 {
		t.Errorf("%+v", report)
	}
	m, err := model.OpenFiles(vfs.OS, filepath.Join(cfg.Out, model.ModelFile), filepath.Join(cfg.Out, model.CatalogueFile))
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Out, m
}

func TestMadeReleases(t *testing.T) {
	for _, blend := range []bool{false, true} {
		out, m := madeRelease(t, blend)
		if want := map[bool]int{false: 16, true: BlendDim}[blend]; m.Dim() != want || (len(m.Meta().Blends) == 1) != blend {
			t.Errorf("blend %v: %d dimensions, blends %+v", blend, m.Dim(), m.Meta().Blends)
		}
		requests, err := os.ReadFile(filepath.Join(out, RequestsFile))
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(requests) {
			var q struct{ Recent []string }
			if err := json.Unmarshal(line, &q); err != nil || len(q.Recent) != historyItems {
				t.Fatalf("%s: %v", line, err)
			}
			for _, id := range q.Recent {
				if _, ok := m.Row(id); !ok {
					t.Errorf("no item %s", id)
				}
			}
		}
		document, err := os.ReadFile(filepath.Join(out, RulesFile))
		if err != nil {
			t.Fatal(err)
		}
		if set, faults := rules.Compile(document, m); blend && (set == nil || set.Len() != madeRules || len(faults) > 0) {
			t.Errorf("rules: %v", faults)
		}
	}
}

func TestRatio(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs epoll")
	}
	out, m := madeRelease(t, false)
	server, err := serve.New(serve.Config{Releases: release{rank.New(m, rank.Release{ID: "1-a", Version: 1})}})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	plain, err := StartYardstick("")
	if err != nil {
		t.Fatal(err)
	}
	cfg := RatioConfig{
		Name: "test", URL: "http://" + ln.Addr().String(), YardstickURL: plain.URL(), Requests: filepath.Join(out, RequestsFile), Connections: 4, Pairs: 2,
		PairDuration: 200 * time.Millisecond, Turns: 3, Duration: 100 * time.Millisecond,
	}
	report, err := RunRatio(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r := report.Peak.Ratio; len(r.All) != 2 || r.Min <= 0 || len(report.Half.P99Ratio.All) != 3 || report.Half.P99Ratio.Min <= 0 {
		t.Errorf("%+v", report)
	}
	for name, side := range map[string]HalfLatencies{"node": report.Half.Target, "yardstick": report.Half.Yardstick} {
		if len(side.Turns) != 3 || side.P99Us.Min <= 0 || side.All.P99Us < side.P99Us.Min || side.All.P99Us > side.P99Us.Max ||
			side.Offered == 0 || side.Requests != side.Offered || side.Achieved <= 0 {
			t.Errorf("%s: %+v", name, side)
		}
	}
	if h := report.Half; h.Interval.Low != h.P99Ratio.Min || h.Interval.High != h.P99Ratio.Max || h.Interval.Confidence != .75 {
		t.Errorf("%+v of three turns, want all of them", h.Interval)
	}
	var text strings.Builder
	if err := report.WriteTable(&text); err != nil || !strings.Contains(text.String(), "yardstick") {
		t.Errorf("%v\n%s", err, text.String())
	}
	short := cfg
	short.Duration = 10 * time.Microsecond
	if _, err := RunRatio(t.Context(), short); err == nil || !strings.Contains(err.Error(), "set a longer duration") {
		t.Errorf("turns without requests were taken: %v", err)
	}
	cfg.Requests = ""
	cfg.URL += "/v1/popular?n=0"
	if _, err := RunRatio(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "not a good answer") {
		t.Errorf("a node that refuses was measured: %v", err)
	}
	if err := errors.Join(server.Shutdown(context.Background()), <-served, plain.Close()); err != nil {
		t.Error(err)
	}
}

func TestAnswerSizes(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs epoll")
	}
	whole := "HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-Length: 5\r\n\r\nhello"
	for n := range len(whole) {
		size, err := answerSize([]byte(whole[:n]))
		if head := len(whole) - 5; err != nil || n < head && size != 0 || n >= head && size != len(whole) {
			t.Errorf("%d bytes: %d %v", n, size, err)
		}
	}
	for _, bad := range []string{"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "\r\n\r\n"} {
		if size, err := answerSize([]byte(bad)); err == nil {
			t.Errorf("%q has %d bytes", bad, size)
		}
	}
}

// tastes is an npy file of rows around three directions.
func tastes(rows, dim int) []byte {
	rng := rand.New(rand.NewPCG(uint64(rows), 5))
	numbers := make([]float32, 0, rows*dim)
	for i := range rows {
		for k := range dim {
			x := float32(rng.NormFloat64()) / 3
			if k == i%3 {
				x++
			}
			numbers = append(numbers, x)
		}
	}
	return npyFile(1, npyDict("<f4", rows, dim), numbers)
}
