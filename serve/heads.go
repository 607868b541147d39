package serve

import "bytes"

// heads are the headers this package looks at, found in one walk over the raw lines. Of repeated ones the first counts. They live as long as
// the request.
type heads struct {
	origin, site, gpc        []byte
	authorization, assertion []byte
	user, session, token     []byte
	noneMatch, connection    []byte
}

// take keeps a header if it is one of ours.
func (h *heads) take(name, value []byte) {
	to, word := (*[]byte)(nil), ""
	switch len(name) {
	case len("origin"):
		to, word = &h.origin, "origin"
	case len("sec-gpc"):
		to, word = &h.gpc, "sec-gpc"
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
	case len("edged-assertion"):
		to, word = &h.assertion, "edged-assertion"
	}
	if to != nil && *to == nil && fold(name, word) {
		*to = bytes.Trim(value, " \t")
	}
}
