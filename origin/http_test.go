package origin_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/origin/origintest"
)

// shown is a directory to publish to, and a web server that shows it to read from.
type shown struct {
	*origin.Dir
	web *origin.HTTP
}

func (s shown) Get(ctx context.Context, name string, max int64) ([]byte, error) {
	return s.web.Get(ctx, name, max)
}

func openHTTP(t *testing.T, address string) *origin.HTTP {
	t.Helper()
	o, err := origin.NewHTTP(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

// serveHTTP is an origin at a server with that handler.
func serveHTTP(t *testing.T, h http.HandlerFunc) *origin.HTTP {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return openHTTP(t, srv.URL+"/shop/")
}

func TestHTTP(t *testing.T) {
	origintest.Run(t, func(t *testing.T) origin.Origin {
		dir := filepath.ToSlash(t.TempDir())
		srv := httptest.NewServer(http.StripPrefix("/shop", http.FileServer(http.Dir(dir))))
		t.Cleanup(srv.Close)
		return shown{origin.NewDir(vfs.OS, dir), openHTTP(t, srv.URL+"/shop")}
	})
}

// TestHTTPResumes: an answer that breaks off is gone on with, by a range; from a server without ranges it comes whole again.
func TestHTTPResumes(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 10_000)
	for name, ranges := range map[string]bool{"ranges": true, "no ranges": false} {
		asked, sent := 0, 0
		o := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			rest := data
			w.Header().Set("Content-Length", "100000")
			if at := r.Header.Get("Range"); ranges && at != "" {
				if at != "bytes=40000-" {
					t.Errorf("range %q", at)
				}
				rest = data[40_000:]
				w.Header().Set("Content-Length", "60000")
				w.Header().Set("Content-Range", "bytes 40000-99999/100000")
				w.WriteHeader(http.StatusPartialContent)
			}
			if asked == 1 {
				rest = rest[:40_000]
			}
			n, _ := w.Write(rest)
			sent += n
		})
		b, err := o.Get(t.Context(), "chunks/aa/bb", 100_000)
		if err != nil || !bytes.Equal(b, data) || asked != 2 {
			t.Errorf("%s: %d bytes after %d requests, %v", name, len(b), asked, err)
		}
		if ranges && sent != len(data) {
			t.Errorf("%d bytes sent for %d", sent, len(data))
		}
	}
}

// TestHTTPRollout: a rollout that has not changed is not sent again, and asked for past all caches.
func TestHTTPRollout(t *testing.T) {
	var etag atomic.Value
	etag.Store(`"1"`)
	sent := 0
	o := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cache-Control") != "no-cache" || r.URL.Path != "/shop/rollout.json" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		tag := etag.Load().(string)
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		sent++
		_, _ = w.Write([]byte("rollout " + tag))
	})
	for i, want := range []string{`"1"`, `"1"`, `"2"`, `"2"`} {
		etag.Store(want)
		b, err := o.Get(t.Context(), origin.RolloutName, 100)
		if err != nil || string(b) != "rollout "+want {
			t.Errorf("%d: %q, %v", i, b, err)
		}
		b[0] = 'x' // it is the caller's
	}
	if sent != 2 {
		t.Errorf("sent %d times", sent)
	}
	if _, err := o.Get(t.Context(), origin.RolloutName, 3); err == nil {
		t.Error("more than allowed, from memory")
	}
}

// TestHTTPHostile: what a server may do wrong.
func TestHTTPHostile(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 1<<10)
		for {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	}
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		want    error
		words   string
	}{
		"endless":          {endless, origin.ErrTooLarge, "1000"},
		"announces much":   {func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "1000000000") }, origin.ErrTooLarge, "1000"},
		"gone":             {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusGone) }, origin.ErrNotFound, ""},
		"forbidden":        {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) }, nil, "403"},
		"fails":            {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) }, nil, "502"},
		"turns in circles": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) }, nil, "redirects"},
		"partial unasked":  {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusPartialContent) }, nil, "206"},
	} {
		b, err := serveHTTP(t, tc.handler).Get(t.Context(), "chunks/aa/bb", 1000)
		if err == nil || b != nil || tc.want != nil && !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
		if tc.want == nil && (errors.Is(err, origin.ErrNotFound) || errors.Is(err, origin.ErrTooLarge)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHTTPAway: a server that is not there is another matter than a name that is not, and no error tells the password.
func TestHTTPAway(t *testing.T) {
	o := openHTTP(t, "http://user:secret@127.0.0.1:1/shop")
	_, err := o.Get(t.Context(), "a", 10)
	if err == nil || errors.Is(err, origin.ErrNotFound) || strings.Contains(err.Error()+o.String(), "secret") {
		t.Errorf("%v (%s)", err, o)
	}
	if err := o.Put(t.Context(), "a", nil); !errors.Is(err, origin.ErrReadOnly) {
		t.Errorf("%v", err)
	}
	for _, address := range []string{"http://", "ftp://a/b", "http://a/b?c", "https://a/#x", "http://user:secret@a b/", "http://a:b:c"} {
		if _, err := origin.NewHTTP(address); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestHTTPAuth: user and password are sent.
func TestHTTPAuth(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "user" || password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer srv.Close()
	o := openHTTP(t, strings.Replace(srv.URL, "http://", "http://user:secret@", 1))
	if _, err := o.Get(t.Context(), "a", 10); err != nil {
		t.Error(err)
	}
}

// TestHTTPS: a redirect away from TLS is not followed.
func TestHTTPS(t *testing.T) {
	if os.Getenv("SSL_CERT_FILE") != "" {
		t.Skip("another set of certificates is configured")
	}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	_, err := openHTTP(t, srv.URL).Get(t.Context(), "a", 10)
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
}
