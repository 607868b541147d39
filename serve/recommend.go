package serve

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/rules"
)

// recommendGet answers GET /v1/recommend: nothing personal is in the URL but what the visitor looked at.
func (s *Server) recommendGet(c *call) *problem {
	if p := c.params(c.asks, recommendParams); p != nil {
		return p
	}
	c.req.newest()
	return s.recommend(c)
}

// recommendPost answers POST /v1/recommend.
func (s *Server) recommendPost(c *call) *problem {
	if p := c.checkBody(s.cfg.MaxBody); p != nil {
		return p
	}
	if p := c.params(c.asks, nil); p != nil {
		return p
	}
	if p := c.body(c.ctx.Request.Body()); p != nil {
		return p
	}
	c.req.newest()
	return s.recommend(c)
}

func (s *Server) recommend(c *call) *problem {
	if p := s.prepareVisitor(c); p != nil {
		return p
	}
	if c.nobodys() && s.cached(c, routeRecommend, c.asked()) {
		return nil
	}
	return s.answerSlot(c)
}

// nobodys reports whether the answer to a request whose visitor was looked up follows from no person: all that was said is where, when and in which
// language.
func (c *call) nobodys() bool {
	q := &c.req
	return len(c.seeds)+len(c.exclude)+len(c.missing)+len(c.profile) == 0 && !c.visitor.known &&
		len(q.user)+len(q.session)+len(q.recent)+len(q.exclude) == 0 && q.timeout == 0 && !q.paged &&
		!slices.ContainsFunc(q.visitor, func(a rules.Attribute) bool { return string(a.Name) != languageKey })
}

// asked is the request as it was written.
func (c *call) asked() []byte {
	if c.ctx.IsPost() {
		return c.ctx.Request.Body()
	}
	return c.asks
}

// prepareVisitor finds out what is known of whom the answer is for.
func (s *Server) prepareVisitor(c *call) *problem {
	if p := s.settleUser(c); p != nil {
		return p
	}
	if p := s.load(c); p != nil {
		return p
	}
	if p := c.chooseFields(); p != nil {
		return p
	}
	c.findSeeds()
	if !c.req.recentGiven {
		s.remember(c)
	}
	c.findExcluded()
	c.turnPage()
	c.timed = true
	return nil
}

// answerSlot appends the answer for one slot.
func (s *Server) answerSlot(c *call) *problem {
	at := c.setting()
	c.ask = rank.Request{
		Recent:      c.seeds,
		Goal:        c.req.goal,
		Exclude:     c.exclude,
		ExcludeSeen: c.req.goal == "" || c.req.goal == model.GoalNew,
		N:           c.req.n,
		Setting:     at,
		Live:        s.trendList(at.Country, s.cfg.Windows[0]),
		LiveGlobal:  s.trendList("", s.cfg.Windows[0]),
		Deadline:    c.deadline(),
		Now:         c.start,
	}
	if len(c.key) > 0 {
		c.basis = s.basis(c, at.Country, s.cfg.Windows[0])
	}
	if p := s.rank(c); p != nil {
		return p
	}
	return s.writeAnswer(c)
}

// setting is what the request says of the moment, as far as the release's lists go by it.
func (c *call) setting() edged.Setting {
	q, by := &c.req, c.ranker.Model().TrendsBy()
	at := edged.Setting{Country: c.names.of(q.country)}
	if by&edged.ByDevice != 0 {
		at.Device = c.names.of(q.device)
	}
	if by&edged.ByReferrer != 0 {
		at.Referrer = edged.ReferrerHost(c.hosts.of(q.referrer))
	}
	if by&edged.ByDaypart != 0 {
		at.Daypart = edged.DaypartOf(c.names.of(q.localHour))
	}
	return at
}

