package serve

import "bytes"

// heads are the headers this package looks at, found in one walk over the raw lines. Of repeated ones the first counts. They live as long as
// the request.
type heads struct {
	origin, site             []byte
	authorization, assertion []byte
	user, session, token     []byte
	noneMatch, connection    []byte
	coding                   []byte // of the body, where it is any
	optOut                   bool   // Sec-GPC is 1: of several values any
}

// take keeps a header if it is one of ours.
func (h *heads) take(name, value []byte) {
	to, word := (*[]byte)(nil), ""
	switch len(name) {
	case len("origin"):
		to, word = &h.origin, "origin"
	case len("sec-gpc"):
		h.optOut = h.optOut || fold(name, "sec-gpc") && saysOne(value)
	case len("edged-user"): // or connection
		if to, word = &h.user, "edged-user"; name[0]|0x20 == 'c' {
			to, word = &h.connection, "connection"
		}
	case len("if-none-match"): // or authorization, edged-profile, edged-session
		switch name[0] | 0x20 {
		case 'i':
			to, word = &h.noneMatch, "if-none-match"
		case 'a':
			to, word = &h.authorization, "authorization"
		default:
			if to, word = &h.token, "edged-profile"; name[6]|0x20 == 's' {
				to, word = &h.session, "edged-session"
			}
		}
	case len("sec-fetch-site"):
		to, word = &h.site, "sec-fetch-site"
	case len("content-encoding"):
		if !fold(bytes.Trim(value, " \t"), "identity") { // beside another one that is, too
			to, word = &h.coding, "content-encoding"
		}
	case len("edged-assertion"):
		to, word = &h.assertion, "edged-assertion"
	}
	if to != nil && *to == nil && fold(name, word) {
		*to = bytes.Trim(value, " \t")
	}
}

// saysOne reports whether a value, or one of several, is 1.
func saysOne(value []byte) bool {
	for more := true; more; {
		var one []byte
		if one, value, more = bytes.Cut(value, []byte{','}); string(bytes.Trim(one, " \t")) == "1" {
			return true
		}
	}
	return false
}
