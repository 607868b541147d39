package serve

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"testing"
)

// smuggled would be answered with items if a part of another request were taken for a request.
const smuggled = "GET /v1/popular?n=1 HTTP/1.1\r\nHost: edge\r\n\r\n"

// desync are requests that two readers may take for different things, or that are none. Behind each comes an innocent one.
var desync = []struct{ name, request string }{
	// Where the body ends.
	{"length and chunks", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled},
	{"chunks and length", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled},
	{"chunks twice", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"chunks and identity", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"},
	{"identity", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n[]"},
	{"a list of encodings", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
	{"chunked first", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"},
	{"nearly chunked", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
	{"quoted chunked", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"},
	{"chunked behind a vertical tab", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"},
	{"a space before the colon", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
	{"a folded encoding", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"},
	{"an encoding on HTTP/1.0", "POST /v1/events HTTP/1.0\r\nHost: edge\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"},
	{"two lengths", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: 2\r\nContent-Length: 50\r\n\r\n[]" + smuggled},
	{"one length twice", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n[]"},
	{"a list of lengths", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: 2, 2\r\n\r\n[]"},
	{"two lengths in a line", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: 2 50\r\n\r\n[]"},
	{"a length with a sign", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: +2\r\n\r\n[]"},
	{"a length below 0", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: -2\r\n\r\n[]"},
	{"a hexadecimal length", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: 0x2\r\n\r\n[]"},
	{"a length of 65 bits", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: 18446744073709551618\r\n\r\n[]"},
	{"a length with a fraction", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: 2.0\r\n\r\n[]"},
	{"a length that is a word", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: two\r\n\r\n[]"},
	{"a length without digits", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length:\r\n\r\n[]"},
	{"a length with a tab in it", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: 2\t2\r\n\r\n[]"},
	{"a body on GET", "GET /v1/popular HTTP/1.1\r\nHost: edge\r\nContent-Length: " + strconv.Itoa(len(smuggled)) + "\r\n\r\n" + smuggled},
	{"chunks on GET", "GET /v1/popular HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
	// Chunks.
	{"a chunk size that is none", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\ng\r\n[]\r\n0\r\n\r\n"},
	{"a chunk size below 0", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n[]\r\n0\r\n\r\n"},
	{"a chunk size with 0x", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\n[]\r\n0\r\n\r\n"},
	{"a chunk size of 65 bits", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\n[]\r\n0\r\n\r\n"},
	{"a chunk size of spaces", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n \r\n[]\r\n0\r\n\r\n"},
	{"no chunk size", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n\r\n[]\r\n0\r\n\r\n"},
	{"a chunk longer than its size", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[]\r\n0\r\n\r\n"},
	{"a chunk that ends with a line feed", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\n0\r\n\r\n"},
	{"a trailer that is a length", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\nContent-Length: 50\r\n\r\n"},
	// Header lines.
	{"a line feed alone after a header", "GET /v1/popular HTTP/1.1\r\nHost: edge\nX: a\r\n\r\n"},
	{"a line feed alone after a length", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nContent-Length: 2\nX: a\r\n\r\n[]"},
	{"a line feed alone before the empty line", "GET /v1/popular HTTP/1.1\r\nHost: edge\r\nX: a\n\r\n"},
	{"a URL without a host", "GET http:///v1/popular HTTP/1.1\r\nHost: edge\r\n\r\n"},
	{"a URL of a port alone", "GET http://:80/v1/popular HTTP/1.1\r\nHost: edge\r\n\r\n"},
	{"a body on DELETE", "DELETE /v1/profile HTTP/1.1\r\nHost: edge\r\nContent-Length: 2\r\n\r\n{}"},
	{"no Host", "GET /v1/popular HTTP/1.1\r\n\r\n"},
	{"two Hosts", "GET /v1/popular HTTP/1.1\r\nHost: edge\r\nHost: other\r\n\r\n"},
	{"a Host with a path", "GET /v1/popular HTTP/1.1\r\nHost: edge/x\r\n\r\n"},
	{"a Host with a space", "GET /v1/popular HTTP/1.1\r\nHost: ed ge\r\n\r\n"},
	{"a folded header", "GET /v1/popular HTTP/1.1\r\nHost: edge\r\nX: a\r\n b\r\n\r\n"},
	{"a first header that is folded", "GET /v1/popular HTTP/1.1\r\n Host: edge\r\n\r\n"},
	{"a header without a colon", "GET /v1/popular HTTP/1.1\r\nHost: edge\r\nnonsense\r\n\r\n"},
	{"a header without a name", "GET /v1/popular HTTP/1.1\r\nHost: edge\r\n: x\r\n\r\n"},
	{"a header name with a space", "GET /v1/popular HTTP/1.1\r\nHost: edge\r\nX Y: z\r\n\r\n"},
	{"a header name with a bracket", "GET /v1/popular HTTP/1.1\r\nHost: edge\r\nX[]: z\r\n\r\n"},
	{"a header name of other letters", "GET /v1/popular HTTP/1.1\r\nHost: edge\r\nContent\xc3\xa9: z\r\n\r\n"},
	{"a zero byte in a header", "GET /v1/popular HTTP/1.1\r\nHost: edge\r\nX: a\x00b\r\n\r\n"},
	{"a carriage return in a header", "GET /v1/popular HTTP/1.1\r\nHost: edge\r\nX: a\rb\r\n\r\n"},
	{"an Expect that is unknown", "POST /v1/events HTTP/1.1\r\nHost: edge\r\nExpect: 200-ok\r\nContent-Length: 2\r\n\r\n[]"},
	{"another protocol", "GET /v1/popular HTTP/1.1\r\nHost: edge\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"},
	{"a websocket", "GET /v1/popular HTTP/1.1\r\nHost: edge\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"},
	// The first line.
	{"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	{"HTTP/9.9", "GET /v1/popular HTTP/9.9\r\nHost: edge\r\n\r\n"},
	{"HTTP/1.2", "GET /v1/popular HTTP/1.2\r\nHost: edge\r\n\r\n"},
	{"lower-case http", "GET /v1/popular http/1.1\r\nHost: edge\r\n\r\n"},
	{"no version", "GET /v1/popular\r\nHost: edge\r\n\r\n"},
	{"a line alone", "GET\r\n\r\n"},
	{"two spaces", "GET  /v1/popular HTTP/1.1\r\nHost: edge\r\n\r\n"},
	{"tabs", "GET\t/v1/popular\tHTTP/1.1\r\nHost: edge\r\n\r\n"},
	{"a space in the target", "GET /v1/popular ?n=1 HTTP/1.1\r\nHost: edge\r\n\r\n"},
	{"a method of other letters", "G\xc3\x89T /v1/popular HTTP/1.1\r\nHost: edge\r\n\r\n"},
	{"an unknown method", "BREW /v1/popular HTTP/1.1\r\nHost: edge\r\n\r\n"},
	{"a method in lower case", "get /v1/popular HTTP/1.1\r\nHost: edge\r\n\r\n"},
	{"CONNECT", "CONNECT edge:443 HTTP/1.1\r\nHost: edge:443\r\n\r\n"},
	{"TRACE", "TRACE /v1/popular HTTP/1.1\r\nHost: edge\r\n\r\n"},
	{"a target that is none", "GET v1/popular HTTP/1.1\r\nHost: edge\r\n\r\n"},
	{"a zero byte in the target", "GET /v1/pop\x00ular HTTP/1.1\r\nHost: edge\r\n\r\n"},
	{"a carriage return in the target", "GET /v1/pop\rular HTTP/1.1\r\nHost: edge\r\n\r\n"},
	{"a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"},
	{"zero bytes", "\x00\x00\x00\x00\r\n\r\n"},
}

// Each is refused with a problem that says why, and nothing in it is ever answered as a request of its own: behind it comes the
// innocent request's answer, or the end of the connection.
func TestNoDesync(t *testing.T) {
	f := newFixture(t)
	const innocent = "GET /healthz/live HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n"
	for _, test := range desync {
		t.Run(test.name, func(t *testing.T) {
			answers := f.everything(t, test.request+innocent)
			if len(answers) == 0 || len(answers) > 2 {
				t.Fatalf("%d answers: %+v", len(answers), answers)
			}
			checkRefusal(t, answers[0], answers[0].status, "")
			if s := answers[0].status; s < 400 || s == 500 || s > 505 {
				t.Errorf("status %d", s)
			}
			if len(answers) == 2 && answers[1].body != `{"status":"live"}` {
				t.Errorf("behind it came %+v", answers[1])
			}
		})
	}
	if f.server.metrics.panics.Get() != 0 {
		t.Error("there was a panic")
	}
}

// everything sends bytes on a connection of their own and reads all answers until it is closed.
func (f *fixture) everything(t *testing.T, sent string) (list []response) {
	t.Helper()
	conn, err := f.ln.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, sent) }()
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(bytes.NewReader(all))
	for {
		resp, err := http.ReadResponse(r, nil)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && r.Buffered() == 0 {
			return list
		}
		if err != nil {
			t.Fatalf("%v in %q", err, all)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, response{resp.StatusCode, resp.Header, string(body)})
	}
}

// HTTP/1.0 is spoken, with a Host or without: a connection ends with the answer unless it is asked to stay. A request line may end in a line feed alone.
func TestOldHTTP(t *testing.T) {
	f := newFixture(t)
	for head, want := range map[string]int{"": 1, "Host: edge\r\n": 1, "Connection: keep-alive\r\n": 2} {
		answers := f.everything(t, "GET /v1/popular?n=1 HTTP/1.0\r\n"+head+"\r\n"+"GET /v1/popular?n=1 HTTP/1.0\r\n\r\n")
		if len(answers) != want || answers[0].status != 200 || answers[want-1].status != 200 {
			t.Errorf("%q: %+v", head, answers)
		}
	}
	line := f.everything(t, "GET /v1/popular?n=1 HTTP/1.1\nHost: edge\r\nConnection: close\r\n\r\n")
	if len(line) != 1 || line[0].status != 200 {
		t.Errorf("a request line that ends in a line feed alone: %+v", line)
	}
	target := f.everything(t, "GET http://edge/v1/popular?n=1 HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n")
	if len(target) != 1 || target[0].status != 200 {
		t.Errorf("a URL with a host: %+v", target)
	}
}