// findSeeds turns the recent ids into rows; those the release doesn't know are missing.
func (c *call) findSeeds() {
	m, visit := c.ranker.Model(), c.sitting()
	c.named = c.named[:0]
	for i := range c.req.recent {
		c.named = append(c.named, c.req.recent[i].item)
	}
	c.rows = m.AppendRows(c.rows[:0], c.named)
	for i, row := range c.rows {
		seed := &c.req.recent[i]
		session := visit.has(seed.time)
		if row != edged.NoRow {
			c.addSeed(m, row, edged.EventType(c.names.of(seed.typ)), seed.time, session)
		} else if !slices.ContainsFunc(c.missing, func(id []byte) bool { return string(id) == string(seed.item) }) {
			c.missing = append(c.missing, seed.item)
		}
	}
}

// remember takes the recent items of the user, or else of the session, from the profile store, or those of the token. Ids the release doesn't
// know are left out: the caller did not name them. Nor is what the store holds named to anyone but a secret key, and whom an assertion is for: a
// session's id proves nothing.
func (s *Server) remember(c *call) {
	if c.guard.tokens != nil {
		s.rememberToken(c)
		return
	}
	if s.cfg.Profiles == nil || c.who.optedOut {
		return
	}
	if len(c.req.user) > 0 {
		c.profile = s.cfg.Profiles.RecentUser(c.profile, c.req.user)
	}
	named := len(c.profile) == 0 && len(c.req.session) > 0
	if named {
		c.profile = s.cfg.Profiles.RecentSession(c.profile, c.req.session)
	}
	c.unnamed = !s.backend(c) && (named || len(c.who.user) == 0)
	m, visit := c.ranker.Model(), c.sitting()
	for i := range c.profile {
		e := &c.profile[i]
		session := visit.has(e.Time) || named
		if row, ok := m.Row(e.Item); ok {
			c.addSeed(m, row, e.Type, e.Time, session)
		}
	}
}

// addSeed puts a row behind the newer ones. What was dismissed or returned last speaks for nothing, and is not
// recommended, unless something newer speaks for it; an impression says nothing either way.
func (c *call) addSeed(m *model.Model, row edged.Row, t edged.EventType, at int64, session bool) {
	weight := float32(1)
	switch t {
	case "":
	case edged.Dismiss, edged.Return:
		if !slices.ContainsFunc(c.seeds, func(s rank.Recent) bool { return s.Row == row }) {
			c.exclude = append(c.exclude, row)
		}
		return
	case edged.Impression:
		return
	default:
		weight = m.Weight(t)
	}
	if weight > 0 && !slices.Contains(c.exclude, row) {
		if at != 0 {
			at = max(1, min(at, c.start.UnixMilli()))
		}
		c.seeds = append(c.seeds, rank.Recent{Row: row, Weight: weight, Type: t, Time: at, Session: session})
	}
}

// sessionGap is how long a visitor may be still within one session, in milliseconds.
const sessionGap = 30 * 60 * 1000

// sitting tells visits of the session under way from those before it: none of them is more than sessionGap after the one before, nor
// now after the last. A visit without a time belongs where its neighbours do.
type sitting struct {
	last int64
	over bool
}

func (c *call) sitting() sitting { return sitting{last: c.start.UnixMilli()} }

// has takes visits newest first.
func (s *sitting) has(at int64) bool {
	if at != 0 {
		s.over = s.over || s.last-at > sessionGap
		s.last = min(s.last, at)
	}
	return !s.over
}

// findExcluded turns the excluded ids into rows. An id the release doesn't know can't be in the answer anyway.
func (c *call) findExcluded() {
	c.rows = c.ranker.Model().AppendRows(c.rows[:0], c.req.exclude)
	for _, row := range c.rows {
		if row != edged.NoRow {
			c.exclude = append(c.exclude, row)
		}
	}
}

// catalogueFields are the names fields may ask for. A release need not have them all.
var catalogueFields = []string{"title", "description", "categories", "price", "currency", "image", "url", "brand", "tags",
	"published", "expires", "attributes"}

