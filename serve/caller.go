package serve

import (
	"bytes"
	"net/http"

	"github.com/edged/edged"
	"github.com/edged/edged/access"
)

// caller is who asks, as far as the request proves it. Everything a handler looks up or stores for a visitor is decided by it.
type caller struct {
	key      *access.Key // nil where none is asked for
	inQuery  bool        // the key came in the URL, or may as well where none is asked for: it is no parameter
	user     []byte      // of an assertion
	optedOut bool        // Sec-GPC, or the visitor's token says no: nothing is looked up, nothing stored
	ownPage  bool        // no page of a foreign origin sent it: cookies count
}

// Headers of callers.
const (
	headerUser    = "Edged-User"    // whose profile, from a secret key
	headerSession = "Edged-Session" // likewise
)

// identify finds out who calls, and turns away who may not.
func (s *Server) identify(c *call) *problem {
	c.who.optedOut = c.heads.optOut
	c.who.ownPage = s.ownPage(c)
	if c.guard.keys == nil {
		c.who.inQuery = true
		return nil
	}
	if p := s.findKey(c); p != nil {
		return p
	}
	if text := c.heads.assertion; len(text) > 0 {
		user, err := c.guard.keys.Asserted(text, c.start)
		if err != nil {
			return withStatus(http.StatusUnauthorized, "the assertion is not accepted")
		}
		c.who.user = []byte(user)
	}
	return nil
}

// findKey takes the bearer key, or a publishable one in the URL, where sendBeacon and plain GETs need it.
func (s *Server) findKey(c *call) *problem {
	presented, bearer := bearerOf(c.heads.authorization)
	if !bearer {
		presented, c.who.inQuery = keyParam(c.asks)
	}
	k := c.guard.keys.Find(presented)
	if k == nil && len(presented) > 0 {
		return withStatus(http.StatusUnauthorized, "the API key is none that this node knows: it was revoked, or is another shop's, or not whole")
	}
	if k == nil {
		return withStatus(http.StatusUnauthorized, "this node wants an API key: Authorization: Bearer …, or ?key= with a publishable one")
	}
	if k.IsSecret() && c.who.inQuery {
		return badField("key", "a secret key never goes in a URL; take it out of use now, it is in logs")
	}
	origin := c.heads.origin
	if k.IsSecret() && len(origin) > 0 {
		return withStatus(http.StatusForbidden, "a secret key is in a page of %s, where anybody can read it: take it out of use now, and give the page a publishable one", quote(origin))
	}
	if len(origin) > 0 && !k.Admits(origin) {
		return withStatus(http.StatusForbidden, "pages of %s may not use this key", quote(origin))
	}
	c.who.key = k
	return nil
}

// bearerOf returns what Authorization has of the scheme Bearer, whose letters may be large or small (RFC 9110, 11.1).
func bearerOf[T string | []byte](authorization T) (token T, is bool) {
	const scheme = "bearer "
	if len(authorization) < len(scheme) || !fold(authorization[:len(scheme)], scheme) {
		return token, false
	}
	return authorization[len(scheme):], true
}

// keyParam finds the value of key in a query string. Keys need no escapes.
func keyParam(query []byte) (value []byte, found bool) {
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte{'&'})
		if v, ok := bytes.CutPrefix(pair, []byte("key=")); ok {
			return v, true
		}
	}
	return nil, false
}

// ownPage reports whether the request comes from no page, from one of this very host, or from one of an origin that is
// named (a star names nobody).
func (s *Server) ownPage(c *call) bool {
	origin := c.heads.origin
	if len(origin) == 0 {
		return string(c.heads.site) != "cross-site"
	}
	_, host, ok := bytes.Cut(origin, []byte("://"))
	return ok && bytes.Equal(host, c.ctx.Request.Header.Host()) || c.guard.cors.names(origin)
}

// mayActForAll reports whether the caller may name any user; others name whom their assertion is for.
func (s *Server) mayActForAll(c *call) bool {
	return c.guard.keys == nil || c.who.key.IsSecret()
}

// settleUser decides for whom an answer is.
func (s *Server) settleUser(c *call) *problem {
	if len(c.req.user) == 0 {
		c.req.user = c.who.user
		return nil
	}
	if !s.mayActForAll(c) && !bytes.Equal(c.who.user, c.req.user) {
		p := withStatus(http.StatusForbidden, "believed only from a secret key, or with an assertion for this user")
		p.field = "user"
		return p
	}
	return nil
}

// settleEvent decides whose an event is; it reports whether the caller may say so.
func (s *Server) settleEvent(c *call, e *edged.Event) bool {
	if e.User == "" && len(c.who.user) > 0 {
		e.User = string(c.who.user)
	}
	return e.User == "" || s.mayActForAll(c) || string(c.who.user) == e.User
}
