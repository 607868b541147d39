package serve

import (
	"strings"
	"testing"
)

// Nothing of a request that can't be read comes back: it may be a key, a cookie or a person's id.
func TestFaultsQuoteNothing(t *testing.T) {
	f := newFixture(t)
	const get, post = "GET /v1/popular HTTP/1.1\r\nHost: edge\r\n", "POST /v1/events HTTP/1.1\r\nHost: edge\r\n"
	for _, test := range []struct{ request, says string }{
		{get + "Authorization: Bearer s3cret\x01\r\n\r\n", "a header has a control character"},
		{get + "Cookie: profile=s3cret\x00\r\n\r\n", "a header has a control character"},
		{get + "Authorization Bearer s3cret\r\n\r\n", "a header name has bytes besides letters"},
		{get + "Authorization=Bearer[s3cret]: x\r\n\r\n", "a header name has bytes besides letters"},
		{get + "Host: s3cret\r\n\r\n", "Host is none that can be"},
		{"GET /v1/popular HTTP/1.1\r\nHost: s3cret/x\r\n\r\n", "Host is none that can be"},
		{"GET /v1/popular HTTP/1.1\r\nHost: edge:s3cret\r\n\r\n", "the port is no number"},
		{"GET /v1/recommend?user=s3cret HTTX/1.1\r\nHost: edge\r\n\r\n", "does not end in HTTP/1.1"},
		{"GET /v1/recommend?user=s3cret\r\nHost: edge\r\n\r\n", "the request line"},
		{"GET /v1/recommend?user=s3cret x HTTP/1.1\r\nHost: edge\r\n\r\n", "the request line"},
		{"GET  /v1/recommend?user=s3cret HTTP/1.1\r\nHost: edge\r\n\r\n", ""},
		{"GET /v1/recommend?user=s3cret\x01 HTTP/1.1\r\nHost: edge\r\n\r\n", ""},
		{"{\"user\":\"s3cret\"} x\r\n\r\n", "the request line"},
		{"GET /v1/popular HTTP/1.s3cret\r\nHost: edge\r\n\r\n", ""},
		{"GET ht[tp://s3cret/ HTTP/1.1\r\nHost: edge\r\n\r\n", ""},
		{post + "Content-Length: s3cret\r\n\r\n", "Content-Length is not one whole number"},
		{post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n[]", "more than one Content-Length"},
		{post + "Transfer-Encoding: s3cret\r\n\r\n", ""},
		{post + "Transfer-Encoding: chunked\r\n\r\ns3cret\r\n", "a chunk has no hexadecimal size"},
		{post + "Transfer-Encoding: chunked\r\n\r\n2\r\n[]s3cret\r\n", "a chunk"},
		{post + "Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\nAuthorization: s3cret\r\n\r\n", "the last chunk"},
	} {
		r := f.everything(t, test.request)
		if len(r) != 1 || r[0].status < 400 || r[0].status == 500 {
			t.Errorf("%q: %v", test.request, r)
			continue
		}
		checkRefusal(t, r[0], r[0].status, test.says)
		if strings.Contains(r[0].body, "cret") || r[0].status == 400 && strings.Contains(r[0].body, "it can't be read") {
			t.Errorf("%q: %s", test.request, r[0].body)
		}
	}
}