// chooseFields turns the asked names into those of catalogueFields; * asks for all.
func (c *call) chooseFields() *problem {
	for _, name := range c.req.fields {
		if string(name) == "*" {
			c.fields = append(c.fields[:0], catalogueFields...)
			return nil
		}
		k := indexOf(catalogueFields, name)
		if k < 0 {
			p := unknown("catalogue field", string(name), catalogueFields)
			return p.at("fields")
		}
		if !slices.Contains(c.fields, catalogueFields[k]) {
			c.fields = append(c.fields, catalogueFields[k])
		}
	}
	return nil
}

// idKey begins an answer.
const idKey = `{"recommendationId":"`

// writeAnswer appends the answer of DESIGN's shape to c.out.
func (s *Server) writeAnswer(c *call) *problem {
	a := &c.answer
	if a.Err != nil {
		s.cfg.Logger.Error("serve: a part of the release could not be read", "error", a.Err)
		s.fault(c, a.Err)
	}
	b := s.ids.append(append(c.out, idKey...))
	before := len(b)
	b = append(b, `","items":[`...)
	for i := range a.Items {
		c.touched += c.ranker.Model().TouchRow(a.Items[i].Row)
	}
	for i := range a.Items {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = c.appendItem(b, &a.Items[i], c.lift(i)); err != nil {
			return s.unreadableRelease(c, "serve: answer", err)
		}
	}
	c.ended = s.cfg.Clock()
	b = append(b, `],"level":"`...)
	b = append(b, a.Level.String()...)
	b = append(b, `","release":`...)
	b = appendString(b, c.ranker.Release().ID)
	b = append(b, `,"releaseAgeMs":`...)
	aged := len(b)
	b = strconv.AppendInt(b, age(c.ranker, c.ended).Milliseconds(), 10)
	after := len(b)
	b = append(b, `,"experiments":{},"missing":`...)
	b = appendStrings(b, c.missing)
	b = c.appendCursor(b, a.Items)
	if v := c.ruling.version; v != "" {
		b = append(append(append(b, `,"rulesVersion":"`...), v...), '"')
	}
	if c.req.explain && len(c.ruling.names) > 0 {
		b = appendStrings(append(b, `,"rules":`...), c.ruling.names)
	}
	b = append(b, `,"tookUs":`...)
	if len(c.key) > 0 && a.Err == nil && !a.Truncated {
		s.keep(c, c.basis, b[before:aged], b[after:])
	}
	b = strconv.AppendInt(b, c.took().Microseconds(), 10)
	c.out = append(b, '}')
	s.metrics.levels[a.Level].Inc()
	s.metrics.missing.Add(len(c.missing))
	c.status = http.StatusOK
	return nil
}

func (c *call) appendItem(b []byte, it *rank.Item, lift float32) (_ []byte, err error) {
	b = append(b, `{"id":`...)
	b = appendString(b, c.ranker.Model().ID(it.Row))
	b = append(b, `,"score":`...)
	b = appendFloat(b, it.Score)
	b = append(b, `,"source":`...)
	b = appendString(b, it.Source)
	if c.req.explain && it.Reason.Code != "" {
		if b, err = c.appendReason(append(b, `,"reason":`...), it, lift); err != nil {
			return b, err
		}
	}
	if len(c.fields) > 0 {
		b, err = c.appendFields(append(b, `,"fields":`...), it.Row)
	}
	return append(b, '}'), err
}

// appendFields appends the asked fields of an item that it has.
func (c *call) appendFields(b []byte, row edged.Row) ([]byte, error) {
	m := c.ranker.Model()
	b = append(b, '{')
	for _, name := range c.fields {
		before := len(b)
		if b[before-1] != '{' {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		var ok bool
		var err error
		if b, ok, err = m.AppendField(b, row, name); err != nil {
			return b, err
		}
		if !ok {
			b = b[:before]
		}
	}
	return append(b, '}'), nil
}
