package serve

import (
	"net/http"
	"strconv"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/profile"
)

// What is held on a visitor: shown, limited, forgotten. A token is the caller's own by possession; what a node remembers of a user or a
// session is shown and erased only for a secret key that names them, or for the user an assertion is for.

// profileShow answers GET /v1/profile.
func (s *Server) profileShow(c *call) *problem {
	if p := c.params(c.asks, nil); p != nil {
		return p
	}
	if p := s.nobodyNamed(c); p != nil {
		return p
	}
	return s.showProfile(c)
}

// nobodyNamed refuses who names a visitor where nothing is held by name: it would be shown, or forgotten, of whoever asks.
func (s *Server) nobodyNamed(c *call) *problem {
	switch {
	case len(c.heads.user)+len(c.heads.session) == 0:
		return nil
	case c.guard.tokens != nil:
		return withStatus(http.StatusConflict, "%s and %s name nobody here: profiles are in tokens; send the visitor's own as %s", headerUser, headerSession, headerToken)
	case s.cfg.Profiles == nil:
		return withStatus(http.StatusConflict, "%s and %s name nobody here: this node holds no profiles", headerUser, headerSession)
	}
	return nil
}

func (s *Server) showProfile(c *call) *problem {
	s.openToken(c)
	switch {
	case c.guard.tokens != nil:
		return s.showToken(c)
	case s.cfg.Profiles != nil:
		return s.showMemory(c)
	}
	c.out = append(c.out, `{"mode":"request","consent":`...)
	c.out = append(strconv.AppendBool(c.out, !c.who.optedOut), `,"items":[]}`...)
	return nil
}

// showToken shows what the token holds. Items are named where the release knows them; the others are only counted.
func (s *Server) showToken(c *call) *problem {
	if p := s.load(c); p != nil {
		return p
	}
	h := &c.visitor.held
	b := append(c.out, `{"mode":"token","consent":`...)
	b = strconv.AppendBool(b, !c.who.optedOut)
	b = strconv.AppendInt(append(b, `,"depth":`...), int64(h.Depth), 10)
	b = strconv.AppendInt(append(b, `,"days":`...), int64(h.Days), 10)
	if c.visitor.known || len(c.visitor.out) > 0 {
		b = appendTime(append(b, `,"expires":`...), h.Expires)
	}
	b = append(b, `,"items":[`...)
	m, unknown, first := c.ranker.Model(), 0, true
	for i := range h.Items {
		row, ok := m.RowOfHash(h.Items[i].Hash)
		if !ok {
			unknown++
			continue
		}
		b = appendHeld(b, first, m.ID(row), typeOf(m, h.Items[i].Type), h.Items[i].Time)
		first = false
	}
	b = strconv.AppendInt(append(b, `],"unknown":`...), int64(unknown), 10)
	c.out = append(b, '}')
	return nil
}

func appendHeld(b []byte, first bool, item string, t edged.EventType, at int64) []byte {
	if !first {
		b = append(b, ',')
	}
	b = appendString(append(b, `{"item":`...), item)
	if t != "" {
		b = appendString(append(b, `,"type":`...), string(t))
	}
	return append(appendTime(append(b, `,"time":`...), at), '}')
}

func appendTime(b []byte, ms int64) []byte {
	b = append(b, '"')
	b = time.UnixMilli(ms).UTC().AppendFormat(b, time.RFC3339)
	return append(b, '"')
}

// showMemory shows what this node remembers.
func (s *Server) showMemory(c *call) *problem {
	key, p := s.subject(c)
	if p != nil {
		return p
	}
	if !c.who.optedOut {
		c.profile = s.cfg.Profiles.Recent(c.profile, key)
	}
	b := append(c.out, `{"mode":"memory","consent":`...)
	b = append(strconv.AppendBool(b, !c.who.optedOut), `,"items":[`...)
	for i, r := range c.profile {
		b = appendHeld(b, i == 0, r.Item, r.Type, r.Time)
	}
	c.out = append(b, "]}"...)
	return nil
}

