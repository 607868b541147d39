package web

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// verdict is what a test in the page came to; End: there are no more.
type verdict struct {
	Name, Error string
	End         bool
}

// Focus, frames and what a page does when it goes are known to browsers alone. Where there is one, it runs the tests that stand in
// testdata, beside a node in the page itself.
func TestScriptsInABrowser(t *testing.T) {
	browser := findBrowser(t)
	bench := newBench()
	server := httptest.NewServer(bench.handler())
	defer server.Close()
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	said := browse(t, ctx, browser, server.URL+"/")

	select {
	case <-bench.began:
	case <-ctx.Done():
		stop()
		t.Skipf("%s asked for no page: %s", browser, said())
	}
	for n := 0; ; n++ {
		select {
		case v := <-bench.verdicts:
			if v.End {
				if n == 0 {
					t.Error("there were no tests")
				}
				return
			}
			t.Run(v.Name, func(t *testing.T) {
				if v.Error != "" {
					t.Error(v.Error)
				}
			})
		case <-ctx.Done():
			stop()
			t.Fatalf("no end after %d tests: %s", n, said())
		}
	}
}

func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("needs Chromium or Chrome")
	return ""
}

// browse has a browser look at a page until the test ends. What it said may be read once its context is done.
func browse(t *testing.T, ctx context.Context, browser, url string) (said func() string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "edged-browser")
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, "said")) // a file: its helpers would hold a pipe open
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--enable-logging=stderr", "--window-size=1200,900", "--user-data-dir="+dir,
		"--remote-debugging-port=0", url)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		stop()
		<-ended
		out.Close()
		os.RemoveAll(dir) // its helpers may still write there: what stays, stays
	})
	return func() string {
		<-ended
		b, _ := os.ReadFile(out.Name())
		return string(b)
	}
}

// bench serves the assets, the scripts with tests and pages for them, and takes reports.
type bench struct {
	began    chan struct{}
	verdicts chan verdict
}

func newBench() *bench {
	return &bench{began: make(chan struct{}), verdicts: make(chan verdict, 100)}
}

func (b *bench) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(Storefront()))
	mux.Handle("GET /testdata/", http.FileServer(http.Dir(".")))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		close(b.began)
		io.WriteString(w, `<!doctype html><title>Tests</title><body><script type="module" src="/testdata/all.js"></script>`)
	})
	mux.HandleFunc("GET /storefront.html", storefrontInAFrame)
	mux.HandleFunc("GET /frame.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		io.WriteString(w, "window.fetch = parent.storefrontFetch;")
	})
	mux.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		var v verdict
		if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
			v = verdict{Name: "report", Error: err.Error()}
		}
		b.verdicts <- v
	})
	return mux
}

// storefrontInAFrame is the storefront, which asks its parent instead of the network.
func storefrontInAFrame(w http.ResponseWriter, _ *http.Request) {
	page, err := assets.ReadFile("assets/index.html")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	io.WriteString(w, strings.Replace(string(page), "<script ", `<script src="/frame.js"></script><script `, 1))
}
