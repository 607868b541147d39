package client

import (
	"context"
	crand "crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Problem is an answer that says no (RFC 9457).
type Problem struct {
	Status     int           `json:"status"`
	Title      string        `json:"title"`
	Detail     string        `json:"detail"`
	Field      string        `json:"field"`    // the parameter or key at fault, if one is
	Rejected   []Rejected    `json:"rejected"` // where no event was taken
	RetryAfter time.Duration `json:"-"`        // 0: not said
}

func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

// problemOf reads a refusal, and tells whether another try may end otherwise.
func problemOf(resp *http.Response, text []byte) (wait time.Duration, err error) {
	p := &Problem{}
	if json.Unmarshal(text, p) != nil || p.Status == 0 { // of something in between
		p = &Problem{Title: http.StatusText(resp.StatusCode), Detail: fmt.Sprintf("%.200q", text)}
	}
	p.Status = resp.StatusCode
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		p.RetryAfter = time.Duration(s) * time.Second
	}
	if p.Status != http.StatusTooManyRequests && p.Status != http.StatusServiceUnavailable || p.RetryAfter > maxBackoff {
		return never, p
	}
	return p.RetryAfter, p
}

// pause is a random time, up to twice as long for each try, so that callers who failed together don't come back together.
func pause(first time.Duration, try int) time.Duration {
	longest := min(first<<min(try, 16), maxBackoff)
	return time.Duration(rand.Int64N(int64(longest) + 1))
}

// sleep waits, unless ctx would end first: then it returns false at once.
func sleep(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// distrusted reports whether a connection failed for reasons that stay: the node's certificate is not trusted, or it speaks no TLS.
func distrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate) || errors.Is(err, http.ErrSchemeMismatch)
}

// newID is an idempotency key.
func newID() string { return crand.Text() }
