package origin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of an HTTP origin.
const (
	httpDial    = 5 * time.Second
	httpHeaders = 10 * time.Second // until a server answers
	httpWhole   = time.Minute      // for one request with its body
	httpTries   = 3                // of one name: an answer that breaks off is gone on with
	maxHops     = 3                // redirects
)

// HTTP is an origin on any static web server or behind a CDN. It is read only: publish to a directory and let the server show it,
// or bring it to the server after that, rollout.json last.
//
// The server should send ETags, and let nobody keep rollout.json; everything else never changes.
type HTTP struct {
	base   url.URL
	user   *url.Userinfo
	client *http.Client

	mu      sync.Mutex
	etag    string // of the rollout last seen
	rollout []byte
}

// ErrReadOnly means that an origin cannot be published to.
var ErrReadOnly = errors.New("read only")

// NewHTTP is the origin at an http:// or https:// URL, below which the names of the layout lie. A user and password in it are sent
// as basic authentication.
func NewHTTP(address string) (*HTTP, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("origin: not a URL: want https://host/path") // url.Error repeats the password
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("origin: %.200q: want https://host/path", u.Redacted())
	}
	o := &HTTP{base: *u, user: u.User}
	o.base.User = nil
	o.base.Path = strings.TrimSuffix(u.Path, "/")
	o.base.RawPath = ""
	dialer := &net.Dialer{Timeout: httpDial}
	o.client = &http.Client{
		Timeout: httpWhole, CheckRedirect: o.redirect,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: httpDial,
			ResponseHeaderTimeout: httpHeaders, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 8, MaxResponseHeaderBytes: 64 << 10,
			DisableCompression: true, // what is here is compressed, and is counted as it comes
		},
	}
	return o, nil
}

// SetPatience says how long one request with its body may take, before the first one is made; a minute unless it is said. A server
// that lets a byte go now and then is given up after it, with ErrSlow.
func (o *HTTP) SetPatience(d time.Duration) { o.client.Timeout = d }

// redirect follows a few, and none that gives up encryption.
func (o *HTTP) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxHops {
		return fmt.Errorf("more than %d redirects", maxHops)
	}
	if o.base.Scheme == "https" && req.URL.Scheme != "https" {
		return fmt.Errorf("redirected from https to %s", req.URL.Scheme)
	}
	return nil
}

// String is the URL.
func (o *HTTP) String() string { return o.base.String() }

// Close lets go of idle connections.
func (o *HTTP) Close() { o.client.CloseIdleConnections() }

// Put refuses.
func (o *HTTP) Put(ctx context.Context, name string, _ []byte) error {
	if err := errors.Join(ctx.Err(), CheckName(name)); err != nil {
		return err
	}
	return fmt.Errorf("origin %s: %w: publish to a directory that the web server shows", o, ErrReadOnly)
}

// Get reads what the server has under a name.
func (o *HTTP) Get(ctx context.Context, name string, max int64) ([]byte, error) {
	if err := errors.Join(ctx.Err(), CheckName(name)); err != nil {
		return nil, err
	}
	get := o.whole
	if name == RolloutName {
		get = o.latest
	}
	b, err := get(ctx, name, max)
	if err != nil {
		return nil, fmt.Errorf("origin %s: %s: %w", o, name, cmp.Or(ctx.Err(), err))
	}
	return b, nil
}

// latest gets the one name whose bytes change, unless they have not.
func (o *HTTP) latest(ctx context.Context, name string, max int64) ([]byte, error) {
	o.mu.Lock()
	etag, known := o.etag, o.rollout
	o.mu.Unlock()
	resp, err := o.request(ctx, name, func(h http.Header) {
		h.Set("Cache-Control", "no-cache")
		if etag != "" {
			h.Set("If-None-Match", etag)
		}
	})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotModified && etag != "" && int64(len(known)) <= max {
		return append([]byte(nil), known...), nil
	}
	if err := status(resp, http.StatusOK); err != nil {
		return nil, err
	}
	b, err := read(nil, resp.Body, resp.ContentLength, max)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.etag, o.rollout = resp.Header.Get("ETag"), append([]byte(nil), b...)
	return b, nil
}

// whole gets what never changes: where an answer breaks off, the next try asks for the rest.
func (o *HTTP) whole(ctx context.Context, name string, max int64) (b []byte, err error) {
	for range httpTries {
		var again bool
		if b, again, err = o.more(ctx, name, b, max); err == nil || !again || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// more goes on after the bytes had, and reports whether another try may help.
func (o *HTTP) more(ctx context.Context, name string, had []byte, max int64) (b []byte, again bool, err error) {
	resp, err := o.request(ctx, name, func(h http.Header) {
		if len(had) > 0 {
			h.Set("Range", "bytes="+strconv.Itoa(len(had))+"-")
		}
	})
	if err != nil {
		return had, true, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusPartialContent && len(had) > 0:
		if !strings.HasPrefix(resp.Header.Get("Content-Range"), "bytes "+strconv.Itoa(len(had))+"-") {
			return nil, true, fmt.Errorf("answers another range than was asked for")
		}
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return nil, true, fmt.Errorf("has become shorter") // all over again
	default:
		had = had[:0]
		if err := status(resp, http.StatusOK); err != nil {
			return nil, resp.StatusCode >= 500, err
		}
	}
	b, err = read(had, resp.Body, resp.ContentLength, max)
	return b, err != nil && !errors.Is(err, ErrTooLarge), err
}

func (o *HTTP) request(ctx context.Context, name string, set func(http.Header)) (*http.Response, error) {
	u := o.base
	u.Path += "/" + name
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	set(req.Header)
	if o.user != nil {
		password, _ := o.user.Password()
		req.SetBasicAuth(o.user.Username(), password)
	}
	if strings.HasPrefix(name, rootsDir) {
		req.Header.Set("Cache-Control", "no-cache") // that there is no newer one must not be remembered
	}
	resp, err := o.client.Do(req)
	var where *url.Error
	if errors.As(err, &where) {
		err = where.Err // it repeats the URL
	}
	return resp, tooSlow(err)
}

// tooSlow names the fault of a server that takes longer than any honest one.
func tooSlow(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("%w: %w", ErrSlow, err)
	}
	return err
}

func status(resp *http.Response, want int) error {
	switch resp.StatusCode {
	case want:
		return nil
	case http.StatusNotFound, http.StatusGone:
		return ErrNotFound
	}
	return fmt.Errorf("the server answers %s", resp.Status)
}

// read appends a body of a length that may be unknown (below 0) to dst, which may hold max bytes then.
func read(dst []byte, from io.Reader, length, max int64) ([]byte, error) {
	room := max - int64(len(dst))
	if length > room {
		return nil, fmt.Errorf("%w: %d bytes more than %d", ErrTooLarge, length-room, max)
	}
	body := io.LimitReader(from, room+1)
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf)
		dst = append(dst, buf[:n]...)
		if int64(len(dst)) > max {
			return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, max)
		}
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, tooSlow(err)
		}
	}
}
