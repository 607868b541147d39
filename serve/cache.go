package serve

import (
	"bytes"
	"strconv"
	"time"
)

// How long shared caches may keep what is the same for everyone. A release changes rarely, what is trending does not.
const (
	releaseMaxAge  = 60 * time.Second
	trendingMaxAge = time.Second
)

// cacheHeaders says who may keep the answer. What follows from one visitor is nobody's to keep.
func (s *Server) cacheHeaders(c *call) {
	h := &c.ctx.Response.Header
	if c.cacheable == 0 {
		h.SetCanonical(keyCacheControl, noStore)
		return
	}
	var buf [48]byte
	v := append(buf[:0], "public, max-age="...)
	v = strconv.AppendInt(v, int64(c.cacheable/time.Second), 10)
	h.SetCanonical(keyCacheControl, v)
	if len(c.etag) > 0 {
		h.SetCanonical(keyETag, c.etag)
	}
}

// timing says in the head how long the answer took, in milliseconds, where a browser shows it beside the request.
func (s *Server) timing(c *call) {
	var buf [48]byte
	us := c.took().Microseconds()
	v := append(buf[:0], "edged;dur="...)
	v = strconv.AppendInt(v, us/1000, 10)
	v = append(v, '.', '0'+byte(us/100%10), '0'+byte(us/10%10), '0'+byte(us%10))
	c.ctx.Response.Header.SetCanonical(keyServerTiming, v)
}

// setETag makes a weak tag of the release, the overlay on it, and of which items the answer has, in which order. Scores of what is
// trending decay by the second, and ages and ids of answers differ each time, without the answer meaning something else.
func (c *call) setETag() {
	const prime = 1099511628211 // FNV-1a over whole rows: the tag tells apart, it proves nothing
	h := (uint64(14695981039346656037) ^ uint64(c.answer.Level)) * prime
	for i := range c.answer.Items {
		h = (h ^ uint64(c.answer.Items[i].Row)) * prime
	}
	c.etag = append(c.etag[:0], `W/"`...)
	c.etag = append(c.appendState(c.etag), '-')
	c.etag = strconv.AppendUint(c.etag, h^h>>29, 36)
	c.etag = append(c.etag, '"')
}

// appendState names what the answer is of: the release, and what is different from it.
func (c *call) appendState(b []byte) []byte {
	b = append(b, c.ranker.Release().ID...)
	if tag := c.ranker.Tag(); tag != "" {
		b = append(append(b, '+'), tag...)
	}
	return b
}

// matchesETag reports whether If-None-Match names the tag, weakly (RFC 9110, 8.8.3.2).
func matchesETag(header, etag []byte) bool {
	want := bytes.TrimPrefix(etag, []byte("W/"))
	for len(header) > 0 {
		var tag []byte
		tag, header, _ = bytes.Cut(header, []byte{','})
		tag = bytes.TrimSpace(tag)
		if string(tag) == "*" || bytes.Equal(bytes.TrimPrefix(tag, []byte("W/")), want) {
			return true
		}
	}
	return false
}
