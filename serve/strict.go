package serve

import (
	"bytes"
	"net/http"

	"github.com/valyala/fasthttp"
)

// checkHTTP refuses what fasthttp lets through and a proxy in front might read otherwise: request smuggling lives on
// such differences. It runs before routing. What it refuses also closes the connection, because where the next
// request begins is then a matter of opinion.
func checkHTTP(ctx *fasthttp.RequestCtx, heads *heads) *problem {
	h := &ctx.Request.Header
	p := checkHeaders(h.RawHeaders(), heads)
	if v := h.Protocol(); string(v) != "HTTP/1.1" && string(v) != "HTTP/1.0" {
		return withStatus(http.StatusHTTPVersionNotSupported, "this version of HTTP is not spoken here; use HTTP/1.1")
	}
	switch {
	case p != nil:
		return p
	case namesUpgrade(heads.connection):
		return bad("Upgrade is not supported")
	case bytes.IndexByte(h.RequestURI(), '#') >= 0:
		return bad("a target has no fragment; write # as %%23")
	case hostless(h.RequestURI()):
		return bad("a target that is a URL names a host; or send the path alone")
	case len(h.Host()) == 0 && string(h.Protocol()) != "HTTP/1.0":
		return bad("Host header is missing")
	}
	return nil
}

// hostless reports whether a target is a URL of no host.
func hostless(target []byte) bool {
	if bytes.HasPrefix(target, []byte{'/'}) {
		return false
	}
	_, authority, absolute := bytes.Cut(target, []byte("://"))
	return absolute && (len(authority) == 0 || bytes.IndexByte([]byte("/?:@"), authority[0]) >= 0)
}

// namesUpgrade reports whether a Connection header asks for another protocol.
func namesUpgrade(connection []byte) bool {
	for len(connection) > 0 {
		var option []byte
		option, connection, _ = bytes.Cut(connection, []byte{','})
		if fold(bytes.Trim(option, " \t"), "upgrade") {
			return true
		}
	}
	return false
}

// checkHeaders walks the raw header lines once, and keeps those that are looked at later, also where it finds fault: an answer of any
// kind depends on the Origin.
func checkHeaders(raw []byte, heads *heads) (fault *problem) {
	lengths, encodings := 0, 0
	blame := func(p *problem) {
		if fault == nil {
			fault = p
		}
	}
	for len(raw) > 0 {
		var line []byte
		line, raw, _ = bytes.Cut(raw, []byte{'\n'})
		line, ends := bytes.CutSuffix(line, []byte{'\r'})
		if !ends {
			blame(bad("a header line ends in a line feed alone; end it in CRLF"))
		}
		if len(line) == 0 {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			blame(bad("folded header line"))
			continue
		}
		if bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
			blame(bad("control character in a header"))
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		if !isToken(name) {
			blame(bad("a header name has bytes besides letters, digits and !#$%%&'*+-.^_`|~"))
			continue
		}
		switch {
		case fold(name, "content-length"):
			lengths++
		case fold(name, "transfer-encoding"):
			encodings++
			if !fold(bytes.Trim(value, " \t"), "chunked") {
				blame(withStatus(http.StatusNotImplemented, "Transfer-Encoding: only chunked is supported"))
			}
		case fold(name, "expect") && !fold(bytes.Trim(value, " \t"), "100-continue"):
			blame(withStatus(http.StatusExpectationFailed, "Expect: only 100-continue is supported"))
		default:
			heads.take(name, value)
		}
	}
	if lengths+encodings > 1 {
		blame(bad("more than one of Content-Length and Transfer-Encoding"))
	}
	return fault
}

// tokens are the bytes of a token (RFC 9110, 5.6.2), as a set of bits.
var tokens = func() (set [4]uint64) {
	for _, b := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		set[b/64] |= 1 << (b % 64)
	}
	return set
}()

func isToken(name []byte) bool {
	for _, b := range name {
		if tokens[b/64]>>(b%64)&1 == 0 {
			return false
		}
	}
	return len(name) > 0
}

// fold reports whether b is the lower-case word, ASCII letter case aside.
func fold[T string | []byte](b T, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i := range len(b) {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// jsonTypes are the media types a JSON body may come with. text/plain is what sendBeacon sends without a preflight, and
// the form's type is what curl -d says of everything.
var jsonTypes = []string{
	"application/json", "text/plain", "application/x-ndjson", "application/jsonl", "application/ndjson", "application/x-www-form-urlencoded",
}

// checkBody refuses bodies that can't be JSON by their own word, or are longer than a body may be.
func (c *call) checkBody(limit int) *problem {
	if n := len(c.ctx.Request.Body()); n > limit {
		return bodyTooLarge(limit)
	}
	if enc := c.heads.coding; len(enc) > 0 {
		return withStatus(http.StatusUnsupportedMediaType, "Content-Encoding %s is not supported; send plain JSON", quote(enc))
	}
	typ := mediaType(c.ctx)
	if len(typ) == 0 {
		return nil
	}
	if !utf8Named(c.ctx.Request.Header.ContentType()) {
		return withStatus(http.StatusUnsupportedMediaType, "only UTF-8 is read; send application/json")
	}
	for _, t := range jsonTypes {
		if fold(typ, t) {
			return nil
		}
	}
	return withStatus(http.StatusUnsupportedMediaType, "Content-Type %s is not supported; send application/json", quote(typ))
}

// utf8Named reports whether a Content-Type names no charset, or UTF-8 or a part of it.
func utf8Named(typ []byte) bool {
	_, params, more := bytes.Cut(typ, []byte{';'})
	for more {
		var param []byte
		param, params, more = bytes.Cut(params, []byte{';'})
		name, value, _ := bytes.Cut(param, []byte{'='})
		value = bytes.Trim(value, " \t\"")
		if fold(bytes.TrimSpace(name), "charset") && !fold(value, "utf-8") && !fold(value, "utf8") && !fold(value, "us-ascii") {
			return false
		}
	}
	return true
}

func bodyTooLarge(limit int) *problem {
	return withStatus(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", limit)
}

// mediaType is the Content-Type without its parameters.
func mediaType(ctx *fasthttp.RequestCtx) []byte {
	typ, _, _ := bytes.Cut(ctx.Request.Header.ContentType(), []byte{';'})
	return bytes.TrimSpace(typ)
}
