package serve

import (
	"bytes"
	"net/http"

	"github.com/valyala/fasthttp"
)

// checkHTTP refuses what fasthttp lets through and a proxy in front might read otherwise: request smuggling lives on
// such differences. It runs before routing. What it refuses also closes the connection, because where the next
// request begins is then a matter of opinion.
func checkHTTP(ctx *fasthttp.RequestCtx) *problem {
	h := &ctx.Request.Header
	if v := string(h.Protocol()); v != "HTTP/1.1" && v != "HTTP/1.0" {
		return withStatus(http.StatusHTTPVersionNotSupported, "%s is not spoken here; use HTTP/1.1", quote(v))
	}
	if p := checkHeaders(h.RawHeaders()); p != nil {
		return p
	}
	if h.ConnectionUpgrade() {
		return bad("Upgrade is not supported")
	}
	if !bytes.Equal(h.Protocol(), []byte("HTTP/1.0")) && len(h.Host()) == 0 {
		return bad("Host header is missing")
	}
	return nil
}

// checkHeaders walks the raw header lines once.
func checkHeaders(raw []byte) *problem {
	lengths, encodings := 0, 0
	for len(raw) > 0 {
		var line []byte
		line, raw, _ = bytes.Cut(raw, []byte{'\n'})
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) == 0 {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			return bad("folded header line")
		}
		if bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
			return bad("control character in a header")
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		switch {
		case fold(name, "content-length"):
			lengths++
		case fold(name, "transfer-encoding"):
			encodings++
			if !fold(bytes.Trim(value, " \t"), "chunked") {
				return withStatus(http.StatusNotImplemented, "Transfer-Encoding: only chunked is supported")
			}
		case fold(name, "expect") && !fold(bytes.Trim(value, " \t"), "100-continue"):
			return withStatus(http.StatusExpectationFailed, "Expect: only 100-continue is supported")
		}
	}
	if lengths > 1 || encodings > 1 || lengths+encodings > 1 {
		return bad("more than one of Content-Length and Transfer-Encoding")
	}
	return nil
}

// fold reports whether b is the lower-case word, ASCII letter case aside.
func fold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
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
func checkBody(ctx *fasthttp.RequestCtx, limit int) *problem {
	if n := len(ctx.Request.Body()); n > limit {
		return bodyTooLarge(limit)
	}
	if enc := ctx.Request.Header.ContentEncoding(); len(enc) > 0 && !fold(enc, "identity") {
		return withStatus(http.StatusUnsupportedMediaType, "Content-Encoding %s is not supported; send plain JSON", quote(enc))
	}
	typ := mediaType(ctx)
	if len(typ) == 0 {
		return nil
	}
	for _, t := range jsonTypes {
		if fold(typ, t) {
			return nil
		}
	}
	return withStatus(http.StatusUnsupportedMediaType, "Content-Type %s is not supported; send application/json", quote(typ))
}

func bodyTooLarge(limit int) *problem {
	return withStatus(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", limit)
}

// mediaType is the Content-Type without its parameters.
func mediaType(ctx *fasthttp.RequestCtx) []byte {
	typ, _, _ := bytes.Cut(ctx.Request.Header.ContentType(), []byte{';'})
	return bytes.TrimSpace(typ)
}
