package origin_test

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edged/edged/origin"
	"github.com/edged/edged/origin/origintest"
)

// bucket is as much of S3 as an origin asks for: objects with ETags, and puts on condition.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
}

func etag(b []byte) string { return fmt.Sprintf("%q", fmt.Sprintf("%x", md5.Sum(b))) }

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	there, ok := b.objects[r.URL.Path]
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=someone/"):
		fail(w, http.StatusForbidden, "AccessDenied")
	case r.Method == http.MethodGet && !ok:
		fail(w, http.StatusNotFound, "NoSuchKey")
	case r.Method == http.MethodGet:
		w.Header().Set("ETag", etag(there))
		w.Header().Set("Last-Modified", time.Unix(0, 0).UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Length", strconv.Itoa(len(there)))
		_, _ = w.Write(there)
	case r.Header.Get("If-None-Match") == "*" && ok, r.Header.Get("If-Match") != "" && (!ok || strings.Trim(r.Header.Get("If-Match"), `"`) != strings.Trim(etag(there), `"`)):
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
	default:
		data, err := content(r)
		if err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
		b.objects[r.URL.Path] = data
		w.Header().Set("ETag", etag(data))
	}
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
}

// content reads a body, sent in signed chunks or whole.
func content(r *http.Request) ([]byte, error) {
	if !strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return io.ReadAll(r.Body)
	}
	in := bufio.NewReader(r.Body)
	var data []byte
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseInt(size, 16, 32)
		if err != nil || n == 0 {
			return data, err
		}
		chunk := make([]byte, n+2) // and a line's end
		if _, err := io.ReadFull(in, chunk); err != nil {
			return nil, err
		}
		data = append(data, chunk[:n]...)
	}
}

func asSomeone(t *testing.T) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "someone")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "verysecretindeed")
	t.Setenv("AWS_ENDPOINT_URL", "")
}

func openS3(t *testing.T, address string) *origin.S3 {
	t.Helper()
	o, err := origin.NewS3(address)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestS3(t *testing.T) {
	asSomeone(t)
	origintest.Run(t, func(t *testing.T) origin.Origin {
		srv := httptest.NewServer(&bucket{objects: map[string][]byte{}})
		t.Cleanup(srv.Close)
		return openS3(t, "s3://releases/shop?region=eu-central-1&endpoint="+srv.URL)
	})
}

// TestS3Publishers: of two that have read the same rollout one puts the next, and the other is told.
// TestS3Region: a store is not asked for the region of a bucket, for its answer would be read whatever its size.
func TestS3Region(t *testing.T) {
	asSomeone(t)
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	b := &bucket{objects: map[string][]byte{"/shop/rollout.json": []byte("{}")}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("location") {
			t.Error("asked for the region")
		}
		if !strings.Contains(r.Header.Get("Authorization"), "/us-east-1/s3/") {
			t.Errorf("signed as %q", r.Header.Get("Authorization"))
		}
		b.ServeHTTP(w, r)
	}))
	defer srv.Close()
	got, err := openS3(t, "s3://shop?endpoint="+srv.URL).Get(t.Context(), origin.RolloutName, 100)
	if err != nil || string(got) != "{}" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestS3Publishers(t *testing.T) {
	asSomeone(t)
	srv := httptest.NewServer(&bucket{objects: map[string][]byte{}})
	defer srv.Close()
	publishers(t, "s3://releases/shop?region=eu-central-1&endpoint="+srv.URL)
}

func publishers(t *testing.T, address string) {
	t.Helper()
	a, b := openS3(t, address), openS3(t, address)
	for round, want := range []string{"", "a"} {
		for _, o := range []*origin.S3{a, b} {
			if got, err := o.Get(t.Context(), origin.RolloutName, 100); string(got) != want || (err != nil) != (want == "") {
				t.Fatalf("round %d: %q, %v", round, got, err)
			}
		}
		if err := a.Put(t.Context(), origin.RolloutName, []byte("a")); err != nil {
			t.Fatal(err)
		}
		if round == 1 {
			if err := a.Put(t.Context(), origin.RolloutName, []byte("a2")); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Put(t.Context(), origin.RolloutName, []byte("b")); !errors.Is(err, origin.ErrLocked) {
			t.Errorf("round %d: the second: %v", round, err)
		}
	}
}

// TestS3Addresses: what is wrong is said, and no key is repeated.
func TestS3Addresses(t *testing.T) {
	asSomeone(t)
	for _, address := range []string{"s3://", "s3://b#x", "s3://key:verysecret@b/p", "s3://b?endpoint=ftp://x", "s3://b?endpoint=https://u:verysecret@x", "s3://b?endpoint=https://x/path"} {
		if o, err := origin.NewS3(address); err == nil || strings.Contains(err.Error(), "verysecret") {
			t.Errorf("%s: %v, %v", address, o, err)
		}
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusForbidden, "AccessDenied") }))
	defer srv.Close()
	o := openS3(t, "s3://b/p?region=x&endpoint="+srv.URL)
	_, err := o.Get(t.Context(), "a", 10)
	if err == nil || errors.Is(err, origin.ErrNotFound) || strings.Contains(err.Error()+o.String()+fmt.Sprintf("%+v", o), "verysecret") {
		t.Errorf("%v", err)
	}
}

// TestS3Server is the same against a server that others wrote: EDGED_S3_SERVER names a versitygw
// (go install github.com/versity/versitygw/cmd/versitygw@latest).
func TestS3Server(t *testing.T) {
	binary := os.Getenv("EDGED_S3_SERVER")
	if binary == "" {
		t.Skip("EDGED_S3_SERVER is not set")
	}
	asSomeone(t)
	endpoint := startS3(t, binary)
	n := 0
	next := func(t *testing.T) string {
		n++
		return fmt.Sprintf("s3://releases/shop%d?region=us-east-1&endpoint=%s", n, endpoint)
	}
	origintest.Run(t, func(t *testing.T) origin.Origin { return openS3(t, next(t)) })
	t.Run("Publishers", func(t *testing.T) { publishers(t, next(t)) })
	t.Run("WrongKey", func(t *testing.T) {
		t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
		if err := openS3(t, next(t)).Put(t.Context(), "a", []byte("x")); err == nil || strings.Contains(err.Error(), "another") {
			t.Errorf("%v", err)
		}
	})
}

// startS3 runs a server on a directory that is one bucket, and waits until it answers.
func startS3(t *testing.T, binary string) (endpoint string) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	dir := t.TempDir()
	if err := errors.Join(free.Close(), os.MkdirAll(filepath.Join(dir, "releases"), 0o755)); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command(binary, "--access", "someone", "--secret", "verysecretindeed", "--port", addr, "posix", dir)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 200 {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = conn.Close()
			return "http://" + addr
		}
		<-time.After(50 * time.Millisecond)
	}
	t.Fatalf("the server does not come up:\n%s", log.String())
	return ""
}
