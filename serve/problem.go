package serve

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/edged/edged/internal/near"
)

// problem is an answer that says no: RFC 9457 on the wire, an error inside. Every error a handler returns that is no
// problem becomes a 500 without its text, because the text may hold what a caller must not see.
type problem struct {
	status     int
	detail     string
	field      string // the parameter or key at fault, if one is
	syntax     bool   // the JSON text is malformed
	retryAfter int    // seconds; 0: no header
	allow      string // for 405
	rejected   []rejection
}

func (p *problem) Error() string { return p.detail }

// at returns p with its field placed under a parent: "item" under "recent[3]" is "recent[3].item".
func (p *problem) at(parent string) *problem {
	switch {
	case p.field == "":
		p.field = parent
	case p.field[0] == '[':
		p.field = parent + p.field
	default:
		p.field = parent + "." + p.field
	}
	return p
}

// bad is a 400 that concerns the whole request.
func bad(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, detail: fmt.Sprintf(format, args...)}
}

// badField is a 400 that names the parameter or key at fault.
func badField(field, format string, args ...any) *problem {
	p := bad(format, args...)
	p.field = field
	return p
}

func withStatus(status int, format string, args ...any) *problem {
	return &problem{status: status, detail: fmt.Sprintf(format, args...)}
}

// unavailable is a 503 that asks to try again in a second.
func unavailable(format string, args ...any) *problem {
	p := withStatus(http.StatusServiceUnavailable, format, args...)
	p.retryAfter = 1
	return p
}

// problemOf maps any error to what a caller may see. It is the one place that chooses a status.
func problemOf(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	return withStatus(http.StatusInternalServerError, "internal error")
}

// append writes the RFC 9457 document. The detail leads with the field, so that it reads alone.
func (p *problem) append(dst []byte) []byte {
	dst = append(dst, `{"type":"about:blank","title":`...)
	dst = appendString(dst, http.StatusText(p.status))
	dst = append(dst, `,"status":`...)
	dst = strconv.AppendInt(dst, int64(p.status), 10)
	dst = append(dst, `,"detail":`...)
	detail := p.detail
	if p.field != "" {
		detail = p.field + ": " + detail
	}
	dst = appendString(dst, detail)
	if p.field != "" {
		dst = append(dst, `,"field":`...)
		dst = appendString(dst, p.field)
	}
	if p.rejected != nil {
		dst = append(dst, `,"accepted":0,"rejected":`...)
		dst = appendRejected(dst, p.rejected)
	}
	return append(dst, '}')
}

// quote shows what a caller sent, short and printable.
func quote[T string | []byte](s T) string {
	const limit = 48
	t := string(s)
	if len(t) > limit {
		t = t[:limit]
		for !utf8.ValidString(t) && len(t) > limit-utf8.UTFMax {
			t = t[:len(t)-1]
		}
		t += "…"
	}
	return strconv.Quote(t)
}

// unknown names what is not known, and the nearest that is.
func unknown(kind, name string, known []string) *problem {
	p := badField(name, "unknown %s", kind)
	p.field = strings.Trim(quote(name), `"`)
	switch hint := near.DidYouMean(name, known); {
	case hint != "":
		p.detail += hint
	case len(known) > 0:
		p.detail += "; known: " + strings.Join(known, ", ")
	default:
		p.detail += "; none is taken here"
	}
	return p
}
