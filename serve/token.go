package serve

import (
	"strconv"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/profile"
)

// The profile token travels in a header, if the caller uses that (newToken asks for the first one), else in a cookie.
const (
	headerToken = "Edged-Profile"
	cookieToken = "edged_profile"
	newToken    = "new"
)

// freshFor is how long a token is given back as it is; after that an answer renews it, so that who comes back is not forgotten.
const freshFor = 24 * time.Hour

// visitor is the token of a call.
type visitor struct {
	held     profile.Held
	scratch  profile.TokenScratch
	known    bool   // a token was opened
	opened   bool   // or tried to
	byHeader bool   // it travels in the header
	out      []byte // the token to give back; empty: none
	gone     bool   // the one the caller has is to be dropped
}

func (v *visitor) reset() {
	v.held.Reset()
	v.known, v.opened, v.byHeader, v.gone, v.out = false, false, false, false, v.out[:0]
}

// openToken reads the visitor's token, once. Where there is none that is good, the visitor is a new one. A visitor who said no has opted out;
// of one who has by Sec-GPC nothing is read.
func (s *Server) openToken(c *call) {
	v := &c.visitor
	if c.guard.tokens == nil || v.opened {
		return
	}
	v.opened, v.byHeader = true, len(c.heads.token) > 0
	if !c.who.optedOut {
		s.readToken(c)
	}
}

// readToken reads the token of the header, or else of the cookie. From pages of other origins, and where a header brings none that is good, a
// cookie counts as far as it says no.
func (s *Server) readToken(c *call) {
	v := &c.visitor
	if v.known = s.opens(c, c.heads.token); !v.known {
		own := c.who.ownPage && !v.byHeader
		v.known = s.opens(c, c.ctx.Request.Header.Cookie(cookieToken)) && (own || v.held.Refused)
	}
	if !v.known {
		v.held.Reset()
	}
	c.who.optedOut = c.who.optedOut || v.held.Refused
}

// opens reads a token's text; it reports whether there is one that is good.
func (s *Server) opens(c *call, text []byte) bool {
	if len(text) == 0 || string(text) == newToken {
		return false
	}
	err := c.guard.tokens.Open(&c.visitor.held, &c.visitor.scratch, text)
	if err != nil {
		s.metrics.tokensRefused.Inc()
	}
	return err == nil
}

// rememberToken takes the recent items from the visitor's token, none where it says no, and renews it.
func (s *Server) rememberToken(c *call) {
	s.openToken(c)
	if !c.visitor.known {
		return
	}
	m, visit := c.ranker.Model(), c.sitting()
	for i := range c.visitor.held.Items {
		it := &c.visitor.held.Items[i]
		session := visit.has(it.Time)
		if row, ok := m.RowOfHash(it.Hash); ok {
			c.addSeed(m, row, typeOf(m, it.Type), it.Time, session)
		}
	}
	if c.start.UnixMilli()-c.visitor.held.Issued > freshFor.Milliseconds() {
		s.sealToken(c)
	}
}

// typeOf is the event type a token means: one of the eight, or one that the release weighs. Any other speaks as if nothing was said.
func typeOf(m *model.Model, hash uint16) edged.EventType {
	if t, ok := profile.TypeOf(hash); ok {
		return t
	}
	for name := range m.Meta().EventWeights {
		if profile.HashType(edged.EventType(name)) == hash {
			return edged.EventType(name)
		}
	}
	return ""
}

// tokenEvents puts what the visitor did into the token. A backend that sends events of many passes no token on, and gets none.
func (s *Server) tokenEvents(c *call, list []edged.Event, fresh []bool) {
	v := &c.visitor
	if !v.opened || c.who.optedOut || s.backend(c) && !v.byHeader {
		return
	}
	changed := false
	for i := range list {
		changed = fresh[i] && v.held.Add(&list[i], c.start.UnixMilli()) || changed
	}
	if changed {
		s.sealToken(c)
	}
}

// backend reports whether a secret key calls.
func (s *Server) backend(c *call) bool { return c.who.key != nil && c.who.key.IsSecret() }

// sealToken makes the token to give back. Without randomness the visitor keeps the old one.
func (s *Server) sealToken(c *call) {
	v := &c.visitor
	out, err := c.guard.tokens.Seal(v.out[:0], &v.held, &v.scratch)
	if err != nil {
		s.cfg.Logger.Error("serve: token", "error", err)
		return
	}
	v.out = out
}

// giveToken writes the token into the answer's head.
func (s *Server) giveToken(c *call) {
	v := &c.visitor
	if len(v.out) == 0 && !v.gone {
		return
	}
	h := &c.ctx.Response.Header
	if v.byHeader {
		if v.gone {
			h.Set(headerToken, newToken)
			return
		}
		h.SetBytesV(headerToken, v.out)
		return
	}
	if !c.who.ownPage {
		return
	}
	life := int64(0)
	if !v.gone {
		life = (v.held.Expires - c.start.UnixMilli()) / 1000
	}
	c.arena = append(c.arena[:0], cookieToken+"="...)
	if !v.gone {
		c.arena = append(c.arena, v.out...)
	}
	c.arena = append(c.arena, "; Path=/v1; Max-Age="...)
	c.arena = strconv.AppendInt(c.arena, life, 10)
	c.arena = append(c.arena, "; HttpOnly; Secure; SameSite=Lax"...)
	h.SetBytesV("Set-Cookie", c.arena)
}
