package serve

import (
	"errors"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/valyala/fasthttp"
)

// unreadable answers what fasthttp could not read as a request. The connection is closed after it.
func (s *Server) unreadable(ctx *fasthttp.RequestCtx, err error) {
	p := s.unreadableProblem(err)
	if conn, ok := ctx.Conn().(*watchedConn); ok {
		if conn.hold.short && errors.Is(err, fasthttp.ErrBodyTooLarge) {
			p = unavailable("bodies under way take all the room there is for them")
		}
		conn.end()
		conn.linger.Store(true)
	}
	s.guard.Load().cors.headers(&ctx.Response.Header, ctx.Request.Header.Peek("Origin"))
	writeProblem(ctx, p, p.append(nil))
	s.metrics.done(routeOther, p.status, 0)
}

func (s *Server) unreadableProblem(err error) *problem {
	var small *fasthttp.ErrSmallBuffer
	var network net.Error
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return bodyTooLarge(s.cfg.MaxBody)
	case errors.As(err, &small):
		return withStatus(http.StatusRequestHeaderFieldsTooLarge, "request line and headers are larger than %d bytes; use POST for long lists", s.http.ReadBufferSize)
	case errors.As(err, &network) && network.Timeout():
		return withStatus(http.StatusRequestTimeout, "the request did not arrive in time")
	case errors.Is(err, fasthttp.ErrUnsupportedTransferEncoding):
		return withStatus(http.StatusNotImplemented, "Transfer-Encoding: only chunked is supported")
	}
	return bad("not an HTTP/1.1 request: %s", faultOf(err))
}

// fasthttp's words for what is wrong quote what was sent, be it a key, a cookie or an address with a person's id in it, and would bring that into
// logs. These stand for them: a part of its words, and ours.
var faults = [...]struct{ theirs, ours string }{
	{"http version", "the request line does not end in HTTP/1.1"},
	{"request method", "the request line does not begin with a method"},
	{"whitespace", "the request line is not a method, a target and HTTP/1.1 with one space between"},
	{"request line", "the request line is not a method, a target and HTTP/1.1 with one space between"},
	{"duplicate content-length", "more than one Content-Length"},
	{"content-length", "Content-Length is not one whole number, or stands beside Transfer-Encoding"},
	{"transfer-encoding", "Transfer-Encoding is given twice"},
	{"mime header", "a header name has bytes besides letters, digits and !#$%&'*+-.^_`|~, or the line no colon"},
	{"header key", "a header name has bytes besides letters, digits and !#$%&'*+-.^_`|~, or the line no colon"},
	{"header value", "a header has a control character"},
	{"trailer", "what follows the last chunk is no trailer that may be there"},
	{"chunk", "a chunk has no hexadecimal size, or another one"},
	{"hex", "a chunk has no hexadecimal size, or another one"},
	{"uri", "the target is no path and no URL"},
	{"scheme", "the target is no path and no URL"},
	{"invalid port", "the port is no number"},
	{"missing required host", "Host header is missing"},
	{"host", "Host is none that can be, or given twice"},
	{"unexpected EOF", "it ended too early"},
	{"need more", "it ended too early"},
}

// quoted is what strconv.Quote made.
var quoted = regexp.MustCompile(`"(\\.|[^"\\])*"`)

func faultOf(err error) string {
	text := quoted.ReplaceAllLiteralString(err.Error(), "")
	for _, f := range faults {
		if strings.Contains(text, f.theirs) {
			return f.ours
		}
	}
	return "it can't be read as one"
}