// subject is whose profile in memory is meant.
func (s *Server) subject(c *call) (key profile.Key, p *problem) {
	user, session := c.heads.user, c.heads.session
	switch {
	case c.guard.keys == nil:
		return key, withStatus(http.StatusForbidden, "without API keys nobody can prove whose profile it is")
	case len(c.who.user) > 0 && len(session) == 0 && (len(user) == 0 || string(user) == string(c.who.user)):
		return profile.User(string(c.who.user)), nil
	case !c.who.key.IsSecret():
		return key, withStatus(http.StatusForbidden, "a publishable key reads and erases no profile; use a secret key, or an assertion for the user")
	case (len(user) > 0) == (len(session) > 0):
		return key, bad("name the visitor by one of the headers %s and %s", headerUser, headerSession)
	}
	key = profile.User(string(user))
	if len(session) > 0 {
		key = profile.Session(string(session))
	}
	if err := edged.ValidID(key.ID); err != nil {
		return key, bad("%s or %s: %v", headerUser, headerSession, err)
	}
	return key, nil
}

var profileKeys = []string{"consent", "depth", "days"}

// maxDays bounds a visitor's own limit in days.
const maxDays = 3650

// profileChange answers PUT /v1/profile: consent, depth, days. What is left out stays.
func (s *Server) profileChange(c *call) *problem {
	if p := c.checkBody(s.cfg.MaxBody); p != nil {
		return p
	}
	if p := c.params(c.asks, nil); p != nil {
		return p
	}
	if c.guard.tokens == nil {
		return withStatus(http.StatusConflict, "this node keeps no consent and no limits; it can forget (DELETE), and obeys Sec-GPC: 1")
	}
	if p := s.nobodyNamed(c); p != nil {
		return p
	}
	gpc := c.who.optedOut
	if p := s.openOwnToken(c); p != nil {
		return p
	}
	if p := c.readLimits(); p != nil {
		return p
	}
	c.who.optedOut = gpc || c.visitor.held.Refused
	if gpc && !c.visitor.held.Refused {
		return withStatus(http.StatusConflict, "Sec-GPC: 1 counts as no; consent can't be given with it")
	}
	s.sealToken(c)
	return s.showProfile(c)
}

// openOwnToken opens the token for a change, with Sec-GPC, too: a no it holds is to stay. No foreign page may ask for it by way of a cookie.
func (s *Server) openOwnToken(c *call) *problem {
	if s.openToken(c); c.heads.optOut {
		s.readToken(c)
	}
	if !c.visitor.byHeader && !c.who.ownPage {
		return withStatus(http.StatusForbidden, "pages of other origins may change no profile")
	}
	return nil
}

// readLimits reads the body of a PUT into the token.
func (c *call) readLimits() *problem {
	v, scan := &c.visitor.held, &c.scan
	scan.reset(c.ctx.Request.Body())
	p := scan.object(profileKeys, func(k int) (p *problem) {
		var n int
		switch profileKeys[k] {
		case "consent":
			var yes bool
			yes, p = scan.boolean()
			v.Refused = p == nil && !yes
		case "depth":
			n, p = scan.integer(0, profile.MaxHeld)
			v.Depth = uint8(n)
		case "days":
			n, p = scan.integer(0, maxDays)
			v.Days = uint16(n)
		}
		return p
	})
	if p == nil {
		p = scan.end()
	}
	return p
}

// profileForget answers DELETE /v1/profile. A no is not forgotten: nothing else would keep the visitor from being remembered again.
func (s *Server) profileForget(c *call) *problem {
	if p := c.params(c.asks, nil); p != nil {
		return p
	}
	if p := s.nobodyNamed(c); p != nil {
		return p
	}
	switch {
	case c.guard.tokens != nil:
		if p := s.openOwnToken(c); p != nil {
			return p
		}
		if c.visitor.gone = !c.visitor.held.Refused; !c.visitor.gone {
			s.sealToken(c)
		}
	case s.cfg.Profiles != nil:
		key, p := s.subject(c)
		if p != nil {
			return p
		}
		s.cfg.Profiles.Forget(key)
	}
	c.status = http.StatusNoContent
	return nil
}
